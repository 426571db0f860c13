/* protocol - what the bodies of the protocols say, without judging it. */
#include "protocol.h"

#include "content.h"
#include "gemini.h"
#include "json.h"
#include "num.h"
#include "usage_members.h"

#include <string.h>

/* ---- members ---- */

static bool is_string(struct kv_slice value)
{
    return value.n && kv_json_type(value) == KV_JSON_STRING;
}

static void append_value(struct kv_buf *out, struct kv_slice value)
{
    if (is_string(value))
        kv_json_unescape(value, out);
}

/* The last one said counts: streams repeat them. */
static void replace_value(struct kv_buf *out, struct kv_slice value)
{
    if (!is_string(value))
        return;
    kv_buf_clear(out);
    kv_json_unescape(value, out);
}

void kv_protocol_replace(struct kv_buf *out, struct kv_slice object, const char *name)
{
    replace_value(out, kv_json_find(object, name));
}

/* Each event of a stream repeats it. */
static void take_id(const struct kv_protocol *to, struct kv_slice id)
{
    if (!to->id->n)
        append_value(to->id, id);
}

/* ---- OpenAI ---- */

/* Every event of a stream comes here: each object is walked once. */
#define NAMES(...)           static const char *const names[] = {__VA_ARGS__}
#define PICK(object, values) kv_json_pick(object, names, values, sizeof names / sizeof *names)

static void openai_content(const struct kv_protocol *to, struct kv_slice content)
{
    const struct kv_content parts = {
        .text = to->text, .reasoning = to->reasoning, .refusal = to->refusal, .unread = to->unread};
    kv_content_take(&parts, content);
}

static void openai_reasoning(const struct kv_protocol *to, struct kv_slice details,
    struct kv_slice content, struct kv_slice reasoning)
{
    struct kv_slice part;
    struct kv_json_walk w;
    size_t before = to->reasoning->n;
    kv_json_begin(&w, details);
    while (kv_json_item(&w, &part)) {
        kv_json_add_text(to->reasoning, part, "text");
        kv_json_add_text(to->reasoning, part, "summary");
    }
    if (to->reasoning->n == before)
        append_value(to->reasoning, content);
    if (to->reasoning->n == before)
        append_value(to->reasoning, reasoning);
}

/* True of the item of index 0, the only one that was asked for. Servers that send one item need not number
 * it; in a stream the items of several come in events of their own. */
static bool is_first(struct kv_slice index)
{
    int64_t n;
    return !index.n || !kv_num_int64(index, &n) || n == 0;
}

/* The arguments of the forced tool, kept apart from the text until the end. */
static void openai_tool(const struct kv_protocol *to, struct kv_slice calls)
{
    struct kv_slice call, value;
    struct kv_json_walk w;
    kv_json_begin(&w, calls);
    do {
        if (!kv_json_item(&w, &call))
            return;
    } while (!is_first(kv_json_find(call, "index")));
    if (!kv_json_path(call, &value, "function", "arguments", NULL))
        return;
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, to->arguments);
    else if (!kv_json_is_null(value))
        kv_json_compact(to->arguments, value);
}

enum { CONTENT, DETAILS, REASONING_CONTENT, REASONING, REFUSAL, CALLS, MESSAGE_COUNT };
static const char *const message_names[MESSAGE_COUNT] = {
    "content", "reasoning_details", "reasoning_content", "reasoning", "refusal", "tool_calls"};

/* Its members. */
static void openai_message(const struct kv_protocol *to, const struct kv_slice *v)
{
    openai_content(to, v[CONTENT]);
    openai_reasoning(to, v[DETAILS], v[REASONING_CONTENT], v[REASONING]);
    append_value(to->refusal, v[REFUSAL]);
    openai_tool(to, v[CALLS]);
}

