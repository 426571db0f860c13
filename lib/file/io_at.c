/* io_at - the calls behind a document that is replaced in place. */
#include "io_at.h"

#include "io.h"

#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __linux__ && !defined KV_PORTABLE
#define HAVE_LINUX 1
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#else
#define HAVE_LINUX 0
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif
#endif

enum {
    COPY_CHUNK = 1 << 20,
    SYNC_STEP = 1 << 24, /* bytes that wait for the medium */
};

bool kv_file_same(const struct kv_file_id *a, const struct kv_file_id *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns;
}

/* ---- directories and names ---- */

void kv_io_split(const char *path, char **directory, char **name)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        *directory = kv_strdup(".");
    else
        *directory = kv_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    *name = kv_strdup(slash ? slash + 1 : path);
}

int kv_io_dir_open(const char *directory, struct kv_err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? kv_err_sys(err, "%s", directory) : fd;
}

int kv_io_open(int dir, const char *name, enum kv_io_open how)
{
    static const int flags[] = {
        [KV_IO_READ] = O_RDONLY,
        [KV_IO_UPDATE] = O_RDWR | O_NOFOLLOW,
        [KV_IO_CREATE] = O_RDWR | O_CREAT | O_EXCL,
        [KV_IO_SECRET] = O_RDWR | O_CREAT | O_EXCL,
    };
    mode_t mode = how == KV_IO_SECRET ? 0600 : 0666;
    /* A FIFO in the place of a file must not stop us, but who meets a lease has to wait for it. */
    int extra = how == KV_IO_READ ? O_NONBLOCK : 0;
    for (;;) {
        int fd = openat(dir, name, flags[how] | extra | O_CLOEXEC, mode);
        if (fd < 0 && errno == EWOULDBLOCK && extra)
            extra = 0;
        else if (fd >= 0 || errno != EINTR)
            return fd;
    }
}

#if HAVE_LINUX && defined AT_STATX_FORCE_SYNC && defined STATX_BASIC_STATS /* not in older musl */
/* FUSE and network file systems remember what a file was, for a second or more: they are asked. */
static int look(int dir, const char *name, int flags, struct kv_file *file)
{
    struct statx st;
    if (statx(dir, name, flags | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) != 0)
        return -1;
    *file = (struct kv_file){
        .id = {.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
            .ino = st.stx_ino,
            .size = (int64_t)st.stx_size,
            .mtime_s = st.stx_mtime.tv_sec,
            .mtime_ns = st.stx_mtime.tv_nsec},
        .regular = S_ISREG(st.stx_mode),
        .mode = st.stx_mode & 07777,
        .uid = st.stx_uid,
        .gid = st.stx_gid,
        .links = st.stx_nlink,
    };
    return 0;
}

int kv_io_stat(int fd, struct kv_file *file)
{
    return look(fd, "", AT_EMPTY_PATH, file);
}

int kv_io_look(int dir, const char *name, struct kv_file *file)
{
    return look(dir, name, AT_SYMLINK_NOFOLLOW, file);
}
#else
static int take(const struct stat *st, struct kv_file *file)
{
    *file = (struct kv_file){
        .id = {.dev = st->st_dev,
            .ino = st->st_ino,
            .size = st->st_size,
            .mtime_s = st->st_mtim.tv_sec,
            .mtime_ns = st->st_mtim.tv_nsec},
        .regular = S_ISREG(st->st_mode),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .links = st->st_nlink,
    };
    return 0;
}

int kv_io_stat(int fd, struct kv_file *file)
{
    struct stat st;
    return fstat(fd, &st) != 0 ? -1 : take(&st, file);
}

int kv_io_look(int dir, const char *name, struct kv_file *file)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ? -1 : take(&st, file);
}
#endif

int kv_io_remove(int dir, const char *name)
{
    return unlinkat(dir, name, 0) != 0 && errno != ENOENT ? -1 : 0;
}

static bool is_numbered(const char *name, const char *stem)
{
    size_t n = strlen(stem);
    const char *digits = name + n;
    return strncmp(name, stem, n) == 0 && *digits &&
           digits[strspn(digits, "0123456789abcdef")] == '\0';
}

