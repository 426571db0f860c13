/* queue - replies that have to wait, by the time they are due. */
#include "queue.h"

#include <stdlib.h>
#include <time.h>

static struct call **heap; /* by due_ms */
static size_t waiting, heap_cap;

int64_t queue_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void swap_calls(size_t a, size_t b)
{
    struct call *c = heap[a];
    heap[a] = heap[b];
    heap[b] = c;
}

static void heap_add(struct call *c)
{
    if (waiting == heap_cap) {
        heap_cap = heap_cap ? heap_cap * 2 : 64;
        heap = kv_array(heap, heap_cap, sizeof *heap);
    }
    size_t i = waiting++;
    heap[i] = c;
    for (; i > 0 && heap[(i - 1) / 2]->due_ms > heap[i]->due_ms; i = (i - 1) / 2)
        swap_calls(i, (i - 1) / 2);
}

static struct call *heap_take(void)
{
    struct call *top = heap[0];
    heap[0] = heap[--waiting];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < waiting; k++)
            if (heap[k]->due_ms < heap[least]->due_ms)
                least = k;
        if (least == i)
            return top;
        swap_calls(i, least);
        i = least;
    }
}

void queue_add(struct call *c, int64_t due_ms)
{
    c->stage = WAITING;
    c->due_ms = due_ms;
    heap_add(c);
    MHD_suspend_connection(c->connection);
}

void queue_wake(void)
{
    int64_t now = queue_now();
    while (waiting && heap[0]->due_ms <= now) {
        struct call *c = heap_take();
        c->stage = DUE;
        MHD_resume_connection(c->connection);
    }
}

int64_t queue_due(void)
{
    return waiting ? heap[0]->due_ms : -1;
}

void queue_clear(void)
{
    free(heap);
    heap = NULL;
    waiting = heap_cap = 0;
}
