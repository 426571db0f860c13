/* io - files: read, write, lock, sync, publish. */
#include "io.h"

#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, LINES_CHUNK = 1 << 20 };

static int read_some(int fd, struct kv_buf *out, size_t want)
{
    if (!kv_buf_reserve(out, want))
        return -1;
    ssize_t got;
    do
        got = read(fd, out->p + out->n, want);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        out->n += (size_t)got;
        out->p[out->n] = '\0';
    }
    return got < 0 ? -1 : (int)got;
}

static int read_all(int fd, const char *name, size_t max, struct kv_buf *out, struct kv_err *err)
{
    struct stat st;
    size_t start = out->n;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        kv_buf_reserve(out, (size_t)st.st_size + 1);
    for (;;) {
        int got = read_some(fd, out, CHUNK);
        if (got < 0)
            return kv_err_sys(err, "%s", name);
        if (got == 0)
            return 0;
        if (max && out->n - start > max)
            return kv_err_set(err, KV_INPUT, "%s: larger than %zu bytes", name, max);
    }
}

int kv_io_exists(const char *path, struct kv_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : kv_err_sys(err, "%s", path);
}

const char *kv_io_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

bool kv_io_is_stream(const char *path)
{
    struct stat st;
    return strcmp(path, "-") == 0 ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

int kv_io_read(const char *path, size_t max, struct kv_buf *out, struct kv_err *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, kv_io_name(path), max, out, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kv_err_sys(err, "%s", path);
    int failed = read_all(fd, path, max, out, err);
    close(fd);
    return failed;
}

void kv_lines_init(struct kv_lines *l, int fd, size_t max)
{
    *l = (struct kv_lines){.fd = fd, .max = max};
#ifdef F_SETPIPE_SZ
    /* What has arrived together is worked on together: a full pipe should be worth it. Fails on
     * whatever is no pipe, and where the user has too many already. */
    fcntl(fd, F_SETPIPE_SZ, LINES_CHUNK);
#endif
}

void kv_lines_release(struct kv_lines *l)
{
    kv_buf_release(&l->held);
}

/* The LF that ends the next line, NULL if it has not arrived. */
static char *find_end(struct kv_lines *l)
{
    if (l->seen >= l->held.n)
        return NULL;
    char *lf = memchr(l->held.p + l->seen, '\n', l->held.n - l->seen);
    l->seen = lf ? (size_t)(lf - l->held.p) : l->held.n;
    return lf;
}

bool kv_lines_ready(struct kv_lines *l)
{
    return find_end(l) != NULL || (l->eof && l->at < l->held.n);
}

bool kv_io_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    do
        n = poll(&p, 1, 0);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static void forget_taken(struct kv_lines *l)
{
    kv_buf_cut(&l->held, 0, l->at);
    l->seen -= l->at;
    l->at = 0;
}

/* A failed read ends the reading: the part of a line that was read is not handed out. */
static int read_more(struct kv_lines *l, struct kv_err *err)
{
    int got = read_some(l->fd, &l->held, LINES_CHUNK);
    l->eof = got <= 0;
    if (got >= 0)
        return 0;
    kv_err_sys(err, "read");
    l->held.n = l->at = l->seen = 0;
    return -1;
}

/* Drops bytes until the LF of an over-long line is behind us. */
static int skip_line(struct kv_lines *l, struct kv_err *err)
{
    char *lf;
    while (!(lf = find_end(l)) && !l->eof) {
        l->at = l->held.n;
        forget_taken(l);
        if (read_more(l, err) != 0)
            return -1;
    }
    l->at = lf ? (size_t)(lf - l->held.p) + 1 : l->held.n;
    l->seen = l->at;
    return kv_err_set(err, KV_INPUT, "line too long (over %zu bytes)", l->max);
}

int kv_lines_next(struct kv_lines *l, struct kv_slice *line, struct kv_err *err)
{
    char *lf;
    while (!(lf = find_end(l)) && !l->eof) {
        if (l->max && l->held.n - l->at > l->max)
            return l->number++, skip_line(l, err);
        if (l->at > LINES_CHUNK)
            forget_taken(l);
        if (read_more(l, err) != 0)
            return -1;
    }
    if (!lf && l->at == l->held.n)
        return 0;
    size_t end = lf ? (size_t)(lf - l->held.p) : l->held.n;
    l->number++;
    if (l->max && end - l->at > l->max)
        return skip_line(l, err);
    *line = (struct kv_slice){l->held.p + l->at, end - l->at};
    l->at = lf ? end + 1 : end;
    l->seen = l->at;
    return 1;
}

void kv_lines_widen(struct kv_lines *l)
{
#ifdef F_SETPIPE_SZ
    fcntl(l->fd, F_SETPIPE_SZ, 1 << 20);
#else
    (void)l;
#endif
}

bool kv_lines_poll(struct kv_lines *l)
{
    while (!kv_lines_ready(l) && !l->eof && kv_io_readable(l->fd)) {
        if (l->max && l->held.n - l->at > l->max)
            return true; /* kv_lines_next fails with the reason */
        if (l->at > LINES_CHUNK)
            forget_taken(l);
        int got = read_some(l->fd, &l->held, LINES_CHUNK);
        if (got < 0)
            return true; /* likewise */
        l->eof = got == 0;
    }
    return kv_lines_ready(l);
}

struct kv_slice kv_lines_peek(struct kv_lines *l, size_t n)
{
    while (l->held.n - l->at < n && !l->eof && kv_io_readable(l->fd)) {
        int got = read_some(l->fd, &l->held, LINES_CHUNK);
        l->eof = got == 0;
        if (got <= 0)
            break;
    }
    return (struct kv_slice){l->held.p + l->at, l->held.n - l->at};
}

struct kv_slice kv_lines_take_in(struct kv_lines *l)
{
    while (!l->eof && kv_io_readable(l->fd)) {
        int got = read_some(l->fd, &l->held, LINES_CHUNK);
        l->eof = got == 0;
        if (got <= 0)
            break; /* kv_lines_next fails with the reason */
    }
    return (struct kv_slice){l->held.p + l->at, l->held.n - l->at};
}

int kv_io_write(int fd, struct kv_slice bytes, struct kv_err *err)
{
    while (bytes.n) {
        ssize_t done = write(fd, bytes.p, bytes.n);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return kv_err_sys(err, "write");
        }
        bytes.p += done;
        bytes.n -= (size_t)done;
    }
    return 0;
}

