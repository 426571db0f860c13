/* preflight - one small request to each model, and what came back: --check.
 *
 * A judge is asked for an object, as runs ask it, and its reply is looked at: some servers take a
 * schema and ignore it. A failure that passes is asked for again, a few times, before it counts;
 * a server that is not there or still loads is waited for as long as was said.
 */
#ifndef KV_PREFLIGHT_H
#define KV_PREFLIGHT_H

#include "preview.h"

/* Prints one object a model, see kv-run(1), --check. wait_ms is for servers that load; 0: no longer
 * than for any failure. *unusable counts those that cannot be used. */
int kv_preflight(struct kv_session *s, int64_t wait_ms, size_t *unusable, struct kv_err *err);

#endif
