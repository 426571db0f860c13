/* result_builder - a VerificationResult in the making: filled field by field, written as one line.
 *
 * The pipeline fills a struct kv_result_builder as its stages end, starting from
 * kv_result_builder_init, and writes it once:
 *
 *     struct kv_result_builder r;
 *     kv_result_builder_init(&r, now);                       // timestamp in local time
 *     r.question_id = …; r.answering = identity; …
 *     kv_result_builder_fail(&r, KV_FAIL_TIMEOUT, "GenerateAnswer", reason);
 *     kv_result_builder_write(&r, &line);                    // compact JSON and LF
 *
 * Everything is borrowed until kv_result_builder_write has returned; the builder owns nothing. Three
 * kinds of field, told apart by their names:
 *
 *     plain slices   text, UTF-8 without quotes; p == NULL is null, p != NULL with n == 0 is ""
 *     *_json slices  a checked, compact JSON value as bytes; n == 0 is null (or the empty list)
 *     enum kv_tri    null, false or true
 *
 * A builder that is all zeros but for its names and times is a valid result: zero is the default
 * that karenina documents for each field (used_full_trace alone defaults to true; init sets it).
 *
 * The order of members, the taxonomy and the limits are the business of this module; when which
 * field is set is the pipeline's (kv-results(5)).
 */
#ifndef KV_RESULT_BUILDER_H
#define KV_RESULT_BUILDER_H

#include "buf.h"
#include "result.h"
#include "retry.h"
#include "stage_usage.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum kv_tri {
    KV_TRI_NULL,
    KV_TRI_FALSE,
    KV_TRI_TRUE,
};
enum kv_tri kv_tri(bool b);

/* By error class (config.h), which is the order of retry_counts. */
struct kv_retry_count {
    int64_t used, budget;
};

enum kv_caveat { /* bits */
    KV_CAVEAT_PARTIAL_CONTENT = 1,
    KV_CAVEAT_EMBEDDING_OVERRIDE = 2,
    KV_CAVEAT_PARSE_DECISION_MALFORMED = 4,
    /* retries_used is derived from retry_counts */
};

struct kv_result_builder_message {
    const char *role; /* system, user, assistant, tool */
    struct kv_slice content;
};

enum { KV_WARNINGS_MAX = 50, KV_USAGE_MAX = 8 };

struct kv_result_builder_rubric {
    struct kv_slice strategy; /* batch, sequential */
    struct kv_slice llm_scores_json, llm_labels_json, regex_scores_json, callable_scores_json;
    struct kv_slice metric_scores_json, metric_lists_json, provenance_json;
};

struct kv_result_builder {
    /* who and what */
    struct kv_slice question_id, template_id, question_json, raw_answer, keywords_json;
    struct kv_slice answering_json, parsing_json; /* identity objects (task.h) */
    struct kv_slice answering_key, parsing_key;   /* canonical model keys, for result_id */
    struct kv_slice answering_system_prompt, parsing_system_prompt, run_name;
    int64_t replicate; /* from 1; 0: null */
    bool few_shot_enabled;
    int64_t few_shot_example_count;
    char timestamp[20]; /* local time, YYYY-MM-DD HH:MM:SS */
    double execution_time;

    /* how it ended; set by kv_result_builder_fail */
    enum kv_failure failure;
    const char *failure_stage;
    struct kv_slice failure_reason;
    struct kv_slice error_message; /* p != NULL: details.error_message, whole */
    bool details_retry_counts;     /* details.retry_counts too */
    unsigned caveats;              /* enum kv_caveat */
    size_t warning_count;          /* also those beyond the maximum: they are only counted */
    struct kv_retry_count retries[KV_RETRY_CLASSES];

    /* the template block */
    struct kv_slice raw_llm_response; /* p == NULL: "" */
    const struct kv_result_builder_message *trace, *context;
    size_t trace_count, context_count;
    struct kv_slice trace_json, context_json; /* a list taken over from an earlier row wins */
    struct kv_slice parsed_gt_json, parsed_llm_json;
    bool verification_performed;
    enum kv_tri verify_result;
    struct kv_slice granular_json;
    struct kv_slice field_verification_error;
    struct kv_slice field_results_json, field_scores_json;
    struct kv_slice composition_json;
    bool regex_performed;
    struct kv_slice regex_results_json, regex_details_json, regex_extraction_json;
    enum kv_tri regex_success;
    bool response_timeout_partial, usage_unavailable;
    bool abstention_performed, abstention_override;
    enum kv_tri abstention_detected;
    struct kv_slice abstention_reasoning;
    bool sufficiency_performed, sufficiency_override;
    enum kv_tri sufficiency_detected; /* true: sufficient */
    struct kv_slice sufficiency_reasoning;
    bool has_usage;     /* false: usage_metadata is null */
    size_t usage_count; /* of usage */
    struct kv_slice agent_metrics_json;

    /* the rest */
    const struct kv_result_builder_rubric *rubric; /* NULL: null */
    struct kv_slice evaluation_input;
    bool used_full_trace;
    struct kv_slice trace_extraction_error;

    /* as many as are counted above; kv_result_builder_init leaves them as they are */
    struct kv_slice warnings[KV_WARNINGS_MAX];
    struct kv_stage_usage usage[KV_USAGE_MAX]; /* in the order of first call */
};

/* All zeros, used_full_trace true, timestamp from `start` in local time. */
void kv_result_builder_init(struct kv_result_builder *r, time_t start);

/* Sets the failure: stage is one of the names of kv-results(5), reason is stripped of white space at
 * its ends and cut to 500 characters on writing. The reason and error_message stay borrowed. */
void kv_result_builder_fail(struct kv_result_builder *r, enum kv_failure category,
    const char *stage, struct kv_slice reason);

/* Adds a warning; beyond KV_WARNINGS_MAX one last line says how many were left out. */
void kv_result_builder_warn(struct kv_result_builder *r, struct kv_slice text);

/* Adds a call to the usage of its stage; one that used no tokens and ended as usual is not
 * recorded. The stage's name must outlive the record (a literal). */
void kv_result_builder_use(struct kv_result_builder *r, const struct kv_stage_usage *u);

/* Appends the result as one line of compact JSON with its LF, members in the order of kv-results(5).
 * result_id is computed here. Text that is no UTF-8 is repaired with U+FFFD. */
void kv_result_builder_write(const struct kv_result_builder *r, struct kv_buf *out);

/* What kv_outcomes_code (outcomes.h) says of the row that is written. */
uint32_t kv_result_builder_code(const struct kv_result_builder *r);

#endif
