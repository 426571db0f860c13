/* request - the body of a request to a model, in any dialect, from neutral input. */
#include "request.h"

#include "gemini.h"
#include "json.h"
#include "num.h"

#include <math.h>
#include <string.h>

enum { ANTHROPIC_MAX_TOKENS = 8192 };

/* The object being written: it needs a comma before every member but the first. */
struct body {
    struct kv_buf *out;
    const struct kv_service *dialect;
    const struct kv_request *ask;
    bool begun;
};

static void member(struct body *b, const char *name)
{
    kv_buf_add_str(b->out, b->begun ? ",\"" : "{\"");
    kv_buf_add_str(b->out, name);
    kv_buf_add_str(b->out, "\":");
    b->begun = true;
}

static void quote(struct body *b, struct kv_slice text)
{
    kv_json_quote(b->out, text, KV_JSON_RAW);
}

/* ---- extra_kwargs ---- */

/* What steers a client library and means nothing to a server, and what would change the shape of
 * the reply. */
static const char *const not_sent[] = {"anthropic_api_key", "anthropic_api_url", "api_key",
    "api_version", "azure_deployment", "azure_endpoint", "base_url", "cache", "callbacks",
    "default_headers", "default_query", "deployment_name", "disable_streaming",
    "endpoint_base_url_mode", "endpoint_unix_socket", "http_async_client", "http_client",
    "max_retries", "n", "openai_api_base", "openai_api_key", "openai_api_version",
    "openai_organization", "openai_proxy", "organization", "rate_limiter", "request_timeout",
    "stream", "stream_options", "stream_usage", "streaming", "tags", "timeout", "verbose"};
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

static bool user_sets(const struct kv_request *ask, const char *name)
{
    struct kv_slice value, nest;
    if (ask->extra.n == 0)
        return false;
    if (kv_json_get(ask->extra, name, &value))
        return true;
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++)
        if (kv_json_get(ask->extra, nests[i], &nest) && kv_json_get(nest, name, &value))
            return true;
    return false;
}

static void add_extra(struct body *b, struct kv_slice object, bool nested)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (kv_request_steers_client(key))
            continue;
        if (!nested && among(key, nests, sizeof nests / sizeof *nests)) {
            add_extra(b, value, true);
            continue;
        }
        kv_buf_add_char(b->out, ',');
        kv_buf_add_slice(b->out, key);
        kv_buf_add_char(b->out, ':');
        kv_json_compact(b->out, value);
    }
}

/* ---- sampling ---- */

static void add_temperature(struct body *b)
{
    if (isnan(b->ask->temperature) || b->ask->quirks & KV_QUIRK_NO_TEMPERATURE ||
        user_sets(b->ask, "temperature"))
        return;
    member(b, "temperature");
    kv_num_add_double(b->out, b->ask->temperature, KV_NUM_COMPACT);
}

static void add_max_tokens(struct body *b)
{
    bool openai = b->dialect->wire == KV_PROTOCOL_OPENAI;
    bool fresh = b->dialect->flags & KV_SERVICE_NEW_MAX;
    if (b->ask->quirks & KV_QUIRK_SWAP_MAX_TOKENS)
        fresh = !fresh;
    int64_t n = b->ask->max_tokens;
    if (n <= 0 && !openai)
        n = ANTHROPIC_MAX_TOKENS;
    if (n <= 0 || user_sets(b->ask, "max_tokens") || user_sets(b->ask, "max_completion_tokens"))
        return;
    member(b, openai && fresh ? "max_completion_tokens" : "max_tokens");
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
static void join_system(const struct kv_request *ask, struct kv_buf *out)
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
static size_t add_merged(struct body *b, size_t i, struct kv_slice before)
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
    quote(b, kv_slice_of(&text));
    kv_buf_add_char(b->out, '}');
    kv_buf_release(&text);
    return i;
}

