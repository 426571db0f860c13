/* batch_status - how far a batch is, in one set of words for what services say in many.
 *
 * Words are compared without case and without the prefixes BATCH_STATE_ and JOB_STATE_. Pure.
 */
#ifndef KV_BATCH_STATUS_H
#define KV_BATCH_STATUS_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_batch_status {
    KV_BATCH_UNKNOWN, /* a word that nobody here knows: looked at again */
    KV_BATCH_VALIDATING,
    KV_BATCH_IN_PROGRESS,
    KV_BATCH_FINALIZING,
    KV_BATCH_CANCELLING,
    KV_BATCH_COMPLETED, /* from here on final */
    KV_BATCH_EXPIRED,
    KV_BATCH_CANCELLED,
    KV_BATCH_FAILED, /* nothing ran, nothing is billed */
};

struct kv_batch_counts {
    int64_t total, done, failed; /* -1: not said */
};

enum kv_batch_status kv_batch_status_of(struct kv_slice word);
const char *kv_batch_status_name(enum kv_batch_status s);
bool kv_batch_status_is_final(enum kv_batch_status s);

#endif
