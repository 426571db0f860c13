/* cache_keys - over how many cache keys the calls of a model are spread. */
#include "cache_keys.h"

void kv_cache_keys_count(struct kv_cache_keys *k, int64_t now_ms)
{
    if (now_ms / 60000 != k->minute)
        k->sent = 0;
    k->minute = now_ms / 60000;
    k->sent++;
    unsigned wanted = 1 + (unsigned)k->sent / (KV_CACHE_KEY_CALLS + 1);
    k->n = wanted > k->n ? wanted : k->n;
}
