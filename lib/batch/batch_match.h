/* batch_match - batches at a service that are, or may be, the one of a part: one is taken over. */
#ifndef KV_BATCH_MATCH_H
#define KV_BATCH_MATCH_H

#include "batch_private.h"

struct kv_batch_match {
    char id[KV_BATCH_ID_MAX + 1], input[KV_BATCH_ID_MAX + 1];
    int64_t number; /* of the part that its label names; 0: not looked at */
    int64_t created_ms, expires_ms;
    int64_t requests; /* -1: not said */
    enum kv_batch_status status;
};

struct kv_batch_matches {
    struct kv_batch_match *items; /* the newest first, as lists are */
    size_t n;
};
struct kv_batch_match *kv_batch_matches_add(
    struct kv_batch_matches *m, const struct kv_batch_seen *seen);
void kv_batch_matches_release(struct kv_batch_matches *m);

/* The oldest that has not failed; where all have, the oldest. NULL: there are none. */
const struct kv_batch_match *kv_batch_matches_oldest(const struct kv_batch_matches *m);
/* Asks the service to stop those that were ordered twice: all but the one that is kept. */
void kv_batch_matches_cancel(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const struct kv_batch_matches *m,
    const struct kv_batch_match *kept);

/* Writes down that this is the batch of the part. */
int kv_batch_match_adopt(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_match *m, struct kv_err *err);
/* True if it is the batch of any part. */
bool kv_batch_match_is_known(const struct kv_batch *b, const char *id);

#endif
