/* primitive - how a field is checked: names, parameters, defaults.
 *
 * One table of primitives, each with its table of parameters in dump order. What is true of several
 * parameters together ("min below max") is a function of the primitive.
 */
#include "primitive.h"

#include "json.h"
#include "num.h"
#include "pydantic.h"

#include <math.h>
#include <string.h>

/* clang-format off: short names for the table */
#define BOOL        KV_PARAMETER_BOOL
#define INT         KV_PARAMETER_INT
#define FLOAT       KV_PARAMETER_FLOAT
#define TEXT        KV_PARAMETER_TEXT
#define TEXTS       KV_PARAMETER_TEXTS
#define NORMALIZERS KV_PARAMETER_NORMALIZERS
#define CHOICE      KV_PARAMETER_CHOICE
/* clang-format on */

#define NORMALIZE                                                                                  \
    {                                                                                              \
        "normalize", NORMALIZERS, false, "[\"lowercase\",\"strip\"]", NULL                         \
    }
#define NORMALIZE_NOT                                                                              \
    {                                                                                              \
        "normalize", NORMALIZERS, false, "[]", NULL                                                \
    }
#define MODE(default_json)                                                                         \
    {                                                                                              \
        "mode", CHOICE, false, default_json, "relative|absolute"                                   \
    }
#define DECAY                                                                                      \
    {                                                                                              \
        "decay", CHOICE, false, "\"linear\"", "linear|quadratic"                                   \
    }
#define FLAG(name)                                                                                 \
    {                                                                                              \
        name, BOOL, false, "false", NULL                                                           \
    }
#define OPEN(name, kind)                                                                           \
    {                                                                                              \
        name, kind, true, "null", NULL                                                             \
    }
#define NEED(name, kind)                                                                           \
    {                                                                                              \
        name, kind, false, NULL, NULL                                                              \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, BOOL, false, NULL, NULL                                                              \
    }

#define PARAMETERS static const struct kv_parameter
PARAMETERS none[] = {END};
PARAMETERS exact[] = {NORMALIZE, END};
PARAMETERS contains[] = {NEED("substrings", TEXTS), NORMALIZE_NOT, END};
PARAMETERS regex[] = {NEED("pattern", TEXT), {"flags", TEXTS, false, "[]", NULL}, END};
PARAMETERS semantic[] = {{"threshold", FLOAT, false, "0.85", NULL}, END};
PARAMETERS tolerance[] = {NEED("tolerance", FLOAT), MODE("\"relative\""), END};
PARAMETERS range[] = {
    OPEN("min", FLOAT), OPEN("max", FLOAT), FLAG("exclusive_min"), FLAG("exclusive_max"), END};
PARAMETERS bound[] = {FLAG("exclusive"), END};
PARAMETERS graded[] = {
    NEED("cutoff", FLOAT), OPEN("full_credit", FLOAT), MODE("\"relative\""), DECAY, END};
PARAMETERS range_graded[] = {NEED("min", FLOAT), NEED("max", FLOAT), NEED("margin", FLOAT),
    MODE("\"absolute\""), DECAY, FLAG("exclusive_min"), FLAG("exclusive_max"), END};
PARAMETERS threshold_graded[] = {{"direction", CHOICE, false, NULL, "max|min"},
    NEED("margin", FLOAT), MODE("\"relative\""), DECAY, FLAG("exclusive"), END};
PARAMETERS containment[] = {
    {"mode", TEXT, false, "\"exact\"", NULL}, OPEN("min_overlap", INT), END};
PARAMETERS date_match[] = {OPEN("format", TEXT), END};
PARAMETERS date_tolerance[] = {
    NEED("tolerance", INT), {"unit", CHOICE, false, "\"days\"", "days|hours|minutes"}, END};
PARAMETERS date_range[] = {OPEN("min", TEXT), OPEN("max", TEXT), END};
PARAMETERS trace_regex[] = {NEED("pattern", TEXT), OPEN("count_min", INT), END};
PARAMETERS trace_contains[] = {NEED("substring", TEXT), END};
PARAMETERS trace_length[] = {
    OPEN("min", INT), OPEN("max", INT), {"unit", TEXT, false, "\"chars\"", NULL}, END};
PARAMETERS filter[] = {NEED("filter", TEXT), END};

