/* io - files: read, write, lock, sync, publish.
 *
 * The only module that calls open, rename, fsync, flock and their Linux relatives. It knows paths,
 * descriptors and bytes; what they mean is somebody else's business. Calls are retried on EINTR.
 * Every descriptor is opened O_CLOEXEC.
 */
#ifndef KV_IO_H
#define KV_IO_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdio.h>

/* ---- reading whole files ---- */

/* Reads all of `path` ("-" is standard input) behind what *out holds. More than `max` bytes (0: no
 * limit) is a KV_INPUT failure. The text of *err names the path. */
int kv_io_read(const char *path, size_t max, struct kv_buf *out, struct kv_err *err);

/* 1 if something exists at `path`, 0 if not; -1 where the system could not tell, which is no answer.
 * If a directory of the path does not exist, the result is 0. */
int kv_io_exists(const char *path, struct kv_err *err);

/* What messages call it: the path, or "<stdin>". */
const char *kv_io_name(const char *path);

/* True for standard input, a pipe and a device: what can be read only once, and may block. */
bool kv_io_is_stream(const char *path);

/* True if reading from fd would not wait. */
bool kv_io_readable(int fd);

/* ---- reading lines ---- */

/* Lines of a descriptor, as they arrive. `max` bounds one line. */
struct kv_lines {
    int fd;
    size_t max;
    struct kv_buf held; /* bytes read and not yet handed out */
    size_t at;          /* where the next line starts in held */
    size_t seen;        /* held up to here has no LF */
    size_t number;      /* of the line last handed out, from 1 */
    bool eof;
};
void kv_lines_init(struct kv_lines *l, int fd, size_t max);
void kv_lines_release(struct kv_lines *l); /* does not close fd */

/* The next line without its LF (a CR before it is kept); the last one need not have an LF. Borrowed
 * until the next call. Returns 1, 0 at the end, -1 on error. A line longer than max is skipped to
 * its end and reported as KV_INPUT "line too long (over N bytes)" with err->sys 0; the call after
 * it goes on with the next line, and l->number is right for both. A read that fails (err->sys is
 * errno) is the end: the call after it returns 0. */
int kv_lines_next(struct kv_lines *l, struct kv_slice *line, struct kv_err *err);

/* True if kv_lines_next would answer without reading from the descriptor. */
bool kv_lines_ready(struct kv_lines *l);

/* Asks for a pipe that holds more, so that more arrives together. A wish: nothing fails. */
void kv_lines_widen(struct kv_lines *l);

/* Reads what has arrived, without waiting, until a line is whole. Answers as kv_lines_ready. */
bool kv_lines_poll(struct kv_lines *l);

/* Reads what has arrived, without waiting, until n bytes are held, and answers what is held and not
 * yet handed out: borrowed until the next call. A read that fails is told by kv_lines_next. */
struct kv_slice kv_lines_peek(struct kv_lines *l, size_t n);

/* Reads all that has arrived, without waiting, and answers what is held and not yet handed out:
 * borrowed until the next call. Slices that were handed out are void. */
struct kv_slice kv_lines_take_in(struct kv_lines *l);

/* ---- writing ---- */

/* Writes all of it, or fails. */
int kv_io_write(int fd, struct kv_slice bytes, struct kv_err *err);

/* A file that appears at `path` whole or not at all: written as a hidden sibling, synced, renamed,
 * and its directory synced. Between begin and end, write with kv_io_write or stdio on fd. The
 * sibling is always made new: what somebody has put in its place is not written to. Owner and mode
 * are those of the file `like` where one is given; else the mode is that of the file it replaces, or
 * 0666 less the umask. */
struct kv_publish {
    char *path, *draft;
    int fd;
};
int kv_publish_begin(struct kv_publish *p, const char *path, struct kv_err *err);
int kv_publish_begin_like(
    struct kv_publish *p, const char *path, const char *like, struct kv_err *err);
int kv_publish_end(struct kv_publish *p, struct kv_err *err);
void kv_publish_abandon(struct kv_publish *p); /* also after a failed end: nothing remains */

#endif
