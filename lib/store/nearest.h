/* nearest - which of many keys a mistyped one was probably meant to be.
 *
 * Distance is the number of characters to insert, delete or replace. Keys share long beginnings and
 * ends, so what two have in common there is cut off first, and a key is given up as soon as it
 * cannot beat the best so far.
 */
#ifndef KV_NEAREST_H
#define KV_NEAREST_H

#include "buf.h"

#include <stddef.h>

struct kv_nearest {
    struct kv_slice wanted;
    struct kv_buf best;
    size_t distance; /* of best; it must be below this to count */
};

/* Only keys that differ in at most a third of their length are near. */
void kv_nearest_init(struct kv_nearest *n, struct kv_slice wanted);
void kv_nearest_try(struct kv_nearest *n, struct kv_slice key);
void kv_nearest_release(struct kv_nearest *n); /* n->best.n == 0: nothing is near */

#endif
