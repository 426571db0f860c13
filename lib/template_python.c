/* template_python - the declarative Python form of a template. */
#include "template_python.h"

#include "json.h"
#include "lax.h"
#include "python.h"
#include "template_spec.h"
#include "template_value.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CLASSES = 64, MAX_STRATEGY_DEPTH = 64 };

/* ---- types ---- */

static int read_literals(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice index, struct kv_answer_field *f)
{
    struct kv_slice args, item;
    struct kv_json_walk w;
    kv_json_get(index, "args", &args);
    kv_json_begin(&w, args);
    while (kv_json_item(&w, &item))
        if (kv_json_type(item) != KV_JSON_STRING)
            return kv_template_executable(r, statement, "a Literal of something else than strings");
    f->type = KV_ANSWER_LITERAL;
    f->literals = kv_template_data_keep_json(r->t, args);
    return 0;
}

/* A type given as a string: "int | None" is read by reading it as source. */
static int read_type(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e,
    struct kv_answer_field *f);

static int read_index_type(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice index, struct kv_answer_field *f)
{
    struct kv_slice of, args, item, rest;
    struct kv_json_walk w;
    kv_json_get(index, "of", &of);
    kv_json_get(index, "args", &args);
    of = kv_template_name(of);
    if (kv_slice_is(of, "Literal"))
        return read_literals(r, statement, index, f);
    kv_json_begin(&w, args);
    if (!kv_json_item(&w, &item))
        return kv_template_executable(r, statement, "its type");
    if ((kv_slice_is(of, "list") || kv_slice_is(of, "List")) &&
        kv_slice_is(kv_template_name(item), "str")) {
        f->type = KV_ANSWER_LIST;
        return 0;
    }
    if (kv_slice_is(of, "Optional")) {
        f->nullable = true;
        return read_type(r, statement, item, f);
    }
    if (kv_slice_is(of, "Union") && kv_json_item(&w, &rest) && kv_json_is_null(rest)) {
        f->nullable = true;
        return read_type(r, statement, item, f);
    }
    f->type = KV_ANSWER_ANY;
    return f->plain ? 0 : kv_template_executable(r, statement, "its type");
}

static int read_union(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice sides, struct kv_answer_field *f)
{
    struct kv_json_walk w;
    struct kv_slice a, b;
    kv_json_begin(&w, sides);
    kv_json_item(&w, &a);
    kv_json_item(&w, &b);
    if (!kv_json_is_null(a) && !kv_json_is_null(b)) {
        f->type = KV_ANSWER_ANY;
        return f->plain ? 0 : kv_template_executable(r, statement, "its type");
    }
    f->nullable = true;
    return read_type(r, statement, kv_json_is_null(a) ? b : a, f);
}

static int read_type(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e,
    struct kv_answer_field *f)
{
    static const struct {
        const char *name;
        enum kv_answer_type type;
    } types[] = {{"bool", KV_ANSWER_BOOL}, {"int", KV_ANSWER_INT}, {"float", KV_ANSWER_FLOAT},
        {"str", KV_ANSWER_STR}};
    struct kv_slice inner, name = kv_template_name(e);
    if (kv_template_is(e, "or", &inner))
        return read_union(r, statement, inner, f);
    if (kv_template_is(e, "index", &inner))
        return read_index_type(r, statement, inner, f);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (kv_slice_is(name, types[i].name)) {
            f->type = types[i].type;
            return 0;
        }
    if (name.n && !kv_template_knows(name))
        return kv_template_invalid(r, "name '%.*s' is not defined", (int)name.n, name.p);
    f->type = KV_ANSWER_ANY;
    return f->plain ? 0 : kv_template_executable(r, statement, "its type");
}

/* ---- fields ---- */

