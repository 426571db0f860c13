/* io_lock - locks that die with their holder: of a whole file, and of a range of its bytes. */
#include "io_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool go_on(const struct kv_patience *patience)
{
    return !patience || patience->go_on(patience->closure);
}

/* ---- the file ---- */

/* Without O_CREAT first: in a sticky directory fs.protected_regular refuses O_CREAT on the existing
 * file of another user. */
static int open_or_make(int dir, const char *name, const char *like)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    struct stat st;
    for (;;) {
        int fd = openat(dir, name, flags);
        if (fd >= 0 || (errno != ENOENT && errno != EINTR))
            return fd;
        fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0666);
        if (fd >= 0 && fstatat(dir, like, &st, 0) == 0 && fchmod(fd, st.st_mode & 0666) != 0)
            errno = 0; /* others may then be unable to lock; we are not */
        if (fd >= 0 || (errno != EEXIST && errno != EINTR))
            return fd;
    }
}

int kv_io_open_private(int dir, const char *name, const char *like, struct kv_err *err)
{
    struct stat st;
    int fd = open_or_make(dir, name, like);
    if (fd < 0)
        return kv_err_sys(err, "%s", name);
    if (fstat(fd, &st) != 0)
        kv_err_sys(err, "%s", name);
    else if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        kv_err_set(err, KV_SYSTEM,
            "%s: not made by us (a link, or no regular file); remove it and try again", name);
    else
        return fd;
    close(fd);
    return -1;
}

/* ---- the whole file ---- */

bool kv_io_lock_holds(int dir, const char *name, int fd)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

int kv_io_lock(int dir, const char *name, const char *like, bool wait,
    const struct kv_patience *patience, struct kv_err *err)
{
    for (;;) {
        int fd = kv_io_open_private(dir, name, like, err);
        if (fd < 0)
            return -1;
        int refused;
        do
            refused = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
        while (refused && errno == EINTR && go_on(patience));
        if (refused) {
            if (errno == EWOULDBLOCK || errno == EINTR)
                kv_err_set(err, KV_BUSY, "%s: held by another process", name);
            else
                kv_err_sys(err, "%s", name);
            close(fd);
            return -1;
        }
        if (kv_io_lock_holds(dir, name, fd))
            return fd;
        close(fd); /* removed while we waited: lock its successor */
    }
}

int kv_io_lock_open(int fd, struct kv_err *err)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            errno = ESTALE;
            return kv_err_sys(err, "written by another process");
        }
        if (errno != EINTR)
            return 0;
    }
    return 0;
}

/* ---- a range ---- */

/* A lock of the open file where there is one: one of the process would be lost as soon as it closed
 * any descriptor of the file. */
#ifdef F_OFD_SETLK
enum { SET_LOCK = F_OFD_SETLK, GET_LOCK = F_OFD_GETLK };
#else
enum { SET_LOCK = F_SETLK, GET_LOCK = F_GETLK };
#endif

static struct flock range(off_t at, off_t n)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = n};
}

int kv_io_lock_range(int fd, off_t at, off_t n, struct kv_err *err)
{
    struct flock lock = range(at, n);
    while (fcntl(fd, SET_LOCK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return 0;
        if (errno != EINTR)
            return kv_err_sys(err, "lock");
    }
    return 1;
}

int kv_io_range_held(int fd, off_t at, off_t n, struct kv_err *err)
{
    struct flock lock = range(at, n);
    while (fcntl(fd, GET_LOCK, &lock) != 0) {
        if (errno != EINTR)
            return kv_err_sys(err, "lock");
    }
    return lock.l_type != F_UNLCK;
}

/* ---- waiting for input ---- */

bool kv_io_wait_readable(int fd, const struct kv_patience *patience)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0) {
        if (errno != EINTR)
            return true; /* the read that follows fails and says why */
        if (!go_on(patience))
            return false;
    }
    return true;
}
