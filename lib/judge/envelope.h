/* envelope - whether a JSON value speaks of what is wanted, itself or in what it wraps.
 *
 * Judges spell a field's name in another case, put their object into {"answer": …}, into the only
 * item of a list, into a string, into a tool call, or under the "properties" of the schema they
 * were shown. Where exactly one reading is possible it is taken; a schema that was only echoed says
 * nothing.
 */
#ifndef KV_ENVELOPE_H
#define KV_ENVELOPE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

/* The members an object is to have at least one of. Names are text, not JSON. */
struct kv_wanted {
    const struct kv_slice *names;
    size_t n;              /* 0: any object speaks */
    struct kv_slice title; /* of the schema: a wrapper may be called so; n == 0: none */
};

enum kv_speaks {
    KV_SPEAKS,   /* the object was appended, its members under the names wanted */
    KV_SILENT,   /* it has none of what is wanted */
    KV_DOUBTFUL, /* it says two things; *err says which */
};

/* `value` is checked JSON. */
enum kv_speaks kv_envelope_open(
    struct kv_slice value, const struct kv_wanted *wanted, struct kv_buf *out, struct kv_err *err);

/* Appends the names, for a message: "n, s". */
void kv_envelope_add_names(const struct kv_wanted *wanted, struct kv_buf *out);

/* True if the object (as kv_envelope_open appends it) has all that is wanted. */
bool kv_envelope_has_all(struct kv_slice object, const struct kv_wanted *wanted);

#endif
