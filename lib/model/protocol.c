/* protocol - what the bodies of the two protocols say, without judging it. */
#include "protocol.h"

#include "json.h"
#include "num.h"

#include <math.h>

void kv_usage_begin(struct kv_usage *u)
{
    *u = (struct kv_usage){-1, -1, -1, -1, -1, -1, (double)NAN};
}

/* ---- members ---- */

static bool string_at(struct kv_slice object, const char *name, struct kv_slice *value)
{
    return kv_json_get(object, name, value) && kv_json_type(*value) == KV_JSON_STRING;
}

static void append(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (string_at(object, name, &value))
        kv_json_unescape(value, out);
}

/* The last one said counts: streams repeat them. */
static void replace(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (!string_at(object, name, &value))
        return;
    kv_buf_clear(out);
    kv_json_unescape(value, out);
}

static void count(int64_t *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    int64_t n;
    if (kv_json_get(object, name, &value) && kv_num_int64(value, &n) && n >= 0)
        *out = n;
}

static void count_in(int64_t *out, struct kv_slice object, const char *inner, const char *name)
{
    struct kv_slice value;
    if (kv_json_get(object, inner, &value))
        count(out, value, name);
}

/* ---- OpenAI ---- */

static void openai_usage(struct kv_usage *u, struct kv_slice usage)
{
    struct kv_slice value;
    count(&u->in_total, usage, "prompt_tokens");
    count(&u->out_total, usage, "completion_tokens");
    count_in(&u->in_cached, usage, "prompt_tokens_details", "cached_tokens");
    count_in(&u->in_cache_write, usage, "prompt_tokens_details", "cache_write_tokens");
    count_in(&u->out_reasoning, usage, "completion_tokens_details", "reasoning_tokens");
    if (kv_json_get(usage, "cost", &value))
        kv_num_double(value, &u->cost);
}

/* A string, or an array of parts of which those of type text count. */
static void openai_content(const struct kv_protocol *to, struct kv_slice message)
{
    struct kv_slice content, part, type;
    struct kv_json_walk w;
    if (!kv_json_get(message, "content", &content))
        return;
    if (kv_json_type(content) == KV_JSON_STRING) {
        kv_json_unescape(content, to->text);
        return;
    }
    kv_json_begin(&w, content);
    while (kv_json_item(&w, &part))
        if (kv_json_get(part, "type", &type) && kv_json_string_is(type, "text"))
            append(to->text, part, "text");
}

static void openai_reasoning(const struct kv_protocol *to, struct kv_slice message)
{
    struct kv_slice details, part;
    struct kv_json_walk w;
    size_t before = to->reasoning->n;
    if (kv_json_get(message, "reasoning_details", &details)) {
        kv_json_begin(&w, details);
        while (kv_json_item(&w, &part)) {
            append(to->reasoning, part, "text");
            append(to->reasoning, part, "summary");
        }
    }
    if (to->reasoning->n == before)
        append(to->reasoning, message, "reasoning_content");
    if (to->reasoning->n == before)
        append(to->reasoning, message, "reasoning");
}

/* The arguments of the forced tool, kept apart from the text until the end. */
static void openai_tool(const struct kv_protocol *to, struct kv_slice message)
{
    struct kv_slice calls, call, function, value;
    struct kv_json_walk w;
    if (!kv_json_get(message, "tool_calls", &calls))
        return;
    kv_json_begin(&w, calls);
    if (!kv_json_item(&w, &call) || !kv_json_get(call, "function", &function))
        return;
    if (!kv_json_get(function, "arguments", &value))
        return;
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, to->arguments);
    else if (!kv_json_is_null(value))
        kv_json_compact(to->arguments, value);
}

/* A body or one event of a stream. False if there is no choice in it. */
static bool openai_take(const struct kv_protocol *to, struct kv_slice root)
{
    struct kv_slice value, choices, choice, message;
    struct kv_json_walk w;
    replace(to->model, root, "model");
    replace(to->provider, root, "provider");
    replace(to->fingerprint, root, "system_fingerprint");
    if (kv_json_get(root, "usage", &value))
        openai_usage(to->usage, value);
    if (!kv_json_get(root, "choices", &choices))
        return false;
    kv_json_begin(&w, choices);
    if (!kv_json_item(&w, &choice) || kv_json_type(choice) != KV_JSON_OBJECT)
        return false;
    replace(to->finish, choice, "finish_reason");
    if (!kv_json_get(choice, "message", &message) && !kv_json_get(choice, "delta", &message))
        return false;
    openai_content(to, message);
    openai_reasoning(to, message);
    append(to->refusal, message, "refusal");
    openai_tool(to, message);
    return kv_json_type(message) == KV_JSON_OBJECT;
}

