/* batch_cut - request lines cut into parts, each with its own request file, written down.
 *
 * Part N has its requests in NAME.batch-N.jsonl, which is whole before the ledger names it. A part
 * holds requests of one model at one URL, no more than its service takes and its queue
 * holds. Where a lost batch is recognised by its number of requests, no two open
 * parts have the same.
 */
#ifndef KV_BATCH_CUT_H
#define KV_BATCH_CUT_H

#include "batch_ids.h"
#include "batch_private.h"
#include "batch_sources.h"

struct kv_batch_limits {
    int64_t requests, bytes; /* of a part at most; 0: 1000, 20 MB */
};

/* Writes down what of the sources is neither ordered nor answered: new parts, at the end of the ledger.
 * `ids` is what is, and gets what is added. The same request twice is one, and told; KV_INPUT for
 * another one under the same id, and for a line that is none: nothing is written down then. */
int kv_batch_cut(struct kv_batch *b, const struct kv_batch_sources *sources,
    const struct kv_batch_limits *limits, struct kv_batch_ids *ids, struct kv_err *err);

#endif