static const struct kv_primitive primitives[] = {
    {"BooleanMatch", KV_FACT_TRUTH, none},
    {"ExactMatch", KV_FACT_TEXT, exact},
    {"ContainsAny", KV_FACT_TEXT, contains},
    {"ContainsAll", KV_FACT_TEXT, contains},
    {"RegexMatch", KV_FACT_MATCH, regex},
    {"SemanticMatch", 0, semantic},
    {"NumericExact", KV_FACT_NUMBER, none},
    {"NumericTolerance", KV_FACT_NUMBER, tolerance},
    {"NumericRange", KV_FACT_EXTRACTED, range},
    {"NumericMinimum", KV_FACT_NUMBER, bound},
    {"NumericMaximum", KV_FACT_NUMBER, bound},
    {"NumericGraded", KV_FACT_NUMBER, graded},
    {"NumericRangeGraded", KV_FACT_EXTRACTED, range_graded},
    {"NumericThresholdGraded", KV_FACT_NUMBER, threshold_graded},
    {"SetContainment", KV_FACT_SET, containment},
    {"OrderedMatch", KV_FACT_ITEMS, exact},
    {"LiteralMatch", KV_FACT_SAME, none},
    {"DateMatch", KV_FACT_DATE, date_match},
    {"DateTolerance", KV_FACT_DATE, date_tolerance},
    {"DateRange", KV_FACT_DATE, date_range},
    {"TraceRegex", KV_FACT_TRACE | KV_FACT_MATCH, trace_regex},
    {"TraceContains", KV_FACT_TRACE | KV_FACT_TEXT, trace_contains},
    {"TraceLength", KV_FACT_TRACE, trace_length},
    {"Jq", KV_FACT_FILTER, filter},
};

enum { COUNT = sizeof primitives / sizeof *primitives };

const char *const *kv_primitive_names(void)
{
    static const char *names[COUNT + 1];
    for (size_t i = 0; i < COUNT; i++)
        names[i] = primitives[i].name;
    return names;
}

const struct kv_primitive *kv_primitive_find(struct kv_slice name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (kv_slice_is(name, primitives[i].name))
            return &primitives[i];
    return NULL;
}

bool kv_primitive_is_trace(const struct kv_primitive *p)
{
    return (p->facts & KV_FACT_TRACE) != 0;
}

/* ---- reading one parameter: appends its value to out ---- */

static int refuse(struct kv_err *err, const char *name, const char *what)
{
    return kv_err_set(err, KV_INPUT, "%s: %s", name, what);
}

static int read_float(const char *name, struct kv_slice v, struct kv_buf *out, struct kv_err *err)
{
    double x;
    const char *error_type;
    if (kv_pydantic_float(v, &x, &error_type) != 0)
        return refuse(err, name,
            strcmp(error_type, "finite_number") == 0 ? "must be a finite number"
                                                     : "must be a number");
    kv_num_add_double(out, x, KV_NUM_PYTHON);
    return 0;
}

static int read_texts(const char *name, struct kv_slice v, struct kv_buf *out, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    if (kv_json_type(v) != KV_JSON_ARRAY)
        return refuse(err, name, "must be an array of strings");
    kv_json_begin(&w, v);
    while (kv_json_item(&w, &item))
        if (kv_json_type(item) != KV_JSON_STRING)
            return refuse(err, name, "must be an array of strings");
    kv_json_compact(out, v);
    return 0;
}

/* {"mapping":{"from":"to",…}}; other members of it are dropped. */
static int read_synonyms(struct kv_slice v, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice mapping, key, value;
    if (!kv_json_get(v, "mapping", &mapping) || kv_json_type(mapping) != KV_JSON_OBJECT)
        return -1;
    kv_json_begin(&w, mapping);
    while (kv_json_member(&w, &key, &value))
        if (kv_json_type(value) != KV_JSON_STRING)
            return -1;
    kv_buf_add_str(out, "{\"mapping\":");
    kv_json_compact(out, mapping);
    kv_buf_add_char(out, '}');
    return 0;
}

