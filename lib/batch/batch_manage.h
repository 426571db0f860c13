/* batch_manage - what a person decides about parts: cancel, adopt, forget, tidy. */
#ifndef KV_BATCH_MANAGE_H
#define KV_BATCH_MANAGE_H

#include "batch_private.h"

/* Asks the service to stop a part; what was answered can be collected. A part that is not ordered
 * yet is given up. KV_INPUT: it is in doubt, or no longer open. */
int kv_batch_cancel(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err);
/* Takes a batch for that of a part in doubt. KV_INPUT: it cannot be. */
int kv_batch_adopt(
    struct kv_batch *b, struct kv_batch_part *p, const char *batch, struct kv_err *err);
/* Gives an open part up. KV_INPUT: it is not open. */
int kv_batch_forget(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err);
/* Deletes what the service holds of collected parts. */
int kv_batch_tidy(struct kv_batch *b, struct kv_err *err);

#endif
