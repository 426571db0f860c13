/* call_heap - calls that wait for their time, soonest first.
 *
 * A binary heap over calls of the caller's. Calls that are ready at the same time come out in the
 * order of their submission.
 */
#ifndef KV_CALL_HEAP_H
#define KV_CALL_HEAP_H

#include "call.h"

struct kv_call_heap {
    struct kv_call **heap; /* by ready_ms, then order */
    size_t n, cap;
};

void kv_call_heap_push(struct kv_call_heap *w, struct kv_call *call);
struct kv_call *kv_call_heap_pop(struct kv_call_heap *w);               /* NULL if there is none */
const struct kv_call *kv_call_heap_first(const struct kv_call_heap *w); /* there must be one */
void kv_call_heap_release(struct kv_call_heap *w);

#endif
