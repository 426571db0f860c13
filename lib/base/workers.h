/* workers - work spread over copies of this process, its results in the order of the work.
 *
 * For filters whose pieces of work do not depend on one another, and whose libraries may not be used
 * by two threads. A worker is forked when a piece is given and all others are busy, so it has what
 * this process had read by then, at no cost. It reads a piece whole, works, and answers; it ends when
 * this process does.
 *
 *     struct kv_workers *w = kv_workers_open(4, work, closure);
 *     while (!kv_workers_free(w))
 *         … kv_workers_take(w, true, &answer, &err) …
 *     kv_workers_give(w, piece, &err);
 *     while ((got = kv_workers_take(w, false, &answer, &err)) == 1) …
 *     kv_workers_close(w);
 */
#ifndef KV_WORKERS_H
#define KV_WORKERS_H

#include "buf.h"
#include "err.h"

#include <poll.h>
#include <stdbool.h>

enum { KV_WORKERS_MAX = 256 };

/* Done in a worker: appends the answer to one piece. What it changes in memory stays there. */
typedef void kv_work(void *closure, struct kv_slice piece, struct kv_buf *answer);

struct kv_workers;
struct kv_workers *kv_workers_open(size_t most, kv_work *work, void *closure);
void kv_workers_close(struct kv_workers *w); /* waits for them; NULL is fine */

/* How many processors this process may use, at least 1. */
size_t kv_workers_processors(void);

/* True if a piece can be given. False while all workers are at work, or too many answers wait for
 * one that is not there yet. */
bool kv_workers_free(const struct kv_workers *w);
int kv_workers_give(struct kv_workers *w, struct kv_slice piece, struct kv_err *err);

/* The answer to the piece given first of those that are not taken yet; *answer is borrowed until the
 * next is taken or a piece given. 1; 0 if there is none, or with `wait` false none yet; -1 if a
 * worker has ended. */
int kv_workers_take(struct kv_workers *w, bool wait, struct kv_slice *answer, struct kv_err *err);

/* True while answers are to be taken. */
bool kv_workers_busy(const struct kv_workers *w);

/* Waits until kv_workers_take may answer, or fd can be read. */
void kv_workers_await(struct kv_workers *w, int fd);

#endif
