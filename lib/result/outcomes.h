/* outcomes - how results ended, counted: the same words wherever a run is looked at.
 *
 *     passed   a verdict, and it is true
 *     wrong    a verdict, and it is false; also an answer that lacks what was asked for
 *     declined the model would not answer
 *     errors   no answer, or none that was judged: says nothing about the model
 *     unscored no failure and no verdict: rubrics only, results of other jobs
 *
 * Beside these, how many answers are not what they seem (marks.h), whatever became of them. What a
 * row adds fits into one number, its code, so that a table of tasks can keep it and take it back
 * when a newer row supersedes it.
 */
#ifndef KV_OUTCOMES_H
#define KV_OUTCOMES_H

#include "marks.h"

struct kv_outcomes {
    int64_t passed, wrong, declined, errors, unscored;
    int64_t marks[KV_MARKS];
};

/* Never 0, which is the code of no row. */
uint32_t kv_outcomes_code(const struct kv_result *row);
uint32_t kv_outcomes_pack(
    enum kv_result_outcome outcome, unsigned marks); /* the same of its parts */
enum kv_result_outcome kv_outcomes_outcome(uint32_t code);

bool kv_outcomes_mark(uint32_t code, enum kv_mark mark); /* true if it is in the code */

/* Adds a code so many times: 1, or -1 to take it back. */
void kv_outcomes_add(struct kv_outcomes *o, uint32_t code, int times);

/* Appends members without braces: "passed_count":…,"wrong_count":…,"declined_count":…,
 * "error_count":…,"unscored_count":…, and for each mark "truncated_count":…, … */
void kv_outcomes_add_json(struct kv_buf *out, const struct kv_outcomes *o);

/* Appends "20 passed, 3 wrong, 1 declined, 0 errors", and the unscored if there are any. */
void kv_outcomes_add_words(struct kv_buf *out, const struct kv_outcomes *o);

/* Appends the marks that occur, in words: "2 stopped at the token limit, 1 from another model";
 * nothing if there are none. */
void kv_outcomes_add_marks(struct kv_buf *out, const struct kv_outcomes *o);

#endif
