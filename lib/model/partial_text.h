/* partial_text - text that came in pieces, or not to its end.
 *
 * A server may cut its events inside a surrogate pair, and a stream may stop inside one.
 */
#ifndef KV_PARTIAL_TEXT_H
#define KV_PARTIAL_TEXT_H

#include "buf.h"

/* Makes one character of each pair of lone surrogates that stand side by side. */
void kv_partial_text_join(struct kv_buf *text);
/* Cuts off an incomplete character at the end. */
void kv_partial_text_trim(struct kv_buf *text);

#endif
