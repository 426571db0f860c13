/* request - the body of a request to a model, in any dialect, from neutral input. */
#include "request.h"

#include "gemini.h"
#include "json.h"
#include "num.h"
#include "request_responses.h"

#include <math.h>
#include <string.h>

enum { ANTHROPIC_MAX_TOKENS = 8192 };

void kv_request_member(struct kv_request_body *b, const char *name)
{
    kv_buf_add_str(b->out, b->begun ? ",\"" : "{\"");
    kv_buf_add_str(b->out, name);
    kv_buf_add_str(b->out, "\":");
    b->begun = true;
}

void kv_request_quote(struct kv_request_body *b, struct kv_slice text)
{
    kv_json_quote(b->out, text, KV_JSON_RAW);
}

void kv_request_text(struct kv_request_body *b, const char *name, const char *text)
{
    kv_request_member(b, name);
    kv_request_quote(b, kv_slice(text));
}

/* ---- extra_kwargs ---- */

/* What steers a client library and means nothing to a server, and what would change the shape of
 * the reply. */
static const char *const not_sent[] = {"anthropic_api_key", "anthropic_api_url", "api_key",
    "api_version", "azure_deployment", "azure_endpoint", "base_url", "cache", "callbacks",
    "default_headers", "default_query", "deployment_name", "disable_streaming", "disabled_params",
    "include_response_headers", "output_version", "previous_response_id", "stream_chunk_timeout",
    "use_previous_response_id", "use_responses_api", "endpoint_base_url_mode",
    "endpoint_unix_socket", "http2", "http_async_client", "http_client", "max_retries", "n",
    "openai_api_base", "openai_api_key", "openai_api_version", "openai_organization",
    "openai_proxy", "organization", "rate_limiter", "request_timeout", "stream", "stream_options",
    "stream_usage", "streaming", "tags", "timeout", "verbose"};
/* Objects whose members are meant as members of the request. */
static const char *const nests[] = {"extra_body", "model_kwargs"};

static bool among(struct kv_slice key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kv_json_string_is(key, names[i]))
            return true;
    return false;
}

bool kv_request_steers_client(struct kv_slice key)
{
    return among(key, not_sent, sizeof not_sent / sizeof *not_sent);
}

bool kv_request_sets(const struct kv_request *ask, const char *name, struct kv_slice *value)
{
    struct kv_slice found, nest;
    if (!value)
        value = &found;
    if (ask->extra.n == 0)
        return false;
    if (kv_json_get(ask->extra, name, value))
        return true;
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++)
        if (kv_json_get(ask->extra, nests[i], &nest) && kv_json_get(nest, name, value))
            return true;
    return false;
}

/* What a server refused, or is said in another way: see the quirks. */
static bool is_left_out(const struct kv_request *ask, struct kv_slice key)
{
    static const struct {
        const char *name;
        unsigned quirk;
    } all[] = {{"temperature", KV_QUIRK_NO_TEMPERATURE}, {"top_p", KV_QUIRK_NO_TOP_P},
        {"top_logprobs", KV_QUIRK_NO_LOGPROBS}, {"logprobs", KV_QUIRK_NO_LOGPROBS},
        {"reasoning_effort", KV_QUIRK_NO_REASONING}, {"reasoning", KV_QUIRK_NO_REASONING},
        {"service_tier", KV_QUIRK_NO_TIER}, {"store", KV_QUIRK_NO_STORE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (ask->quirks & all[i].quirk && kv_json_string_is(key, all[i].name))
            return true;
    return (ask->effort && kv_json_string_is(key, "reasoning_effort")) ||
           (ask->verbosity && kv_json_string_is(key, "verbosity"));
}

static void add_extra(struct kv_request_body *b, struct kv_slice object, bool nested)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (kv_request_steers_client(key) || is_left_out(b->ask, key) ||
            (b->ask->wire == KV_PROTOCOL_RESPONSES && kv_request_responses_has(key)))
            continue;
        if (!nested && among(key, nests, sizeof nests / sizeof *nests)) {
            add_extra(b, value, true);
            continue;
        }
        kv_buf_add_char(b->out, b->begun ? ',' : '{');
        b->begun = true;
        kv_buf_add_slice(b->out, key);
        kv_buf_add_char(b->out, ':');
        kv_json_compact(b->out, value);
    }
}

/* ---- sampling ---- */

void kv_request_temperature(struct kv_request_body *b)
{
    if (isnan(b->ask->temperature) || b->ask->quirks & KV_QUIRK_NO_TEMPERATURE ||
        kv_request_sets(b->ask, "temperature", NULL))
        return;
    kv_request_member(b, "temperature");
    kv_num_add_double(b->out, b->ask->temperature, KV_NUM_COMPACT);
}

