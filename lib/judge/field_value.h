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

/* Appends what a shape takes, in words: "a list of strings". */
void kv_field_value_describe(struct kv_slice shape, struct kv_buf *out);

#endif
