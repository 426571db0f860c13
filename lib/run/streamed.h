/* streamed - the streamed attempts that are under way, and which of their clocks runs out first.
 *
 * Every piece of every stream moves a clock, so what is kept of all clocks is a time before which
 * none runs out; they are looked at one by one only then.
 */
#ifndef KV_STREAMED_H
#define KV_STREAMED_H

#include "stream.h"

struct kv_streams {
    struct kv_streamed *first;
    int64_t clock_ms; /* before this no clock runs out */
};

struct kv_streamed {
    struct kv_stream stream;
    void *user;
    struct kv_streams *all;
    struct kv_streamed *next, *prev;
};

struct kv_streamed *kv_streamed_begin(struct kv_streams *all, void *user,
    const struct kv_response_to *to, const struct kv_stream_limits *limits, int64_t now_ms);
/* A piece of the body; false: no more of it is wanted. */
bool kv_streamed_take(struct kv_streamed *s, int status, struct kv_slice bytes, int64_t now_ms);
/* One whose clock has run out, still among them; NULL: none has. */
struct kv_streamed *kv_streamed_expired(struct kv_streams *all, int64_t now_ms);

/* Its attempt is over: it is not among them any more, and the caller's to close. */
void kv_streamed_detach(struct kv_streams *all, struct kv_streamed *s);
void kv_streamed_close(struct kv_streamed *s);

#endif
