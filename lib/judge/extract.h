/* extract - the last message of a trace, where karenina finds it. */
#ifndef KV_EXTRACT_H
#define KV_EXTRACT_H

#include "buf.h"
#include "err.h"

/* The last message of a raw trace, which must be the assistant's. Borrowed. -1 with KV_INPUT and
 * karenina's reason (the pipeline prefixes "Failed to extract final AI message: "). */
int kv_extract_message(struct kv_slice trace, struct kv_slice *message, struct kv_err *err);

#endif
