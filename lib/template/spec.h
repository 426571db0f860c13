/* spec - a TemplateSpec, strictly: unknown keys are refused at every level.
 *
 * Source: kv-benchmark(5). Messages start with the path to the place. Whether a primitive
 * suits a field's type is not asked here, as karenina does not ask it of a Python template either.
 */
#ifndef KV_SPEC_H
#define KV_SPEC_H

#include "err.h"
#include "fields.h"

/* Fills `t` from one checked JSON object. -1 with KV_INPUT. */
int kv_spec_read(struct kv_slice spec, struct kv_template *t, struct kv_err *err);

/* Appends a strategy object in its full form, or -1. */
int kv_spec_strategy(struct kv_slice strategy, struct kv_buf *out, struct kv_err *err);

#endif
