/* arena - texts that live as long as the thing they belong to, and are freed together.
 *
 *     struct kv_arena a = {0};
 *     struct kv_slice name = kv_arena_take(&a, &buf);      the buffer's bytes; it is empty again
 *     struct kv_slice copy = kv_arena_copy(&a, text);
 *     kv_arena_release(&a);
 *
 * What is kept never moves. Every text is followed by a NUL.
 */
#ifndef KV_ARENA_H
#define KV_ARENA_H

#include "buf.h"

struct kv_arena {
    char **texts;
    size_t n;
};

/* Keeps a text that was allocated (kv_alloc and the like), and returns it. */
char *kv_arena_keep(struct kv_arena *a, char *text);

/* Keeps the bytes of a buffer, which is empty afterwards. */
struct kv_slice kv_arena_take(struct kv_arena *a, struct kv_buf *text);

/* Keeps a copy of a text. */
struct kv_slice kv_arena_copy(struct kv_arena *a, struct kv_slice text);

void kv_arena_release(struct kv_arena *a); /* frees every text; may be used again */

#endif
