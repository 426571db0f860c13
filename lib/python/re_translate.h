/* re_translate - a pattern of Python's `re` in Oniguruma's words.
 *
 * Everything the two read differently is made explicit: anchors, the dot, \w \d \s \b, groups by
 * number, {,n}, possessive repeats, flags, and case, which becomes classes. The result means the
 * same without any option, in the syntax that re.h sets up. Mistakes are found here, in re's
 * words.
 */
#ifndef KV_RE_TRANSLATE_H
#define KV_RE_TRANSLATE_H

#include "buf.h"
#include "err.h"
#include "re_class.h"

/* Appends the translation, and says what a search can cost. -1 with what is wrong and where ("nothing
 * to repeat at position 0"). */
int kv_re_translate(struct kv_slice pattern, unsigned flags, struct kv_buf *out,
    struct kv_re_cost *cost, struct kv_err *err);

#endif
