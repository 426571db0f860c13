/* pipeline_checks - the two stages before parsing: whether the answer is a refusal, and suffices.
 *
 * A part of pipeline.h, whose caller does not see it.
 */
#ifndef KV_PIPELINE_CHECKS_H
#define KV_PIPELINE_CHECKS_H

#include "pipeline.h"

/* At one of the stages: fills in the query, or goes on to the next stage and returns false. */
bool kv_pipeline_checks_query(struct kv_pipeline *p, struct kv_query *query);
void kv_pipeline_checks_take(struct kv_pipeline *p, const struct kv_answer *response);

#endif