static void add_max_tokens(struct kv_request_body *b)
{
    bool openai = b->ask->wire == KV_PROTOCOL_OPENAI;
    bool fresh = b->dialect->flags & KV_SERVICE_NEW_MAX;
    if (b->ask->quirks & KV_QUIRK_SWAP_MAX_TOKENS)
        fresh = !fresh;
    int64_t n = b->ask->max_tokens;
    if (n <= 0 && !openai)
        n = ANTHROPIC_MAX_TOKENS;
    if (n <= 0 || kv_request_sets(b->ask, "max_tokens", NULL) ||
        kv_request_sets(b->ask, "max_completion_tokens", NULL))
        return;
    kv_request_member(b, openai && fresh ? "max_completion_tokens" : "max_tokens");
    kv_buf_printf(b->out, "%lld", (long long)n);
}

/* ---- messages ---- */

static const char *role_name(const struct kv_request *ask, enum kv_speaker role)
{
    if (role == KV_SPEAKER_SYSTEM)
        return ask->quirks & KV_QUIRK_SYSTEM_SWAPPED ? "developer" : "system";
    return role == KV_SPEAKER_USER ? "user" : "assistant";
}

static bool has_system(const struct kv_request *ask)
{
    for (size_t i = 0; i < ask->count; i++)
        if (ask->messages[i].role == KV_SPEAKER_SYSTEM)
            return true;
    return false;
}

/* The system texts as one. */
void kv_request_join_system(const struct kv_request *ask, struct kv_buf *out)
{
    for (size_t i = 0; i < ask->count; i++) {
        if (ask->messages[i].role != KV_SPEAKER_SYSTEM)
            continue;
        if (out->n)
            kv_buf_add_str(out, "\n\n");
        kv_buf_add_slice(out, ask->messages[i].text);
    }
}

/* A turn that takes in what stands in front of it and the turns of the same role behind it. */
static size_t add_merged(struct kv_request_body *b, size_t i, struct kv_slice before)
{
    const struct kv_message *m = b->ask->messages;
    struct kv_buf text = {0};
    enum kv_speaker role = m[i].role;
    kv_buf_add_slice(&text, before);
    for (; i < b->ask->count && (m[i].role == role || m[i].role == KV_SPEAKER_SYSTEM); i++) {
        if (m[i].role == KV_SPEAKER_SYSTEM)
            continue;
        if (text.n)
            kv_buf_add_str(&text, "\n\n");
        kv_buf_add_slice(&text, m[i].text);
    }
    kv_buf_printf(b->out, "{\"role\":\"%s\",\"content\":", role_name(b->ask, role));
    kv_request_quote(b, kv_slice_of(&text));
    kv_buf_add_char(b->out, '}');
    kv_buf_release(&text);
    return i;
}

/* Turns without a system role: what Anthropic takes, and servers whose templates know none. */
void kv_request_turns(struct kv_request_body *b, const char *name, struct kv_slice before)
{
    bool first = true;
    kv_request_member(b, name);
    kv_buf_add_char(b->out, '[');
    for (size_t i = 0; i < b->ask->count;) {
        if (b->ask->messages[i].role == KV_SPEAKER_SYSTEM) {
            i++;
            continue;
        }
        if (!first)
            kv_buf_add_char(b->out, ',');
        i = add_merged(b, i, first ? before : (struct kv_slice){"", 0});
        first = false;
    }
    kv_buf_add_char(b->out, ']');
}

void kv_request_messages(struct kv_request_body *b, const char *name, size_t from)
{
    const struct kv_request *ask = b->ask;
    kv_request_member(b, name);
    for (size_t i = from; i < ask->count; i++) {
        kv_buf_printf(b->out, "%s{\"role\":\"%s\",\"content\":", i > from ? "," : "[",
            role_name(ask, ask->messages[i].role));
        kv_request_quote(b, ask->messages[i].text);
        kv_buf_add_char(b->out, '}');
    }
    kv_buf_add_str(b->out, ask->count > from ? "]" : "[]");
}

/* ---- the protocols ---- */

void kv_request_named_schema(struct kv_request_body *b, const char *label)
{
    kv_buf_printf(b->out, "\"name\":\"%s\",", b->ask->schema_name);
    kv_buf_add_str(b->out, label);
    kv_json_compact(b->out, b->ask->schema);
}