/* A value kept as JSON; n == 0 if the argument is not given. */
static int keep_argument(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, const char *keyword, int position, struct kv_slice *to)
{
    struct kv_slice e;
    struct kv_buf value = {0};
    *to = (struct kv_slice){0};
    if (!kv_template_argument(call, keyword, position, &e))
        return 0;
    int rc = kv_template_add_value(r, statement, e, &value);
    if (rc == 0)
        *to = kv_template_data_keep(r->t, kv_slice_of(&value));
    kv_buf_release(&value);
    return rc;
}

static int keep_text(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice call,
    const char *keyword, int position, struct kv_slice *to)
{
    struct kv_slice value;
    if (keep_argument(r, statement, call, keyword, position, &value) != 0)
        return -1;
    if (kv_json_is_null(value))
        return 0;
    if (kv_json_type(value) != KV_JSON_STRING)
        return kv_template_invalid(r, "%s must be a string", keyword);
    *to = kv_template_data_keep_string(r->t, value);
    return 0;
}

/* Name(k=v, …) as a JSON object of its keywords. */
static int keywords_json(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, struct kv_buf *out)
{
    struct kv_json_walk w, pair;
    struct kv_slice list, item, key, value;
    kv_json_get(call, "args", &list);
    if (kv_json_count(list))
        return kv_template_invalid(r, "a primitive takes keywords only");
    kv_json_get(call, "keywords", &list);
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, list);
    for (bool first = true; kv_json_item(&w, &item); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        kv_json_begin(&pair, item);
        kv_json_item(&pair, &key);
        kv_json_item(&pair, &value);
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, ':');
        if (kv_template_add_value(r, statement, value, out) != 0)
            return -1;
    }
    kv_buf_add_char(out, '}');
    return 0;
}

static int read_primitive(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice e, struct kv_answer_field *f)
{
    struct kv_slice call, name = kv_template_call(e, &call);
    struct kv_buf given = {0}, dump = {0};
    struct kv_err why;
    if (kv_json_is_null(e))
        return kv_template_invalid(r,
            "verify_with is required: pass a verification primitive instance "
            "(e.g., ExactMatch(), BooleanMatch()).");
    f->primitive = kv_primitive_find(name);
    if (!f->primitive)
        return kv_template_no_value(r, statement, e);
    int rc = keywords_json(r, statement, call, &given);
    if (rc == 0 && kv_primitive_read(f->primitive, kv_slice_of(&given), &dump, &why) != 0)
        rc = kv_template_invalid(r, "1 validation error for %s", why.text);
    if (rc == 0) {
        f->verify_with = kv_template_data_keep(r->t, kv_slice_of(&dump));
        f->is_trace = kv_primitive_is_trace(f->primitive);
    }
    kv_buf_release(&given);
    kv_buf_release(&dump);
    return rc;
}

/* ConditionalGroundTruth(source=…, cases=…, default=…): outside scenarios its default counts. */
static int read_truth(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice call,
    struct kv_answer_field *f)
{
    struct kv_slice e, conditional, other, primitive;
    if (!kv_template_argument(call, "ground_truth", 1, &e))
        return kv_template_invalid(
            r, "VerifiedField() missing 1 required argument: 'ground_truth'");
    if (!kv_slice_is(kv_template_call(e, &conditional), "ConditionalGroundTruth"))
        return keep_argument(r, statement, call, "ground_truth", 1, &f->ground_truth);
    if (!kv_template_argument(conditional, "default", 2, &e))
        e = KV_SLICE("null");
    if (!kv_slice_is(kv_template_call(e, &other), "GroundTruthCase"))
        return keep_argument(r, statement, conditional, "default", 2, &f->ground_truth);
    if (kv_template_argument(other, "verify_with", -1, &primitive) && !kv_json_is_null(primitive) &&
        read_primitive(r, statement, primitive, f) != 0)
        return -1;
    if (kv_template_argument(other, "ground_truth", -1, &e))
        return keep_argument(r, statement, other, "ground_truth", -1, &f->ground_truth);
    return keep_argument(r, statement, other, "value", -1, &f->ground_truth);
}

