/* arena - texts that live as long as the thing they belong to, and are freed together. */
#include "arena.h"

#include <stdlib.h>

char *kv_arena_keep(struct kv_arena *a, char *text)
{
    a->texts = kv_grow(a->texts, a->n, sizeof *a->texts);
    return a->texts[a->n++] = text;
}

struct kv_slice kv_arena_take(struct kv_arena *a, struct kv_buf *text)
{
    size_t n = text->n;
    kv_buf_add_str(text, "");
    return (struct kv_slice){kv_arena_keep(a, kv_buf_detach(text)), n};
}

struct kv_slice kv_arena_copy(struct kv_arena *a, struct kv_slice text)
{
    return (struct kv_slice){kv_arena_keep(a, kv_strndup(text.n ? text.p : "", text.n)), text.n};
}

void kv_arena_release(struct kv_arena *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->texts[i]);
    free(a->texts);
    *a = (struct kv_arena){0};
}
