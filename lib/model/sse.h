/* sse - server-sent events: the framing of streamed replies, cut into events as the bytes come.
 *
 * Bytes go in as they arrive, cut anywhere; events come out. The events are the same wherever the
 * bytes were cut. What an event means is the business of `stream` and `protocol`. Kept of a reply
 * is only the event under way.
 *
 *     struct kv_sse s = {0};
 *     while ((got = kv_sse_take(&s, &bytes, &event)) == KV_SSE_EVENT)
 *         … event …
 *     kv_sse_release(&s);
 *
 * Lines end in LF, CR LF or CR; a byte-order mark at the start, comments, and fields other than
 * `data` are passed over; the data lines of an event are joined by LF; an event without data is
 * none, and neither is one cut off by the end of the text.
 */
#ifndef KV_SSE_H
#define KV_SSE_H

#include "buf.h"

#include <stdbool.h>

enum { KV_SSE_MAX = 8 << 20 }; /* bytes of one event */

struct kv_sse {
    /* private; zero to begin */
    struct kv_buf data, line; /* of the event, and of the line, under way */
    bool any;                 /* the event has data */
    bool begun;               /* the first line is over: a byte-order mark is none any more */
    bool cr;                  /* the last byte was CR: an LF would belong to it */
    bool told;                /* `data` was handed out */
};
void kv_sse_release(struct kv_sse *s);

enum kv_sse_step {
    KV_SSE_MORE,      /* all bytes are used up */
    KV_SSE_EVENT,     /* *event is one; stays until the next call */
    KV_SSE_TOO_LARGE, /* an event beyond KV_SSE_MAX: there is nothing to go on with */
};
/* Takes bytes off the front of *bytes until an event is complete or none are left. */
enum kv_sse_step kv_sse_take(struct kv_sse *s, struct kv_slice *bytes, struct kv_slice *event);

/* What a reply looks like by its first bytes. */
enum kv_sse_look { KV_SSE_UNDECIDED, KV_SSE_STREAM, KV_SSE_DOCUMENT };
enum kv_sse_look kv_sse_look(struct kv_slice beginning);

#endif
