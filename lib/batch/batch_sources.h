/* batch_sources - files of request lines, and the endpoints they are for.
 *
 * Reads the endpoints.json that stands beside such files: an array of objects with "file", "id",
 * "model", "wire", "url", "base_url" and "dialect". A file of requests of one's own needs an entry
 * with a base URL; one without "file" is for every file.
 */
#ifndef KV_BATCH_SOURCES_H
#define KV_BATCH_SOURCES_H

#include "buf.h"
#include "err.h"

struct kv_batch_source {
    char *path; /* of the request lines */
    char *endpoint, *model, *wire, *dialect, *base_url, *shape;
};

struct kv_batch_sources {
    struct kv_batch_source *items;
    size_t n;
};

/* `endpoints` NULL: endpoints.json beside the first of `files`. No files: all that it names, where
 * it lies. `shape` is the user's word for services that are not known to have batches, or NULL.
 * KV_INPUT says which entry cannot be used, and why. */
int kv_batch_sources_read(struct kv_batch_sources *s, const char *endpoints,
    const char *const *files, size_t n, const char *shape, struct kv_err *err);
void kv_batch_sources_release(struct kv_batch_sources *s);

#endif
