/* batch_beside - what other programs ask of the ledger beside a run: no network, no lock. */
#ifndef KV_BATCH_BESIDE_H
#define KV_BATCH_BESIDE_H

#include "batch_ids.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_batch_beside {
    bool there;             /* there is a ledger */
    int64_t open;           /* parts */
    int64_t requests;       /* of them */
    int64_t answered;       /* of all parts, ever collected */
    int64_t faulty;         /* parts that failed as a whole, for their requests */
    int64_t oldest_ms;      /* the first open part was made; 0: none is open */
    int64_t uncollected_ms; /* the first ended part that nobody has collected ended; 0: none */
};

int kv_batch_beside_read(
    struct kv_batch_beside *b, const struct kv_paths *paths, struct kv_err *err);

/* The calls of open parts, which are not to be asked elsewhere; *held is NULL if no part is open. */
int kv_batch_beside_held(
    const struct kv_paths *paths, struct kv_batch_ids **held, struct kv_err *err);

/* How many collected parts have no replies in NAME.replies any more, or -1. `lost`, if not NULL, is told
 * each. */
int kv_batch_beside_lost(const struct kv_ledger *ledger, const struct kv_paths *paths,
    void (*lost)(void *closure, struct kv_batch_part *p), void *closure, struct kv_err *err);
/* 0 if all replies are there that the ledger calls collected; KV_INPUT names the way out. */
int kv_batch_beside_replies(const struct kv_paths *paths, struct kv_err *err);

/* Appends the members "batches" and "waiting_for_batch" of a status; nothing without a ledger. */
void kv_batch_beside_add(const struct kv_batch_beside *b, struct kv_buf *out);

/* Removes the ledger, request files and replies of a run that is over or not begun. KV_INPUT if a
 * part is open: then nothing is touched. */
int kv_batch_beside_remove(const struct kv_paths *paths, struct kv_err *err);

#endif