/* Names are not checked here: an unknown one raises when the check runs, not before. */
static int read_normalizers(
    const char *name, struct kv_slice v, struct kv_buf *out, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    if (kv_json_type(v) != KV_JSON_ARRAY)
        return refuse(err, name, "must be an array of normalizers");
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, v);
    while (kv_json_item(&w, &item)) {
        if (out->p[out->n - 1] != '[')
            kv_buf_add_char(out, ',');
        if (kv_json_type(item) == KV_JSON_STRING)
            kv_buf_add_slice(out, item);
        else if (kv_json_type(item) != KV_JSON_OBJECT || read_synonyms(item, out) != 0)
            return refuse(err, name, "a normalizer is a name or {\"mapping\":{…}} of strings");
    }
    kv_buf_add_char(out, ']');
    return 0;
}

static int read_choice(
    const struct kv_parameter *p, struct kv_slice v, struct kv_buf *out, struct kv_err *err)
{
    const char *c = p->choices;
    while (kv_json_type(v) == KV_JSON_STRING && c) {
        size_t n = strcspn(c, "|");
        if (n == v.n - 2 && memcmp(c, v.p + 1, n) == 0) {
            kv_buf_add_slice(out, v);
            return 0;
        }
        c = c[n] ? c + n + 1 : NULL;
    }
    return kv_err_set(err, KV_INPUT, "%s: must be one of %s", p->name, p->choices);
}

static int read_value(
    const struct kv_parameter *p, struct kv_slice v, struct kv_buf *out, struct kv_err *err)
{
    const char *error_type;
    bool flag;
    if (kv_json_is_null(v) && p->nullable) {
        kv_buf_add_str(out, "null");
        return 0;
    }
    switch (p->kind) {
    case BOOL:
        if (kv_pydantic_bool(v, &flag, &error_type) != 0)
            return refuse(err, p->name, "must be true or false");
        kv_buf_add_str(out, flag ? "true" : "false");
        return 0;
    case INT:
        return kv_pydantic_int(v, out, &error_type) == 0
                   ? 0
                   : refuse(err, p->name, "must be a whole number");
    case FLOAT:
        return read_float(p->name, v, out, err);
    case TEXT:
        if (kv_json_type(v) != KV_JSON_STRING)
            return refuse(err, p->name, "must be a string");
        kv_buf_add_slice(out, v);
        return 0;
    case TEXTS:
        return read_texts(p->name, v, out, err);
    case NORMALIZERS:
        return read_normalizers(p->name, v, out, err);
    case CHOICE:
        return read_choice(p, v, out, err);
    }
    return -1;
}

/* ---- what parameters owe one another ---- */

static double number(struct kv_slice dump, const char *name, double fallback)
{
    struct kv_slice v;
    double x = fallback;
    if (kv_json_get(dump, name, &v))
        kv_num_double(v, &x);
    return x;
}

static int check_together(const struct kv_primitive *p, struct kv_slice dump, struct kv_err *err)
{
    if (p->parameters == graded) {
        double cutoff = number(dump, "cutoff", 1), full = number(dump, "full_credit", 0);
        if (!(cutoff > 0))
            return refuse(err, p->name, "cutoff must be > 0");
        if (!(full >= 0 && full < cutoff))
            return refuse(err, p->name, "full_credit must be at least 0 and below cutoff");
    }
    if (p->parameters == range_graded && !(number(dump, "min", 0) < number(dump, "max", 0)))
        return refuse(err, p->name, "min must be below max");
    if ((p->parameters == range_graded || p->parameters == threshold_graded) &&
        !(number(dump, "margin", 0) > 0))
        return refuse(err, p->name, "margin must be > 0");
    return 0;
}

int kv_primitive_read(
    const struct kv_primitive *p, struct kv_slice given, struct kv_buf *dump, struct kv_err *err)
{
    size_t start = dump->n;
    kv_buf_add_char(dump, '{');
    for (const struct kv_parameter *q = p->parameters; q->name; q++) {
        struct kv_slice v;
        kv_json_quote_str(dump, q->name);
        kv_buf_add_char(dump, ':');
        if (kv_json_get(given, q->name, &v)) {
            if (read_value(q, v, dump, err) != 0)
                return kv_err_context(err, "%s", p->name);
        } else if (q->default_json) {
            kv_buf_add_str(dump, q->default_json);
        } else {
            refuse(err, q->name, "is required");
            return kv_err_context(err, "%s", p->name);
        }
        kv_buf_add_char(dump, ',');
    }
    kv_buf_printf(dump, "\"type\":\"%s\"}", p->name);
    return check_together(p, (struct kv_slice){dump->p + start, dump->n - start}, err);
}
