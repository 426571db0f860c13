/* batch_restore - what a ledger that was put back from an older copy has forgotten.
 *
 * Where services keep labels, a batch that bears the label of this ledger and is none of its parts is
 * taken over, with its requests, which the service still has. So nothing is ordered again that was
 * ordered after the copy. Where nothing of ours is visible in the list (Anthropic) it would be.
 */
#ifndef KV_BATCH_RESTORE_H
#define KV_BATCH_RESTORE_H

#include "batch_private.h"

/* Looks once a process at every service that a part was ordered at. Where that cannot be done now, or
 * the requests of what is found are not to be had, nothing is ordered there by this process, which is
 * said and counted in the tally. */
int kv_batch_restore(struct kv_batch *b, struct kv_err *err);
/* The same of one service: `like` tells endpoint, dialect, base_url, shape and model. */
int kv_batch_restore_at(struct kv_batch *b, const struct kv_batch_part *like, struct kv_err *err);

#endif
