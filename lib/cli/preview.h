/* preview - what a run would cost, and whether its models are there: --dry-run and --check. */
#ifndef KV_PREVIEW_H
#define KV_PREVIEW_H

#include "session.h"

typedef int kv_put_fn(void *closure, struct kv_slice line, struct kv_err *err);

/* Prints one object a model: {"model","role","calls","input_tokens","max_output_tokens"}, with a
 * price file also the entry that prices it and the cost as a range, {"price","cost":[LOW,HIGH]}:
 * for answers of a usual length, and for such as long as `max_tokens` allows; null where there is
 * no price. Prompts are built and measured. Nothing is sent. A model that a command replaces is not
 * listed. */
int kv_preview(struct kv_session *s, kv_put_fn *put, void *closure, struct kv_err *err);

/* Sends one small request to each model and prints what was found: {"model","role","endpoint",
 * "dialect","ok","served_by","ending","message","latency_ms"}. *unusable counts those that cannot
 * be used. */
int kv_preflight(
    struct kv_session *s, kv_put_fn *put, void *closure, size_t *unusable, struct kv_err *err);

#endif
