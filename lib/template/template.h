/* template - an answer template as data: what to extract from an answer, and how to check it.
 *
 * Read from a TemplateSpec (JSON; unknown keys refused) or from the declarative Python form that
 * checkpoints hold (kv-benchmark(5)). What it holds is described in
 * fields.h. It checks no answer: that is verdict.h.
 *
 *     struct kv_template *t;
 *     switch (kv_template_open(text, &t, &err)) {
 *     case KV_TEMPLATE_OK:      … t …  kv_template_close(t);
 *     case KV_TEMPLATE_INVALID: the pipeline records "Template validation failed: <err.text>"
 *     case KV_TEMPLATE_CODE:    it would have to be executed: refused when a run is made
 *     }
 */
#ifndef KV_TEMPLATE_H
#define KV_TEMPLATE_H

#include "buf.h"
#include "err.h"
#include "fields.h"
#include "problem.h"

enum kv_template_outcome {
    KV_TEMPLATE_OK,
    KV_TEMPLATE_INVALID, /* karenina would refuse it too; err->text is its message */
    KV_TEMPLATE_CODE,    /* a valid template perhaps, but only running it would tell */
};

/* Reads a template; text that starts with '{' is a TemplateSpec. */
enum kv_template_outcome kv_template_open(
    struct kv_slice text, struct kv_template **out, struct kv_err *err);
void kv_template_close(struct kv_template *t); /* NULL is fine */

/* Adds all that is wrong with a TemplateSpec that a user has written, each thing with its path below
 * `at`; stricter than kv_template_open (spec.h). False, and
 * nothing is added, if the text is none: of a Python template the first mistake is all there is. */
bool kv_template_check_spec(
    struct kv_slice text, const struct kv_path *at, struct kv_problems *problems);

/* NULL if there is no such field. */
const struct kv_answer_field *kv_class_field(const struct kv_template *t, struct kv_slice name);

/* Appends composition_strategy as it stands in results: null, "any_of", "at_least_n(2)", … */
void kv_template_add_composition(struct kv_buf *out, const struct kv_template *t);

/* Appends the whole template as a TemplateSpec. Plain fields, defaults and what a
 * TemplateSpec cannot say of a type are lost. */
void kv_template_add_spec(struct kv_buf *out, const struct kv_template *t);

#endif
