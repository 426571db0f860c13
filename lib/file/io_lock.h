/* io_lock - locks that die with their holder: of a whole file, and of a range of its bytes.
 *
 * A lock file is private to us. It is made new or found as a regular file with one name: what
 * somebody else has put in its place (a link to another file, a FIFO) is refused, because it is
 * written to.
 */
#ifndef KV_IO_LOCK_H
#define KV_IO_LOCK_H

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Asked whenever a signal interrupts a wait: false ends it. NULL instead: waits as long as it
 * takes. */
struct kv_patience {
    bool (*go_on)(void *closure);
    void *closure;
};

/* Opens a private file for reading and writing, or makes it, with the permissions of the file
 * called `like` (if there is none, 0666 less the umask). A descriptor, or -1. */
int kv_io_open_private(int dir, const char *name, const char *like, struct kv_err *err);

/* Opens or makes `name` and takes an exclusive lock of it. Whoever waited while the file was removed
 * starts again with the new one. KV_BUSY if the lock is held by another and wait is false, or
 * patience has come to its end. A descriptor, whose closing gives the lock back, or -1. */
int kv_io_lock(int dir, const char *name, const char *like, bool wait,
    const struct kv_patience *patience, struct kv_err *err);

/* Takes an exclusive lock of an open file until it is closed, without waiting: on a network file
 * system what is written through fd fails from when that lock is lost. Where files cannot be locked
 * nothing happens. -1 (err->sys is ESTALE) if another holds it. */
int kv_io_lock_open(int fd, struct kv_err *err);

/* True if `name` still is the file that was locked. */
bool kv_io_lock_holds(int dir, const char *name, int fd);

/* Takes an exclusive lock of bytes [at, at + n) until fd is closed; never waits. 1, 0 if another
 * holds some of them, -1. */
int kv_io_lock_range(int fd, off_t at, off_t n, struct kv_err *err);
/* 1 if another process holds a part of the range, 0 if none does; -1. */
int kv_io_range_held(int fd, off_t at, off_t n, struct kv_err *err);

/* Waits until fd can be read without waiting, has come to its end, or has failed. False if patience
 * has come to its end before. */
bool kv_io_wait_readable(int fd, const struct kv_patience *patience);

#endif
