/* reask - a judge whose reply cannot be used is asked again, with what was wrong. */
#include "reask.h"

enum { REQUESTS = 3 }; /* the first, and two more that explain the mistake */

void kv_reask_begin(struct kv_reask *r)
{
    r->asked = r->room = 0;
    kv_buf_clear(&r->reply);
    kv_buf_clear(&r->feedback);
}

void kv_reask_release(struct kv_reask *r)
{
    kv_buf_release(&r->reply);
    kv_buf_release(&r->feedback);
}

int kv_reask_whole(const struct kv_answer *response, struct kv_err *err)
{
    if (response->outcome == KV_OUTCOME_TRUNCATED && response->used.out_total > 0)
        return kv_err_set(err, KV_INPUT, "the judge was cut off by its token limit (%lld tokens)",
            (long long)response->used.out_total);
    if (response->outcome == KV_OUTCOME_TRUNCATED)
        return kv_err_set(err, KV_INPUT, "the judge was cut off by its token limit");
    if (response->outcome == KV_OUTCOME_CONTENT_FILTER)
        return kv_err_set(err, KV_INPUT, "the provider's content filter stopped the judge");
    if (response->outcome == KV_OUTCOME_REFUSAL)
        return kv_err_set(err, KV_INPUT, "the judge declined");
    if (response->thought && !kv_slice_strip(response->text).n)
        return kv_err_set(err, KV_INPUT, "the reply is only reasoning: it has no text");
    return 0;
}

void kv_reask_add(const struct kv_reask *r, struct kv_query *query)
{
    query->room = r->room;
    query->number = r->asked;
    if (!r->feedback.n)
        return;
    query->messages[query->count++] =
        (struct kv_message){KV_SPEAKER_ASSISTANT, kv_slice_of(&r->reply)};
    query->messages[query->count++] =
        (struct kv_message){KV_SPEAKER_USER, kv_slice_of(&r->feedback)};
}

/* A server may refuse an empty message. */
static struct kv_slice shown(struct kv_slice reply)
{
    return kv_slice_strip(reply).n ? reply : KV_SLICE("(nothing)");
}

bool kv_reask_again(struct kv_reask *r, const struct kv_pipeline_shared *shared,
    const struct kv_answer *response, const char *why)
{
    kv_buf_clear(&r->reply);
    kv_buf_clear(&r->feedback);
    if (response->outcome == KV_OUTCOME_TRUNCATED) {
        r->room = r->room ? 2 * r->room : 2;
    } else {
        kv_buf_add_slice(&r->reply, shown(response->text));
        const struct kv_prompt_value values[] = {
            {"error", kv_slice(why)}, {"reply", kv_slice_of(&r->reply)}, {NULL, {0}}};
        kv_prompt_add(shared->prompts, KV_PROMPT_PARSE_FEEDBACK, values, &r->feedback);
    }
    return ++r->asked < REQUESTS && !shared->rehearsal;
}
