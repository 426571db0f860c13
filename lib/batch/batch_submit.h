/* batch_submit - orders what is written down: uploads request files, creates batches. */
#ifndef KV_BATCH_SUBMIT_H
#define KV_BATCH_SUBMIT_H

#include "batch_cut.h"

struct kv_batch_order {
    const struct kv_batch_sources *sources;
    struct kv_batch_limits limits;
};

/* Orders every part that is not ordered yet, and new ones of what the sources have that is neither
 * ordered nor answered. */
int kv_batch_submit(struct kv_batch *b, const struct kv_batch_order *order, struct kv_err *err);

/* Gives a part up: its calls are free to be ordered again. Whoever calls says so. */
int kv_batch_give_up(struct kv_batch *b, struct kv_batch_part *p, enum kv_batch_loss loss,
    const char *reason, struct kv_err *err);

/* The queue of the service is full: the part waits, the longer the oftener. `text` is what it said,
 * in which its limit is looked for. `status` is 429 where it does not concern the queue, but how often
 * the service is asked: then all parts of it wait; else 0. */
int kv_batch_note_full(struct kv_batch *b, const struct kv_batch_part *p, const char *step,
    int status, const char *code, const char *text, int64_t wait_ms, struct kv_err *err);

#endif
