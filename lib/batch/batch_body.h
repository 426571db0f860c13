/* batch_body - what is POSTed for a part, written to a nameless file from its request file.
 *
 * Bodies have the size of the part, and are sent from disk.
 */
#ifndef KV_BATCH_BODY_H
#define KV_BATCH_BODY_H

#include "batch_private.h"

struct kv_batch_body {
    int fd; /* -1: none */
    int64_t size;
    char type[100]; /* Content-Type; "" for JSON */
};

/* The form that uploads the request file of a part. */
int kv_batch_body_upload(const struct kv_batch *b, const struct kv_batch_part *p,
    struct kv_batch_body *body, struct kv_err *err);
/* The object that has all requests of a part in it. */
int kv_batch_body_inline(const struct kv_batch *b, const struct kv_batch_part *p,
    struct kv_batch_body *body, struct kv_err *err);
void kv_batch_body_release(struct kv_batch_body *body);

/* A nameless private file beside the ledger: a descriptor, or -1. */
int kv_batch_body_scratch(const struct kv_paths *paths, struct kv_err *err);

#endif
