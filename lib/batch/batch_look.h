/* batch_look - how far the ordered parts are, as their services say. */
#ifndef KV_BATCH_LOOK_H
#define KV_BATCH_LOOK_H

#include "batch_private.h"

/* Looks at every part that is ordered and not known to have ended. What ended, failed or is gone is
 * written down. */
int kv_batch_look(struct kv_batch *b, struct kv_err *err);

#endif
