/* sink - where a report goes that is too long to be held: bytes collected, and written in large
 * pieces.
 */
#include "sink.h"

#include "io.h"

enum { MUCH = 1 << 18 };

/* Writes the first n bytes. */
static void flush(struct kv_sink *s, size_t n)
{
    struct kv_slice bytes = {s->held.p, n};
    if (!s->failed && kv_io_write(s->fd, bytes, &s->err) != 0)
        s->failed = true;
    s->written += n;
    kv_buf_cut(&s->held, 0, n);
}

void kv_sink_step(struct kv_sink *s)
{
    if (s->held.n >= MUCH)
        flush(s, s->held.n - 1);
}

int kv_sink_end(struct kv_sink *s, struct kv_err *err)
{
    flush(s, s->held.n);
    kv_buf_release(&s->held);
    return s->failed ? kv_err_copy(err, &s->err) : 0;
}
