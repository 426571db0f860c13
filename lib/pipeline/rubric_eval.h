/* rubric_eval - rubric evaluation of one answer: which calls it takes, and the scores that come of
 * them.
 *
 * Regex traits need no call. Boolean and score traits share one call, and literal traits another,
 * in the batch strategy; in the sequential one each trait has its own. Metric and template-kind
 * traits always have their own (lib/pipeline/README.md). A failed batch loses the whole rubric, a
 * failed single call its trait.
 *
 *     kv_rubric_eval_begin(&t, desk, subject, text);
 *     while (kv_rubric_eval_query(&t, &query))
 *         { … kv_rubric_eval_take(&t, &response); }
 *     if (kv_rubric_eval_end(&t)) … its block borrows from t …
 *     kv_rubric_eval_release(&t);
 */
#ifndef KV_RUBRIC_EVAL_H
#define KV_RUBRIC_EVAL_H

#include "answer_stage.h"
#include "query.h"
#include "result_builder.h"

struct kv_rubric_eval {
    const struct kv_desk *desk;
    const struct kv_prepared_question *subject;
    struct kv_slice text;         /* what is judged; borrowed */
    size_t step;                  /* which call is next: see passes in rubric_eval.c */
    const struct kv_trait *trait; /* of a single call; NULL: a batch */
    struct kv_buf warning;        /* the whole rubric failed: why */
    struct kv_buf llm, labels, regex, metric, lists, provenance; /* members, without braces */
    struct kv_buf system, user, schema;                          /* of the query */
    struct kv_result_builder_rubric block;
};

void kv_rubric_eval_begin(struct kv_rubric_eval *t, const struct kv_desk *desk,
    const struct kv_prepared_question *subject, struct kv_slice text);
bool kv_rubric_eval_query(struct kv_rubric_eval *t, struct kv_query *query);
void kv_rubric_eval_take(struct kv_rubric_eval *t, const struct kv_answer *response);
/* The rubric block of the result; NULL if the rubric was lost (t->warning says why). */
const struct kv_result_builder_rubric *kv_rubric_eval_end(struct kv_rubric_eval *t);
void kv_rubric_eval_release(struct kv_rubric_eval *t);

#endif