static bool is_blank(struct kv_slice text)
{
    return kv_slice_strip(text).n == 0;
}

static int read_verified(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, struct kv_answer_field *f)
{
    struct kv_slice e, value;
    const char *sort;
    if (keep_text(r, statement, call, "description", 0, &f->description) != 0)
        return -1;
    if (is_blank(f->description))
        return kv_template_invalid(r, "description is required for VerifiedField: "
                                      "the judge LLM relies on it to know what to extract.");
    if (!kv_template_argument(call, "verify_with", 2, &e))
        return kv_template_invalid(r, "VerifiedField() missing 1 required argument: 'verify_with'");
    if (read_primitive(r, statement, e, f) != 0 || read_truth(r, statement, call, f) != 0)
        return -1;
    if (!f->ground_truth.n)
        f->ground_truth = KV_SLICE("null");
    if (keep_argument(r, statement, call, "weight", 3, &value) != 0)
        return -1;
    if (value.n && kv_lax_float(value, &f->weight, &sort) != 0)
        return kv_template_invalid(r, "weight must be a number");
    return keep_text(r, statement, call, "extraction_hint", 4, &f->hint);
}

static int read_field(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice value, struct kv_slice call, bool verified)
{
    struct kv_slice name, annotation;
    kv_json_get(statement, "field", &name);
    kv_json_get(statement, "annotation", &annotation);
    if (kv_json_string_is(name, "correct"))
        return kv_template_invalid(r,
            "Field name(s) {'correct'} reserved by BaseAnswer for internal use. "
            "Please rename your field(s) to avoid collision.");
    struct kv_slice text = kv_template_data_keep_string(r->t, name);
    struct kv_answer_field *f = NULL;
    for (size_t i = 0; i < r->t->n; i++) /* an inherited field keeps its place */
        if (kv_slice_eq(r->t->fields[i].name, text))
            f = &r->t->fields[i];
    if (!f)
        f = kv_template_data_add(r->t);
    *f = (struct kv_answer_field){.name = text, .plain = !verified, .weight = 1.0};
    if (kv_json_is_null(annotation))
        return kv_template_executable(r, statement, "a field without a type");
    if (read_type(r, statement, annotation, f) != 0)
        return -1;
    if (verified)
        return read_verified(r, statement, call, f) != 0
                   ? -1
                   : keep_argument(r, statement, call, "default", -1, &f->otherwise);
    if (!call.n) { /* name: TYPE = value, or no value */
        if (kv_template_name(value).n == 0 && kv_template_is(value, "name", &call))
            return 0;
        struct kv_buf json = {0};
        int rc = kv_template_add_value(r, statement, value, &json);
        f->otherwise = kv_template_data_keep(r->t, kv_slice_of(&json));
        kv_buf_release(&json);
        return rc;
    }
    if (keep_text(r, statement, call, "description", -1, &f->description) != 0 ||
        keep_argument(r, statement, call, "default", 0, &f->otherwise) != 0)
        return -1;
    if (kv_slice_is(f->otherwise, "null") && kv_template_argument(call, "default", 0, &value) &&
        kv_slice_is(kv_template_name(value), "..."))
        f->otherwise = (struct kv_slice){0};
    return 0;
}

static int read_assignment(struct kv_template_reader *r, struct kv_slice statement)
{
    struct kv_slice value, call = {0}, name, field;
    kv_json_get(statement, "value", &value);
    kv_json_get(statement, "field", &field);
    name = kv_template_call(value, &call);
    if (kv_slice_is(name, "VerifiedField"))
        return read_field(r, statement, value, call, true);
    if (kv_slice_is(name, "Field"))
        return read_field(r, statement, value, call, false);
    if (kv_json_string_is(field, "model_config") || field.p[1] == '_')
        return kv_template_executable(r, statement, "a setting of the model");
    return read_field(r, statement, value, (struct kv_slice){0}, false);
}

/* ---- strategy ---- */

