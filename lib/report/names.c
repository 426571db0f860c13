/* names - texts that come up again and again, each kept once and known by a number. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

uint64_t kv_names_hash(struct kv_slice text)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a, stirred at the end for its low bits */
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 0x100000001B3u;
    h = (h ^ h >> 32) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

struct kv_slice kv_names_text(const struct kv_names *names, uint32_t id)
{
    uint32_t from = id ? names->ends[id - 1] : 0;
    return (struct kv_slice){names->text.p + from, names->ends[id] - from};
}

/* The slot of a text: its number + 1 is there, or 0. */
static size_t slot_of(const struct kv_names *names, struct kv_slice text)
{
    size_t i = (size_t)kv_names_hash(text) & (names->size - 1);
    while (names->slot[i] && !kv_slice_eq(kv_names_text(names, names->slot[i] - 1), text))
        i = (i + 1) & (names->size - 1);
    return i;
}

/* Grows in place: what is freed while a file is read stays a hole between what grows. */
static void widen(struct kv_names *names)
{
    names->size = names->size ? 2 * names->size : 64;
    names->slot = kv_array(names->slot, names->size, sizeof *names->slot);
    memset(names->slot, 0, names->size * sizeof *names->slot);
    for (uint32_t id = 0; id < names->n; id++)
        names->slot[slot_of(names, kv_names_text(names, id))] = id + 1;
}

uint32_t kv_names_find(const struct kv_names *names, struct kv_slice text)
{
    uint32_t found = names->size ? names->slot[slot_of(names, text)] : 0;
    return found ? found - 1 : KV_NO_NAME;
}

uint32_t kv_names_add(struct kv_names *names, struct kv_slice text)
{
    if (2 * names->n >= names->size)
        widen(names);
    size_t slot = slot_of(names, text);
    if (names->slot[slot])
        return names->slot[slot] - 1;
    names->ends = kv_grow(names->ends, names->n, sizeof *names->ends);
    kv_buf_reserve(&names->text, text.n ? text.n : 1);
    kv_buf_add_slice(&names->text, text);
    if (names->text.n > UINT32_MAX)
        kv_no_memory();
    names->ends[names->n] = (uint32_t)names->text.n;
    names->slot[slot] = (uint32_t)++names->n;
    return (uint32_t)names->n - 1;
}

void kv_names_release(struct kv_names *names)
{
    kv_buf_release(&names->text);
    free(names->ends);
    free(names->slot);
    *names = (struct kv_names){0};
}

struct name_at {
    struct kv_slice text;
    uint32_t id;
};

static int by_text(const void *a, const void *b)
{
    const struct name_at *x = a, *y = b;
    return kv_slice_cmp(x->text, y->text);
}

uint32_t *kv_names_sorted(const struct kv_names *names)
{
    struct name_at *order = kv_calloc(names->n ? names->n : 1, sizeof *order);
    uint32_t *ids = kv_calloc(names->n ? names->n : 1, sizeof *ids);
    for (uint32_t i = 0; i < names->n; i++)
        order[i] = (struct name_at){kv_names_text(names, i), i};
    qsort(order, names->n, sizeof *order, by_text);
    for (size_t i = 0; i < names->n; i++)
        ids[i] = order[i].id;
    free(order);
    return ids;
}
