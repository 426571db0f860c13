/* reask - a judge whose reply cannot be used is asked again, with what was wrong. */
#include "reask.h"

enum { REQUESTS = 3 }; /* the first and two with the mistake explained */

void kv_reask_begin(struct kv_reask *r)
{
    r->asked = 0;
    kv_buf_clear(&r->reply);
    kv_buf_clear(&r->feedback);
}

void kv_reask_release(struct kv_reask *r)
{
    kv_buf_release(&r->reply);
    kv_buf_release(&r->feedback);
}

void kv_reask_add(const struct kv_reask *r, struct kv_query *query)
{
    if (!r->feedback.n)
        return;
    query->messages[query->count++] =
        (struct kv_message){KV_SPEAKER_ASSISTANT, kv_slice_of(&r->reply)};
    query->messages[query->count++] =
        (struct kv_message){KV_SPEAKER_USER, kv_slice_of(&r->feedback)};
}

bool kv_reask_again(
    struct kv_reask *r, const struct kv_prompts *prompts, struct kv_slice reply, const char *why)
{
    kv_buf_clear(&r->reply);
    kv_buf_add_slice(&r->reply, reply);
    kv_buf_clear(&r->feedback);
    const struct kv_prompt_value values[] = {
        {"error", kv_slice(why)}, {"reply", kv_slice_of(&r->reply)}, {NULL, {0}}};
    kv_prompt_add(prompts, KV_PROMPT_PARSE_FEEDBACK, values, &r->feedback);
    return ++r->asked < REQUESTS;
}
