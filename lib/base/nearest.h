/* nearest - which of many names a mistyped one was probably meant to be.
 *
 * For keys of tasks and for names in what users write. Distance is the number of characters to
 * insert, delete or replace. Keys share long beginnings and ends, so what two have in common there
 * is cut off first, and a key is given up as soon as it cannot beat the best so far.
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

/* Appends `what`, then the nearest of the names (up to NULL) and, if they are few, all of them:
 * "unknown key: nearest is name; known are name, type, n". */
void kv_nearest_add_hint(
    struct kv_buf *out, const char *what, struct kv_slice wanted, const char *const *names);

#endif