/* Where a success hides its failure. */
bool kv_protocol_error(struct kv_slice root, struct kv_slice *error)
{
    struct kv_slice choices, choice;
    struct kv_json_walk w;
    if (kv_json_get(root, "error", error) && !kv_json_is_null(*error))
        return true;
    if (!kv_json_get(root, "choices", &choices))
        return false;
    kv_json_begin(&w, choices);
    return kv_json_item(&w, &choice) && kv_json_get(choice, "error", error) &&
           !kv_json_is_null(*error);
}

/* ---- Anthropic ---- */

/* Cached tokens are not in input_tokens here, and streams repeat what they know: the parts are kept
 * as they come and summed at the end. */
static void anthropic_usage(struct kv_usage *u, struct kv_slice usage)
{
    count(&u->in_fresh, usage, "input_tokens");
    count(&u->in_cached, usage, "cache_read_input_tokens");
    count(&u->in_cache_write, usage, "cache_creation_input_tokens");
    count(&u->out_total, usage, "output_tokens");
    count_in(&u->out_reasoning, usage, "output_tokens_details", "thinking_tokens");
    if (u->in_fresh >= 0)
        u->in_total = u->in_fresh + (u->in_cached > 0 ? u->in_cached : 0) +
                      (u->in_cache_write > 0 ? u->in_cache_write : 0);
}

static void anthropic_block(const struct kv_protocol *to, struct kv_slice block)
{
    struct kv_slice type, input;
    if (!kv_json_get(block, "type", &type))
        return;
    if (kv_json_string_is(type, "text") || kv_json_string_is(type, "text_delta"))
        append(to->text, block, "text");
    else if (kv_json_string_is(type, "thinking") || kv_json_string_is(type, "thinking_delta"))
        append(to->reasoning, block, "thinking");
    else if (kv_json_string_is(type, "input_json_delta"))
        append(to->arguments, block, "partial_json");
    else if (kv_json_string_is(type, "tool_use") && kv_json_get(block, "input", &input) &&
             kv_json_count(input) > 0)
        kv_json_compact(to->arguments, input);
}

static void anthropic_stop(const struct kv_protocol *to, struct kv_slice object)
{
    struct kv_slice details;
    replace(to->finish, object, "stop_reason");
    if (!kv_json_get(object, "stop_details", &details) || kv_json_type(details) != KV_JSON_OBJECT)
        return;
    append(to->refusal, details, "category");
    if (to->refusal->n)
        kv_buf_add_str(to->refusal, ": ");
    append(to->refusal, details, "explanation");
}

static bool anthropic_take(const struct kv_protocol *to, struct kv_slice root)
{
    struct kv_slice value, block;
    struct kv_json_walk w;
    if (kv_json_get(root, "usage", &value))
        anthropic_usage(to->usage, value);
    if (kv_json_get(root, "message", &value)) /* message_start */
        return anthropic_take(to, value);
    if (kv_json_get(root, "content_block", &block))
        anthropic_block(to, block);
    if (kv_json_get(root, "delta", &block)) {
        anthropic_block(to, block);
        anthropic_stop(to, block);
    }
    replace(to->model, root, "model");
    anthropic_stop(to, root);
    if (!kv_json_get(root, "content", &value) || kv_json_type(value) != KV_JSON_ARRAY)
        return false;
    kv_json_begin(&w, value);
    while (kv_json_item(&w, &block))
        anthropic_block(to, block);
    return true;
}

bool kv_protocol_take(
    const struct kv_protocol *to, enum kv_protocol_kind kind, struct kv_slice root)
{
    return kind == KV_PROTOCOL_ANTHROPIC ? anthropic_take(to, root) : openai_take(to, root);
}
