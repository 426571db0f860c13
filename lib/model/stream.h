/* stream - one streamed call from its request to its last byte: what came, and four clocks.
 *
 * The bytes of a reply go in as they arrive, with the time; out comes a reply as from a whole body,
 * or, when a clock has run out or the connection broke, one that says so and holds the text that
 * had come. A server that ignores the wish for a stream and sends one document is understood too.
 *
 * The clocks: `total` runs from the start. `first` runs until the answer begins, anew from each
 * progress while the model thinks, and does not run out before `total` while the server shows signs
 * of life. `idle` runs once text comes, anew from each progress; signs of life do not help it. The
 * fourth is that of life itself: how long a comment or ping counts as one (`life`).
 *
 *     kv_stream_begin(&s, &to, &limits, now_ms);
 *     … request.take = kv_stream_take's caller …     for each piece of the body
 *     if (now_ms >= kv_stream_due_ms(&s)) { kv_http_cancel(…); kv_stream_expire(&s, now_ms); }
 *     else at the end of the transfer: kv_stream_end(&s, &done);
 *     … s.reply …
 *     kv_stream_release(&s);
 *
 * It reads no clock: times are milliseconds of any monotonic one.
 */
#ifndef KV_STREAM_H
#define KV_STREAM_H

#include "events.h"
#include "response.h"

struct kv_stream_limits {
    int64_t first_ms, idle_ms, total_ms;
    int64_t life_ms; /* 0: KV_STREAM_LIFE_MS */
};
enum {
    KV_STREAM_LIFE_MS = 60000,
    KV_STREAM_TAIL_MS = 1000,  /* behind the end marker, for the end of the body */
    KV_STREAM_SOON_MS = 500,   /* behind the first token: from then on pieces are taken soon, … */
    KV_STREAM_LATER_MS = 2000, /* … and from then on later */
};

/* What was measured; -1: did not come. Times from the start. */
struct kv_stream_measures {
    int64_t first_byte_ms, first_token_ms, first_text_ms, last_ms; /* last: progress */
    int64_t gap_ms;                                                /* the longest between two */
    size_t progress, bytes;
};

struct kv_stream {
    struct kv_response reply; /* complete after kv_stream_end or kv_stream_expire */
    struct kv_stream_measures measures;
    /* private */
    struct kv_response_to to;
    struct kv_stream_limits limits;
    struct kv_events events;
    struct kv_buf whole; /* a document, or a beginning of which it is not known yet what it is */
    enum kv_sse_look look;
    int status;
    int64_t start_ms, progress_ms, life_ms, over_ms; /* over: when the end marker came; -1 */
};

void kv_stream_begin(struct kv_stream *s, const struct kv_response_to *to,
    const struct kv_stream_limits *limits, int64_t now_ms);
void kv_stream_release(struct kv_stream *s);

/* Takes a piece of the body. False: nothing further is wanted, the transfer may be given up. */
bool kv_stream_take(struct kv_stream *s, int status, struct kv_slice bytes, int64_t now_ms);

/* How soon what still comes of it is to be taken: the first token at once, and later pieces so that
 * being taken late changes what is told of the whole by less than a twentieth. */
enum kv_http_haste kv_stream_haste(const struct kv_stream *s, int64_t now_ms);

/* When a clock runs out if nothing more comes. */
int64_t kv_stream_due_ms(const struct kv_stream *s);
/* It has run out, and the transfer was given up: the reply is what had come. */
void kv_stream_expire(struct kv_stream *s, int64_t now_ms);
/* The transfer has ended, one way or the other. */
void kv_stream_end(struct kv_stream *s, const struct kv_http_done *done);

/* Output tokens a second behind the first one; 0: not to be told. */
double kv_stream_speed(const struct kv_stream *s);

#endif
