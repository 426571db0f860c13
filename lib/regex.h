/* regex - would Python's `re` compile this pattern.
 *
 * A check of syntax only, so that a benchmark with a broken pattern is refused when it is loaded
 * and not task by task. It knows the grammar of `re` and matches nothing: matching is verify's.
 */
#ifndef KV_REGEX_H
#define KV_REGEX_H

#include "buf.h"

/* NULL if the pattern is right, else what is wrong with it ("nothing to repeat"), a constant, and
 * *at the byte position. */
const char *kv_regex_error(struct kv_slice pattern, size_t *at);

#endif
