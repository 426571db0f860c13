/* batch_look - how far the ordered parts are, as their services say. */
#ifndef KV_BATCH_LOOK_H
#define KV_BATCH_LOOK_H

#include "batch_private.h"

/* Looks at every part that is ordered and not known to have ended; `due` only: at those whose time
 * to be looked at has come. What ended, failed or is gone is written down. */
int kv_batch_look(struct kv_batch *b, bool due, struct kv_err *err);

/* When the next part is to be looked at: milliseconds from now; -1: none is out. */
int64_t kv_batch_next_look_ms(const struct kv_batch *b);

#endif
