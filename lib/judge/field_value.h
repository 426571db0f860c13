/* field_value - one value of a judge's in the type of its field, as pydantic would take it.
 *
 * "5" is 5 to a whole number, "yes" is true (kv-benchmark(5)). Of the types of a choice
 * the one counts that the value fits best: as it is, then 5 for 5.0, then what must be converted;
 * of equal ones the first. Shapes are those of fields.h.
 */
#ifndef KV_FIELD_VALUE_H
#define KV_FIELD_VALUE_H

#include "buf.h"

#include <stdbool.h>

/* Appends the value in the shape's type, JSON with NaN and infinities. False, and nothing appended,
 * if it is of another. */
bool kv_field_value(struct kv_slice shape, struct kv_slice value, struct kv_buf *out);

/* A truth value as said: true or false, 1 or 0, or one of pydantic's words (true t yes y on 1, false
 * f no n off 0) in any case, with white space around it or a full stop behind it. False for
 * anything else, which says neither. Fields, checks and traits all read it so. */
bool kv_field_value_truth(struct kv_slice value, bool *truth);

/* A whole number as said: 4, 4.0, "4", "4.0". False for anything else, true and NaN included. */
bool kv_field_value_whole(struct kv_slice value, double *number);

/* Appends what a shape takes, in words: "a list of strings". */
void kv_field_value_describe(struct kv_slice shape, struct kv_buf *out);

#endif
