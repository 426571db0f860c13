/* fields - what an answer template is made of: fields, their types and checks, the strategy.
 *
 * What template.h opens and verdict.h reads. Filled by the readers of its two forms, spec.h and
 * class.h, with the functions at the end; never changed after that.
 */
#ifndef KV_FIELDS_H
#define KV_FIELDS_H

#include "arena.h"
#include "buf.h"
#include "primitive.h"

#include <stdbool.h>
#include <stdint.h>

/* What a TemplateSpec can say of a type; the shape says all. */
enum kv_answer_type {
    KV_ANSWER_BOOL,
    KV_ANSWER_STR,
    KV_ANSWER_INT,
    KV_ANSWER_FLOAT,
    KV_ANSWER_LIST,
    KV_ANSWER_LITERAL, /* one of `literals` */
};

/* One thing the judge is asked for. Slices are owned by the template; those called JSON are checked
 * compact JSON, the others unescaped text followed by a NUL. n == 0: absent. */
struct kv_answer_field {
    struct kv_slice name;
    enum kv_answer_type type;
    struct kv_slice shape;        /* JSON: "bool", "int", "float", "str", "any", "none",
                                     {"list":T}, {"set":T}, {"items":T} and {"tuple":[T,…]} (of any
                                     and of one length), {"dict":[K,T]}, {"union":[T,…]},
                                     {"literal":[VALUE,…]} */
    bool nullable;                /* or null */
    bool plain;                   /* asked for, not verified: from `hint` on only `literals` and
                                     `default_json` are set */
    bool is_trace;                /* checked on the answer itself; the judge is not asked */
    struct kv_slice description;  /* text; plain fields may have none: NULL */
    struct kv_slice title;        /* text, if it is not made from the name */
    struct kv_slice hint;         /* text */
    struct kv_slice literals;     /* JSON array of strings */
    struct kv_slice default_json; /* JSON, the default; absent: the field is required */
    struct kv_slice ground_truth; /* JSON, always present in a verified field */
    struct kv_slice verify_with;  /* JSON, the primitive's full dump */
    const struct kv_primitive *primitive;
    struct kv_slice *parameters; /* private: kv_fields_parameter */
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
    size_t verified;              /* how many are not plain */
    bool needs_judge;             /* some field is not read from the trace */
    bool always_false;            /* it verifies nothing: karenina's, for a question without one */
    struct kv_slice strategy;     /* JSON: {"type":"any_of","n":null,"field_name":null,
                                     "conditions":[…]}; n == 0: none, all fields must pass */
    enum kv_strategy_kind root;   /* of the strategy; all_of without one */
    int64_t root_n;               /* of at_least_n */
    struct kv_slice ground_truth; /* JSON object: parsed_gt_response */
    struct kv_arena memory;       /* private */
};

/* The value of a parameter of a verified field's primitive, JSON; n == 0: it has none of that name. */
struct kv_slice kv_fields_parameter(const struct kv_answer_field *f, const char *name);

/* ---- for the readers of the two forms ---- */

/* Empty, to be released by kv_fields_close (NULL is fine). */
struct kv_template *kv_fields_open(void);
void kv_fields_close(struct kv_template *t);

/* Keeps a copy of `text`, with a NUL behind it, for the template's life; of what a JSON string
 * stands for; of a JSON value in compact form. */
struct kv_slice kv_fields_keep(struct kv_template *t, struct kv_slice text);
struct kv_slice kv_fields_keep_string(struct kv_template *t, struct kv_slice string);
struct kv_slice kv_fields_keep_json(struct kv_template *t, struct kv_slice value);

/* A new field at the end, zeroed, weight 1. Earlier pointers into t->fields end here. */
struct kv_answer_field *kv_fields_add(struct kv_template *t);

/* Fills in what follows from the fields and the strategy. */
void kv_fields_finish(struct kv_template *t);

#endif
