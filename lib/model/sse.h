/* sse - server-sent events: the framing of streamed replies.
 *
 * We ask for whole replies, but some servers stream regardless. Here a complete body is cut into
 * its events; what they mean is reply's business. Source: lib/model/README.md.
 */
#ifndef KV_SSE_H
#define KV_SSE_H

#include "buf.h"

#include <stdbool.h>

/* True if the text looks like events rather than like JSON. */
bool kv_sse_is(struct kv_slice body);

/* Takes the next event with data off the front of *rest: its data lines joined by LF. An event cut
 * off by the end of the text is not an event. */
bool kv_sse_next(struct kv_slice *rest, struct kv_buf *data);

#endif
