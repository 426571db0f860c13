/* out_queue - results on their way to a reader that may be slow, without waiting for it. */
#include "out_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPENT_MAX = 1 << 20 }; /* bytes that are out and still in front of what is held */

/* A description of our own of what a descriptor stands for, which may be made non-blocking; or -1.
 * That the reader has gone shows at the first write, as ever. */
static int open_again(int fd)
{
    char path[64];
    struct stat st;
    if (fstat(fd, &st) != 0 || !(S_ISFIFO(st.st_mode) || isatty(fd)))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int kv_out_queue_open(struct kv_out_queue *o, int fd, const char *name, struct kv_err *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return kv_err_device(err, name, EBADF);
    int again = open_again(fd);
    *o = (struct kv_out_queue){.name = name, .fd = again >= 0 ? again : fd, .own = again >= 0};
    return 0;
}

void kv_out_queue_close(struct kv_out_queue *o)
{
    if (o->own)
        close(o->fd);
    kv_buf_release(&o->held);
    *o = (struct kv_out_queue){.fd = -1};
}

/* Writes what can be written now and answers how much; -1 on failure. */
static ssize_t push(const struct kv_out_queue *o, const char *bytes, size_t n, struct kv_err *err)
{
    size_t out = 0;
    while (out < n) {
        ssize_t got = write(o->fd, bytes + out, n - out);
        if (got >= 0)
            out += (size_t)got;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            return kv_err_device(err, o->name, errno);
    }
    return (ssize_t)out;
}

int kv_out_queue_flush(struct kv_out_queue *o, struct kv_err *err)
{
    if (o->at == o->held.n)
        return 0;
    ssize_t n = push(o, o->held.p + o->at, o->held.n - o->at, err);
    if (n < 0)
        return -1;
    o->at += (size_t)n;
    if (o->at == o->held.n) {
        kv_buf_clear(&o->held);
        o->at = 0;
    } else if (o->at > SPENT_MAX) {
        kv_buf_cut(&o->held, 0, o->at);
        o->at = 0;
    }
    return 0;
}

int kv_out_queue_put(struct kv_out_queue *o, struct kv_slice line, struct kv_err *err)
{
    if (kv_out_queue_flush(o, err) != 0)
        return -1;
    if (o->held.n == 0) {
        ssize_t n = push(o, line.p, line.n, err);
        if (n < 0)
            return -1;
        line.p += n;
        line.n -= (size_t)n;
    }
    kv_buf_add_slice(&o->held, line);
    return 0;
}

int kv_out_queue_fd(const struct kv_out_queue *o)
{
    return o->fd;
}

size_t kv_out_queue_held(const struct kv_out_queue *o)
{
    return o->held.n - o->at;
}

size_t kv_out_queue_lines(const struct kv_out_queue *o)
{
    size_t lines = 0;
    for (size_t i = o->at; i < o->held.n; i++)
        lines += o->held.p[i] == '\n';
    return lines;
}
