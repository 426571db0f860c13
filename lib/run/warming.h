/* warming - which calls wait until a server has the beginning of their prompts in its cache.
 *
 * A part of dispatch.h: puts warmth.h between what is submitted and the scheduler. A call whose
 * prompt has no beginning that its service caches never waits.
 */
#ifndef KV_WARMING_H
#define KV_WARMING_H

#include "dispatch.h"

/* True if the call may go to the scheduler; else it is held, and goes there later by itself. */
bool kv_warming_admit(struct kv_dispatch *c, struct kv_pending_query *e);
/* The call has ended: those that waited for it go on. */
void kv_warming_end(struct kv_dispatch *c, struct kv_pending_query *e, bool answered);
/* Looks for replies that have begun, and for calls that have waited long enough. */
void kv_warming_look(struct kv_dispatch *c);
/* From here on nothing waits. */
void kv_warming_stop(struct kv_dispatch *c);

#endif
