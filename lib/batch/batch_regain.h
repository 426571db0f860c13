/* batch_regain - replies that the ledger calls collected, and NAME.replies has no more.
 *
 * Whoever goes by NAME.replies would order them again. The part is open again instead, and its results
 * are fetched once more: that costs nothing while the service has them.
 */
#ifndef KV_BATCH_REGAIN_H
#define KV_BATCH_REGAIN_H

#include "batch_private.h"

/* Opens the parts again whose replies are lacking, with the event `uncollected`, and says so. */
int kv_batch_regain(struct kv_batch *b, struct kv_err *err);

#endif
