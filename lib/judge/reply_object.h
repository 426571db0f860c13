/* reply_object - the JSON object that a judge's reply is, or why none is certain.
 *
 * A reply may be the object alone, in a fence, among prose, almost JSON (repair.h), wrapped in an
 * envelope (envelope.h) or quoted as a string. Of several objects in prose the last one that speaks
 * of what is wanted counts, as in karenina; but not if it is one that cannot be read, nor if
 * several stand in fences or side by side and say different things. What is refused can be sent
 * back to the judge: the reason is in words that it can act on.
 *
 * Of the rules of karenina (kv.7, DEVIATIONS) this one keeps where it looks, and drops what it
 * guesses.
 */
#ifndef KV_REPLY_OBJECT_H
#define KV_REPLY_OBJECT_H

#include "envelope.h"

/* Appends the object, compact, members under the names wanted; NaN and infinities may stand in it.
 * -1 with KV_INPUT. */
int kv_reply_object(
    struct kv_slice reply, const struct kv_wanted *wanted, struct kv_buf *out, struct kv_err *err);

#endif
