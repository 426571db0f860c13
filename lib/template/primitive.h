/* primitive - how a field is checked: the names of the primitives, their parameters, their
 * defaults.
 *
 * A table, and the reader that turns what somebody wrote as parameters into the full dump: every
 * parameter in declaration order with its default, then "type". It checks parameters and computes
 * nothing: what a primitive means is said in share/verify/primitives.jq. Source: kv-benchmark(5);
 * `Jq` is ours.
 */
#ifndef KV_PRIMITIVE_H
#define KV_PRIMITIVE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

/* What a program must be told about the two values a primitive compares (see verify). */
enum kv_primitive_facts {
    KV_FACT_TRUTH = 1,     /* null or not, true or false */
    KV_FACT_TEXT = 2,      /* both as normalised text */
    KV_FACT_NUMBER = 4,    /* both as numbers */
    KV_FACT_EXTRACTED = 8, /* the number of the extracted value only */
    KV_FACT_SET = 16,      /* the distinct elements of both */
    KV_FACT_ITEMS = 32,    /* the elements of both as normalised texts */
    KV_FACT_SAME = 64,     /* equal as values */
    KV_FACT_DATE = 128,    /* both as points in time */
    KV_FACT_MATCH = 256,   /* how often a pattern matches */
    KV_FACT_TRACE = 512,   /* evaluated on the answer itself, not on what a judge read from it */
    KV_FACT_FILTER = 1024, /* a jq program of the user's */
};

enum kv_parameter_kind {
    KV_PARAMETER_BOOL,
    KV_PARAMETER_INT,
    KV_PARAMETER_FLOAT,
    KV_PARAMETER_TEXT,
    KV_PARAMETER_TEXTS,
    KV_PARAMETER_NORMALIZERS,
    KV_PARAMETER_CHOICE, /* one of `choices` */
};

struct kv_parameter {
    const char *name;
    enum kv_parameter_kind kind;
    bool nullable;
    const char *default_json; /* JSON when absent; NULL: required */
    const char *choices;      /* "a|b" */
};

struct kv_primitive {
    const char *name;
    unsigned facts;
    const struct kv_parameter *parameters; /* up to the one without a name */
};

/* The names of all primitives, up to NULL. */
const char *const *kv_primitive_names(void);
/* NULL if there is none of that name. */
const struct kv_primitive *kv_primitive_find(struct kv_slice name);
bool kv_primitive_is_trace(const struct kv_primitive *p);

/* Appends to *dump the full parameters of `p` given in the JSON object `given` ("type" and unknown
 * keys are ignored): {"tolerance":0.1,"mode":"relative","type":"NumericTolerance"}. -1, with what
 * is wrong ("tolerance: a number is required"), if they are not acceptable. */
int kv_primitive_read(
    const struct kv_primitive *p, struct kv_slice given, struct kv_buf *dump, struct kv_err *err);

#endif
