/* checkpoint - a benchmark as karenina saves it: JSON-LD, checked and read part by part.
 *
 * Owns the structure of kv-benchmark(5): which members must be there, what
 * types they have, which properties mean what. Unknown keys are ignored, as JSON-LD wants it;
 * scenarios are refused by name.
 *
 * The questions are most of such a document, so it comes in two kinds of parts: its top, which is
 * the document with an empty list in place of its questions, and each question by itself. Parts are
 * checked JSON. Who finds them in the file is bench.
 *
 *     kv_checkpoint_check(top, &problems);
 *     for each element: kv_checkpoint_read_question(&q, element, i, &problems);
 *     kv_checkpoint_read_rubric(&global, top, &problems);
 */
#ifndef KV_CHECKPOINT_H
#define KV_CHECKPOINT_H

#include "problem.h"
#include "question.h"

#define KV_CHECKPOINT_QUESTIONS "dataFeedElement" /* the member that lists them */

/* All return 0, or -1 with *problems. */

int kv_checkpoint_check(struct kv_slice top, struct kv_problems *problems);

/* Reads the element at `index` into *q, which is all zero and the caller's to release. */
int kv_checkpoint_read_question(
    struct kv_question *q, struct kv_slice element, size_t index, struct kv_problems *problems);

/* Reads the traits that are for all questions; appends. */
int kv_checkpoint_read_rubric(
    struct kv_rubric *global, struct kv_slice top, struct kv_problems *problems);

/* Checks an array of {"question","answer"} objects. */
int kv_checkpoint_check_examples(
    struct kv_slice examples, const struct kv_path *at, struct kv_problems *problems);

#endif
