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

#include <stdbool.h>
#include <stddef.h>

struct kv_re;

/* NULL, with re's words for what is wrong, if the pattern does not compile. */
struct kv_re *kv_re_open(struct kv_slice pattern, unsigned flags, struct kv_err *err);

/* The same for a pattern whose cost is known beforehand, because it is short, repeats no group, looks
 * around nowhere and refers to no group. NULL for any other too; *err need not be filled then. */
struct kv_re *kv_re_open_bounded(struct kv_slice pattern, unsigned flags, struct kv_err *err);

/* Of such a pattern: true if counting in a text of so many bytes takes less than a second at worst. */
bool kv_re_is_quick(const struct kv_re *p, size_t bytes);
void kv_re_close(struct kv_re *p); /* NULL is fine */

/* The number of non-overlapping matches as re.findall counts them, up to `most` (1: re.search).
 * -1 with KV_INPUT if matching was given up. */
long kv_re_count(const struct kv_re *p, struct kv_slice text, long most, struct kv_err *err);

/* The flags of an array of names of the module re: unknown names are ignored; a name that is no
 * flag (compile) is -1. */
int kv_re_flags(struct kv_slice names, unsigned *flags, struct kv_err *err);

#endif