static int add_strategy(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e,
    int depth, struct kv_buf *out)
{
    struct kv_slice call, name = kv_template_call(e, &call), value;
    struct kv_json_walk w;
    bool at_least = kv_slice_is(name, "AtLeastN"), check = kv_slice_is(name, "FieldCheck");
    const char *type = kv_slice_is(name, "AllOf")   ? "all_of"
                       : kv_slice_is(name, "AnyOf") ? "any_of"
                       : at_least                   ? "at_least_n"
                       : check                      ? "field_check"
                                                    : NULL;
    if (!type || depth > MAX_STRATEGY_DEPTH)
        return kv_template_no_value(r, statement, e);
    kv_buf_printf(out, "{\"type\":\"%s\",\"n\":", type);
    bool has = kv_template_argument(call, "n", -1, &value);
    kv_buf_add_slice(out, at_least && has ? value : KV_SLICE("null"));
    kv_buf_add_str(out, ",\"field_name\":");
    has = kv_template_argument(call, "field", -1, &value);
    kv_buf_add_slice(out, check && has ? value : KV_SLICE("null"));
    kv_buf_add_str(out, ",\"conditions\":[");
    if (!check && kv_template_argument(call, "conditions", -1, &value)) {
        kv_json_begin(&w, value);
        for (bool first = true; kv_json_item(&w, &e); first = false) {
            if (!first)
                kv_buf_add_char(out, ',');
            if (add_strategy(r, statement, e, depth + 1, out) != 0)
                return -1;
        }
    }
    kv_buf_add_str(out, "]}");
    return 0;
}

static int read_strategy(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e)
{
    struct kv_buf written = {0}, full = {0};
    struct kv_err why;
    int rc = add_strategy(r, statement, e, 0, &written);
    if (rc == 0 && kv_template_spec_strategy(kv_slice_of(&written), &full, &why) != 0)
        rc = kv_template_invalid(r, "verify_strategy: %s", why.text);
    if (rc == 0)
        r->t->strategy = kv_template_data_keep(r->t, kv_slice_of(&full));
    kv_buf_release(&written);
    kv_buf_release(&full);
    return rc;
}

/* class VerificationStrategy: only its verify_strategy counts. */
static int read_strategy_class(struct kv_template_reader *r, struct kv_slice class)
{
    struct kv_slice body, item, field, value;
    struct kv_json_walk w;
    kv_json_get(class, "body", &body);
    kv_json_begin(&w, body);
    while (kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "field", &field)) {
            if (kv_json_get(item, "code", &value))
                return kv_template_executable(r, item, "code in VerificationStrategy");
        } else if (kv_json_string_is(field, "verify_strategy")) {
            kv_json_get(item, "value", &value);
            if (!kv_json_is_null(value) && read_strategy(r, item, value) != 0)
                return -1;
        }
    }
    return 0;
}

/* ---- classes ---- */

static int read_code(struct kv_template_reader *r, struct kv_slice item)
{
    struct kv_slice name;
    char what[120];
    if (!kv_json_get(item, "name", &name))
        return kv_template_executable(r, item, "a statement");
    snprintf(
        what, sizeof what, "method '%.*s'", (int)(name.n - 2 < 60 ? name.n - 2 : 60), name.p + 1);
    return kv_template_executable(r, item, what);
}

static int read_body(struct kv_template_reader *r, struct kv_slice class)
{
    struct kv_slice body, item, v;
    struct kv_json_walk w;
    kv_json_get(class, "body", &body);
    kv_json_begin(&w, body);
    while (kv_json_item(&w, &item)) {
        if (kv_json_get(item, "field", &v)) {
            if (read_assignment(r, item) != 0)
                return -1;
        } else if (kv_json_get(item, "class", &v)) {
            if (!kv_json_string_is(v, "VerificationStrategy"))
                return kv_template_executable(r, item, "an inner class");
            if (read_strategy_class(r, item) != 0)
                return -1;
        } else if (kv_json_get(item, "code", &v)) {
            return read_code(r, item);
        }
    }
    return 0;
}

