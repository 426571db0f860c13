/* remarks - what is not as it seems about an answer of a model, in words for the warnings of a row.
 */
#include "remarks.h"

#include "json.h"

#include <stdarg.h>
#include <string.h>

void kv_remarks_note(struct kv_buf *notes, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    bool known = false;
    for (size_t at = 0; at < notes->n; at += strlen(notes->p + at) + 1)
        known |= strcmp(notes->p + at, text.p) == 0;
    if (!known)
        kv_buf_add(notes, text.p, strlen(text.p) + 1);
    kv_buf_release(&text);
}

/* ---- who it was, and how it was asked ---- */

static void on_request(
    struct kv_buf *notes, const char *who, const struct kv_answer *answer, struct kv_slice asked)
{
    if (answer->another)
        kv_remarks_note(notes, "%s of another model: asked %.*s, served by %.*s", who, (int)asked.n,
            asked.p, (int)answer->served.n, answer->served.p);
    if (answer->no_temperature)
        kv_remarks_note(
            notes, "%s without the temperature configured, which the server does not take", who);
    if (answer->adjusted.n)
        kv_remarks_note(notes, "%s asked for otherwise than configured: %.*s", who,
            (int)answer->adjusted.n, answer->adjusted.p);
    if (answer->only_remarks)
        kv_remarks_note(notes, "%s of remarks on the way only: no message claims to be final", who);
    if (answer->folded_system)
        kv_remarks_note(notes,
            "%s with the system prompt in front of the question, as the server takes no system "
            "role",
            who);
}

void kv_remarks_on_judge(
    struct kv_buf *notes, const struct kv_answer *answer, struct kv_slice asked)
{
    on_request(notes, "Judgement", answer, asked);
}

/* ---- how it ended ---- */

void kv_remarks_on_answer(
    struct kv_buf *notes, const struct kv_answer *answer, struct kv_slice asked)
{
    bool text = kv_slice_strip(answer->text).n > 0;
    if (answer->outcome == KV_OUTCOME_TRUNCATED && !text)
        kv_remarks_note(notes, "Answer stopped at the token limit%s; it has no text",
            answer->thought ? " while reasoning" : "");
    else if (answer->outcome == KV_OUTCOME_TRUNCATED && answer->used.out_total >= 0)
        kv_remarks_note(notes, "Answer stopped at the token limit (%lld tokens)",
            (long long)answer->used.out_total);
    else if (answer->outcome == KV_OUTCOME_TRUNCATED)
        kv_remarks_note(notes, "Answer stopped at the token limit");
    else if (answer->outcome == KV_OUTCOME_CONTENT_FILTER)
        kv_remarks_note(notes, "Answer stopped by the provider's content filter");
    else if (answer->outcome == KV_OUTCOME_REFUSAL)
        kv_remarks_note(notes, "Answer declined by the model");
    on_request(notes, "Answer", answer, asked);
}

const char *kv_remarks_no_text(const struct kv_answer *answer)
{
    if (kv_slice_strip(answer->text).n)
        return NULL;
    if (answer->outcome == KV_OUTCOME_TRUNCATED)
        return answer->thought ? "the token limit was spent on reasoning"
                               : "the token limit was reached before any text";
    if (answer->outcome == KV_OUTCOME_CONTENT_FILTER)
        return "the provider's content filter stopped the answer before any text";
    return answer->thought ? "the answer is only reasoning: it has no text" : NULL;
}

struct kv_slice kv_remarks_dropped(const struct kv_answer *answer)
{
    if (answer->no_temperature && answer->folded_system)
        return KV_SLICE("[\"temperature\",\"system_role\"]");
    if (answer->no_temperature)
        return KV_SLICE("[\"temperature\"]");
    return answer->folded_system ? KV_SLICE("[\"system_role\"]") : KV_SLICE("");
}

/* ---- from an earlier row ---- */

void kv_remarks_recall(struct kv_buf *notes, struct kv_slice warnings)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, warnings);
    while (kv_json_item(&w, &item)) {
        struct kv_buf text = {0};
        if (kv_json_type(item) == KV_JSON_STRING)
            kv_json_unescape(item, &text);
        if (kv_slice_starts(kv_slice_of(&text), "Answer "))
            kv_remarks_note(notes, "%s", text.p);
        kv_buf_release(&text);
    }
}
