/* extract - finds what was meant in a model's text: the JSON in a reply, the last message of a
 * trace.
 *
 * Texts only; what the JSON should look like is known elsewhere. Source: lib/pipeline/README.md.
 */
#ifndef KV_EXTRACT_H
#define KV_EXTRACT_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

/* The part of a judge's reply that karenina would take for its JSON: the whole text, the first
 * fenced block that begins like JSON (valid or not), or the last valid {…} in it. Borrowed from
 * `text`. False: none. */
bool kv_extract_json(struct kv_slice text, struct kv_slice *found);

/* The variant for checks (abstention, sufficiency, rubric), which always finds something: the first
 * fence of any language, the last valid {…}, or the text without half-open fences. */
struct kv_slice kv_extract_check(struct kv_slice text);

/* The last valid {…}; false if there is none. */
bool kv_extract_object(struct kv_slice text, struct kv_slice *found);

/* Appends the JSON object of a reply, compact: what karenina would take, else what `repair` makes
 * of it. NaN and Infinity may stand in it. -1 with KV_INPUT. */
int kv_extract_reply(struct kv_slice text, struct kv_buf *out, struct kv_err *err);

/* The last message of a raw trace, which must be the assistant's. Borrowed. -1 with KV_INPUT and
 * karenina's reason (the pipeline prefixes "Failed to extract final AI message: "). */
int kv_extract_message(struct kv_slice trace, struct kv_slice *message, struct kv_err *err);

#endif
