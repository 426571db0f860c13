/* batch_requests - the request file of a part, made again where it is gone. */
#ifndef KV_BATCH_REQUESTS_H
#define KV_BATCH_REQUESTS_H

#include "batch_private.h"
#include "digest.h"

#include <stdbool.h>

struct kv_batch_requests {
    int64_t n, bytes;
    double prompt_tokens;
    struct kv_buf url, model; /* of the first; "" where it names none */
    char sha256[KV_SHA256_HEX + 1];
};
void kv_batch_requests_release(struct kv_batch_requests *r); /* zero at first */

enum kv_batch_requests_end {
    KV_BATCH_REQUESTS_UNKNOWN, /* they are not to be had now, which is said */
    KV_BATCH_REQUESTS_THERE,
    KV_BATCH_REQUESTS_DELETED, /* the batch has ended, and its results are deleted */
    KV_BATCH_REQUESTS_NONE,    /* the batch has ended, without results */
};

/* Writes the request file of a part that has its batch, or has its file at the service: p->number, batch, file, url; p->requests of
 * them, -1 where that is not known. They come from the file that was uploaded. Where the service does
 * not hand it out, one that lies there is taken for it, if it is `lying` under the number that the batch
 * was ordered with; or else what the results of a batch that has ended name: then the ids are right and
 * the bodies are empty. What became of it, or -1. */
int kv_batch_requests_restore(struct kv_batch_requests *r, struct kv_batch *b,
    struct kv_batch_service *s, const struct kv_batch_part *p, bool lying, struct kv_err *err);

/* Appends the members of the event `part`, but for its number; `like` tells who is asked. */
void kv_batch_requests_add(
    const struct kv_batch_requests *r, const struct kv_batch_part *like, struct kv_buf *out);

#endif
