/* services - the services we can speak to, one row each. */
#include "services.h"

#include <string.h>
#include <strings.h>

static const struct kv_service table[] = {
    {.name = "openai",
        .flags = KV_SERVICE_NEW_MAX | KV_SERVICE_CACHE_VARIES,
        .base = "https://api.openai.com/v1",
        .hosts = {"api.openai.com"},
        .providers = {"openai"},
        .key_env = {"OPENAI_API_KEY"},
        .base_env = {"OPENAI_BASE_URL", "OPENAI_API_BASE"},
        .prices = "openai/",
        .batch = "files"},
    {.name = "azure",
        .flags = KV_SERVICE_NEW_MAX | KV_SERVICE_API_KEY_HDR | KV_SERVICE_CACHE_VARIES |
                 KV_SERVICE_DEPLOYMENTS,
        .hosts = {".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"},
        .providers = {"azure_openai", "azure"},
        .key_env = {"AZURE_OPENAI_API_KEY"},
        .base_env = {"AZURE_OPENAI_ENDPOINT"},
        .prices = "azure/",
        .batch = "files",
        .batch_untried = true},
    {.name = "anthropic",
        .wire = KV_PROTOCOL_ANTHROPIC,
        .base = "https://api.anthropic.com",
        .hosts = {"api.anthropic.com"},
        .providers = {"anthropic"},
        .key_env = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"},
        .base_env = {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"},
        .prices = "anthropic/",
        .batch = "anthropic"},
    {.name = "openrouter",
        .flags = KV_SERVICE_ROUTER,
        .base = "https://openrouter.ai/api/v1",
        .hosts = {"openrouter.ai"},
        .providers = {"openrouter"},
        .key_env = {"OPENROUTER_API_KEY"},
        .base_env = {"OPENROUTER_BASE_URL", "OPENROUTER_API_BASE"},
        .prices = "openrouter/"},
    {.name = "gemini-compat",
        .flags = KV_SERVICE_GOOGLE,
        .base = "https://generativelanguage.googleapis.com/v1beta/openai",
        .hosts = {"generativelanguage.googleapis.com"},
        .key_env = {"GOOGLE_API_KEY", "GEMINI_API_KEY"},
        .prices = "gemini/"},
    {.name = "gemini",
        .wire = KV_PROTOCOL_GEMINI,
        .flags = KV_SERVICE_GOOGLE | KV_SERVICE_NO_TOOL,
        .base = "https://generativelanguage.googleapis.com/v1beta",
        .hosts = {"generativelanguage.googleapis.com"},
        .providers = {"google_genai", "google", "gemini"},
        .key_env = {"GOOGLE_API_KEY", "GEMINI_API_KEY"},
        .base_env = {"GEMINI_BASE_URL"},
        .prices = "gemini/"},
    {.name = "vllm",
        .flags = KV_SERVICE_LOCAL,
        .base = "http://127.0.0.1:8000/v1",
        .providers = {"vllm"},
        .key_env = {"VLLM_API_KEY"},
        .base_env = {"VLLM_BASE_URL"},
        .prices = "hosted_vllm/"},
    {.name = "llamacpp",
        .flags = KV_SERVICE_LOCAL,
        .base = "http://127.0.0.1:8080/v1",
        .providers = {"llamacpp", "llama_cpp", "llama.cpp"},
        .key_env = {"LLAMA_API_KEY"},
        .base_env = {"LLAMACPP_BASE_URL"}},
    {.name = "ollama",
        .flags = KV_SERVICE_LOCAL | KV_SERVICE_NO_TOOL,
        .base = "http://127.0.0.1:11434/v1",
        .providers = {"ollama"},
        .base_env = {"OLLAMA_HOST"},
        .prices = "ollama/"},
    {.name = "lmstudio",
        .flags = KV_SERVICE_LOCAL | KV_SERVICE_NO_OBJECT,
        .base = "http://127.0.0.1:1234/v1",
        .providers = {"lmstudio", "lm_studio"},
        .base_env = {"LMSTUDIO_BASE_URL"},
        .prices = "lm_studio/"},
    {.name = "litellm",
        .flags = KV_SERVICE_LOCAL,
        .base = "http://127.0.0.1:4000/v1",
        .providers = {"litellm"},
        .key_env = {"LITELLM_API_KEY"},
        .base_env = {"LITELLM_BASE_URL"}},
    {.name = "groq",
        .flags = KV_SERVICE_DAILY,
        .base = "https://api.groq.com/openai/v1",
        .hosts = {"api.groq.com"},
        .providers = {"groq"},
        .key_env = {"GROQ_API_KEY"},
        .prices = "groq/",
        .batch = "files",
        .batch_untried = true},
    {.name = "together",
        .base = "https://api.together.xyz/v1",
        .hosts = {"api.together.xyz"},
        .providers = {"together"},
        .key_env = {"TOGETHER_API_KEY"},
        .prices = "together_ai/",
        .batch = "files",
        .batch_untried = true,
        .batch_purpose = "batch-api"},
    {.name = "fireworks",
        .base = "https://api.fireworks.ai/inference/v1",
        .hosts = {"api.fireworks.ai"},
        .providers = {"fireworks"},
        .key_env = {"FIREWORKS_API_KEY"},
        .prices = "fireworks_ai/"},
    {.name = "deepseek",
        .base = "https://api.deepseek.com",
        .hosts = {"api.deepseek.com"},
        .providers = {"deepseek"},
        .key_env = {"DEEPSEEK_API_KEY"},
        .prices = "deepseek/"},
    {.name = "mistral",
        .base = "https://api.mistral.ai/v1",
        .hosts = {"api.mistral.ai"},
        .providers = {"mistralai", "mistral"},
        .key_env = {"MISTRAL_API_KEY"},
        .prices = "mistral/"},
    {.name = "xai",
        .base = "https://api.x.ai/v1",
        .hosts = {"api.x.ai"},
        .providers = {"xai"},
        .key_env = {"XAI_API_KEY"},
        .prices = "xai/"},
    {.name = "moonshot",
        .base = "https://api.moonshot.ai/v1",
        .hosts = {"api.moonshot.ai"},
        .providers = {"moonshot"},
        .key_env = {"MOONSHOT_API_KEY"},
        .prices = "moonshot/"},
    {.name = "perplexity",
        .base = "https://api.perplexity.ai",
        .hosts = {"api.perplexity.ai"},
        .providers = {"perplexity"},
        .key_env = {"PERPLEXITY_API_KEY"},
        .prices = "perplexity/",
        .batch = "files",
        .batch_untried = true,
        .batch_base = "/v1"},
    {.name = "sambanova",
        .base = "https://api.sambanova.ai/v1",
        .hosts = {"api.sambanova.ai"},
        .providers = {"sambanova"},
        .key_env = {"SAMBANOVA_API_KEY"},
        .prices = "sambanova/"},
    {.name = "huggingface",
        .base = "https://router.huggingface.co/v1",
        .hosts = {"router.huggingface.co"},
        .providers = {"huggingface"},
        .key_env = {"HF_TOKEN"},
        .prices = "huggingface/"},
    {.name = "generic",
        .flags = KV_SERVICE_LOCAL,
        .key_env = {"OPENAI_API_KEY"},
        .base_env = {"OPENAI_BASE_URL"}},
};

const char *kv_step_name(enum kv_step s)
{
    static const char *const names[] = {"json_schema", "tool", "json_object", "plain"};
    return names[s];
}

enum kv_step kv_step_below(const struct kv_service *d, enum kv_step s)
{
    if (s == KV_STEP_SCHEMA && !(d->flags & KV_SERVICE_NO_TOOL))
        return KV_STEP_TOOL;
    if (s < KV_STEP_OBJECT && d->wire != KV_PROTOCOL_ANTHROPIC &&
        !(d->flags & KV_SERVICE_NO_OBJECT))
        return KV_STEP_OBJECT;
    return KV_STEP_PLAIN;
}

const struct kv_service *kv_service_at(size_t i)
{
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct kv_service *kv_service_find(const char *name)
{
    const struct kv_service *d;
    for (size_t i = 0; (d = kv_service_at(i)); i++)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}

const struct kv_service *kv_service_of_provider(const char *model_provider)
{
    const struct kv_service *d;
    for (size_t i = 0; (d = kv_service_at(i)); i++)
        for (size_t k = 0; k < 4 && d->providers[k]; k++)
            if (strcasecmp(d->providers[k], model_provider) == 0)
                return d;
    return NULL;
}

static bool is_at(const char *known, const char *host)
{
    size_t n = strlen(host), m = strlen(known);
    if (known[0] == '.')
        return n > m && strcasecmp(host + n - m, known) == 0;
    return strcasecmp(host, known) == 0;
}

bool kv_service_lives_at(const struct kv_service *d, const char *host)
{
    for (size_t i = 0; i < sizeof d->hosts / sizeof *d->hosts && d->hosts[i]; i++)
        if (is_at(d->hosts[i], host))
            return true;
    return false;
}

const struct kv_service *kv_service_of_host(const char *host)
{
    const struct kv_service *d;
    for (size_t i = 0; (d = kv_service_at(i)); i++)
        if (kv_service_lives_at(d, host))
            return d;
    return NULL;
}

const struct kv_service *kv_service_of_port(const char *port)
{
    static const struct {
        const char *port, *name;
    } usual[] = {{"8000", "vllm"}, {"8080", "llamacpp"}, {"11434", "ollama"}, {"1234", "lmstudio"},
        {"4000", "litellm"}};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(usual[i].port, port) == 0)
            return kv_service_find(usual[i].name);
    return NULL;
}
