/* batch_lines - the lines of a file of requests or replies, one checked JSON object each. */
#include "batch_lines.h"

#include "io_at.h"
#include "json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20 };

int kv_batch_lines_again(struct kv_batch_lines *l, int fd, const char *name, struct kv_err *err)
{
    *l = (struct kv_batch_lines){.path = name, .fd = -1};
    if (lseek(fd, 0, SEEK_SET) < 0)
        return kv_err_sys(err, "%s", name);
    kv_lines_init(&l->lines, fd, LINE_MAX_BYTES);
    return 0;
}

int kv_batch_lines_open(struct kv_batch_lines *l, const char *path, struct kv_err *err)
{
    *l = (struct kv_batch_lines){.path = kv_io_name(path), .fd = -1};
    if (strcmp(path, "-") == 0) {
        kv_lines_init(&l->lines, STDIN_FILENO, LINE_MAX_BYTES);
        return 0;
    }
    l->fd = kv_io_open(AT_FDCWD, path, KV_IO_READ);
    if (l->fd < 0)
        return kv_err_sys(err, "%s", path);
    kv_lines_init(&l->lines, l->fd, LINE_MAX_BYTES);
    return 0;
}

int kv_batch_lines_blame(const struct kv_batch_lines *l, struct kv_err *err)
{
    return kv_err_context(err, "%s:%zu", l->path, l->lines.number);
}

/* True if a line that cannot be read is the last one. */
static bool is_last(struct kv_batch_lines *l)
{
    struct kv_slice text;
    struct kv_err ignored;
    size_t number = l->lines.number;
    bool last = kv_lines_next(&l->lines, &text, &ignored) == 0;
    l->lines.number = number;
    return last;
}

int kv_batch_lines_next(struct kv_batch_lines *l, struct kv_slice *line, struct kv_err *err)
{
    struct kv_slice text;
    struct kv_err wrong;
    int got;
    do
        got = kv_lines_next(&l->lines, &text, err);
    while (got == 1 && kv_slice_strip(text).n == 0);
    if (got < 0)
        return kv_batch_lines_blame(l, err);
    if (got == 0)
        return 0;
    if (kv_json_check(text, KV_JSON_FOREIGN, line, &wrong) == 0 &&
        kv_json_type(*line) == KV_JSON_OBJECT)
        return 1;
    if (is_last(l)) {
        l->torn = true;
        return 0;
    }
    kv_err_set(err, KV_INPUT, "not a JSON object");
    return kv_batch_lines_blame(l, err);
}

void kv_batch_lines_close(struct kv_batch_lines *l)
{
    kv_lines_release(&l->lines);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
