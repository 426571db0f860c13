/* await - waits until the servers of a run are there: started elsewhere, they load for minutes.
 *
 * Asks each for its list of models until something answers that is not a server that loads, or the
 * time is over. What is listed is not looked at.
 */
#ifndef KV_AWAIT_H
#define KV_AWAIT_H

#include "models.h"

/* KV_PROVIDER names the server that did not come, and what was last heard of it. `say` is told
 * once of each server that is waited for. */
int kv_await(const struct kv_models *m, int64_t wait_ms,
    void (*say)(void *closure, const char *text), void *closure, struct kv_err *err);

/* Lets so much time go by. */
int kv_await_pause(struct kv_http *http, int64_t ms, struct kv_err *err);

#endif