static bool openai_choice(const struct kv_protocol *to, struct kv_slice choices)
{
    enum { INDEX, FINISH, MESSAGE, DELTA, COUNT };
    struct kv_slice message[MESSAGE_COUNT], delta[MESSAGE_COUNT], choice;
    struct kv_json_branch b[COUNT] = {{.name = "index"}, {.name = "finish_reason"},
        {"message", message_names, message, MESSAGE_COUNT, {0}},
        {"delta", message_names, delta, MESSAGE_COUNT, {0}}};
    struct kv_json_walk w;
    kv_json_begin(&w, choices);
    while (kv_json_item(&w, &choice)) {
        kv_json_pick_branches(choice, b, COUNT);
        if (!is_first(b[INDEX].value))
            continue;
        const struct kv_json_branch *said = &b[b[MESSAGE].value.n ? MESSAGE : DELTA];
        replace_value(to->finish, b[FINISH].value);
        openai_message(to, said->values);
        return kv_json_type(said->value) == KV_JSON_OBJECT;
    }
    return false;
}

/* A body or one event of a stream. False if there is no choice in it. */
static bool openai_take(const struct kv_protocol *to, struct kv_slice root)
{
    enum { MODEL, ID, PROVIDER, FINGERPRINT, TIER, USAGE, CHOICES, COUNT };
    NAMES("model", "id", "provider", "system_fingerprint", "service_tier", "usage", "choices");
    struct kv_slice v[COUNT];
    PICK(root, v);
    replace_value(to->model, v[MODEL]);
    take_id(to, v[ID]);
    replace_value(to->provider, v[PROVIDER]);
    replace_value(to->fingerprint, v[FINGERPRINT]);
    replace_value(to->tier, v[TIER]);
    if (!kv_json_is_null(v[USAGE])) /* it is null in every event but the last */
        kv_usage_members_read(to->usage, KV_PROTOCOL_OPENAI, v[USAGE]);
    return openai_choice(to, v[CHOICES]);
}

/* False where no name can be "error", which is true of nearly every event: that is seen at a glance. */
static bool may_name_error(struct kv_slice root)
{
    const char *escape = memchr(root.p, '\\', root.n);
    return memmem(root.p, root.n, "error", 5) ||
           (escape && memmem(escape, (size_t)(root.p + root.n - escape), "\\u00", 4));
}

/* Where a success hides its failure. */
bool kv_protocol_error(struct kv_slice root, struct kv_slice *error)
{
    enum { ERROR, CHOICES, COUNT };
    NAMES("error", "choices");
    struct kv_slice v[COUNT], choice;
    struct kv_json_walk w;
    if (!may_name_error(root))
        return false;
    PICK(root, v);
    *error = v[ERROR];
    if (!kv_json_is_null(*error))
        return true;
    kv_json_begin(&w, v[CHOICES]);
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
        kv_json_add_text(to->text, block, "text");
    else if (kv_json_string_is(type, "thinking") || kv_json_string_is(type, "thinking_delta"))
        kv_json_add_text(to->reasoning, block, "thinking");
    else if (kv_json_string_is(type, "input_json_delta"))
        kv_json_add_text(to->arguments, block, "partial_json");
    else if (kv_json_string_is(type, "tool_use") && kv_json_get(block, "input", &input) &&
             kv_json_count(input) > 0)
        kv_json_compact(to->arguments, input);
}

static void anthropic_stop(const struct kv_protocol *to, struct kv_slice object)
{
    struct kv_slice details;
    kv_protocol_replace(to->finish, object, "stop_reason");
    if (!kv_json_get(object, "stop_details", &details) || kv_json_type(details) != KV_JSON_OBJECT)
        return;
    kv_json_add_text(to->refusal, details, "category");
    if (to->refusal->n)
        kv_buf_add_str(to->refusal, ": ");
    kv_json_add_text(to->refusal, details, "explanation");
}

static bool anthropic_take(const struct kv_protocol *to, struct kv_slice root)
{
    struct kv_slice value, block;
    struct kv_json_walk w;
    if (kv_json_get(root, "usage", &value)) {
        kv_usage_members_read(to->usage, KV_PROTOCOL_ANTHROPIC, value);
        kv_protocol_replace(to->tier, value, "service_tier");
    }
    if (kv_json_get(root, "message", &value)) /* message_start */
        return anthropic_take(to, value);
    if (kv_json_get(root, "content_block", &block))
        anthropic_block(to, block);
    if (kv_json_get(root, "delta", &block)) {
        anthropic_block(to, block);
        anthropic_stop(to, block);
    }
    kv_protocol_replace(to->model, root, "model");
    kv_json_get(root, "id", &value);
    take_id(to, value);
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
