/* template - an answer template as data: what to extract from an answer, and how to check it.
 *
 * Read from a TemplateSpec (JSON; unknown keys refused) or from the declarative Python form that
 * checkpoints hold (templates.md, sections 1, 2, 13). It knows fields, their types, ground truth,
 * primitive, weight, and the strategy that combines them. It checks no answer: that is verify.
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
#include "primitive.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_answer_type {
    KV_ANSWER_BOOL,
    KV_ANSWER_STR,
    KV_ANSWER_INT,
    KV_ANSWER_FLOAT,
    KV_ANSWER_LIST,    /* of strings */
    KV_ANSWER_LITERAL, /* one of `literals` */
    KV_ANSWER_ANY,     /* plain fields only: a type we do not check */
};

/* One thing the judge is asked for. Slices are owned by the template; those called JSON are checked
 * compact JSON, the others unescaped text followed by a NUL. n == 0: absent. */
struct kv_answer_field {
    struct kv_slice name;
    enum kv_answer_type type;
    bool nullable;                /* T | None */
    bool plain;                   /* asked for, not verified: the rest below is absent */
    bool is_trace;                /* checked on the answer itself; the judge is not asked */
    struct kv_slice description;  /* text; plain fields may have none */
    struct kv_slice hint;         /* text */
    struct kv_slice literals;     /* JSON array of strings */
    struct kv_slice otherwise;    /* JSON, the default; absent: the field is required */
    struct kv_slice ground_truth; /* JSON, always present in a verified field */
    struct kv_slice verify_with;  /* JSON, the primitive's full dump */
    const struct kv_primitive *primitive;
    double weight;
};

enum kv_strategy_kind {
    KV_STRATEGY_ALL_OF,
    KV_STRATEGY_ANY_OF,
    KV_STRATEGY_AT_LEAST_N,
    KV_STRATEGY_FIELD_CHECK,
};

struct kv_template {
    struct kv_slice class_name;
    struct kv_answer_field *fields; /* in declaration order */
    size_t n;
    size_t verified;  /* how many are not plain */
    bool needs_judge; /* some field is not read from the trace */
    struct kv_slice
        strategy; /* JSON: {"type":"any_of","n":null,"field_name":null,"conditions":[…]},
                     n == 0: none, all fields must pass */
    enum kv_strategy_kind root;   /* of the strategy; all_of without one */
    int64_t root_n;               /* of at_least_n */
    struct kv_slice ground_truth; /* JSON object: parsed_gt_response */
    char **memory;                /* private */
    size_t memory_count;
};

enum kv_template_outcome {
    KV_TEMPLATE_OK,
    KV_TEMPLATE_INVALID, /* karenina would refuse it too; err->text is its message */
    KV_TEMPLATE_CODE,    /* a valid template perhaps, but only running it would tell */
};

/* Reads a template; text that starts with '{' is a TemplateSpec. */
enum kv_template_outcome kv_template_open(
    struct kv_slice text, struct kv_template **out, struct kv_err *err);
void kv_template_close(struct kv_template *t); /* NULL is fine */

/* NULL if there is no such field. */
const struct kv_answer_field *kv_template_field(const struct kv_template *t, struct kv_slice name);

/* Appends composition_strategy as it stands in results: null, "any_of", "at_least_n(2)", … */
void kv_template_add_composition(struct kv_buf *out, const struct kv_template *t);

/* Appends the whole template as a TemplateSpec. Plain fields, defaults and optional types, which a
 * TemplateSpec cannot say, are lost. */
void kv_template_add_spec(struct kv_buf *out, const struct kv_template *t);

/* ---- for the readers of the two forms (template_spec, template_python) ---- */

/* Keeps `text` (a copy, NUL behind it) for the template's life. */
struct kv_slice kv_template_keep(struct kv_template *t, struct kv_slice text);
struct kv_answer_field *kv_template_add_field(struct kv_template *t);
/* Fills in what follows from the fields and the strategy. */
void kv_template_finish(struct kv_template *t);

#endif