int kv_io_remove_numbered(int dir, const char *stem, struct kv_err *err)
{
    struct kv_file now;
    struct dirent *e;
    int failed = 0;
    kv_io_look(dir, ".", &now); /* what is remembered of the names is dropped if they changed */
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (!names) {
        kv_err_sys(err, "directory");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while (!failed && (errno = 0, e = readdir(names)))
        if (is_numbered(e->d_name, stem) && kv_io_remove(dir, e->d_name) != 0)
            failed = kv_err_sys(err, "%s", e->d_name);
    if (!failed && errno)
        failed = kv_err_sys(err, "directory");
    closedir(names);
    return failed;
}

/* ---- bytes at their place ---- */

int kv_io_pread(int fd, void *to, size_t n, off_t at, struct kv_err *err)
{
    for (char *p = to; n;) {
        ssize_t got = pread(fd, p, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kv_err_sys(err, "read");
        if (got == 0)
            return kv_err_set(err, KV_SYSTEM, "the file ends before byte %lld", (long long)at);
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return 0;
}

int kv_io_pwrite(int fd, struct kv_slice bytes, off_t at, struct kv_err *err)
{
    while (bytes.n) {
        ssize_t done = pwrite(fd, bytes.p, bytes.n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return kv_err_sys(err, "write");
        bytes.p += done;
        bytes.n -= (size_t)done;
        at += done;
    }
    return 0;
}

void kv_io_reserve(int fd, off_t from, off_t n)
{
#if defined(FALLOC_FL_KEEP_SIZE) && !defined(KV_PORTABLE)
    while (fallocate(fd, FALLOC_FL_KEEP_SIZE, from, n) != 0 && errno == EINTR)
        continue;
#else
    (void)fd, (void)from, (void)n;
#endif
}

int kv_io_truncate(int fd, off_t size, struct kv_err *err)
{
    while (ftruncate(fd, size) != 0) {
        if (errno != EINTR)
            return kv_err_sys(err, "truncate");
    }
    return 0;
}

static bool clone_all(int source, int target)
{
#if HAVE_LINUX && defined FICLONE
    return ioctl(target, FICLONE, source) == 0;
#else
    (void)source, (void)target;
    return false;
#endif
}

int kv_io_copy(int source, int target, off_t from, off_t to, struct kv_err *err)
{
    if (from >= to || (from == 0 && clone_all(source, target)))
        return 0;
    size_t room = to - from < COPY_CHUNK ? (size_t)(to - from) : COPY_CHUNK;
    char *chunk = kv_alloc(room);
    int failed = 0;
    while (!failed && from < to) {
        size_t n = to - from < (off_t)room ? (size_t)(to - from) : room;
        failed = kv_io_pread(source, chunk, n, from, err) ||
                 kv_io_pwrite(target, (struct kv_slice){chunk, n}, from, err);
        kv_io_sync_along(target, from, from + (off_t)n);
        from += (off_t)n;
    }
    free(chunk);
    return failed ? -1 : 0;
}

/* Moves *from on by what the system has copied itself; it may do none. */
static void append_within(int source, off_t *from, off_t to, int target)
{
#if HAVE_LINUX
    while (*from < to) {
        ssize_t done = copy_file_range(source, from, target, NULL, (size_t)(to - *from), 0);
        if (done == 0 || (done < 0 && errno != EINTR))
            return; /* the portable way tells why */
    }
#else
    (void)source, (void)from, (void)to, (void)target;
#endif
}

int kv_io_append(int source, off_t from, off_t to, int target, struct kv_err *err)
{
    append_within(source, &from, to, target);
    char *chunk = from < to ? kv_alloc(COPY_CHUNK) : NULL;
    int failed = 0;
    while (!failed && from < to) {
        size_t n = to - from < COPY_CHUNK ? (size_t)(to - from) : COPY_CHUNK;
        failed = kv_io_pread(source, chunk, n, from, err) ||
                 kv_io_write(target, (struct kv_slice){chunk, n}, err);
        from += (off_t)n;
    }
    free(chunk);
    return failed ? -1 : 0;
}

int kv_io_dress(int fd, const struct kv_file *like, struct kv_err *err)
{
    struct kv_file now;
    if (kv_io_stat(fd, &now) != 0)
        return kv_err_sys(err, "stat");
    /* Only root may give a file away; for others ownership passes to the last copier, as with any
     * program that replaces a file. The group is kept where the user belongs to it. */
    if ((now.uid != like->uid || now.gid != like->gid) && fchown(fd, like->uid, like->gid) != 0 &&
        fchown(fd, (uid_t)-1, like->gid) != 0 && errno != EPERM && errno != EINVAL)
        return kv_err_sys(err, "chown");
    return fchmod(fd, like->mode) != 0 ? kv_err_sys(err, "chmod") : 0;
}

/* ---- leases ---- */

#if HAVE_LINUX
bool kv_io_has_leases(int dir)
{
    static const unsigned long known[] = {
        0xEF53,     /* ext2, ext3, ext4 */
        0x58465342, /* XFS */
        0x9123683E, /* btrfs */
        0x01021994, /* tmpfs */
        0x794C7630, /* overlayfs: sees every read(2) reader, see doc_version.h */
        0xF2F52010, /* f2fs */
    };
    struct statfs fs;
    if (fstatfs(dir, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (((unsigned long)fs.f_type & 0xFFFFFFFF) == known[i])
            return true;
    }
    return false;
}

bool kv_io_lease(int fd)
{
    /* When somebody opens the file the holder gets a signal: SIGURG is ignored by default, the
     * usual SIGIO would end the process. */
    fcntl(fd, F_SETSIG, SIGURG);
    return fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
}

void kv_io_lease_end(int fd)
{
    fcntl(fd, F_SETLEASE, F_UNLCK);
}
#else
bool kv_io_has_leases(int dir)
{
    (void)dir;
    return false;
}

bool kv_io_lease(int fd)
{
    (void)fd;
    return false;
}

void kv_io_lease_end(int fd)
{
    (void)fd;
}
#endif

/* ---- names and durability ---- */

void kv_io_sync_hint(int fd)
{
#if HAVE_LINUX
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
    (void)fd;
#endif
}

void kv_io_sync_along(int fd, off_t from, off_t to)
{
    if (from / SYNC_STEP != to / SYNC_STEP)
        kv_io_sync_hint(fd);
}

static int sync_data(int fd)
{
#ifdef __APPLE__
    return fcntl(fd, F_FULLFSYNC); /* fsync stops at the drive's cache there */
#else
    return fdatasync(fd);
#endif
}

int kv_io_sync(int fd, struct kv_err *err)
{
    while (sync_data(fd) != 0) {
        if (errno != EINTR)
            return kv_err_sys(err, "sync");
    }
    return 0;
}

struct kv_io_syncing {
    struct aiocb request;
};

struct kv_io_syncing *kv_io_sync_begin(int fd)
{
    struct kv_io_syncing *s = kv_calloc(1, sizeof *s);
    s->request.aio_fildes = fd;
    s->request.aio_sigevent.sigev_notify = SIGEV_NONE;
    if (aio_fsync(O_DSYNC, &s->request) == 0)
        return s;
    free(s);
    return NULL;
}

int kv_io_sync_end(struct kv_io_syncing *s, bool wait, struct kv_err *err)
{
    const struct aiocb *list[] = {&s->request};
    int number;
    while ((number = aio_error(&s->request)) == EINPROGRESS && wait)
        aio_suspend(list, 1, NULL);
    if (number == EINPROGRESS)
        return 0;
    aio_return(&s->request);
    free(s);
    errno = number;
    return number == 0 ? 1 : kv_err_sys(err, "sync");
}

int kv_io_sync_dir(int dir, struct kv_err *err)
{
    while (fsync(dir) != 0) {
        if (errno == EINVAL || errno == ENOTSUP) /* this file system has no such thing */
            return 0;
        if (errno != EINTR)
            return kv_err_sys(err, "sync directory");
    }
    return 0;
}

static bool exchange_names(int dir, const char *a, const char *b)
{
#if HAVE_LINUX && defined RENAME_EXCHANGE
    /* Not every C library has the call by its name (musl). */
    return syscall(SYS_renameat2, dir, a, dir, b, RENAME_EXCHANGE) == 0;
#else
    (void)dir, (void)a, (void)b;
    errno = ENOSYS;
    return false;
#endif
}

int kv_io_at(int dir, const char *fresh, const char *name, bool exchange, struct kv_err *err)
{
    if (exchange) {
        if (exchange_names(dir, fresh, name))
            return KV_IO_EXCHANGED;
        if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP && errno != ENOENT)
            return kv_err_sys(err, "exchange");
    }
    return renameat(dir, fresh, dir, name) != 0 ? kv_err_sys(err, "rename") : KV_IO_REPLACED;
}

/* ---- the machine ---- */

void kv_io_boot(char boot[KV_BOOT_MAX])
{
    memset(boot, 0, KV_BOOT_MAX);
#if HAVE_LINUX
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, boot, KV_BOOT_MAX - 1);
    if (got < 0)
        got = 0;
    close(fd);
    memset(boot + got, 0, (size_t)(KV_BOOT_MAX - got));
#endif
}
