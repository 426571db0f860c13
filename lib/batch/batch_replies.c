/* batch_replies - the file of collected replies beside a ledger, NAME.replies: only ever added to. */
#include "batch_replies.h"

#include "batch_paths.h"
#include "io_at.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELD_MAX = 1 << 20, LOOK_BACK = 1 << 16 };

/* Where the last line feed ends; 0: there is none. */
static int whole_size(int fd, int64_t size, int64_t *whole, struct kv_err *err)
{
    char *block = kv_alloc(LOOK_BACK);
    int failed = 0;
    *whole = 0;
    while (!failed && size > 0 && !*whole) {
        int64_t n = size < LOOK_BACK ? size : LOOK_BACK;
        failed = kv_io_pread(fd, block, (size_t)n, (off_t)(size - n), err);
        const char *lf = failed ? NULL : memrchr(block, '\n', (size_t)n);
        size -= n;
        if (lf)
            *whole = size + (lf - block) + 1;
    }
    free(block);
    return failed;
}

static int open_at(struct kv_batch_replies *r, int dir, const char *name, struct kv_err *err)
{
    struct kv_file file;
    r->fd = kv_io_open(dir, name, KV_IO_UPDATE);
    bool fresh = r->fd < 0 && errno == ENOENT;
    if (fresh)
        r->fd = kv_io_open(dir, name, KV_IO_CREATE);
    if (r->fd < 0 || kv_io_stat(r->fd, &file) != 0)
        return kv_err_sys(err, "%s", r->path);
    if (fresh && kv_io_sync_dir(dir, err) != 0)
        return -1;
    if (whole_size(r->fd, file.id.size, &r->size, err) != 0)
        return -1;
    return r->size < file.id.size ? kv_io_truncate(r->fd, (off_t)r->size, err) : 0;
}

int kv_batch_replies_begin(
    struct kv_batch_replies *r, const struct kv_paths *paths, struct kv_err *err)
{
    char *directory, *name;
    *r = (struct kv_batch_replies){.path = kv_batch_replies_path(paths), .fd = -1};
    kv_io_split(r->path, &directory, &name);
    int dir = kv_io_dir_open(directory, err);
    int failed = dir < 0 ? -1 : open_at(r, dir, name, err);
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    if (failed) {
        kv_batch_replies_abandon(r);
        return -1;
    }
    r->digest = kv_digest_begin();
    return 0;
}

static int flush(struct kv_batch_replies *r, struct kv_err *err)
{
    struct kv_slice text = kv_slice_of(&r->held);
    if (kv_io_pwrite(r->fd, text, (off_t)(r->size - (int64_t)text.n), err) != 0)
        return kv_err_context(err, "%s", r->path);
    kv_buf_clear(&r->held);
    return 0;
}

int kv_batch_replies_add(struct kv_batch_replies *r, struct kv_slice line, struct kv_err *err)
{
    kv_buf_add_slice(&r->held, line);
    kv_digest_update(r->digest, line);
    r->size += (int64_t)line.n;
    r->bytes += (int64_t)line.n;
    return r->held.n < HELD_MAX ? 0 : flush(r, err);
}

int kv_batch_replies_end(struct kv_batch_replies *r, struct kv_err *err)
{
    if (flush(r, err) != 0)
        return -1;
    if (kv_io_sync(r->fd, err) != 0)
        return kv_err_context(err, "%s", r->path);
    kv_digest_end(r->digest, r->sha256);
    r->digest = NULL;
    return 0;
}

void kv_batch_replies_abandon(struct kv_batch_replies *r)
{
    char hex[KV_SHA256_HEX + 1];
    if (r->digest)
        kv_digest_end(r->digest, hex);
    kv_buf_release(&r->held);
    if (r->fd >= 0)
        close(r->fd);
    free(r->path);
    *r = (struct kv_batch_replies){.fd = -1};
}
