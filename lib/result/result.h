/* result - one VerificationResult as it arrives: whether it is one, whose it is, how it ended.
 *
 * Owns the schema of a result row (kv-results(5)): which members it has, in which order, of which
 * type, with which defaults. Refuses to know where rows are kept and how
 * a run is counted. The making of new rows is result_builder.h.
 *
 *     struct kv_result row;
 *     if (kv_result_read(line, 0, &row, &err) != 0)       // line: one JSON value, unchecked bytes
 *         … err says where: "metadata.failure.category: not a failure category" …
 *     else if (row.preview)
 *         … not a result: ignore it …
 *     else
 *         kv_result_key(&row, &key);                      // the task it belongs to
 *
 * A row stays the bytes that came in. What struct kv_result holds are slices of them: JSON values
 * as written, strings with their quotes and escapes (kv_json_unescape gives the text), absent and
 * null members as empty slices (n == 0).
 *
 * Two kinds of row are accepted. An object with a string member "task_id" belongs to a manifest of
 * any JSON jobs: that string is its key and nothing else is demanded of it (row.generic). Any other
 * object must be a VerificationResult by karenina's rules: types with its coercions, no unknown
 * member in metadata, metadata.failure and the identities, unknown members elsewhere ignored.
 */
#ifndef KV_RESULT_H
#define KV_RESULT_H

#include "buf.h"
#include "err.h"
#include "failure.h"
#include "reformat.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- a row as read ---- */

enum kv_result_count { KV_RESULT_INPUT, KV_RESULT_OUTPUT, KV_RESULT_TOTAL, KV_RESULT_COUNTS };

struct kv_result {
    struct kv_slice text;     /* the whole object, without white space around it */
    bool generic;             /* has a task_id; the members below may then be empty */
    bool preview;             /* empty metadata.timestamp: not a result, never kept */
    enum kv_failure failure;  /* KV_FAIL_NONE: none */
    struct kv_slice task_id;  /* of a generic row, */
    struct kv_slice response; /* and its member of this name: the reply to a request */
    struct kv_slice metadata, template, rubric; /* the blocks; empty if null */
    struct kv_slice question_id, scenario_id, scenario_turn, replicate, timestamp, result_id;
    struct kv_slice answering, parsing; /* identity objects */
    struct kv_slice failure_stage, failure_reason;
    struct kv_slice verify_result, raw_llm_response, usage; /* usage: template.usage_metadata, */
    struct kv_slice usage_answer, finish, dropped; /* its answer_generation, and what that says */
    struct kv_slice total[KV_RESULT_COUNTS];       /* members of its total */
    struct kv_slice warnings;                      /* of the metadata */
    bool partial;                                  /* a time limit cut off its answer */
};

/* A flag beside those of json.h: the line is one checked value without white space around it, as
 * from kv_rows_next. */
enum { KV_RESULT_CHECKED = 1 << 16 };

/* Checks one row and finds its parts. `line` may have white space around the value. NaN, Infinity
 * and -Infinity are refused by name, unless `flags` has KV_JSON_NONFINITE (json.h): older karenina
 * wrote them. Returns 0, or -1 with KV_INPUT and a text that starts with the place: "1:17: …" where
 * the JSON is wrong, "metadata.answering.x: …" where the result is. *result is then undefined. */
int kv_result_read(
    struct kv_slice line, unsigned flags, struct kv_result *result, struct kv_err *err);

/* Appends the key of the row's task: its task_id, or the key built from scenario or question,
 * identities and replicate (task.h). Cannot fail for a row that was read. */
void kv_result_key(const struct kv_result *result, struct kv_buf *key);

/* The same for many rows: the keys of the models of one, which the next mostly has too. Begins as zero. */
struct kv_model_keys {
    struct kv_buf models, keys;
};
void kv_result_key_after(
    const struct kv_result *result, struct kv_model_keys *last, struct kv_buf *key);
void kv_model_keys_release(struct kv_model_keys *last);

/* True of a row of a scenario: its scenario_id is there and is not "". */
bool kv_result_has_scenario(const struct kv_result *result);

/* True of a failure. For a VerificationResult: metadata.failure is not null (also a wrong answer).
 * For a generic row: it has a "failure" other than null and false, or an "error" other than null. */
bool kv_result_failed(const struct kv_result *result);
/* True if a time limit cut off its answer. */
bool kv_result_is_partial(const struct kv_result *result);

/* How it ended, in one word, the same wherever results are counted or exported. */
enum kv_result_outcome {
    KV_RESULT_PASSED,       /* a verdict, and it is true */
    KV_RESULT_WRONG,        /* a verdict, and it is false */
    KV_RESULT_DECLINED,     /* the model would not answer */
    KV_RESULT_INSUFFICIENT, /* the answer lacks what the template asks for: counts as wrong */
    KV_RESULT_ERROR,        /* no answer, or none that was judged: says nothing about the model */
    KV_RESULT_UNSCORED,     /* no failure and no verdict: rubrics only, or a generic row */
};
enum { KV_RESULT_OUTCOMES = KV_RESULT_UNSCORED + 1 };

/* A failure decides, then the verdict. The failure "sufficiency" of a row that passed, which
 * karenina writes (kv(7), DEVIATIONS), is no failure of the answer. */
enum kv_result_outcome kv_result_outcome(const struct kv_result *result);
const char *kv_result_outcome_name(enum kv_result_outcome outcome); /* "passed", "wrong", … */

/* True if it completes its task. Every result does, failures included, but two: a preview, and an
 * answer whose judge could not be reached (failure of group retry at a judging stage, raw response
 * not blank): that row keeps the answer, and its task stays pending so that only judging is left.
 */
bool kv_result_settles(const struct kv_result *result);

/* The sum of all stages as the row states it (usage_metadata.total); of the result of a request,
 * what its reply says. False if neither says anything, which a row may tell by zeros: *tokens are then zeros. */
struct kv_tokens {
    int64_t input, output, total;
};
bool kv_result_tokens(const struct kv_result *result, struct kv_tokens *tokens);

/* Appends the row as karenina would write it after reading it: members in its order, defaults
 * filled in, types coerced, unknown members dropped, failure.group computed. The row must have been
 * read and not be generic. For comparisons and for the CSV export; rows on disk are never rewritten
 * so. */
void kv_result_dump(
    struct kv_buf *out, const struct kv_result *result, enum kv_reformat_style style);

/* ---- identity of a result ---- */

enum { KV_RESULT_ID_HEX = 16 };

/* What result_id is made of. Keys are canonical model keys (task.h). Text slices are plain UTF-8;
 * p == NULL means null. */
struct kv_result_name {
    struct kv_slice question_id, answering_key, parsing_key, timestamp;
    bool has_replicate;
    int64_t replicate;
    struct kv_slice scenario_id, scenario_node;
    bool has_turn;
    int64_t scenario_turn;
};
void kv_result_id(const struct kv_result_name *name, char hex[KV_RESULT_ID_HEX + 1]);

#endif
