/* lock_watch - a lock that can be lost is looked after while a run lasts. */
#include "lock_watch.h"

#include "io_at.h"

#include <stddef.h>

enum { EVERY_MS = 30000, BEHIND_NOTE = 512 /* of state/worked.h, which stays as it is */ };

void kv_lock_watch_init(struct kv_lock_watch *w, int fd)
{
    *w = (struct kv_lock_watch){.fd = fd};
}

static int begin(struct kv_lock_watch *w, struct kv_err *err)
{
    if (kv_io_pwrite(w->fd, KV_SLICE("\n"), BEHIND_NOTE, err) != 0)
        return -1;
    w->syncing = kv_io_sync_begin(w->fd);
    return w->syncing ? 0 : kv_io_sync(w->fd, err);
}

int kv_lock_watch_tend(struct kv_lock_watch *w, int64_t now_ms, struct kv_err *err)
{
    int failed = 0;
    if (w->fd < 0)
        return 0;
    if (w->syncing) {
        int ended = kv_io_sync_end(w->syncing, false, err);
        if (ended == 0)
            return 0;
        w->syncing = NULL;
        failed = ended < 0 ? -1 : 0;
    } else if (now_ms >= w->next_ms) {
        w->next_ms = now_ms + EVERY_MS;
        failed = begin(w, err);
    }
    if (failed)
        w->fd = -1;
    return failed;
}

void kv_lock_watch_release(struct kv_lock_watch *w)
{
    if (w->syncing)
        kv_io_sync_end(w->syncing, true, NULL);
    w->syncing = NULL;
}