static void openai_format(struct kv_request_body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        kv_request_member(b, "response_format");
        kv_buf_add_str(b->out, "{\"type\":\"json_schema\",\"json_schema\":{");
        kv_request_named_schema(b, "\"strict\":true,\"schema\":");
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        kv_request_member(b, "tools");
        kv_buf_add_str(b->out, "[{\"type\":\"function\",\"function\":{");
        kv_request_named_schema(b, "\"parameters\":");
        kv_buf_add_str(b->out, "}}]");
        kv_request_member(b, "tool_choice");
        kv_buf_printf(
            b->out, "{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}", b->ask->schema_name);
    } else if (b->ask->step == KV_STEP_OBJECT) {
        kv_request_member(b, "response_format");
        kv_buf_add_str(b->out, "{\"type\":\"json_object\"}");
    }
    if (b->dialect->flags & KV_SERVICE_ROUTER && !kv_request_sets(b->ask, "provider", NULL)) {
        kv_request_member(b, "provider");
        kv_buf_add_str(b->out, "{\"require_parameters\":true}");
    }
}

static void write_openai(struct kv_request_body *b)
{
    struct kv_buf system = {0};
    if (b->ask->quirks & KV_QUIRK_FOLD_SYSTEM) {
        kv_request_join_system(b->ask, &system);
        kv_request_turns(b, "messages", kv_slice_of(&system));
    } else
        kv_request_messages(b, "messages", 0);
    kv_buf_release(&system);
    kv_request_temperature(b);
    add_max_tokens(b);
    if (b->ask->effort && kv_request_sets(b->ask, "reasoning_effort", NULL))
        kv_request_text(b, "reasoning_effort", b->ask->effort);
    if (b->ask->verbosity)
        kv_request_text(b, "verbosity", b->ask->verbosity);
    if (b->ask->schema_name && !kv_request_sets(b->ask, "response_format", NULL))
        openai_format(b);
}

static void anthropic_format(struct kv_request_body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        kv_request_member(b, "output_config");
        kv_buf_add_str(b->out, "{\"format\":{\"type\":\"json_schema\",\"schema\":");
        kv_json_compact(b->out, b->ask->schema);
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        kv_request_member(b, "tools");
        kv_buf_add_str(b->out, "[{");
        kv_request_named_schema(b, "\"input_schema\":");
        kv_buf_add_str(b->out, "}]");
        kv_request_member(b, "tool_choice");
        kv_buf_printf(b->out,
            "{\"type\":\"tool\",\"name\":\"%s\",\"disable_parallel_tool_use\":true}",
            b->ask->schema_name);
    }
}

static void write_anthropic(struct kv_request_body *b)
{
    add_max_tokens(b);
    if (has_system(b->ask)) {
        struct kv_buf system = {0};
        kv_request_join_system(b->ask, &system);
        kv_request_member(b, "system");
        kv_buf_add_str(b->out, "[{\"type\":\"text\",\"text\":");
        kv_request_quote(b, kv_slice_of(&system));
        kv_buf_add_str(b->out, ",\"cache_control\":{\"type\":\"ephemeral\"}}]");
        kv_buf_release(&system);
    }
    kv_request_turns(b, "messages", (struct kv_slice){"", 0});
    kv_request_temperature(b);
    if (b->ask->schema_name && !kv_request_sets(b->ask, "output_config", NULL))
        anthropic_format(b);
}

/* OpenAI pads its events against listeners unless it is told not to. */
static void add_stream(struct kv_request_body *b)
{
    if (!b->ask->stream)
        return;
    kv_request_member(b, "stream");
    kv_buf_add_str(b->out, "true");
    if (b->ask->wire != KV_PROTOCOL_OPENAI || b->ask->quirks & KV_QUIRK_NO_STREAM_OPTIONS)
        return;
    kv_request_member(b, "stream_options");
    kv_buf_add_str(b->out, strcmp(b->dialect->name, "openai") == 0
                               ? "{\"include_usage\":true,\"include_obfuscation\":false}"
                               : "{\"include_usage\":true}");
}

void kv_request_write(struct kv_buf *out, const struct kv_service *d, const struct kv_request *ask)
{
    struct kv_request_body b = {.out = out, .dialect = d, .ask = ask};
    if (ask->wire == KV_PROTOCOL_GEMINI) {
        kv_gemini_write(out, ask);
        return;
    }
    if (!kv_request_sets(ask, "model", NULL)) {
        kv_request_member(&b, "model");
        kv_request_quote(&b, ask->model);
    }
    if (ask->wire == KV_PROTOCOL_RESPONSES)
        kv_request_responses_write(&b);
    else if (ask->wire == KV_PROTOCOL_ANTHROPIC)
        write_anthropic(&b);
    else
        write_openai(&b);
    add_stream(&b);
    if (ask->extra.n)
        add_extra(&b, ask->extra, false);
    kv_buf_add_char(out, '}');
}

int64_t kv_request_estimate(const struct kv_request *ask)
{
    size_t bytes = ask->schema_name ? ask->schema.n : 0;
    for (size_t i = 0; i < ask->count; i++)
        bytes += ask->messages[i].text.n + 16;
    return (int64_t)(bytes * 2 / 7) + 1;
}
