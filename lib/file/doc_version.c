/* doc_version - one version of a growing document, open for reading. */
#include "doc_version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char TAIL[] = "\n]}\n";

/* Reads the head and the end of an open file and tells its shape. The byte before the tail tells an
 * empty array from one with items: no JSON value ends in '['. */
static int look(struct kv_doc_version *v, struct kv_err *err)
{
    char end[1 + KV_DOC_VERSION_TAIL];
    v->size = v->file.id.size;
    v->end = v->size;
    v->shape = KV_DOC_VERSION_FOREIGN;
    if (v->size > (off_t)sizeof end) {
        if (kv_io_pread(v->fd, end, sizeof end, v->size - (off_t)sizeof end, err))
            return -1;
        if (memcmp(end + 1, TAIL, KV_DOC_VERSION_TAIL) == 0) {
            v->shape = KV_DOC_VERSION_GROWING;
            v->end = v->size - KV_DOC_VERSION_TAIL;
            v->empty = end[0] == '[';
        }
    }
    v->head_n = v->end < KV_DOC_VERSION_HEAD ? (size_t)v->end : KV_DOC_VERSION_HEAD;
    return kv_io_pread(v->fd, v->head, v->head_n, 0, err);
}

static int open_once(struct kv_doc_version *v, int dir, const char *name, struct kv_err *err)
{
    *v = (struct kv_doc_version){.fd = -1, .shape = KV_DOC_VERSION_ABSENT};
    int fd = kv_io_open(dir, name, KV_IO_READ);
    if (fd < 0)
        return errno == ENOENT ? 0 : kv_err_sys(err, "%s", name);
    v->fd = fd;
    int failed = 0;
    if (kv_io_stat(fd, &v->file) != 0)
        failed = kv_err_sys(err, "%s", name);
    else if (!v->file.regular)
        failed = kv_err_set(err, KV_INPUT, "%s: not a regular file", name);
    else if (look(v, err))
        failed = kv_err_context(err, "%s", name);
    if (failed)
        kv_doc_version_close(v);
    return failed;
}

int kv_doc_version_open_at(struct kv_doc_version *v, int dir, const char *name, struct kv_err *err)
{
    int failed = open_once(v, dir, name, err);
    /* On a network file system it may have been replaced between its opening and its reading. */
    if (failed && err->sys == ESTALE)
        failed = open_once(v, dir, name, err);
    return failed;
}

int kv_doc_version_open(struct kv_doc_version *v, const char *path, struct kv_err *err)
{
    char *directory, *name;
    kv_io_split(path, &directory, &name);
    int dir = kv_io_dir_open(directory, err);
    int failed = dir < 0 ? -1 : kv_doc_version_open_at(v, dir, name, err);
    if (dir >= 0)
        close(dir);
    if (!failed && v->shape == KV_DOC_VERSION_ABSENT) {
        errno = ENOENT;
        failed = kv_err_sys(err, "%s", path);
    }
    free(directory);
    free(name);
    return failed;
}

void kv_doc_version_close(struct kv_doc_version *v)
{
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
}

int kv_doc_version_read(
    const struct kv_doc_version *v, off_t at, void *to, size_t n, struct kv_err *err)
{
    if (at < 0 || at > v->size || (off_t)n > v->size - at)
        return kv_err_set(err, KV_SYSTEM, "reading beyond the end of the document");
    return kv_io_pread(v->fd, to, n, at, err);
}
