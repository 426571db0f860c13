/* delivery - results handed to the reader of a run, and what the user is told beside them. */
#include "delivery.h"

#include <errno.h>

enum { TOLD_MAX = 5 }; /* tasks told of one by one */

static void say(struct kv_delivery *d, const char *format, va_list ap)
{
    struct kv_buf text = {0};
    kv_buf_vprintf(&text, format, ap);
    d->say(d->closure, text.p);
    kv_buf_release(&text);
}

void kv_delivery_say(struct kv_delivery *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(d, format, ap);
    va_end(ap);
}

void kv_delivery_tell(struct kv_delivery *d, const char *format, ...)
{
    va_list ap;
    if (d->told++ >= TOLD_MAX)
        return;
    va_start(ap, format);
    say(d, format, ap);
    va_end(ap);
}

static void break_off(struct kv_delivery *d, const struct kv_err *err)
{
    d->broken = true;
    d->reader_gone = err->sys == EPIPE;
    d->lost = true;
    if (!d->reader_gone)
        kv_delivery_say(d, "%s", err->text);
}

void kv_delivery_put(struct kv_delivery *d, struct kv_slice line)
{
    struct kv_err err;
    if (d->broken)
        return;
    if (kv_outlet_put(d->out, line, &err) == 0)
        d->results++;
    else
        break_off(d, &err);
}

size_t kv_delivery_held(const struct kv_delivery *d)
{
    return kv_outlet_held(d->out);
}

bool kv_delivery_waits(const struct kv_delivery *d)
{
    return !d->broken && !d->forsaken && kv_outlet_held(d->out) > 0;
}

void kv_delivery_poll(const struct kv_delivery *d, struct pollfd *fd)
{
    *fd = (struct pollfd){
        .fd = d->broken ? -1 : kv_outlet_fd(d->out), .events = kv_delivery_waits(d) ? POLLOUT : 0};
}

void kv_delivery_polled(struct kv_delivery *d, const struct pollfd *fd)
{
    struct kv_err err = {.kind = KV_SYSTEM, .sys = EPIPE};
    if (fd->revents & (POLLERR | POLLHUP | POLLNVAL)) /* nobody reads any more */
        break_off(d, &err);
    else if (fd->events && fd->revents && kv_outlet_flush(d->out, &err) != 0)
        break_off(d, &err);
}

void kv_delivery_end(struct kv_delivery *d)
{
    size_t lines = d->broken ? 0 : kv_outlet_lines(d->out);
    if (lines == 0)
        return;
    d->lost = true;
    kv_delivery_say(d, "%zu result%s not taken by the reader of stdout, and lost", lines,
        lines == 1 ? " was" : "s were");
}
