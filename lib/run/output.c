/* output - results handed to the reader of a run, and what the user is told beside them. */
#include "output.h"

#include <errno.h>

enum { TOLD_MAX = 5 }; /* tasks told of one by one */

static void say(struct kv_output *d, const char *format, va_list ap)
{
    struct kv_buf text = {0};
    kv_buf_vprintf(&text, format, ap);
    d->say(d->closure, text.p);
    kv_buf_release(&text);
}

void kv_output_say(struct kv_output *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(d, format, ap);
    va_end(ap);
}

void kv_output_tell(struct kv_output *d, const char *format, ...)
{
    va_list ap;
    if (d->told++ >= TOLD_MAX)
        return;
    va_start(ap, format);
    say(d, format, ap);
    va_end(ap);
}

static void break_off(struct kv_output *d, const struct kv_err *err)
{
    d->broken = true;
    d->reader_gone = err->sys == EPIPE;
    d->lost = true;
    if (!d->reader_gone)
        kv_output_say(d, "%s", err->text);
}

void kv_output_put(struct kv_output *d, struct kv_slice line)
{
    struct kv_err err;
    if (d->broken)
        return;
    if (kv_out_queue_put(d->out, line, &err) == 0)
        d->results++;
    else
        break_off(d, &err);
}

size_t kv_output_held(const struct kv_output *d)
{
    return kv_out_queue_held(d->out);
}

bool kv_output_waits(const struct kv_output *d)
{
    return !d->broken && !d->forsaken && kv_out_queue_held(d->out) > 0;
}

void kv_output_poll(const struct kv_output *d, struct pollfd *fd)
{
    *fd = (struct pollfd){
        .fd = d->broken ? -1 : kv_out_queue_fd(d->out), .events = kv_output_waits(d) ? POLLOUT : 0};
}

void kv_output_polled(struct kv_output *d, const struct pollfd *fd)
{
    struct kv_err err = {.kind = KV_SYSTEM, .sys = EPIPE};
    if (fd->revents & (POLLERR | POLLHUP | POLLNVAL)) /* nobody reads any more */
        break_off(d, &err);
    else if (fd->events && fd->revents && kv_out_queue_flush(d->out, &err) != 0)
        break_off(d, &err);
}

void kv_output_end(struct kv_output *d)
{
    size_t lines = d->broken ? 0 : kv_out_queue_lines(d->out);
    if (lines == 0)
        return;
    d->lost = true;
    if (d->kept_in)
        kv_output_say(d,
            "%zu result%s not taken by the reader of stdout: the replies are kept in %s", lines,
            lines == 1 ? " was" : "s were", d->kept_in);
    else
        kv_output_say(d, "%zu result%s not taken by the reader of stdout, and lost", lines,
            lines == 1 ? " was" : "s were");
}
