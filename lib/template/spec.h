/* spec - a TemplateSpec, strictly: unknown keys are refused at every level.
 *
 * kv-benchmark(5) says what one may hold. All that is wrong is collected, each thing with its path,
 * the nearest name that is known and what is allowed. Whether a primitive suits a field's type is
 * not asked, as karenina does not ask it of a Python template either.
 */
#ifndef KV_SPEC_H
#define KV_SPEC_H

#include "err.h"
#include "fields.h"
#include "problem.h"

/* Fills `t` from one checked JSON object. -1 with *problems, whose paths begin at `at`. `strict`:
 * for a template that somebody has just written, what is found out only when an answer is judged,
 * or never, is wrong too: a parameter and a normalizer that are not known. */
int kv_spec_read(struct kv_slice spec, const struct kv_path *at, bool strict, struct kv_template *t,
    struct kv_problems *problems);

/* Appends a strategy object in its full form, or -1 with the first thing that is wrong. */
int kv_spec_strategy(struct kv_slice strategy, struct kv_buf *out, struct kv_err *err);

#endif
