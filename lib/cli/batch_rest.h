/* batch_rest - what a step by batches has left: is there anything to wait for? */
#ifndef KV_BATCH_REST_H
#define KV_BATCH_REST_H

#include "err.h"
#include "paths.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_batch_rest {
    int64_t open;     /* parts */
    int64_t deferred; /* calls that are written down, and not ordered yet */
    int64_t tried;    /* those of them that failed in batches twice */
};

/* `directory` has the deferred calls, and may not be there; `replies` is the file of what was collected. */
int kv_batch_rest_read(struct kv_batch_rest *r, const struct kv_paths *paths, const char *directory,
    const char *replies, struct kv_err *err);

/* True if batches have nothing more to bring: none is open, and what could be ordered failed twice. */
bool kv_batch_rest_is_last(const struct kv_batch_rest *r);

/* How many tasks of the run are pending, in *pending. 1 if these are so few that a day is not to be
 * waited for them: 1 % of all, and 50 at most; 0 if not; -1. */
int kv_batch_rest_is_small(const struct kv_paths *paths, int64_t *pending, struct kv_err *err);

#endif
