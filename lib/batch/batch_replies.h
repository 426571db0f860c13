/* batch_replies - the file of collected replies beside a ledger, NAME.replies: only ever added to.
 *
 *     struct kv_batch_replies r;
 *     kv_batch_replies_begin(&r, paths, &err);
 *     kv_batch_replies_add(&r, line, &err);        as often as wanted
 *     kv_batch_replies_end(&r, &err);              on the medium
 */
#ifndef KV_BATCH_REPLIES_H
#define KV_BATCH_REPLIES_H

#include "digest.h"
#include "err.h"
#include "paths.h"

#include <stdint.h>

struct kv_batch_replies {
    char *path;
    int fd;
    int64_t size;  /* of the file, with what is held */
    int64_t bytes; /* added */
    struct kv_buf held;
    struct kv_digest *digest;
    char sha256[KV_SHA256_HEX + 1]; /* of what was added, after the end */
};

/* Opens or makes the file, and cuts off a last line that a death has torn. */
int kv_batch_replies_begin(
    struct kv_batch_replies *r, const struct kv_paths *paths, struct kv_err *err);
/* A line with its LF. */
int kv_batch_replies_add(struct kv_batch_replies *r, struct kv_slice line, struct kv_err *err);
int kv_batch_replies_end(struct kv_batch_replies *r, struct kv_err *err);
void kv_batch_replies_abandon(struct kv_batch_replies *r); /* after a failure, or the end */

#endif
