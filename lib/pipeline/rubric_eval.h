/* rubric_eval - rubric evaluation of one answer: which calls it takes, and the scores that come of
 * them.
 *
 * Regex traits need no call. Metric and template-kind traits always have their own, the others by
 * the strategy (rubric_ask.h). What a judge says of a trait is taken as said or not at all: a trait
 * without a usable value is lost with a note, in batch and in sequence alike. A reply with no
 * usable value is asked for again; a batch that stays unreadable loses all traits that have no
 * value yet, as a call that fails does; those of regexes have theirs before anything is asked.
 *
 *     kv_rubric_eval_begin(&t, shared, prepared, text);
 *     while (kv_rubric_eval_query(&t, &query))
 *         { … kv_rubric_eval_take(&t, &response); }
 *     block = kv_rubric_eval_end(&t);      borrows from t
 *     … t.notes …
 *     kv_rubric_eval_release(&t);
 */
#ifndef KV_RUBRIC_EVAL_H
#define KV_RUBRIC_EVAL_H

#include "reask.h"
#include "result_builder.h"
#include "rubric_ask.h"

struct kv_rubric_eval {
    struct kv_rubric_ask ask;
    struct kv_reask again;
    size_t step;                  /* which call is next: trait step % n of pass step / n */
    enum kv_rubric_pass pass;     /* of the call under way */
    const struct kv_trait *trait; /* of a single call; NULL: a batch */
    bool lost;                    /* nothing more is asked */
    struct kv_buf notes;          /* warnings, each ended by a NUL */
    struct kv_buf trouble;        /* the same, of the reply being read */
    struct kv_buf llm, labels, regex, metric, lists, provenance; /* members, without braces */
    struct kv_result_builder_rubric block;
};

void kv_rubric_eval_begin(struct kv_rubric_eval *t, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, struct kv_slice text);
bool kv_rubric_eval_query(struct kv_rubric_eval *t, struct kv_query *query);
void kv_rubric_eval_take(struct kv_rubric_eval *t, const struct kv_answer *response);
/* Goes on without the reply, which is not there yet: there will be no use for the block. */
void kv_rubric_eval_pass_over(struct kv_rubric_eval *t);
/* The rubric block of the result; NULL if no trait has a value after a failure. */
const struct kv_result_builder_rubric *kv_rubric_eval_end(struct kv_rubric_eval *t);
void kv_rubric_eval_release(struct kv_rubric_eval *t);

#endif