/* Turns without a system role: what Anthropic takes, and servers whose templates know none. */
static void add_turns(struct body *b, struct kv_slice before)
{
    bool first = true;
    member(b, "messages");
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

static void add_messages(struct body *b)
{
    const struct kv_request *ask = b->ask;
    member(b, "messages");
    for (size_t i = 0; i < ask->count; i++) {
        kv_buf_printf(b->out, "%s{\"role\":\"%s\",\"content\":", i ? "," : "[",
            role_name(ask, ask->messages[i].role));
        quote(b, ask->messages[i].text);
        kv_buf_add_char(b->out, '}');
    }
    kv_buf_add_str(b->out, ask->count ? "]" : "[]");
}

/* ---- the two wires ---- */

static void add_named_schema(struct body *b, const char *label)
{
    kv_buf_printf(b->out, "\"name\":\"%s\",", b->ask->schema_name);
    kv_buf_add_str(b->out, label);
    kv_json_compact(b->out, b->ask->schema);
}

static void openai_format(struct body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        member(b, "response_format");
        kv_buf_add_str(b->out, "{\"type\":\"json_schema\",\"json_schema\":{");
        add_named_schema(b, "\"strict\":true,\"schema\":");
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        member(b, "tools");
        kv_buf_add_str(b->out, "[{\"type\":\"function\",\"function\":{");
        add_named_schema(b, "\"parameters\":");
        kv_buf_add_str(b->out, "}}]");
        member(b, "tool_choice");
        kv_buf_printf(
            b->out, "{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}", b->ask->schema_name);
    } else if (b->ask->step == KV_STEP_OBJECT) {
        member(b, "response_format");
        kv_buf_add_str(b->out, "{\"type\":\"json_object\"}");
    }
    if (b->dialect->flags & KV_SERVICE_ROUTER && !user_sets(b->ask, "provider")) {
        member(b, "provider");
        kv_buf_add_str(b->out, "{\"require_parameters\":true}");
    }
}

static void write_openai(struct body *b)
{
    struct kv_buf system = {0};
    if (b->ask->quirks & KV_QUIRK_FOLD_SYSTEM) {
        join_system(b->ask, &system);
        add_turns(b, kv_slice_of(&system));
    } else
        add_messages(b);
    kv_buf_release(&system);
    add_temperature(b);
    add_max_tokens(b);
    if (b->ask->schema_name && !user_sets(b->ask, "response_format"))
        openai_format(b);
}

static void anthropic_format(struct body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        member(b, "output_config");
        kv_buf_add_str(b->out, "{\"format\":{\"type\":\"json_schema\",\"schema\":");
        kv_json_compact(b->out, b->ask->schema);
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        member(b, "tools");
        kv_buf_add_str(b->out, "[{");
        add_named_schema(b, "\"input_schema\":");
        kv_buf_add_str(b->out, "}]");
        member(b, "tool_choice");
        kv_buf_printf(b->out,
            "{\"type\":\"tool\",\"name\":\"%s\",\"disable_parallel_tool_use\":true}",
            b->ask->schema_name);
    }
}

static void write_anthropic(struct body *b)
{
    add_max_tokens(b);
    if (has_system(b->ask)) {
        struct kv_buf system = {0};
        join_system(b->ask, &system);
        member(b, "system");
        kv_buf_add_str(b->out, "[{\"type\":\"text\",\"text\":");
        quote(b, kv_slice_of(&system));
        kv_buf_add_str(b->out, ",\"cache_control\":{\"type\":\"ephemeral\"}}]");
        kv_buf_release(&system);
    }
    add_turns(b, (struct kv_slice){"", 0});
    add_temperature(b);
    if (b->ask->schema_name && !user_sets(b->ask, "output_config"))
        anthropic_format(b);
}

/* OpenAI pads its events against listeners unless it is told not to. */
static void add_stream(struct body *b)
{
    if (!b->ask->stream)
        return;
    member(b, "stream");
    kv_buf_add_str(b->out, "true");
    if (b->dialect->wire != KV_PROTOCOL_OPENAI || b->ask->quirks & KV_QUIRK_NO_STREAM_OPTIONS)
        return;
    member(b, "stream_options");
    kv_buf_add_str(b->out, strcmp(b->dialect->name, "openai") == 0
                               ? "{\"include_usage\":true,\"include_obfuscation\":false}"
                               : "{\"include_usage\":true}");
}

void kv_request_write(struct kv_buf *out, const struct kv_service *d, const struct kv_request *ask)
{
    struct body b = {.out = out, .dialect = d, .ask = ask};
    if (d->wire == KV_PROTOCOL_GEMINI) {
        kv_gemini_write(out, ask);
        return;
    }
    if (!user_sets(ask, "model")) {
        member(&b, "model");
        quote(&b, ask->model);
    }
    if (d->wire == KV_PROTOCOL_ANTHROPIC)
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
