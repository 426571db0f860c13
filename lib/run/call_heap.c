/* call_heap - calls that wait for their time, soonest first. */
#include "call_heap.h"

#include "buf.h"

#include <stdlib.h>

static bool before(const struct kv_call *a, const struct kv_call *b)
{
    return a->ready_ms != b->ready_ms ? a->ready_ms < b->ready_ms : a->order < b->order;
}

void kv_call_heap_push(struct kv_call_heap *q, struct kv_call *call)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? 2 * q->cap : 16;
        q->heap = kv_array(q->heap, q->cap, sizeof *q->heap);
    }
    size_t i = q->n++;
    for (; i > 0 && before(call, q->heap[(i - 1) / 2]); i = (i - 1) / 2)
        q->heap[i] = q->heap[(i - 1) / 2];
    q->heap[i] = call;
}

struct kv_call *kv_call_heap_pop(struct kv_call_heap *q)
{
    if (q->n == 0)
        return NULL;
    struct kv_call *top = q->heap[0], *last = q->heap[--q->n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < q->n; i = k) {
        if (k + 1 < q->n && before(q->heap[k + 1], q->heap[k]))
            k++;
        if (!before(q->heap[k], last))
            break;
        q->heap[i] = q->heap[k];
    }
    if (q->n)
        q->heap[i] = last;
    return top;
}

const struct kv_call *kv_call_heap_first(const struct kv_call_heap *w)
{
    return w->heap[0];
}

void kv_call_heap_release(struct kv_call_heap *w)
{
    free(w->heap);
    *w = (struct kv_call_heap){0};
}
