/* class_field - one field of a Python template. */
#include "class_field.h"

#include "class_type.h"
#include "json.h"
#include "pydantic.h"
#include "pystr.h"

#include <stdio.h>

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
        *to = kv_fields_keep(r->t, kv_slice_of(&value));
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
    *to = kv_fields_keep_string(r->t, value);
    return 0;
}

/* Name(k=v, …) as a JSON object of its keywords. */
static int keywords_json(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, struct kv_buf *out)
{
    struct kv_slice keywords;
    kv_json_get(call, "keywords", &keywords);
    return kv_template_keywords_only(r, statement, call) != 0
               ? -1
               : kv_template_add_pairs(r, statement, keywords, out);
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
        f->verify_with = kv_fields_keep(r->t, kv_slice_of(&dump));
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
    kv_template_argument(call, "ground_truth", 1, &e);
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

static const char *const positional[] = {
    "description", "ground_truth", "verify_with", "weight", "extraction_hint"};
enum { POSITIONAL = sizeof positional / sizeof *positional, REQUIRED = 3 };

/* "'a'", "'a' and 'b'", "'a', 'b', and 'c'": what is missing, as Python lists it. */
static int missing(struct kv_template_reader *r, const char *const *names, int n)
{
    return kv_template_invalid(r,
        "VerifiedField() missing %d required positional argument%s: '%s'%s%s%s%s%s%s", n,
        n > 1 ? "s" : "", names[0],
        n > 2   ? ", '"
        : n > 1 ? " and '"
                : "",
        n > 1 ? names[1] : "", n > 1 ? "'" : "", n > 2 ? ", and '" : "", n > 2 ? names[2] : "",
        n > 2 ? "'" : "");
}

/* Refuses a call that Python would not make. */
static int check_signature(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice call)
{
    struct kv_slice args, e;
    const char *absent[REQUIRED];
    int n = 0;
    kv_json_get(call, "args", &args);
    size_t given = kv_json_count(args);
    if (kv_template_spreads(call))
        return kv_template_executable(r, statement, "arguments taken from a value");
    if (given > POSITIONAL)
        return kv_template_invalid(
            r, "VerifiedField() takes from 3 to 5 positional arguments but %zu were given", given);
    for (size_t i = 0; i < given; i++)
        if (kv_template_argument(call, positional[i], -1, &e))
            return kv_template_invalid(
                r, "VerifiedField() got multiple values for argument '%s'", positional[i]);
    for (int i = 0; i < REQUIRED; i++)
        if (!kv_template_argument(call, positional[i], i, &e))
            absent[n++] = positional[i];
    return n ? missing(r, absent, n) : 0;
}

/* What else may be said of a field; anything more changes what is valid, and is not represented. */
static int read_extras(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, int position, struct kv_answer_field *f)
{
    static const char *const known[] = {"description", "ground_truth", "verify_with", "weight",
        "extraction_hint", "default", "title", "repr", NULL};
    struct kv_json_walk w, pair;
    struct kv_slice list, item, key, value;
    kv_json_get(call, "keywords", &list);
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &item)) {
        const char *const *k = known;
        kv_json_begin(&pair, item);
        kv_json_item(&pair, &key);
        while (*k && !kv_json_string_is(key, *k))
            k++;
        if (!*k) {
            char what[80];
            snprintf(what, sizeof what, "the field's %.*s", (int)(key.n < 50 ? key.n : 50), key.p);
            return kv_template_executable(r, statement, what);
        }
    }
    if (keep_text(r, statement, call, "title", -1, &f->title) != 0)
        return -1;
    return kv_template_argument(call, "default", position, &value) && kv_template_is_nothing(value)
               ? 0
               : keep_argument(r, statement, call, "default", position, &f->default_json);
}

static int read_verified(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, struct kv_answer_field *f)
{
    struct kv_slice e, value;
    const char *error_type;
    if (check_signature(r, statement, call) != 0 ||
        keep_text(r, statement, call, "description", 0, &f->description) != 0)
        return -1;
    if (!kv_pystr_strip(f->description).n)
        return kv_template_invalid(r, "description is required for VerifiedField: "
                                      "the judge LLM relies on it to know what to extract.");
    kv_template_argument(call, "verify_with", 2, &e);
    if (read_primitive(r, statement, e, f) != 0 || read_truth(r, statement, call, f) != 0)
        return -1;
    if (!f->ground_truth.n)
        f->ground_truth = KV_SLICE("null");
    if (keep_argument(r, statement, call, "weight", 3, &value) != 0)
        return -1;
    if (value.n && kv_pydantic_float(value, &f->weight, &error_type) != 0)
        return kv_template_invalid(r, "weight must be a number");
    return keep_text(r, statement, call, "extraction_hint", 4, &f->hint);
}

static int private_name(struct kv_template_reader *r, struct kv_slice name)
{
    int n = (int)name.n - 2;
    const char *p = name.p + 1;
    for (; n && *p == '_'; n--)
        p++;
    return kv_template_invalid(r,
        "Fields must not use names with leading underscores; e.g., use '%.*s' instead of '%.*s'.",
        n, p, (int)name.n - 2, name.p + 1);
}

/* An inherited field keeps its place. */
static struct kv_answer_field *begin_field(struct kv_template *t, struct kv_slice name, bool plain)
{
    struct kv_answer_field *f = NULL;
    for (size_t i = 0; i < t->n; i++)
        if (kv_slice_eq(t->fields[i].name, name))
            f = &t->fields[i];
    if (!f)
        f = kv_fields_add(t);
    *f = (struct kv_answer_field){.name = name, .plain = plain, .weight = 1.0};
    return f;
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
    if (name.p[1] == '_')
        return private_name(r, name);
    struct kv_answer_field *f = begin_field(r->t, kv_fields_keep_string(r->t, name), !verified);
    if (kv_json_is_null(annotation))
        return kv_template_executable(r, statement, "a field without a type");
    if (kv_template_read_type(r, statement, annotation, f) != 0)
        return -1;
    if (verified)
        return read_verified(r, statement, call, f) != 0 ? -1
                                                         : read_extras(r, statement, call, -1, f);
    if (!call.n) { /* name: TYPE = value, or no value */
        if (kv_template_is_nothing(value))
            return 0;
        struct kv_buf json = {0};
        int rc = kv_template_add_value(r, statement, value, &json);
        f->default_json = kv_fields_keep(r->t, kv_slice_of(&json));
        kv_buf_release(&json);
        return rc;
    }
    if (kv_template_spreads(call))
        return kv_template_executable(r, statement, "arguments taken from a value");
    if (keep_text(r, statement, call, "description", -1, &f->description) != 0)
        return -1;
    return read_extras(r, statement, call, 0, f);
}

int kv_template_read_field(struct kv_template_reader *r, struct kv_slice statement)
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