/* "dir/name" -> "dir/.name.draft", and another with a number. */
static char *draft_name(const char *path, unsigned number)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash + 1 - path) : 0;
    struct kv_buf b = {0};
    kv_buf_add(&b, path, dir);
    kv_buf_printf(&b, ".%s.draft", path + dir);
    if (number)
        kv_buf_printf(&b, "-%08x", number);
    return kv_buf_detach(&b);
}

/* True if the draft was left by a process that died: one that is at work on it holds its lock. */
static bool is_left_over(const char *draft)
{
    struct stat st;
    int fd = open(draft, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool left = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return left;
}

/* A file that was not there before; where the usual name is taken, one that nobody can guess. */
static int make_draft(struct kv_publish *p, mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    unsigned number = 0;
    for (int tries = 0; tries < 100; tries++) {
        free(p->draft);
        p->draft = draft_name(p->path, number);
        p->fd = open(p->draft, flags, mode);
        if (p->fd >= 0 || errno != EEXIST)
            break;
        if (!is_left_over(p->draft) || unlink(p->draft) != 0)
            kv_random(&number, sizeof number);
    }
    if (p->fd < 0)
        return -1;
    flock(p->fd, LOCK_EX | LOCK_NB); /* marks the draft as in use (is_left_over); it may fail */
    return 0;
}

/* Owner and mode of the file to be; no one gains rights by what happens to be there. */
static int dress_draft(int fd, const char *like, const char *path)
{
    struct stat st;
    if (stat(like ? like : path, &st) != 0)
        return errno == ENOENT ? 0 : -1;
    if (like && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
        fchown(fd, st.st_uid, st.st_gid) != 0 && fchown(fd, (uid_t)-1, st.st_gid) != 0 &&
        errno != EPERM && errno != EINVAL)
        return -1;
    return fchmod(fd, st.st_mode & 0777);
}

static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir =
        slash ? kv_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : kv_strdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd);
    if (fd >= 0)
        close(fd);
    free(dir);
    return failed ? -1 : 0;
}

int kv_publish_begin_like(
    struct kv_publish *p, const char *path, const char *like, struct kv_err *err)
{
    *p = (struct kv_publish){.path = kv_strdup(path), .fd = -1};
    if (make_draft(p, like ? 0600 : 0666) == 0 && dress_draft(p->fd, like, path) == 0)
        return 0;
    kv_err_sys(err, "%s", path);
    if (p->fd < 0) { /* the file of this name was not made here */
        free(p->draft);
        p->draft = NULL;
    }
    kv_publish_abandon(p);
    return -1;
}

int kv_publish_begin(struct kv_publish *p, const char *path, struct kv_err *err)
{
    return kv_publish_begin_like(p, path, NULL, err);
}

/* True if the draft is still under its name. */
static bool is_in_place(const struct kv_publish *p)
{
    struct stat ours, named;
    return fstat(p->fd, &ours) == 0 && lstat(p->draft, &named) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

int kv_publish_end(struct kv_publish *p, struct kv_err *err)
{
    if (!is_in_place(p)) {
        kv_err_set(err, KV_SYSTEM, "%s: its draft was removed by another program", p->path);
        free(p->draft);
        p->draft = NULL;
        kv_publish_abandon(p);
        return -1;
    }
    if (fsync(p->fd) != 0 || rename(p->draft, p->path) != 0 || sync_directory_of(p->path) != 0) {
        kv_err_sys(err, "%s", p->path);
        kv_publish_abandon(p);
        return -1;
    }
    close(p->fd);
    free(p->path);
    free(p->draft);
    *p = (struct kv_publish){.fd = -1};
    return 0;
}

void kv_publish_abandon(struct kv_publish *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->draft)
        unlink(p->draft);
    free(p->path);
    free(p->draft);
    *p = (struct kv_publish){.fd = -1};
}
