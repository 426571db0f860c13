/* sink - where a report goes that is too long to be held: bytes collected, and written in large
 * pieces.
 */
#include "sink.h"

#include "io.h"

enum { MUCH = 1 << 18 };

static void flush(struct kv_sink *s)
{
    if (!s->failed && kv_io_write(s->fd, kv_slice_of(&s->held), &s->err) != 0)
        s->failed = true;
    s->written += s->held.n;
    kv_buf_clear(&s->held);
}

void kv_sink_step(struct kv_sink *s)
{
    if (s->held.n >= MUCH)
        flush(s);
}

int kv_sink_end(struct kv_sink *s, struct kv_err *err)
{
    flush(s);
    kv_buf_release(&s->held);
    return s->failed ? kv_err_copy(err, &s->err) : 0;
}
