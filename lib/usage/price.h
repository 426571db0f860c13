/* price - what the tokens of one model cost, and what a call of it cost.
 *
 * A price is read from one entry of a price file (prices.h), in either of the two forms, and holds
 * rates per token for each tier of service. What an entry leaves out follows from the rest: cached
 * tokens by the habit of the service, a tier's rates by those of the standard tier. Which entry
 * belongs to a model is prices.h; how the file is written down for people is kv-run(1), Prices.
 *
 *     struct kv_price price;
 *     if (kv_price_read(&price, entry, KV_PRICE_OURS, KV_CACHE_PLAIN, &err) == 0)
 *         cost = kv_price_cost(&price, kv_tier_of(tier), &usage);     NAN: not known
 */
#ifndef KV_PRICE_H
#define KV_PRICE_H

#include "buf.h"
#include "err.h"
#include "usage.h"

/* The tier of service a call was served at. */
enum kv_tier { KV_TIER_STANDARD, KV_TIER_BATCH, KV_TIER_FLEX, KV_TIER_PRIORITY, KV_TIERS };
/* By the name a service gives it; standard for "", "default" and whatever is not known. */
enum kv_tier kv_tier_of(struct kv_slice name);
const char *kv_tier_name(enum kv_tier tier); /* "standard", "batch", "flex", "priority" */

enum kv_price_form {
    KV_PRICE_OURS,    /* {"input":…,"output":…,…}, per million tokens */
    KV_PRICE_LITELLM, /* {"input_cost_per_token":…,…} */
};

/* What cached tokens cost at a service where the entry does not say. */
enum kv_cache_habit {
    KV_CACHE_PLAIN,     /* as any others */
    KV_CACHE_VARIES,    /* reads cost less, by how much depends on the model: as others, told */
    KV_CACHE_ANTHROPIC, /* reads 0.1, writes 1.25, writes for an hour 2 times the input */
};

struct kv_rates {
    double input, output, read, write, write_1h, reasoning; /* per token; NAN: not priced */
};

enum { KV_PRICE_STEPS = 4 };

struct kv_price {
    struct kv_rates tier[KV_TIERS];
    struct {
        int64_t tokens;        /* for requests whose prompt is longer */
        struct kv_rates rates; /* of the standard tier */
    } above[KV_PRICE_STEPS];   /* by tokens, ascending */
    size_t steps;
    bool read_assumed; /* KV_CACHE_VARIES, and the entry does not price cached tokens */
};

/* Reads an entry (checked JSON). KV_INPUT names the member that is missing or no number. */
int kv_price_read(struct kv_price *price, struct kv_slice entry, enum kv_price_form form,
    enum kv_cache_habit habit, struct kv_err *err);
/* All rates 0. */
void kv_price_free(struct kv_price *price);

/* Cost of a call: what the service said if it said it; NAN if neither its cost nor both totals, or
 * the price of its tier, are known. Reads that are not counted are taken for none: an upper bound.
 */
double kv_price_cost(const struct kv_price *price, enum kv_tier tier, const struct kv_usage *u);

/* Appends an amount for people: two digits above 1, else four that count. */
void kv_price_add_amount(struct kv_buf *out, double amount);

#endif
