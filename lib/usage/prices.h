/* prices - a price file, and which of its entries is the price of a model.
 *
 * The file is an object from names to prices, in our form or in that of LiteLLM's
 * model_prices_and_context_window.json, told apart by its first entry that is an object. It is
 * indexed once; an entry is read when a model needs it, so that a mistake in an entry nobody needs
 * is no obstacle. Names are found as kv-run(1), Prices, says: as served before as configured; as
 * they stand, with the service's prefix, without a vendor's, each again without a date; then by
 * patterns.
 *
 *     struct kv_prices *prices = kv_prices_open(text, &err);       `text` stays the caller's
 *     switch (kv_prices_find(prices, &model, served, &price, &name, &err)) …
 *     kv_prices_close(prices);
 */
#ifndef KV_PRICES_H
#define KV_PRICES_H

#include "price.h"

enum { KV_PRICES_MAX = 16 << 20 }; /* bytes of a price file */

/* A model, as far as its price depends on it. */
struct kv_priced {
    struct kv_slice name; /* as configured */
    const char *prefix;   /* of its service in LiteLLM's names: "openrouter/"; NULL: none */
    enum kv_cache_habit habit;
    bool nearby; /* on this machine or in a private network: free where the file does not say */
};

struct kv_prices;

/* `text` is the whole file and has to stay. KV_INPUT with the place if it is no JSON object. */
struct kv_prices *kv_prices_open(struct kv_slice text, struct kv_err *err);
void kv_prices_close(struct kv_prices *p); /* NULL is fine */

/* The price of a model that answered under the name `served` (empty: not known yet). Returns 1 with
 * *price and the entry's *name; 0 if no entry fits: then the price is nought for a model nearby
 * (*name is empty) and not known for any other; -1 if the entry cannot be read: KV_INPUT with its
 * name. `p` may be NULL: no file, no entry. */
int kv_prices_find(const struct kv_prices *p, const struct kv_priced *model, struct kv_slice served,
    struct kv_price *price, struct kv_slice *name, struct kv_err *err);

#endif
