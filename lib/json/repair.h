/* repair - strict JSON made of what is almost JSON.
 *
 * Models write Python literals, trailing commas, bare keys, comments; they stop in the middle. This
 * reads such text forgivingly and writes what was meant. It never invents a value: a key whose
 * value is missing is dropped.
 */
#ifndef KV_REPAIR_H
#define KV_REPAIR_H

#include "buf.h"

#include <stdbool.h>

/* Appends the object or array that starts at the first brace of `text` (the first bracket if there
 * is no brace). False, with *out as it was, if there is none. */
bool kv_repair_json(struct kv_slice text, struct kv_buf *out);

#endif
