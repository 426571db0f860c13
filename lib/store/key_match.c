/* key_match - whether each completed key of a .state has one row, and each row such a key. */
#include "key_match.h"

#include "store.h"

int kv_key_match_begin(struct kv_key_match *m, int fd, struct kv_err *err)
{
    *m = (struct kv_key_match){0};
    m->begun = kv_keys_begin(&m->keys, fd, KV_KEYS_COMPLETED, err) == 0;
    return m->begun ? 0 : -1;
}

int kv_key_match_row(struct kv_key_match *m, struct kv_slice key, struct kv_err *err)
{
    int got = kv_keys_next(&m->keys, err);
    if (got < 0)
        return -1;
    m->rows++;
    m->met += got;
    if (got && kv_slice_eq(kv_slice_of(&m->keys.key), key))
        return 0;
    kv_store_sum(&m->of_rows, key);
    if (got)
        kv_store_sum(&m->of_keys, kv_slice_of(&m->keys.key));
    return 0;
}

int kv_key_match_end(struct kv_key_match *m, struct kv_err *err)
{
    int got = kv_keys_next(&m->keys, err);
    if (got != 0)
        return got < 0 ? -1 : 0; /* one more than there are rows */
    return m->met == m->rows && m->of_rows.hi == m->of_keys.hi && m->of_rows.lo == m->of_keys.lo;
}

void kv_key_match_release(struct kv_key_match *m)
{
    if (m->begun)
        kv_keys_end(&m->keys);
    m->begun = false;
}
