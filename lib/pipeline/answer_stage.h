/* answer_stage - the first stage of a task: the answering model's answer, wherever it comes from.
 *
 * One answer belongs to a question, an answering model and a replicate, and is shared by all judges
 * (lib/pipeline/README.md). It is recalled from an earlier row, taken from a replay store or a
 * trace file, or asked for:
 *
 *     kv_answer_stage_init(&a, &shared, prepared, model, replicate);
 *     if (kv_answer_stage_known(&a) || …kv_answer_stage_recall(&a, row)…) …
 *     else { kv_answer_stage_query(&a, &query); … kv_answer_stage_take(&a, &response); }
 *     … any number of judges look at it …
 *     kv_answer_stage_release(&a);
 */
#ifndef KV_ANSWER_STAGE_H
#define KV_ANSWER_STAGE_H

#include "model_names.h"
#include "prepared_question.h"
#include "prompt.h"
#include "query.h"
#include "recorded.h"
#include "result_builder.h"
#include "trait_score.h"
#include "verdict.h"

#include <time.h>

enum { KV_TEXT_KEPT = 1 << 13 }; /* bytes of memory that a text leaves for the next one */

/* What all tasks of a run share; all of it borrowed. */
struct kv_pipeline_shared {
    const struct kv_config *config;
    const struct kv_model_names *names; /* of its models */
    const struct kv_prompts *prompts;
    struct kv_verifier *verifier;
    struct kv_scorer *scorer;         /* NULL if no rubric is evaluated */
    const struct kv_traces *traces;   /* NULL: none */
    const struct kv_recorded *replay; /* NULL: none */
    bool show_expected;               /* tell the judge the expected values */
    bool rehearsal;                   /* replies are made up: nobody is asked twice */
    const char *run_name;             /* NULL: null */
};

struct kv_answer_stage {
    const struct kv_pipeline_shared *shared;
    const struct kv_prepared_question *prepared;
    const struct kv_model *model;
    int64_t replicate; /* KV_NO_REPLICATE: none */
    time_t start;      /* wall clock */
    int64_t start_us;  /* CLOCK_MONOTONIC */

    bool failed;                  /* there is none; `error` says why */
    bool withheld;                /* … because the run is being stopped */
    enum kv_retry_class category; /* of a failure; KV_RETRY_NEVER: permanent */
    struct kv_buf error;
    bool partial;             /* cut short by a timeout … */
    struct kv_buf cut_reason; /* … or for this reason; n == 0: by a timeout */
    struct kv_buf usage;      /* JSON: the stage's object, or the recorded usage_metadata */
    bool usage_unavailable;
    bool used;                  /* tokens were counted: usage_metadata is not null for it */
    struct kv_stage_usage live; /* of a live call */
    struct kv_stage_words words;
    struct kv_buf notes; /* for the warnings of a row (remarks.h) */
    int64_t retries[KV_RETRY_CLASSES];
    const struct kv_recorded_entry *replayed; /* NULL: not from a replay store */
    bool recalled;
    struct kv_slice system, user;          /* private: of the query … */
    struct kv_buf joined_system, examples; /* … where these are not somebody else's text */
    /* what every answer has; kv_answer_stage_clear keeps the memory */
    struct kv_buf raw;
    struct kv_buf trace, context; /* JSON arrays of messages */
    struct kv_buf metrics;        /* JSON; n == 0: null */
};

/* *a is all zero, or was cleared. */
void kv_answer_stage_init(struct kv_answer_stage *a, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, const struct kv_model *model, int64_t replicate);
void kv_answer_stage_clear(struct kv_answer_stage *a); /* for the next answer */
void kv_answer_stage_release(struct kv_answer_stage *a);

/* True if no model has to be asked: the question's template is invalid, or the answer is recorded
 * (interface manual, replay store), or known to be missing there. */
bool kv_answer_stage_known(struct kv_answer_stage *a);

/* Takes the answer over from the row of an earlier run (checked JSON). False if the row holds none:
 * generation failed there, or it was cut short. */
bool kv_answer_stage_recall(struct kv_answer_stage *a, struct kv_slice row);

void kv_answer_stage_query(struct kv_answer_stage *a, struct kv_query *query);
void kv_answer_stage_take(struct kv_answer_stage *a, const struct kv_answer *response);

/* What checks and judges are shown of it: the final message, or the whole trace if the
 * configuration says so. -1 with KV_INPUT if there is no such message. */
int kv_answer_stage_shown(
    const struct kv_answer_stage *a, struct kv_slice *text, struct kv_err *err);

/* ---- what a result says of it ---- */

/* True if the answer is a client library's own report of failure, though it came as an answer. */
bool kv_answer_stage_is_placeholder(const struct kv_answer_stage *a);

/* Fills in answer, trace and tokens. `model` gets the display string of who is credited with tokens
 * that an earlier row has; `note` the text of a warning. The record borrows both, and from `a`. */
void kv_answer_stage_record(const struct kv_answer_stage *a, struct kv_result_builder *r,
    struct kv_buf *model, struct kv_buf *note);

double kv_answer_stage_seconds(const struct kv_answer_stage *a); /* since it began */

/* The display string of a model, appended. */
void kv_answer_stage_display(struct kv_buf *out, const struct kv_model *model, bool judge);

#endif
