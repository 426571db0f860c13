/* feed - who is bringing results into a run at this moment, seen by those who have to wait for it.
 *
 * When kv-run has ended, its results may still be in the pipe, and the state does not know of them:
 * a second run would pay for them again, and an export would lack them. So kv-append holds a place
 * in ".results.json.feed" for as long as it lives, with a note of the pipe it reads from:
 *
 *     kv_feed_open(&feed, &paths, STDIN_FILENO, NULL, &err);
 *     kv_feed_busy(&feed, true);          before it reads; false when all that it read is durable
 *     kv_feed_close(&feed);
 *
 * and a program that has to wait for it calls:
 *
 *     kv_feed_await(&paths, STDOUT_FILENO, &err)      kv-run: waits for all but its own kv-append
 *     kv_feed_exclude(&paths, &fd, &err)              kv-finalize, kv-manifest --force: nobody, until
 *                                                     fd is closed
 *
 * A place is a range of 64 bytes of the file, locked (io_lock.h): it is free again when its holder
 * has died, however that was. The note in it is for telling who, never for telling whether.
 */
#ifndef KV_FEED_H
#define KV_FEED_H

#include "err.h"
#include "io_lock.h"
#include "paths.h"

#include <stdbool.h>

struct kv_feed {
    int fd;   /* -1: closed */
    off_t at; /* of the place */
};

/* Takes a place; `input` is what the results come from. Waits while somebody excludes feeds: KV_BUSY
 * if patience comes to its end. Where the run is gone by then no place is held (fd is -1). */
int kv_feed_open(struct kv_feed *f, const struct kv_paths *p, int input,
    const struct kv_patience *patience, struct kv_err *err);
void kv_feed_busy(struct kv_feed *f, bool busy);
void kv_feed_close(struct kv_feed *f); /* twice is fine */

/* Waits a moment until nobody feeds the run but who reads from `output`, and until that one has
 * nothing left to keep. KV_BUSY if it takes longer. Whoever reads from `output` by way of other
 * programs is taken for the one of our own process group. */
int kv_feed_await(const struct kv_paths *p, int output, struct kv_err *err);

/* Takes all places, or fails with KV_BUSY after a moment. *fd is -1 where nobody ever fed the run.
 */
int kv_feed_exclude(const struct kv_paths *p, int *fd, struct kv_err *err);

#endif
