/* rescue - what was read and cannot be kept at the moment, in a file of its own beside the pair. */
#include "rescue.h"

#include "io_at.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A name that nobody has: another process of our number may have left one. */
static int make(struct kv_rescue *r, const char *output, struct kv_err *err)
{
    struct kv_buf path = {0};
    int fd = -1;
    for (int n = 0; fd < 0 && (n == 0 || errno == EEXIST) && n < 1000; n++) {
        kv_buf_clear(&path);
        kv_buf_printf(&path, "%s.rescue-%ld", output, (long)getpid());
        if (n)
            kv_buf_printf(&path, "-%d", n);
        kv_buf_add_str(&path, ".jsonl");
        fd = open(path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        kv_err_sys(err, "%s", path.p);
        kv_buf_release(&path);
        return -1;
    }
    *r = (struct kv_rescue){.path = kv_buf_detach(&path), .fd = fd};
    return 0;
}

int kv_rescue_save(struct kv_rescue *r, const char *output, struct kv_slice line,
    struct kv_lines *lines, struct kv_err *err)
{
    bool first = !r->path;
    if (first && make(r, output, err) != 0)
        return -1;
    if (first &&
        (kv_io_write(r->fd, line, err) != 0 || kv_io_write(r->fd, KV_SLICE("\n"), err) != 0))
        return kv_err_context(err, "%s", r->path);
    struct kv_slice rest = kv_lines_take_in(lines);
    struct kv_slice more = {rest.p + r->saved, rest.n - r->saved};
    if (!first && !more.n)
        return 0;
    r->saved = rest.n;
    if (kv_io_write(r->fd, more, err) != 0 || kv_io_sync(r->fd, err) != 0)
        return kv_err_context(err, "%s", r->path);
    return 0;
}

void kv_rescue_leave(struct kv_rescue *r)
{
    if (r->path)
        close(r->fd);
    free(r->path);
    *r = (struct kv_rescue){0};
}

void kv_rescue_drop(struct kv_rescue *r)
{
    if (r->path)
        unlink(r->path);
    kv_rescue_leave(r);
}
