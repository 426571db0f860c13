/* rubric_ask - what a judge is asked about the traits of a rubric.
 *
 * Messages and schemas; how the replies are read is rubric_eval's. Traits go in passes, in this
 * order. Boolean and score traits share one call, and literal traits another, in the batch strategy.
 */
#ifndef KV_RUBRIC_ASK_H
#define KV_RUBRIC_ASK_H

#include "answer_stage.h"
#include "query.h"

enum kv_rubric_pass {
    KV_RUBRIC_SHAPED, /* of template kind */
    KV_RUBRIC_SCORED, /* boolean and score */
    KV_RUBRIC_LITERAL,
    KV_RUBRIC_METRIC,
    KV_RUBRIC_PASSES
};
bool kv_rubric_takes(enum kv_rubric_pass pass, const struct kv_trait *trait);

struct kv_rubric_ask {
    const struct kv_pipeline_shared *shared;
    const struct kv_prepared_question *prepared;
    struct kv_slice text;               /* what is judged; borrowed */
    struct kv_buf system, user, schema; /* of the query, which borrows them */
};

/* All traits of the pass in one call: KV_RUBRIC_SCORED or KV_RUBRIC_LITERAL. */
void kv_rubric_ask_all(struct kv_rubric_ask *a, enum kv_rubric_pass pass, struct kv_query *query);
void kv_rubric_ask_one(
    struct kv_rubric_ask *a, const struct kv_trait *trait, struct kv_query *query);
void kv_rubric_ask_release(struct kv_rubric_ask *a);

/* The member that the reply about a single boolean, score or literal trait has. */
const char *kv_rubric_ask_member(const struct kv_trait *trait);

#endif
