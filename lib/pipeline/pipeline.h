/* pipeline - one task after its answer is there: checks, judge, verdict, rubric, result.
 *
 * A state machine over the stages of lib/pipeline/README.md. It asks by handing out queries and
 * never waits; whoever drives it decides what a query costs and when it is sent.
 *
 *     kv_pipeline_begin(&p, shared, prepared, generation, judge_model);
 *     while (kv_pipeline_query(&p, &query))
 *         { … kv_pipeline_take(&p, &response); }
 *     kv_pipeline_write(&p, &line);          one VerificationResult and LF
 *     kv_pipeline_release(&p);
 *
 * Every task ends in a result, whatever fails on the way. If a response was withheld because the
 * run is being stopped, or the judge's server refused the request, the result keeps the answer and
 * says so in its failure, which leaves the task pending (kv_result_settles): the next run only
 * judges. If a response is deferred, what needs only the answer is asked for as well, so that as much
 * as possible can be asked for elsewhere at once; the result then is as if it was withheld.
 *
 * Deviations from karenina, each with its reason in kv(7): an insufficient answer is a failure and
 * a sufficient one is not; one retry layer; retries of the judge within one budget.
 */
#ifndef KV_PIPELINE_H
#define KV_PIPELINE_H

#include "answer_stage.h"
#include "judge_prompts.h"
#include "query.h"
#include "reask.h"
#include "result_builder.h"
#include "rubric_eval.h"

enum kv_stage {
    KV_STAGE_BEGIN,
    KV_STAGE_ABSTENTION,
    KV_STAGE_SUFFICIENCY,
    KV_STAGE_PARSE,
    KV_STAGE_VERIFY,
    KV_STAGE_RUBRIC,
    KV_STAGE_END,
};

struct kv_pipeline {
    const struct kv_pipeline_shared *shared;
    const struct kv_prepared_question *prepared;
    const struct kv_answer_stage *generation;
    const struct kv_model *judge;
    const struct kv_model_name *judge_name;
    struct kv_slice asked; /* name of the model that judges: another one, if that is down */
    enum kv_stage stage;
    bool error; /* a stage failed: no later one runs */
    enum kv_retry_class error_category;
    const char *error_stage;
    struct kv_buf error_text;
    bool withheld; /* the judge was not heard: the answer is kept, its task stays pending */
    bool given_up; /* … and is not to be: a failure that settles the task */
    bool refused;  /* … because its server refused the request */
    bool deferred; /* … because its reply is to come from elsewhere */
    int64_t retries[KV_RETRY_CLASSES];
    struct kv_rubric_eval traits;
    bool rubric_begun;
    /* texts the record borrows */
    struct kv_stage_words words[KV_STAGE_END];
    struct kv_buf abstention, sufficiency, rubric_text, stand_in, recorded_model, field_error,
        partial_note;
    struct kv_buf notes; /* warnings, each ended by a NUL */
    /* the query being asked */
    struct kv_judge_prompts_texts texts;
    struct kv_reask again;
    struct kv_result_builder record; /* it clears itself */
    /* what every verdict has; kv_pipeline_clear keeps the memory */
    struct kv_parsed parsed;
    struct kv_verdict verdict;
    struct kv_buf composition;
};

/* *p is all zero, or was cleared. */
void kv_pipeline_begin(struct kv_pipeline *p, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, const struct kv_answer_stage *generation,
    const struct kv_model *judge);
bool kv_pipeline_query(struct kv_pipeline *p, struct kv_query *query);
void kv_pipeline_take(struct kv_pipeline *p, const struct kv_answer *response);
/* True if the result is only a kept answer: its judge has not replied, and its task stays pending. */
bool kv_pipeline_is_kept(const struct kv_pipeline *p);
/* Makes a failure of it that settles the task. Before kv_pipeline_write. */
void kv_pipeline_give_up(struct kv_pipeline *p);
/* From here on another model judges, for this reason; its display string is for people. The task
 * stays the task of its own judge. Only before the answer to the query at hand is taken. */
void kv_pipeline_stand_in(
    struct kv_pipeline *p, const struct kv_model *model, const char *name, struct kv_slice why);
/* Appends the result as one line; only once the queries are over. */
void kv_pipeline_write(struct kv_pipeline *p, struct kv_buf *line);
/* What the written line counts as (outcomes.h). */
uint32_t kv_pipeline_code(const struct kv_pipeline *p);
void kv_pipeline_clear(struct kv_pipeline *p); /* for the next task */
void kv_pipeline_release(struct kv_pipeline *p);

#endif
