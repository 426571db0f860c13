/* batch_doubt - finds out whether a POST that somebody did not live to hear of was done.
 *
 * Each part whose last event is `sending` is in doubt. An upload is looked for by its name and size,
 * a batch by the file it was made of or, where nothing of ours is visible, by its number of requests
 * and the first id among its results. What is found is adopted. Only what has certainly not been
 * done is done again; while that is not certain the calls of the part are held.
 */
#ifndef KV_BATCH_DOUBT_H
#define KV_BATCH_DOUBT_H

#include "batch_private.h"

/* Settles what can be settled now. */
int kv_batch_settle(struct kv_batch *b, struct kv_err *err);
/* The same of one part: it is then no longer in doubt, or p->doubt_stands. */
int kv_batch_settle_part(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err);

#endif
