/* order - looks for the order by which an earlier run has an answer worked on elsewhere.
 *
 * Names the call of a pending query (call_id.h) and looks for it in the ledger. Where there is one,
 * the answer is fetched instead of ordered.
 */
#ifndef KV_ORDER_H
#define KV_ORDER_H

#include "dispatch.h"

/* What a call is about besides its model. */
struct kv_order_of {
    const struct kv_model *answering;
    struct kv_slice question; /* its id */
    int64_t replicate;
    struct kv_slice answer; /* what a judge is shown; empty for an answer */
};

/* Before the query is submitted. `l` may be NULL: nothing is ordered in this run. */
void kv_order_find(
    const struct kv_ledger *l, struct kv_pending_query *e, const struct kv_order_of *of);

#endif
