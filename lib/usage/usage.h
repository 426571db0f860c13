/* usage - what one or more calls of a model used: tokens, and the cost where the service says it.
 *
 * One record for all services (kv-results(5), usage_metadata). Counts are -1 and the cost is NAN
 * where nobody said anything: unknown is not nought. Totals include their parts: what was read
 * from or written to a cache is part of in_total, reasoning is part of out_total.
 *
 *     struct kv_usage u;
 *     kv_usage_begin(&u);                  nothing is known
 *     … the reader of a reply fills it in …
 *     kv_usage_settle(&u);
 *     kv_usage_add(&sum, &u);              several requests of one call add up
 */
#ifndef KV_USAGE_H
#define KV_USAGE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct kv_usage {
    int64_t in_total;      /* tokens of the prompt, cached ones included */
    int64_t in_read;       /* of them: read from a cache */
    int64_t in_write;      /* of them: written to a cache for minutes */
    int64_t in_write_1h;   /* of them: written to a cache for an hour */
    int64_t out_total;     /* tokens of the answer, reasoning included */
    int64_t out_reasoning; /* of them: reasoning */
    int64_t in_fresh;      /* Anthropic's own count, without what was cached; for the reader */
    double cost;           /* as the service says it, in its currency */
    double priced;         /* by the price file of whoever asked */
};

/* Nothing is known. */
#define KV_USAGE_UNKNOWN                                                                           \
    {                                                                                              \
        -1, -1, -1, -1, -1, -1, -1, (double)NAN, (double)NAN                                       \
    }
void kv_usage_begin(struct kv_usage *u);

/* Puts right what some servers count otherwise: reasoning beyond the total was left out of it. Once
 * all of a reply has been read; twice is harmless. */
void kv_usage_settle(struct kv_usage *u);

/* Both totals are known. */
bool kv_usage_known(const struct kv_usage *u);

/* Adds counts that are known to the sum; what neither knows stays unknown. Servers may claim
 * anything: sums stop at the largest number. */
void kv_usage_add(struct kv_usage *sum, const struct kv_usage *more);

/* The tokens of the prompt that were not cached: 0 where the parts exceed their total. */
int64_t kv_usage_fresh(const struct kv_usage *u);

#endif
