/* spending - what a state has used so far, by the rows it holds.
 *
 * So that a limit of tokens or money holds for a state and not for each of its runs, and so that
 * what a run cost can be told at its end. Answers that several judges shared are counted once,
 * though each of their rows repeats them; calls that left no row (failed ones) are not known any
 * more.
 *
 *     struct kv_spending s;
 *     kv_spending_begin(&s, &pricing, plan);
 *     kv_spending_read(&s, state, &err);
 *     … s.tokens, s.cost, s.answering[i] …
 *     kv_spending_release(&s);
 */
#ifndef KV_SPENDING_H
#define KV_SPENDING_H

#include "account.h"
#include "plan.h"
#include "pricing.h"
#include "result.h"
#include "state.h"
#include "usage_tally.h"

struct kv_spending {
    double tokens, cost;
    struct kv_account *answering, *judging; /* by the order of the models in the pricing */
    int64_t unpriced;                       /* stages whose cost is not known */
    int64_t undetailed; /* stages that do not say what was cached: priced as if nothing was */
    /* private */
    const struct kv_pricing *pricing;
    const struct kv_plan *plan;
    struct kv_mark_set seen;
    struct kv_buf key, name, served, tier;
};

/* With a plan, only rows of its tasks are counted; NULL: all that belong to models of the pricing.
 * Both are borrowed. */
void kv_spending_begin(
    struct kv_spending *s, const struct kv_pricing *pricing, const struct kv_plan *plan);
/* All rows of a state; a damaged line of JSON Lines is passed over. */
int kv_spending_read(struct kv_spending *s, const struct kv_state *state, struct kv_err *err);
/* The same of rows that are no questions': `count` knows how they tell what they used. */
int kv_spending_read_by(struct kv_spending *s, const struct kv_state *state,
    void (*count)(struct kv_spending *s, void *closure, struct kv_slice row), void *closure,
    struct kv_err *err);
void kv_spending_release(struct kv_spending *s);

#endif
