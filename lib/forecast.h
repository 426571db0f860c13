/* forecast - what a run would cost, and whether its models are there: --dry-run and --check. */
#ifndef KV_FORECAST_H
#define KV_FORECAST_H

#include "session.h"

typedef int kv_put_fn(void *closure, struct kv_slice line, struct kv_err *err);

/* Prints one object a model: {"model","role","calls","input_tokens","output_tokens"}. Prompts are
 * built and measured; answers are taken to be as long as `max_tokens` allows at most. Nothing is
 * sent. Answers KV_OK, or -1's kind. */
enum kv_kind kv_forecast(struct kv_session *s, kv_put_fn *put, void *closure, struct kv_err *err);

/* Sends one small request to each model and prints what was found: {"model","role","endpoint",
 * "dialect","ok","served_by","ending","message","latency_ms"}. KV_OK, or KV_PROVIDER if one of them
 * cannot be used. */
enum kv_kind kv_preflight(struct kv_session *s, kv_put_fn *put, void *closure, struct kv_err *err);

#endif
