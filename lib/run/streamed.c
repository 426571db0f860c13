/* streamed - the streamed attempts that are under way, and which of their clocks runs out first. */
#include "streamed.h"

#include <stdlib.h>

struct kv_streamed *kv_streamed_begin(struct kv_streams *all, void *user,
    const struct kv_response_to *to, const struct kv_stream_limits *limits, int64_t now_ms)
{
    struct kv_streamed *s = kv_calloc(1, sizeof *s);
    s->user = user;
    s->all = all;
    s->next = all->first;
    if (s->next)
        s->next->prev = s;
    all->first = s;
    kv_stream_begin(&s->stream, to, limits, now_ms);
    int64_t due = kv_stream_due_ms(&s->stream);
    if (!s->next || due < all->clock_ms)
        all->clock_ms = due;
    return s;
}

bool kv_streamed_take(struct kv_streamed *s, int status, struct kv_slice bytes, int64_t now_ms)
{
    bool more = kv_stream_take(&s->stream, status, bytes, now_ms);
    int64_t due = kv_stream_due_ms(&s->stream);
    if (due < s->all->clock_ms)
        s->all->clock_ms = due;
    return more;
}

struct kv_streamed *kv_streamed_expired(struct kv_streams *all, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    if (!all->first || now_ms < all->clock_ms)
        return NULL;
    for (struct kv_streamed *s = all->first; s; s = s->next) {
        int64_t due = kv_stream_due_ms(&s->stream);
        if (due <= now_ms)
            return s;
        next = due < next ? due : next;
    }
    all->clock_ms = next;
    return NULL;
}

void kv_streamed_detach(struct kv_streams *all, struct kv_streamed *s)
{
    *(s->prev ? &s->prev->next : &all->first) = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

void kv_streamed_close(struct kv_streamed *s)
{
    kv_stream_release(&s->stream);
    free(s);
}
