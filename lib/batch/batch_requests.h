/* batch_requests - the request file of a part, made again where it is gone. */
#ifndef KV_BATCH_REQUESTS_H
#define KV_BATCH_REQUESTS_H

#include "batch_private.h"
#include "digest.h"

struct kv_batch_requests {
    int64_t n, bytes;
    double prompt_tokens;
    struct kv_buf url, model; /* of the first; "" where it names none */
    char sha256[KV_SHA256_HEX + 1];
};
void kv_batch_requests_release(struct kv_batch_requests *r); /* zero at first */

/* Writes the request file of a part that has its batch: p->number, batch, file, url; p->requests of
 * them, -1 where that is not known. They come from the file that was uploaded or, where the service
 * does not hand it out, one that lies there is taken for it, or what the results of a batch that has
 * ended name: then the ids are right and the bodies are empty. 1, or 0 if they are not to be had now,
 * which is said, or 2 if all that was kept of the batch is deleted. */
int kv_batch_requests_restore(struct kv_batch_requests *r, struct kv_batch *b,
    struct kv_batch_service *s, const struct kv_batch_part *p, struct kv_err *err);

/* Appends the members of the event `part`, but for its number; `like` tells who is asked. */
void kv_batch_requests_add(
    const struct kv_batch_requests *r, const struct kv_batch_part *like, struct kv_buf *out);

#endif