struct class
{
    struct kv_slice name, json;
    int base;    /* -1: BaseAnswer itself */
    bool answer; /* derives from BaseAnswer */
    bool parent; /* another derives from it */
};

static int find_class(const struct class *classes, int n, struct kv_slice name)
{
    for (int i = n; i-- > 0;)
        if (kv_slice_eq(classes[i].name, name))
            return i;
    return -1;
}

/* Classes in order of definition. What else stands in the module is no concern of a template unless
 * a class needs it, and then its name is unknown there (templates.md, section 1.2). */
static int collect(
    struct kv_template_reader *r, struct kv_slice module, struct class *classes, int *n)
{
    struct kv_slice item, name, bases, base;
    struct kv_json_walk w, b;
    kv_json_begin(&w, module);
    while (kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "class", &name))
            continue;
        if (*n == MAX_CLASSES)
            return kv_template_executable(r, item, "a class too many");
        struct class *c = &classes[*n];
        *c = (struct class){{name.p + 1, name.n - 2}, item, -1, false, false};
        kv_json_get(item, "bases", &bases);
        kv_json_begin(&b, bases);
        while (kv_json_item(&b, &base)) {
            int known = find_class(classes, *n, kv_template_name(base));
            bool is_base = kv_slice_is(kv_template_name(base), "BaseAnswer");
            if ((is_base || known >= 0) && kv_json_count(bases) > 1)
                return kv_template_executable(r, item, "a class with several bases");
            if (known >= 0) {
                c->base = known;
                c->answer = classes[known].answer;
                classes[known].parent = true;
            }
            c->answer |= is_base;
        }
        ++*n;
    }
    return 0;
}

static int find_leaf(struct kv_template_reader *r, const struct class *classes, int n, int *leaf)
{
    struct kv_buf names = {0};
    int leaves = 0;
    for (int i = 0; i < n; i++)
        if (classes[i].answer && !classes[i].parent) {
            *leaf = i;
            kv_buf_printf(&names, "%s'%.*s'", leaves++ ? ", " : "", (int)classes[i].name.n,
                classes[i].name.p);
        }
    if (leaves == 0)
        kv_err_set(r->err, KV_INPUT, "No BaseAnswer subclass found in template namespace");
    if (leaves > 1)
        kv_err_set(r->err, KV_INPUT,
            "Multiple BaseAnswer subclasses found at leaf level: [%s]. Templates must contain "
            "exactly one leaf BaseAnswer subclass.",
            names.p);
    kv_buf_release(&names);
    return leaves == 1 ? 0 : -1;
}

static int read_class(struct kv_template_reader *r, const struct class *classes, int i)
{
    if (classes[i].base >= 0 && read_class(r, classes, classes[i].base) != 0)
        return -1;
    return read_body(r, classes[i].json);
}

static int read_module(struct kv_template_reader *r, struct kv_slice module)
{
    struct class classes[MAX_CLASSES];
    int n = 0, leaf = -1;
    if (collect(r, module, classes, &n) != 0 || find_leaf(r, classes, n, &leaf) != 0 ||
        read_class(r, classes, leaf) != 0)
        return -1;
    r->t->class_name = kv_template_data_keep(r->t, classes[leaf].name);
    for (size_t i = 0; i < r->t->n; i++)
        if (!r->t->fields[i].plain)
            return 0;
    return kv_err_set(r->err, KV_INPUT, "does not have a 'verify' method");
}

int kv_template_python_read(
    struct kv_slice source, struct kv_template *t, bool *code, struct kv_err *err)
{
    struct kv_template_reader r = {t, code, err};
    struct kv_buf module = {0};
    struct kv_err why;
    *code = false;
    int rc = kv_python_read(source, &module, &why);
    rc = rc == 0 ? read_module(&r, kv_slice_of(&module)) : kv_template_invalid(&r, "%s", why.text);
    kv_buf_release(&module);
    return rc;
}
