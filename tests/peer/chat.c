/* chat - the test provider's side of the wires: requests read, replies and errors written. */
#include "chat.h"

#include "google.h"
#include "json.h"

#include <string.h>

void chat_release(struct chat *c)
{
    kv_buf_release(&c->model);
    kv_buf_release(&c->user);
    kv_buf_release(&c->tool_name);
}

/* ---- requests ---- */

static void take_string(struct kv_slice object, const char *name, struct kv_buf *out)
{
    struct kv_slice value;
    if (kv_json_get(object, name, &value) && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
}

/* Content is a string or an array of text parts. */
static void take_content(struct kv_slice message, struct kv_buf *out)
{
    struct kv_slice content, part;
    struct kv_json_walk w;
    take_string(message, "content", out);
    if (!kv_json_get(message, "content", &content) || kv_json_type(content) != KV_JSON_ARRAY)
        return;
    kv_json_begin(&w, content);
    while (kv_json_item(&w, &part))
        take_string(part, "text", out);
}

static bool take_messages(struct chat *c, struct kv_slice root)
{
    struct kv_slice messages, message, role;
    struct kv_json_walk w;
    if (!kv_json_get(root, c->wire == RESPONSES ? "input" : "messages", &messages) ||
        kv_json_count(messages) == 0)
        return false;
    kv_json_begin(&w, messages);
    while (kv_json_item(&w, &message)) {
        c->prompt += message.n;
        if (!kv_json_get(message, "role", &role) || !kv_json_string_is(role, "user"))
            continue;
        kv_buf_clear(&c->user);
        take_content(message, &c->user);
    }
    return true;
}

static void take_openai_schema(struct chat *c, struct kv_slice root)
{
    struct kv_slice tools, tool, function;
    struct kv_json_walk w;
    if (kv_json_path(root, &c->schema, "response_format", "json_schema", "schema", NULL) ||
        kv_json_path(root, &c->schema, "response_format", "schema", NULL) ||
        !kv_json_get(root, "tools", &tools))
        return;
    kv_json_begin(&w, tools);
    if (!kv_json_item(&w, &tool) || !kv_json_get(tool, "function", &function))
        return;
    c->tool = kv_json_get(function, "parameters", &c->schema);
    take_string(function, "name", &c->tool_name);
}

static void take_anthropic_schema(struct chat *c, struct kv_slice root)
{
    struct kv_slice tools, tool;
    struct kv_json_walk w;
    if (kv_json_path(root, &c->schema, "output_config", "format", "schema", NULL) ||
        !kv_json_get(root, "tools", &tools))
        return;
    kv_json_begin(&w, tools);
    if (!kv_json_item(&w, &tool))
        return;
    c->tool = kv_json_get(tool, "input_schema", &c->schema);
    take_string(tool, "name", &c->tool_name);
}

static void take_anthropic(struct chat *c, struct kv_slice root)
{
    struct kv_slice system;
    take_anthropic_schema(c, root);
    if (kv_json_get(root, "system", &system) && memmem(system.p, system.n, "\"cache_control\"", 15))
        c->marked = system;
}

static void take_responses_schema(struct chat *c, struct kv_slice root)
{
    struct kv_slice tools, tool;
    struct kv_json_walk w;
    if (kv_json_path(root, &c->schema, "text", "format", "schema", NULL) ||
        !kv_json_get(root, "tools", &tools))
        return;
    kv_json_begin(&w, tools);
    if (!kv_json_item(&w, &tool))
        return;
    c->tool = kv_json_get(tool, "parameters", &c->schema);
    take_string(tool, "name", &c->tool_name);
}

static bool is_set(struct kv_slice root, const char *name)
{
    struct kv_slice value;
    return kv_json_get(root, name, &value) && kv_json_is_true(value);
}

/* A client low on the ladder puts the schema into its prompt: the last object with "properties". */
static void find_schema_in_prompt(struct chat *c)
{
    struct kv_slice rest = kv_slice_of(&c->user), value, properties;
    const char *brace;
    struct kv_err err;
    while (rest.n && (brace = memchr(rest.p, '{', rest.n))) {
        rest.n -= (size_t)(brace - rest.p);
        rest.p = brace;
        struct kv_slice after = rest;
        if (kv_json_next(&after, rest.p, KV_JSON_STRICT, &value, &err) == 1) {
            if (kv_json_get(value, "properties", &properties))
                c->schema = value;
            rest = after;
        } else {
            rest.p++;
            rest.n--;
        }
    }
}

bool chat_read(struct chat *c, enum wire wire, struct kv_slice body)
{
    struct kv_slice root;
    struct kv_err err;
    *c = (struct chat){.wire = wire};
    if (kv_json_check(body, KV_JSON_STRICT, &root, &err) < 0)
        return false;
    take_string(root, "model", &c->model);
    if (wire == GEMINI ? !google_read(c, root) : !take_messages(c, root))
        return false;
    struct kv_slice options;
    c->stream = is_set(root, "stream");
    c->background = is_set(root, "background");
    c->include_usage =
        kv_json_get(root, "stream_options", &options) && is_set(options, "include_usage");
    if (wire == RESPONSES)
        take_responses_schema(c, root);
    else if (wire == ANTHROPIC)
        take_anthropic(c, root);
    else
        take_openai_schema(c, root);
    if (c->schema.n == 0)
        find_schema_in_prompt(c);
    return true;
}

/* ---- replies ---- */

static void write_openai(
    const struct chat *c, struct kv_slice text, const char *finish, long serial, struct kv_buf *out)
{
    kv_buf_printf(
        out, "{\"id\":\"chatcmpl-%ld\",\"object\":\"chat.completion\",\"created\":1,", serial);
    kv_buf_add_str(out, "\"model\":");
    kv_json_quote(out, kv_slice_of(&c->model), KV_JSON_RAW);
    kv_buf_add_str(
        out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (c->tool) {
        kv_buf_add_str(out, "null,\"tool_calls\":[{\"id\":\"call-1\",\"type\":\"function\",");
        kv_buf_add_str(out, "\"function\":{\"name\":");
        kv_json_quote(out, kv_slice_of(&c->tool_name), KV_JSON_RAW);
        kv_buf_add_str(out, ",\"arguments\":");
        kv_json_quote(out, text, KV_JSON_RAW);
        kv_buf_add_str(out, "}}]");
    } else
        kv_json_quote(out, text, KV_JSON_RAW);
    kv_buf_add_str(out, "},\"finish_reason\":");
    kv_json_quote_str(out, finish ? finish : c->tool ? "tool_calls" : "stop");
    size_t in = c->prompt / 4 + 1, said = text.n / 4 + 1;
    kv_buf_printf(out,
        "}],\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu}}", in,
        said, in + said);
}

void chat_write_cached(const struct chat *c, struct kv_buf *out)
{
    if (c->marked.n)
        kv_buf_printf(out, ",\"%s\":%zu",
            c->cached ? "cache_read_input_tokens" : "cache_creation_input_tokens", c->marked.n / 4);
}

static void write_anthropic(
    const struct chat *c, struct kv_slice text, const char *finish, long serial, struct kv_buf *out)
{
    kv_buf_printf(out, "{\"id\":\"msg-%ld\",\"type\":\"message\",\"role\":\"assistant\",", serial);
    kv_buf_add_str(out, "\"model\":");
    kv_json_quote(out, kv_slice_of(&c->model), KV_JSON_RAW);
    if (c->tool) {
        kv_buf_add_str(out, ",\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu-1\",\"name\":");
        kv_json_quote(out, kv_slice_of(&c->tool_name), KV_JSON_RAW);
        kv_buf_add_str(out, ",\"input\":");
        kv_buf_add_slice(out, text);
    } else {
        kv_buf_add_str(out, ",\"content\":[{\"type\":\"text\",\"text\":");
        kv_json_quote(out, text, KV_JSON_RAW);
    }
    kv_buf_add_str(out, "}],\"stop_reason\":");
    kv_json_quote_str(out, finish ? finish : c->tool ? "tool_use" : "end_turn");
    kv_buf_printf(out, ",\"usage\":{\"input_tokens\":%zu,\"output_tokens\":%zu", c->prompt / 4 + 1,
        text.n / 4 + 1);
    chat_write_cached(c, out);
    kv_buf_add_str(out, "}}");
}

static void begin_response(
    const struct chat *c, const char *status, long serial, struct kv_buf *out)
{
    kv_buf_printf(out,
        "{\"id\":\"resp_%ld\",\"object\":\"response\",\"status\":\"%s\",\"model\":", serial,
        status);
    kv_json_quote(out, kv_slice_of(&c->model), KV_JSON_RAW);
}

void chat_write_waiting(const struct chat *c, const char *status, long serial, struct kv_buf *out)
{
    begin_response(c, status, serial, out);
    kv_buf_add_str(out, ",\"output\":[],\"usage\":null}");
}

/* A finish reason of its own is what it is incomplete for. */
static void write_responses(
    const struct chat *c, struct kv_slice text, const char *finish, long serial, struct kv_buf *out)
{
    size_t in = c->prompt / 4 + 1, said = text.n / 4 + 1;
    begin_response(c, finish ? "incomplete" : "completed", serial, out);
    if (finish) {
        kv_buf_add_str(out, ",\"incomplete_details\":{\"reason\":");
        kv_json_quote_str(out, finish);
        kv_buf_add_char(out, '}');
    }
    if (c->tool) {
        kv_buf_add_str(
            out, ",\"output\":[{\"type\":\"function_call\",\"call_id\":\"call-1\",\"name\":");
        kv_json_quote(out, kv_slice_of(&c->tool_name), KV_JSON_RAW);
        kv_buf_add_str(out, ",\"arguments\":");
        kv_json_quote(out, text, KV_JSON_RAW);
        kv_buf_add_char(out, '}');
    } else {
        kv_buf_add_str(out,
            ",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":["
            "{\"type\":\"output_text\",\"text\":");
        kv_json_quote(out, text, KV_JSON_RAW);
        kv_buf_add_str(out, "}]}");
    }
    kv_buf_printf(out,
        "],\"usage\":{\"input_tokens\":%zu,\"output_tokens\":%zu,\"total_tokens\":%zu}}", in, said,
        in + said);
}

void chat_write(
    const struct chat *c, struct kv_slice text, const char *finish, long serial, struct kv_buf *out)
{
    if (c->wire == RESPONSES)
        write_responses(c, text, finish, serial, out);
    else if (c->wire == GEMINI)
        google_write(c, text, text.n, finish, out);
    else if (c->wire == ANTHROPIC)
        write_anthropic(c, text, finish, serial, out);
    else
        write_openai(c, text, finish, serial, out);
}

/* Anthropic's names for statuses. */
static const char *anthropic_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 529:
        return "overloaded_error";
    default:
        return status < 500 ? "invalid_request_error" : "api_error";
    }
}

void chat_error(enum wire wire, int status, const char *type, const char *code, const char *message,
    struct kv_buf *out)
{
    if (wire == GEMINI) {
        google_error(status, message, out);
        return;
    }
    if (wire == ANTHROPIC) {
        kv_buf_printf(out,
            "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", anthropic_type(status));
        kv_json_quote_str(out, message);
        kv_buf_add_str(out, "}}");
        return;
    }
    kv_buf_add_str(out, "{\"error\":{\"message\":");
    kv_json_quote_str(out, message);
    kv_buf_add_str(out, ",\"type\":");
    kv_json_quote_str(out, type);
    kv_buf_add_str(out, ",\"param\":null,\"code\":");
    kv_json_quote_str(out, code);
    kv_buf_add_str(out, "}}");
}
