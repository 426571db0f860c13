/* shard - the part of a manifest that one of several hosts does.
 *
 *     kv_shard_parse("3/60", env, &shard, &err);      or "@/60", told by the engine that starts it
 *     if (kv_shard_has(&shard, key)) …
 *
 * Decided by the key of a task alone, so that parts are disjoint, cover everything, and a task stays
 * where it is when others are added.
 */
#ifndef KV_SHARD_H
#define KV_SHARD_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_shard {
    uint64_t index, count; /* index from 0; count 0: no shard, all of it */
};

/* Reads "I/N", 1 <= I <= N, or "@/N": then I is one more than a number of the environment modulo N,
 * so that arrays counted from 0 and from 1 both cover everything. `env` looks a variable up, NULL
 * where it is unset; NULL for no environment. Which variables: kv-hosts(7). Fails with KV_USAGE,
 * also where the engine's array has more members than N. */
int kv_shard_parse(const char *text, const char *(*env)(const char *name), struct kv_shard *out,
    struct kv_err *err);

void kv_shard_add_text(struct kv_buf *out, const struct kv_shard *s); /* "I/N" */

/* By a hash of question, answering model and replicate, so that all judges of one answer are in one
 * shard and it is asked for once. A key of fewer than three parts, a job of any kind, is hashed
 * whole. Without a shard every key is in it. */
bool kv_shard_has(const struct kv_shard *s, struct kv_slice key);

#endif
