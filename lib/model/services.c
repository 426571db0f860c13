/* services - the services we can speak to, one row each. */
#include "services.h"

#include <string.h>
#include <strings.h>

#define LOCAL KV_SERVICE_LOCAL

static const struct kv_service table[] = {
    {"openai", KV_PROTOCOL_OPENAI, KV_SERVICE_NEW_MAX, "https://api.openai.com/v1",
        "api.openai.com", {"openai"}, {"OPENAI_API_KEY"}, {"OPENAI_BASE_URL", "OPENAI_API_BASE"}},
    {"azure", KV_PROTOCOL_OPENAI, KV_SERVICE_NEW_MAX | KV_SERVICE_API_KEY_HDR, NULL,
        ".openai.azure.com", {"azure_openai", "azure"}, {"AZURE_OPENAI_API_KEY"},
        {"AZURE_OPENAI_ENDPOINT"}},
    {"anthropic", KV_PROTOCOL_ANTHROPIC, 0, "https://api.anthropic.com", "api.anthropic.com",
        {"anthropic"}, {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"},
        {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"}},
    {"openrouter", KV_PROTOCOL_OPENAI, KV_SERVICE_ROUTER, "https://openrouter.ai/api/v1",
        "openrouter.ai", {"openrouter"}, {"OPENROUTER_API_KEY"},
        {"OPENROUTER_BASE_URL", "OPENROUTER_API_BASE"}},
    {"gemini-compat", KV_PROTOCOL_OPENAI, KV_SERVICE_GOOGLE,
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "generativelanguage.googleapis.com", {"google_genai", "google", "gemini"},
        {"GOOGLE_API_KEY", "GEMINI_API_KEY"}, {"GEMINI_BASE_URL"}},
    {"vllm", KV_PROTOCOL_OPENAI, LOCAL, "http://127.0.0.1:8000/v1", NULL, {"vllm"},
        {"VLLM_API_KEY"}, {"VLLM_BASE_URL"}},
    {"llamacpp", KV_PROTOCOL_OPENAI, LOCAL, "http://127.0.0.1:8080/v1", NULL,
        {"llamacpp", "llama_cpp", "llama.cpp"}, {"LLAMA_API_KEY"}, {"LLAMACPP_BASE_URL"}},
    {"ollama", KV_PROTOCOL_OPENAI, LOCAL | KV_SERVICE_NO_TOOL, "http://127.0.0.1:11434/v1", NULL,
        {"ollama"}, {NULL}, {"OLLAMA_HOST"}},
    {"lmstudio", KV_PROTOCOL_OPENAI, LOCAL | KV_SERVICE_NO_OBJECT, "http://127.0.0.1:1234/v1", NULL,
        {"lmstudio", "lm_studio"}, {NULL}, {"LMSTUDIO_BASE_URL"}},
    {"litellm", KV_PROTOCOL_OPENAI, LOCAL, "http://127.0.0.1:4000/v1", NULL, {"litellm"},
        {"LITELLM_API_KEY"}, {"LITELLM_BASE_URL"}},
    {"groq", KV_PROTOCOL_OPENAI, KV_SERVICE_DAILY, "https://api.groq.com/openai/v1", "api.groq.com",
        {"groq"}, {"GROQ_API_KEY"}, {NULL}},
    {"together", KV_PROTOCOL_OPENAI, 0, "https://api.together.xyz/v1", "api.together.xyz",
        {"together"}, {"TOGETHER_API_KEY"}, {NULL}},
    {"fireworks", KV_PROTOCOL_OPENAI, 0, "https://api.fireworks.ai/inference/v1",
        "api.fireworks.ai", {"fireworks"}, {"FIREWORKS_API_KEY"}, {NULL}},
    {"deepseek", KV_PROTOCOL_OPENAI, 0, "https://api.deepseek.com", "api.deepseek.com",
        {"deepseek"}, {"DEEPSEEK_API_KEY"}, {NULL}},
    {"mistral", KV_PROTOCOL_OPENAI, 0, "https://api.mistral.ai/v1", "api.mistral.ai",
        {"mistralai", "mistral"}, {"MISTRAL_API_KEY"}, {NULL}},
    {"xai", KV_PROTOCOL_OPENAI, 0, "https://api.x.ai/v1", "api.x.ai", {"xai"}, {"XAI_API_KEY"},
        {NULL}},
    {"moonshot", KV_PROTOCOL_OPENAI, 0, "https://api.moonshot.ai/v1", "api.moonshot.ai",
        {"moonshot"}, {"MOONSHOT_API_KEY"}, {NULL}},
    {"perplexity", KV_PROTOCOL_OPENAI, 0, "https://api.perplexity.ai", "api.perplexity.ai",
        {"perplexity"}, {"PERPLEXITY_API_KEY"}, {NULL}},
    {"sambanova", KV_PROTOCOL_OPENAI, 0, "https://api.sambanova.ai/v1", "api.sambanova.ai",
        {"sambanova"}, {"SAMBANOVA_API_KEY"}, {NULL}},
    {"huggingface", KV_PROTOCOL_OPENAI, 0, "https://router.huggingface.co/v1",
        "router.huggingface.co", {"huggingface"}, {"HF_TOKEN"}, {NULL}},
    {"generic", KV_PROTOCOL_OPENAI, LOCAL, NULL, NULL, {NULL}, {"OPENAI_API_KEY"},
        {"OPENAI_BASE_URL"}},
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
    if (s < KV_STEP_OBJECT && d->wire == KV_PROTOCOL_OPENAI && !(d->flags & KV_SERVICE_NO_OBJECT))
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

/* A row's host that starts with a dot stands for everything below it. */
static bool lives_at(const struct kv_service *d, const char *host)
{
    if (!d->host)
        return false;
    size_t n = strlen(host), m = strlen(d->host);
    if (d->host[0] == '.')
        return n > m && strcasecmp(host + n - m, d->host) == 0;
    return strcasecmp(host, d->host) == 0;
}

const struct kv_service *kv_service_of_host(const char *host)
{
    const struct kv_service *d;
    for (size_t i = 0; (d = kv_service_at(i)); i++)
        if (lives_at(d, host))
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
