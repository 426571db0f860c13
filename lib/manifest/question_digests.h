/* question_digests - what the questions of a run said when it was begun, so that a change is named.
 *
 * A state carries sixteen hexadecimal digits a question, eight for its id and eight for its content
 * (kv_question_digest), sorted, and likewise for the global rubric, under the id "". Their order in
 * the benchmark does not count, nor do questions that were never part of the run.
 *
 *     struct kv_question_digests *of = kv_question_digests_of(bench, named);
 *     kv_question_digests_add(&hex, of);
 *     … later: kv_question_digests_compare(kv_slice_of(&hex), bench, &changes);
 *     kv_question_changes_release(&changes);
 */
#ifndef KV_QUESTION_DIGESTS_H
#define KV_QUESTION_DIGESTS_H

#include "bench.h"

#include <stdbool.h>
#include <stddef.h>

/* Those of the named questions (`named` by their place) and of the global rubric. The benchmark is not
 * needed then: both and the digits would be much of a large one. */
struct kv_question_digests;
struct kv_question_digests *kv_question_digests_of(const struct kv_bench *bench, const bool *named);
/* Appends the digits, and frees what they are of. */
void kv_question_digests_add(struct kv_buf *hex, struct kv_question_digests *of);

struct kv_question_changes {
    size_t changed;     /* questions that say something else now, or whose global rubric does */
    size_t gone;        /* that are no longer there */
    struct kv_buf ids;  /* of the first of the changed ones: "q6, q7" */
    struct kv_buf json; /* of all: items of a JSON array */
};

/* Compares a benchmark with digits of a state. Digits that are none, or cut off, are passed over. */
void kv_question_digests_compare(
    struct kv_slice hex, const struct kv_bench *bench, struct kv_question_changes *changes);
void kv_question_changes_release(struct kv_question_changes *changes);

/* Appends them for people: "2 questions have changed since the run was begun: q6, q7". */
void kv_question_changes_tell(struct kv_buf *out, const struct kv_question_changes *changes);

#endif
