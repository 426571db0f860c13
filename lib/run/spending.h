/* spending - what earlier runs of a state have used, by the rows they left.
 *
 * So that a limit of tokens or money holds for a state and not for each of its runs. Answers that
 * several judges shared are counted once, though each of their rows repeats them; calls that left
 * no row (failed and retried ones) are not known any more.
 */
#ifndef KV_SPENDING_H
#define KV_SPENDING_H

#include "endpoint.h"
#include "plan.h"
#include "state.h"

struct kv_spending {
    double tokens, cost; /* cost by the endpoints' prices */
};

/* Reads all rows of a state, once. Rows of tasks that the plan does not have are not counted. */
int kv_spending_count(struct kv_spending *spent, const struct kv_state *s,
    const struct kv_plan *plan, const struct kv_endpoint *answering,
    const struct kv_endpoint *judging, struct kv_err *err);

#endif
