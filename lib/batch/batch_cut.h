/* batch_cut - request lines cut into parts, each with its own request file, written down.
 *
 * Part N has its requests in NAME.batch-N.jsonl, which is whole before the ledger names it. A part
 * holds requests of one model at one URL, no more than its service takes, its queue holds and the
 * limits of the user leave. Where a lost batch is recognised by its number of requests, no two open
 * parts have the same.
 */
#ifndef KV_BATCH_CUT_H
#define KV_BATCH_CUT_H

#include "batch_ids.h"
#include "batch_private.h"
#include "batch_sources.h"

struct kv_batch_limits {
    int64_t requests, bytes;       /* of a part at most; 0: 1000, 20 MB */
    double tokens_left, cost_left; /* to be reserved at most; negative: no limit */
    /* What so many tokens of prompt and answer cost at an endpoint; NULL: nothing is known. */
    double (*price)(void *closure, const char *endpoint, double prompt, double answer);
    void *closure;
};

/* Writes down what of a source is neither ordered nor answered: new parts, at the end of the ledger.
 * `ids` is what is, and gets what is added. *limit is what a limit left out: its name, or NULL. */
int kv_batch_cut(struct kv_batch *b, const struct kv_batch_source *source,
    struct kv_batch_limits *limits, struct kv_batch_ids *ids, const char **limit,
    struct kv_err *err);

#endif
