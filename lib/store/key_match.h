/* key_match - whether each completed key of a .state has one row, and each row such a key.
 *
 * For a run in which nothing was done twice: then no index has to be asked which row is the newest of its
 * task. Rows stand mostly in the order of the keys that they complete, so keys that meet are compared as
 * they are; of those that do not, the sums are (kv_store_sum). A key that stands twice, with two rows, is not
 * seen here: the caller's counts tell it (has_one_each in finalize.c).
 *
 *     kv_key_match_begin(&m, fd, &err);
 *     kv_key_match_row(&m, key, &err);            for each row
 *     kv_key_match_end(&m, &err) == 1             they match
 *     kv_key_match_release(&m);
 */
#ifndef KV_KEY_MATCH_H
#define KV_KEY_MATCH_H

#include "digest.h"
#include "err.h"
#include "keys.h"

struct kv_key_match { /* private */
    struct kv_keys keys;
    struct kv_digest128 of_rows, of_keys; /* sums of those that did not meet */
    int64_t rows, met;                    /* rows, and keys so far */
    bool begun;
};

/* `fd`: the .state, read by position. */
int kv_key_match_begin(struct kv_key_match *m, int fd, struct kv_err *err);
int kv_key_match_row(struct kv_key_match *m, struct kv_slice key, struct kv_err *err);
/* After the last row: 1 if they match, 0 if not; -1. */
int kv_key_match_end(struct kv_key_match *m, struct kv_err *err);
void kv_key_match_release(struct kv_key_match *m); /* zero, and twice, is fine */

#endif
