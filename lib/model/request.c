/* request - what a model is asked, and the parts of which every body is made. */
#include "request.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "request_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
/* Objects whose members are meant as members of the request. Client libraries merge them in this order
 * backwards, over what stands outside: of one name that of extra_body counts. */
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

bool kv_request_is_nest(struct kv_slice key)
{
    return among(key, nests, sizeof nests / sizeof *nests);
}

bool kv_request_extra(struct kv_slice extra, const char *name, struct kv_slice *value)
{
    struct kv_slice nest;
    if (extra.n == 0)
        return false;
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++)
        if (kv_json_get(extra, nests[i], &nest) && kv_json_get(nest, name, value))
            return true;
    return kv_json_get(extra, name, value);
}

bool kv_request_sets(const struct kv_request *ask, const char *name, struct kv_slice *value)
{
    struct kv_slice found;
    return kv_request_extra(ask->extra, name, value ? value : &found);
}

bool kv_request_is_overridden(
    const struct kv_request *ask, struct kv_slice key, struct kv_slice value)
{
    struct kv_slice counts;
    char *name = kv_json_strdup(key);
    bool overridden = kv_request_sets(ask, name, &counts) && counts.p != value.p;
    free(name);
    return overridden;
}

/* ---- sampling ---- */

void kv_request_temperature(struct kv_request_body *b)
{
    if (isnan(b->ask->temperature) || b->ask->quirks & KV_QUIRK_NO_TEMPERATURE ||
        kv_request_sets(b->ask, "temperature", NULL))
        return;
    kv_json_out_number(b->out, "temperature", b->ask->temperature);
}

/* ---- messages ---- */

static const char *role_name(const struct kv_request *ask, enum kv_speaker role)
{
    if (role == KV_SPEAKER_SYSTEM)
        return ask->quirks & KV_QUIRK_SYSTEM_SWAPPED ? "developer" : "system";
    return role == KV_SPEAKER_USER ? "user" : "assistant";
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

/* Responses takes what the model said before as an output of its own form; llama.cpp takes no other. */
static void add_turn(struct kv_request_body *b, enum kv_speaker role, struct kv_slice text)
{
    bool output = b->ask->wire == KV_PROTOCOL_RESPONSES && role == KV_SPEAKER_ASSISTANT;
    kv_json_out_object(b->out, NULL);
    if (output)
        kv_json_out_str(b->out, "type", "message");
    kv_json_out_str(b->out, "role", role_name(b->ask, role));
    if (output) {
        kv_json_out_list(b->out, "content");
        kv_json_out_object(b->out, NULL);
        kv_json_out_str(b->out, "type", "output_text");
        kv_json_out_text(b->out, "text", text);
        kv_buf_add_str(b->out, "}]}");
    } else {
        kv_json_out_text(b->out, "content", text);
        kv_buf_add_char(b->out, '}');
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
    add_turn(b, role, kv_slice_of(&text));
    kv_buf_release(&text);
    return i;
}

/* Turns without a system role: what Anthropic takes, and servers whose templates know none. */
void kv_request_turns(struct kv_request_body *b, const char *name, struct kv_slice before)
{
    bool first = true;
    kv_json_out_list(b->out, name);
    for (size_t i = 0; i < b->ask->count;) {
        if (b->ask->messages[i].role == KV_SPEAKER_SYSTEM) {
            i++;
            continue;
        }
        i = add_merged(b, i, first ? before : (struct kv_slice){"", 0});
        first = false;
    }
    kv_buf_add_char(b->out, ']');
}

void kv_request_messages(struct kv_request_body *b, const char *name, size_t from)
{
    const struct kv_request *ask = b->ask;
    kv_json_out_list(b->out, name);
    for (size_t i = from; i < ask->count; i++)
        add_turn(b, ask->messages[i].role, ask->messages[i].text);
    kv_buf_add_char(b->out, ']');
}

void kv_request_named_schema(struct kv_request_body *b, bool strict, const char *name)
{
    kv_json_out_str(b->out, "name", b->ask->schema_name);
    if (strict)
        kv_json_out_flag(b->out, "strict", true);
    kv_json_out_key(b->out, name);
    kv_json_compact(b->out, b->ask->schema);
}

int64_t kv_request_estimate(const struct kv_request *ask)
{
    size_t bytes = ask->schema_name ? ask->schema.n : 0;
    for (size_t i = 0; i < ask->count; i++)
        bytes += ask->messages[i].text.n + 16;
    return (int64_t)(bytes * 2 / 7) + 1;
}
