/* batch_lacks - requests of parts that are over, which have no answer and were not ordered again. */
#ifndef KV_BATCH_LACKS_H
#define KV_BATCH_LACKS_H

#include "batch_private.h"

/* Says of each part what it lacks, if nobody has in this process, and counts it in the tally: something
 * waits or, of a batch that failed as a whole for its requests, something is faulty. A request is lacking
 * where no open part has it and no reply is of it; what a person has cancelled or forgotten is not
 * missed, nor where it was ordered before. After a signal nothing is said. */
int kv_batch_lacks_tell(struct kv_batch *b, struct kv_err *err);

#endif
