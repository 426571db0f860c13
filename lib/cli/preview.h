/* preview - what a run would cost: --dry-run. */
#ifndef KV_PREVIEW_H
#define KV_PREVIEW_H

#include "session.h"

/* Prints one object a model: {"model","role","calls","input_tokens","max_output_tokens"}, with a
 * price file also the entry that prices it and the cost as a range, {"price","cost":[LOW,HIGH]}:
 * for answers of a usual length, and for such as long as `max_tokens` allows; null where there is
 * no price. Prompts are built and measured. Nothing is sent. A model that a command replaces is not
 * listed. */
int kv_preview(struct kv_session *s, struct kv_err *err);

/* How such an object begins, {"model","role"; then where the model is asked, "host","key". */
void kv_preview_add_model(struct kv_buf *line, const struct kv_model *m, bool judge);
void kv_preview_add_where(struct kv_buf *line, const struct kv_provider *p);

#endif
