/* select - which questions of a benchmark take part, by the options of the command line.
 *
 * Pure; rules and words are karenina's (kv-benchmark(5)).
 */
#ifndef KV_SELECT_H
#define KV_SELECT_H

#include "bench.h"
#include "err.h"

#include <stdbool.h>

/* Marks chosen[0..b->n-1]: the finished questions, of these those whose id is in `ids` ("a,b";
 * NULL: all; others are ignored), of these the ones at `positions` ("0-4,9"; NULL: all).
 * Returns how many, or -1 with KV_INPUT. */
long kv_select(const struct kv_bench *b, const char *ids, const char *positions, bool *chosen,
    struct kv_err *err);

/* Adds a problem for each id of `ids` that no finished question has, with the nearest there is. */
void kv_select_add_unknown(const struct kv_bench *b, const char *ids, struct kv_problems *problems);

/* Reads positions below `count` into set[0..count-1]. Returns 0 or -1 as above. */
int kv_select_positions(const char *positions, size_t count, bool *set, struct kv_err *err);

#endif
