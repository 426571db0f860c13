/* defer - calls that are asked elsewhere: request lines (request_line.h), one file an endpoint.
 *
 *     struct kv_defer *d = kv_defer_open("batch", &err);
 *     kv_defer_add(d, endpoint, &query, id);
 *     kv_defer_end(d, &err);              requests-1.jsonl …, endpoints.json: whole, or not at all
 *     kv_defer_close(d);
 *
 * The directory is made if it is not there; else it must be empty, or hold what an earlier run has
 * put there, which is replaced. endpoints.json is away while the files are: a directory that has it is
 * complete. It names files, models, places and counts, and never a key.
 */
#ifndef KV_DEFER_H
#define KV_DEFER_H

#include "endpoint.h"

struct kv_defer;

/* KV_INPUT for a directory with anything else in it. */
struct kv_defer *kv_defer_open(const char *directory, struct kv_err *err);
/* Adds the call of a query. -1: it, or one before it, could not be written: kv_defer_end tells why. */
int kv_defer_add(
    struct kv_defer *d, const struct kv_endpoint *e, const struct kv_query *q, const char *id);
/* Puts all files in their places, once; none if one lacks a call: what was there stays. */
int kv_defer_end(struct kv_defer *d, struct kv_err *err);
void kv_defer_close(struct kv_defer *d); /* what was not put in its place is gone; NULL is fine */

size_t kv_defer_count(const struct kv_defer *d); /* of calls */
size_t kv_defer_files(const struct kv_defer *d);
const char *kv_defer_path(const struct kv_defer *d); /* of the directory */

#endif
