/* pystr - Unicode texts as Python sees them: white space, length, karenina's normalizers.
 *
 * Texts are UTF-8 in which a lone surrogate may stand in its generalised form (json.h).
 */
#ifndef KV_PYSTR_H
#define KV_PYSTR_H

#include "buf.h"

#include <stddef.h>
#include <stdint.h>

/* The character at *p, which moves on. A byte that is no UTF-8 is itself. */
uint32_t kv_pystr_next(const char **p, const char *end);

/* Without white space at both ends, as str.strip() leaves a text, or at its end. They look at the
 * ends only, however long it is. */
struct kv_slice kv_pystr_strip(struct kv_slice text);
struct kv_slice kv_pystr_strip_end(struct kv_slice text);

size_t kv_pystr_chars(struct kv_slice text); /* code points */
size_t kv_pystr_words(struct kv_slice text); /* separated by white space */

/* Applies normalizers, a JSON array (kv-benchmark(5)), to *text in place. -1 with the first
 * one that is not known. */
int kv_pystr_normalize(struct kv_slice normalizers, struct kv_buf *text, struct kv_slice *unknown);

#endif
