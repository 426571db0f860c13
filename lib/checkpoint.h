/* checkpoint - a benchmark as karenina saves it: JSON-LD, checked and read into questions.
 *
 * Owns the structure of benchmark.md, sections 1 to 3, 5 and 6.7: which members must be there, what
 * types they have, which properties mean what. Unknown keys are ignored, as JSON-LD wants it;
 * scenarios are refused by name.
 */
#ifndef KV_CHECKPOINT_H
#define KV_CHECKPOINT_H

#include "problem.h"
#include "question.h"

/* Reads a document (checked JSON that lives as long as *b) into *b. Returns 0, or -1 with
 * *problems; *b is then half filled and the caller's to release. */
int kv_checkpoint_read(struct kv_bench *b, struct kv_slice document, struct kv_problems *problems);

/* Checks an array of {"question","answer"} objects. Returns 0, or -1 with *problems. */
int kv_checkpoint_check_examples(
    struct kv_slice examples, const struct kv_path *at, struct kv_problems *problems);

#endif
