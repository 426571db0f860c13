/* cache_keys - over how many cache keys the calls of a model are spread.
 *
 * OpenAI keeps the requests of one prompt_cache_key together as long as they are about 15 a minute;
 * what exceeds that goes elsewhere, where the beginning is not cached. So beyond that rate there is a
 * key for each 15 calls of a minute. The number never falls: other keys mean other places.
 *
 *     kv_cache_keys_count(&k, now_ms);        for each call that is sent
 *     … k.n …                                 1: one key, without a number
 */
#ifndef KV_CACHE_KEYS_H
#define KV_CACHE_KEYS_H

#include <stdint.h>

enum { KV_CACHE_KEY_CALLS = 15 }; /* a minute */

struct kv_cache_keys { /* zero: no call was sent */
    unsigned n;
    /* private */
    int64_t minute;
    int sent;
};

void kv_cache_keys_count(struct kv_cache_keys *k, int64_t now_ms);

#endif
