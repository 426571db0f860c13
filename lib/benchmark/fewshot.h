/* fewshot - which examples stand before a question.
 *
 * Pure: the few_shot object of a configuration and the question's own list of examples in, the list
 * to show out (kv-config(5)). Sampling reproduces CPython's generator seeded with the
 * question's id, so that a run begun elsewhere shows the same examples.
 */
#ifndef KV_FEWSHOT_H
#define KV_FEWSHOT_H

#include "buf.h"

#include <stdbool.h>

/* True if examples may be shown at all (an object is given and its source is not "disabled"). */
bool kv_fewshot_enabled(struct kv_slice few_shot);

/* Appends the examples for a question as a JSON array of objects as they were written. `few_shot`
 * is the canonical object of the configuration (p == NULL: none), `pool` the question's array (n ==
 * 0: none). */
void kv_fewshot_resolve(struct kv_slice few_shot, struct kv_slice question_id, struct kv_slice pool,
    struct kv_buf *out);

#endif
