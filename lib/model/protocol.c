/* protocol - what the bodies of the protocols say, without judging it. */
#include "protocol.h"

#include "content.h"
#include "gemini.h"
#include "json.h"
#include "num.h"
#include "usage_members.h"

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

/* Each event of a stream repeats it. */
static void take_id(const struct kv_protocol *to, struct kv_slice root)
{
    if (!to->id->n)
        append(to->id, root, "id");
}

/* ---- OpenAI ---- */

static void openai_content(const struct kv_protocol *to, struct kv_slice message)
{
    const struct kv_content parts = {
        .text = to->text, .reasoning = to->reasoning, .refusal = to->refusal, .unread = to->unread};
    struct kv_slice content;
    if (kv_json_get(message, "content", &content))
        kv_content_take(&parts, content);
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

/* The item of index 0: the only one that was asked for. Servers that send one item need not number
 * it; in a stream the items of several come in events of their own. */
static bool first_item(struct kv_slice list, struct kv_slice *item)
{
    struct kv_slice index;
    struct kv_json_walk w;
    int64_t n;
    kv_json_begin(&w, list);
    while (kv_json_item(&w, item))
        if (!kv_json_get(*item, "index", &index) || !kv_num_int64(index, &n) || n == 0)
            return true;
    return false;
}

/* The arguments of the forced tool, kept apart from the text until the end. */
static void openai_tool(const struct kv_protocol *to, struct kv_slice message)
{
    struct kv_slice calls, call, function, value;
    if (!kv_json_get(message, "tool_calls", &calls) || !first_item(calls, &call) ||
        !kv_json_get(call, "function", &function) || !kv_json_get(function, "arguments", &value))
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
    replace(to->model, root, "model");
    take_id(to, root);
    replace(to->provider, root, "provider");
    replace(to->fingerprint, root, "system_fingerprint");
    replace(to->tier, root, "service_tier");
    if (kv_json_get(root, "usage", &value))
        kv_usage_members_read(to->usage, KV_PROTOCOL_OPENAI, value);
    if (!kv_json_get(root, "choices", &choices))
        return false;
    if (!first_item(choices, &choice) || kv_json_type(choice) != KV_JSON_OBJECT)
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
    if (kv_json_get(root, "usage", &value)) {
        kv_usage_members_read(to->usage, KV_PROTOCOL_ANTHROPIC, value);
        replace(to->tier, value, "service_tier");
    }
    if (kv_json_get(root, "message", &value)) /* message_start */
        return anthropic_take(to, value);
    if (kv_json_get(root, "content_block", &block))
        anthropic_block(to, block);
    if (kv_json_get(root, "delta", &block)) {
        anthropic_block(to, block);
        anthropic_stop(to, block);
    }
    replace(to->model, root, "model");
    take_id(to, root);
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
    if (kind == KV_PROTOCOL_GEMINI)
        return kv_gemini_take(to, root);
    return kind == KV_PROTOCOL_ANTHROPIC ? anthropic_take(to, root) : openai_take(to, root);
}
