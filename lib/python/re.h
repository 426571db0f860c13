/* re - Python's regular expressions, run by Oniguruma.
 *
 * Patterns in templates and rubrics are written for Python's `re`. re_translate.h translates them,
 * this compiles and matches. A match that backtracks without end is given up with an error. The
 * only module that includes <oniguruma.h>.
 */
#ifndef KV_RE_H
#define KV_RE_H

#include "buf.h"
#include "err.h"
#include "re_translate.h"

struct kv_re;

/* NULL, with re's words for what is wrong, if the pattern does not compile. */
struct kv_re *kv_re_open(struct kv_slice pattern, unsigned flags, struct kv_err *err);
void kv_re_close(struct kv_re *p); /* NULL is fine */

/* The number of non-overlapping matches as re.findall counts them, up to `most` (1: re.search).
 * -1 with KV_INPUT if matching was given up. */
long kv_re_count(const struct kv_re *p, struct kv_slice text, long most, struct kv_err *err);

/* The flags of an array of names of the module re: unknown names are ignored; a name that is no
 * flag (compile) is -1. */
int kv_re_flags(struct kv_slice names, unsigned *flags, struct kv_err *err);

#endif
