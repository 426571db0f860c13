/* openai_responses - what OpenAI's Responses interface answers, without judging it. */
#include "openai_responses.h"

#include "json.h"
#include "usage_members.h"

#include <string.h>

/* ---- items ---- */

/* Pieces of reasoning stand apart from each other. */
static void add_pieces(struct kv_buf *out, struct kv_slice item, const char *list)
{
    struct kv_slice pieces, piece, text;
    struct kv_json_walk w;
    kv_json_get(item, list, &pieces);
    kv_json_begin(&w, pieces);
    while (kv_json_item(&w, &piece)) {
        if (!kv_json_get(piece, "text", &text) || kv_json_type(text) != KV_JSON_STRING)
            continue;
        if (out->n)
            kv_buf_add_str(out, "\n\n");
        kv_json_unescape(text, out);
    }
}

static void add_content(const struct kv_protocol *to, struct kv_slice item, struct kv_buf *text)
{
    struct kv_slice content, part, type;
    struct kv_json_walk w;
    kv_json_get(item, "content", &content);
    if (kv_json_type(content) == KV_JSON_STRING)
        kv_json_unescape(content, text);
    kv_json_begin(&w, content);
    while (kv_json_item(&w, &part)) {
        kv_json_get(part, "type", &type);
        if (kv_json_string_is(type, "output_text"))
            kv_json_add_text(text, part, "text");
        else if (kv_json_string_is(type, "refusal"))
            kv_json_add_text(to->refusal, part, "refusal");
    }
}

static void take_message(const struct kv_protocol *to, struct kv_slice item, struct kv_buf *remark)
{
    struct kv_slice phase;
    kv_json_get(item, "phase", &phase);
    if (!kv_json_string_is(phase, "commentary")) {
        add_content(to, item, to->text);
        return;
    }
    kv_buf_clear(remark);
    add_content(to, item, remark);
    if (to->reasoning->n && remark->n)
        kv_buf_add_str(to->reasoning, "\n\n");
    kv_buf_add_slice(to->reasoning, kv_slice_of(remark));
}

static void take_call(const struct kv_protocol *to, struct kv_slice item)
{
    struct kv_slice arguments;
    if (to->arguments->n || !kv_json_get(item, "arguments", &arguments))
        return;
    if (kv_json_type(arguments) == KV_JSON_STRING)
        kv_json_unescape(arguments, to->arguments);
    else if (!kv_json_is_null(arguments))
        kv_json_compact(to->arguments, arguments);
}

static void take_items(
    const struct kv_protocol *to, struct kv_slice output, struct kv_openai_responses *said)
{
    struct kv_json_walk w;
    struct kv_slice item, type;
    struct kv_buf remark = {0};
    kv_json_begin(&w, output);
    while (kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "type", &type))
            continue;
        if (kv_json_string_is(type, "message"))
            take_message(to, item, &remark);
        else if (kv_json_string_is(type, "function_call"))
            take_call(to, item);
        else if (kv_json_string_is(type, "reasoning")) {
            add_pieces(to->reasoning, item, "summary");
            add_pieces(to->reasoning, item, "content");
        }
    }
    said->only_commentary = remark.n && !to->text->n && !to->refusal->n && !to->arguments->n;
    if (said->only_commentary)
        kv_buf_add_slice(to->text, kv_slice_of(&remark));
    kv_buf_release(&remark);
}

/* ---- the whole ---- */

static enum kv_openai_responses_state state_of(
    const struct kv_protocol *to, struct kv_slice root, struct kv_slice output)
{
    static const struct {
        const char *word;
        enum kv_openai_responses_state state;
    } words[] = {{"completed", KV_OPENAI_RESPONSES_DONE}, {"incomplete", KV_OPENAI_RESPONSES_CUT},
        {"failed", KV_OPENAI_RESPONSES_FAILED}, {"cancelled", KV_OPENAI_RESPONSES_STOPPED},
        {"queued", KV_OPENAI_RESPONSES_WAITING}, {"in_progress", KV_OPENAI_RESPONSES_WAITING}};
    struct kv_slice status;
    kv_protocol_replace(to->finish, root, "status");
    if (!kv_json_get(root, "status", &status) || kv_json_is_null(status))
        return kv_json_count(output) ? KV_OPENAI_RESPONSES_DONE : KV_OPENAI_RESPONSES_UNKNOWN;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kv_json_string_is(status, words[i].word))
            return words[i].state;
    return KV_OPENAI_RESPONSES_UNKNOWN;
}

bool kv_openai_responses_take(
    const struct kv_protocol *to, struct kv_slice root, struct kv_openai_responses *said)
{
    struct kv_slice output, details, usage;
    *said = (struct kv_openai_responses){0};
    bool has_output = kv_json_get(root, "output", &output);
    if (!has_output && !kv_json_get(root, "status", &details))
        return false;
    kv_json_get(root, "id", &said->id);
    kv_json_get(root, "error", &said->error);
    kv_protocol_replace(to->model, root, "model");
    kv_protocol_replace(to->tier, root, "service_tier");
    if (kv_json_get(root, "usage", &usage))
        kv_usage_members_read(to->usage, KV_PROTOCOL_RESPONSES, usage);
    said->state = state_of(to, root, output);
    if (said->state == KV_OPENAI_RESPONSES_CUT && kv_json_get(root, "incomplete_details", &details))
        kv_protocol_replace(to->finish, details, "reason");
    take_items(to, output, said);
    return true;
}

int kv_openai_responses_status(struct kv_slice error)
{
    static const struct {
        const char *code;
        int status;
    } codes[] = {{"server_error", 500}, {"rate_limit_exceeded", 429}, {"invalid_prompt", 400},
        {"bio_policy", 400}, {"data_residency_mismatch", 400}, {"vector_store_timeout", 504}};
    struct kv_slice code, message;
    kv_json_get(error, "code", &code);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (kv_json_string_is(code, codes[i].code))
            return codes[i].status;
    bool server =
        kv_json_get(error, "message", &message) &&
        (memmem(message.p, message.n, "server", 6) || memmem(message.p, message.n, "internal", 8));
    return server ? 500 : 400;
}
