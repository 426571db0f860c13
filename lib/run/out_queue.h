/* out_queue - results on their way to a reader that may be slow, without waiting for it.
 *
 * A program that waits in write(2) sees no signal, no deadline and no reply: a reader that stops
 * for a few seconds would let calls that were paid for time out. The queue takes lines at any time,
 * writes what the reader takes at once, and keeps the rest, in order.
 *
 *     kv_out_queue_open(&o, STDOUT_FILENO, "stdout", &err);
 *     kv_out_queue_put(&o, line, &err);          one line, in one write if there is room for it
 *     … poll(2) on kv_out_queue_fd for POLLOUT while kv_out_queue_held …
 *     kv_out_queue_flush(&o, &err);
 *     kv_out_queue_close(&o);                    what is still held is lost
 *
 * The descriptor is shared with other processes (a terminal with the shell), so it is not made
 * non-blocking itself: pipes and terminals are opened once more. Where that is not possible, and
 * for files, writing waits as ever.
 */
#ifndef KV_OUT_QUEUE_H
#define KV_OUT_QUEUE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct kv_out_queue {
    const char *name; /* in messages */
    int fd;           /* private, all of it */
    bool own;
    struct kv_buf held;
    size_t at; /* bytes of `held` that are out */
};

/* KV_SYSTEM if nothing can be written to fd. `name` is kept. */
int kv_out_queue_open(struct kv_out_queue *o, int fd, const char *name, struct kv_err *err);
void kv_out_queue_close(struct kv_out_queue *o);

/* KV_SYSTEM if writing fails; err->sys is EPIPE when the reader has gone. */
int kv_out_queue_put(struct kv_out_queue *o, struct kv_slice line, struct kv_err *err);
int kv_out_queue_flush(struct kv_out_queue *o, struct kv_err *err);

int kv_out_queue_fd(const struct kv_out_queue *o);
size_t kv_out_queue_held(const struct kv_out_queue *o); /* bytes the reader has not taken */
size_t kv_out_queue_lines(
    const struct kv_out_queue *o); /* lines, one that is partly written included */

#endif
