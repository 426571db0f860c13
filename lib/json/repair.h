/* repair - strict JSON made of what is almost JSON, where only one reading is possible.
 *
 * Models write Python literals, trailing commas, bare keys, comments, typographic quotes,
 * full-width punctuation. What means the same is read as the same. What would have to be guessed is
 * refused, with the reason in words that a model can act on: a number or a text that may be cut
 * off, digits in groups, a quote inside a text, a lost backslash, a word without quotes, a list
 * without its end. Nothing is dropped and nothing is made up.
 *
 *     struct kv_repaired r;
 *     if (kv_repair_object(text, &out, &r, &err) == 0)      // text begins with a brace
 *         … out: strict JSON but for NaN and infinities; r.end: behind what was read …
 */
#ifndef KV_REPAIR_H
#define KV_REPAIR_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct kv_repaired {
    const char *end; /* in the text, behind the object */
    bool closed;     /* false: the text ended behind a complete member, without the last brace */
};

/* The length of the brace with which an object begins here; 0 if none does. */
size_t kv_repair_opening(struct kv_slice text);

/* Appends the object that `text` begins with. -1 with KV_INPUT and *out as it was. */
int kv_repair_object(
    struct kv_slice text, struct kv_buf *out, struct kv_repaired *r, struct kv_err *err);

/* Whether a value that is strict JSON is doubtful all the same: -1 with KV_INPUT if an escape in a
 * text is more likely a lost backslash (\frac read as a form feed and "rac"). */
int kv_repair_doubt(struct kv_slice value, struct kv_err *err);

#endif
