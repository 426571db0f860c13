/* batch_regain - replies that the ledger calls collected, and NAME.replies has no more. */
#include "batch_regain.h"

#include "batch_beside.h"

#include <stdlib.h>

struct lost {
    struct kv_batch_part **parts;
    size_t n;
    int64_t replies;
};

static void take(void *closure, struct kv_batch_part *p)
{
    struct lost *l = closure;
    l->parts = kv_grow(l->parts, l->n, sizeof(struct kv_batch_part *));
    l->parts[l->n++] = p;
    l->replies += p->replies + p->failures;
}

int kv_batch_regain(struct kv_batch *b, struct kv_err *err)
{
    struct lost lost = {0};
    int failed = kv_batch_beside_lost(b->ledger, &b->paths, take, &lost, err) < 0 ? -1 : 0;
    for (size_t i = 0; !failed && i < lost.n; i++)
        failed = kv_batch_note(b, lost.parts[i], "uncollected", NULL, err);
    if (!failed && lost.n)
        kv_batch_say(b, NULL,
            "%lld replies that were collected are no more in %s.replies: they are fetched again, "
            "which costs nothing",
            (long long)lost.replies, b->paths.output);
    free(lost.parts);
    return failed;
}
