/* batch_lacks - requests of parts that are over, which have no answer and were not ordered again. */
#include "batch_lacks.h"

#include <string.h>

static bool is_ordered_again(const struct kv_batch *b, size_t at)
{
    const struct kv_batch_part *p = kv_ledger_part(b->ledger, at);
    for (size_t i = at + 1; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *q = kv_ledger_part(b->ledger, i);
        if (strcmp(q->endpoint, p->endpoint) == 0 && strcmp(q->url, p->url) == 0 &&
            strcmp(q->model, p->model) == 0)
            return true;
    }
    return false;
}

static int64_t count_lacking(const struct kv_batch_part *p)
{
    if (p->step == KV_BATCH_GIVEN_UP)
        return p->loss == KV_BATCH_DROPPED ? 0 : p->requests;
    if (p->step != KV_BATCH_COLLECTED || p->status == KV_BATCH_CANCELLED)
        return 0;
    return p->requests - p->replies - p->failures;
}

void kv_batch_lacks_tell(struct kv_batch *b)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        int64_t n = count_lacking(p);
        bool faulty = p->step == KV_BATCH_GIVEN_UP && p->loss == KV_BATCH_FAULTY;
        if (n <= 0 || is_ordered_again(b, i))
            continue;
        *(faulty ? &b->tally.faulty : &b->tally.waits) = true;
        if (!p->told && faulty)
            kv_batch_say(b, p, "the batch failed: %s; its requests are not ordered", p->said);
        else if (!p->told)
            kv_batch_say(b, p, "%lld of %lld requests have no reply: submit them again",
                (long long)n, (long long)p->requests);
        p->told = true;
    }
}
