/* lock_watch - a lock that can be lost is looked after while a run lasts.
 *
 * On a network file system a host that its server has not heard of for long is taken for dead, and
 * another one gets its lock. The holder learns of it when he writes to the file: every half minute.
 *
 *     kv_lock_watch_init(&w, fd)
 *     kv_lock_watch_tend(&w, now, err) …      in each turn; it never waits
 *     kv_lock_watch_release(&w)
 */
#ifndef KV_LOCK_WATCH_H
#define KV_LOCK_WATCH_H

#include "err.h"

#include <stdint.h>

struct kv_io_syncing;

struct kv_lock_watch {
    int fd;          /* of the lock file, borrowed; -1: there is nothing to look after */
    int64_t next_ms; /* when it is written to next */
    struct kv_io_syncing *syncing;
};

void kv_lock_watch_init(struct kv_lock_watch *w, int fd);
/* 0; -1 once, if the file could not be written to: the lock may be another's. */
int kv_lock_watch_tend(struct kv_lock_watch *w, int64_t now_ms, struct kv_err *err);
void kv_lock_watch_release(struct kv_lock_watch *w);

#endif
