/* pattern - Python's regular expressions, run by Oniguruma.
 *
 * Patterns in templates and rubrics are written for Python's `re`. pattern_syntax translates
 * them, this compiles and matches. A match that backtracks without end is given up with an error.
 * The only module that includes <oniguruma.h>.
 */
#ifndef KV_PATTERN_H
#define KV_PATTERN_H

#include "buf.h"
#include "err.h"
#include "pattern_syntax.h"

struct kv_pattern;

/* NULL, with re's words for what is wrong, if the pattern does not compile. */
struct kv_pattern *kv_pattern_open(struct kv_slice pattern, unsigned flags, struct kv_err *err);
void kv_pattern_close(struct kv_pattern *p); /* NULL is fine */

/* The number of non-overlapping matches as re.findall counts them, up to `most` (1: re.search).
 * -1 with KV_INPUT if matching was given up. */
long kv_pattern_count(
    const struct kv_pattern *p, struct kv_slice text, long most, struct kv_err *err);

/* The flags of an array of names of the module re: unknown names are ignored; a name that is no
 * flag (compile) is -1. */
int kv_pattern_flags(struct kv_slice names, unsigned *flags, struct kv_err *err);

#endif
