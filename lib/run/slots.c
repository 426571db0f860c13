/* slots - the places of a lane of commands, each of which rests when its command says "not now". */
#include "slots.h"

#include "buf.h"

#include <stdlib.h>

enum { REST_MS = 1000, REST_MAX_MS = 60000 };

struct slot {
    bool taken;
    int64_t free_ms; /* 0: it never rested, or what was done in it since ended that */
    int64_t rest_ms; /* the next rest */
};

struct kv_slots {
    int n;
    struct slot slot[];
};

struct kv_slots *kv_slots_open(int n)
{
    struct kv_slots *s = kv_calloc(1, sizeof *s + (size_t)n * sizeof *s->slot);
    s->n = n;
    for (int i = 0; i < n; i++)
        s->slot[i].rest_ms = REST_MS;
    return s;
}

void kv_slots_close(struct kv_slots *s)
{
    free(s);
}

/* The slot that is free first, -1: all are taken. */
static int find_first(const struct kv_slots *s)
{
    int first = -1;
    for (int i = 0; i < s->n; i++) {
        const struct slot *at = &s->slot[i];
        if (!at->taken && (first < 0 || at->free_ms < s->slot[first].free_ms))
            first = i;
        if (!at->taken && at->free_ms == 0)
            break;
    }
    return first;
}

int64_t kv_slots_free_at(const struct kv_slots *s)
{
    int first = find_first(s);
    return first < 0 ? INT64_MAX : s->slot[first].free_ms;
}

int kv_slots_take(struct kv_slots *s)
{
    int first = find_first(s);
    if (first >= 0)
        s->slot[first].taken = true;
    return first;
}

void kv_slots_give(struct kv_slots *s, int slot, bool done, int64_t now_ms)
{
    kv_slots_give_unused(s, slot);
    if (slot < 0)
        return;
    struct slot *at = &s->slot[slot];
    at->free_ms = done ? 0 : now_ms + at->rest_ms;
    at->rest_ms = done ? REST_MS : 2 * at->rest_ms;
    if (at->rest_ms > REST_MAX_MS)
        at->rest_ms = REST_MAX_MS;
}

void kv_slots_give_unused(struct kv_slots *s, int slot)
{
    if (slot >= 0)
        s->slot[slot].taken = false;
}
