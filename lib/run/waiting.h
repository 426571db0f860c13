/* waiting - calls that wait for their time, soonest first.
 *
 * A binary heap over calls of the caller's. Calls that are ready at the same time come out in the
 * order of their submission.
 */
#ifndef KV_WAITING_H
#define KV_WAITING_H

#include "call.h"

struct kv_waiting {
    struct kv_call **heap; /* by ready_ms, then order */
    size_t n, cap;
};

void kv_waiting_push(struct kv_waiting *w, struct kv_call *call);
struct kv_call *kv_waiting_pop(struct kv_waiting *w);               /* NULL if there is none */
const struct kv_call *kv_waiting_first(const struct kv_waiting *w); /* there must be one */
void kv_waiting_release(struct kv_waiting *w);

#endif
