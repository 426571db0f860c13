/* spec - a TemplateSpec, strictly. */
#include "spec.h"

#include "json.h"
#include "pydantic.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STRATEGY_DEPTH = 64 };

static int refuse(struct kv_err *err, const char *what)
{
    return kv_err_set(err, KV_INPUT, "%s", what);
}

/* Are all members of `object` among the names? */
static int check_keys(struct kv_slice object, const char *const *names, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return refuse(err, "must be an object");
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        const char *const *n = names;
        while (*n && !kv_json_string_is(key, *n))
            n++;
        if (!*n)
            return kv_err_set(
                err, KV_INPUT, "unknown key %.*s", (int)(key.n < 80 ? key.n : 80), key.p);
    }
    return 0;
}

/* ---- strategy ---- */

static int add_strategy(struct kv_slice s, int depth, struct kv_buf *out, struct kv_err *err);

static int add_conditions(struct kv_slice s, int depth, struct kv_buf *out, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice conditions, item;
    size_t i = 0;
    kv_buf_add_str(out, ",\"conditions\":[");
    if (kv_json_get(s, "conditions", &conditions)) {
        if (kv_json_type(conditions) != KV_JSON_ARRAY)
            return refuse(err, "conditions: must be an array");
        kv_json_begin(&w, conditions);
        for (; kv_json_item(&w, &item); i++) {
            if (i)
                kv_buf_add_char(out, ',');
            if (add_strategy(item, depth + 1, out, err) != 0)
                return kv_err_context(err, "conditions[%zu]", i);
        }
    }
    kv_buf_add_str(out, "]}");
    return 0;
}

static int add_threshold(struct kv_slice s, bool required, struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice n;
    struct kv_buf digits = {0};
    const char *sort;
    kv_buf_add_str(out, ",\"n\":");
    if (!kv_json_get(s, "n", &n) || kv_json_is_null(n)) {
        kv_buf_add_str(out, "null");
        return required ? refuse(err, "n: a whole number is required") : 0;
    }
    int rc = kv_pydantic_int(n, &digits, &sort);
    if (rc != 0 || digits.n > 18 || (required && digits.p[0] == '-'))
        rc = refuse(err, "n: must be a whole number, at least 0");
    else
        kv_buf_add_slice(out, kv_slice_of(&digits));
    kv_buf_release(&digits);
    return rc;
}

static int add_strategy(struct kv_slice s, int depth, struct kv_buf *out, struct kv_err *err)
{
    static const char *const keys[] = {"type", "n", "field_name", "conditions", NULL};
    static const char *const types[] = {"all_of", "any_of", "at_least_n", "field_check", NULL};
    struct kv_slice type, field;
    if (depth > MAX_STRATEGY_DEPTH)
        return refuse(err, "nested too deeply");
    if (check_keys(s, keys, err) != 0)
        return -1;
    const char *const *t = types;
    kv_json_get(s, "type", &type);
    while (*t && !(type.n && kv_json_string_is(type, *t)))
        t++;
    if (!*t)
        return refuse(err, "type: must be all_of, any_of, at_least_n or field_check");
    kv_buf_printf(out, "{\"type\":\"%s\"", *t);
    if (add_threshold(s, strcmp(*t, "at_least_n") == 0, out, err) != 0)
        return -1;
    kv_json_get(s, "field_name", &field);
    bool named = field.n && kv_json_type(field) == KV_JSON_STRING;
    if (!named && (!kv_json_is_null(field) || strcmp(*t, "field_check") == 0))
        return refuse(err, "field_name: must be a string");
    kv_buf_add_str(out, ",\"field_name\":");
    kv_buf_add_slice(out, named ? field : KV_SLICE("null"));
    return add_conditions(s, depth, out, err);
}

int kv_spec_strategy(struct kv_slice strategy, struct kv_buf *out, struct kv_err *err)
{
    return add_strategy(strategy, 0, out, err);
}

/* ---- fields ---- */

static int read_text(struct kv_template *t, struct kv_slice field, const char *key, bool required,
    struct kv_slice *to, struct kv_err *err)
{
    struct kv_slice v;
    if (kv_json_get(field, key, &v) && kv_json_type(v) == KV_JSON_STRING) {
        *to = kv_fields_keep_string(t, v);
        return 0;
    }
    if (!required && kv_json_is_null(v))
        return 0;
    return kv_err_set(err, KV_INPUT, "%s: %s", key, v.n ? "must be a string" : "is required");
}

static int read_literals(
    struct kv_template *t, struct kv_slice field, struct kv_answer_field *f, struct kv_err *err)
{
    struct kv_slice v, item;
    struct kv_json_walk w;
    if (!kv_json_get(field, "literal_values", &v) || kv_json_is_null(v))
        return f->type == KV_ANSWER_LITERAL ? refuse(err, "literal_values: is required") : 0;
    if (kv_json_type(v) != KV_JSON_ARRAY || kv_json_count(v) == 0)
        return refuse(err, "literal_values: must be an array of strings");
    kv_json_begin(&w, v);
    while (kv_json_item(&w, &item))
        if (kv_json_type(item) != KV_JSON_STRING)
            return refuse(err, "literal_values: must be an array of strings");
    f->literals = kv_fields_keep_json(t, v);
    return 0;
}

static int read_type(struct kv_slice field, struct kv_answer_field *f, struct kv_err *err)
{
    static const struct {
        const char *name;
        enum kv_answer_type type;
    } types[] = {
        {"bool", KV_ANSWER_BOOL}, {"str", KV_ANSWER_STR}, {"int", KV_ANSWER_INT},
        {"float", KV_ANSWER_FLOAT}, {"list_str", KV_ANSWER_LIST}, {"literal", KV_ANSWER_LITERAL},
        {"date", KV_ANSWER_STR}, /* a text that its primitive reads as a date */
    };
    struct kv_slice v;
    kv_json_get(field, "type", &v);
    for (size_t i = 0; v.n && i < sizeof types / sizeof *types; i++)
        if (kv_json_string_is(v, types[i].name)) {
            f->type = types[i].type;
            return 0;
        }
    return refuse(err, "type: must be bool, str, int, float, list_str, literal or date");
}

static int read_primitive(
    struct kv_template *t, struct kv_slice field, struct kv_answer_field *f, struct kv_err *err)
{
    struct kv_slice v, type;
    struct kv_buf dump = {0}, name = {0};
    int rc = -1;
    if (!kv_json_get(field, "verify_with", &v) || !kv_json_get(v, "type", &type) ||
        kv_json_type(type) != KV_JSON_STRING)
        return refuse(err, "verify_with: must be an object with a type");
    kv_json_unescape(type, &name);
    f->primitive = kv_primitive_find(kv_slice_of(&name));
    if (!f->primitive)
        kv_err_set(
            err, KV_INPUT, "verify_with: unknown primitive type: '%s'", name.p ? name.p : "");
    else if (kv_primitive_read(f->primitive, v, &dump, err) == 0)
        rc = 0;
    else
        kv_err_context(err, "verify_with");
    if (rc == 0) {
        f->verify_with = kv_fields_keep(t, kv_slice_of(&dump));
        f->is_trace = kv_primitive_is_trace(f->primitive);
    }
    kv_buf_release(&name);
    kv_buf_release(&dump);
    return rc;
}

static int read_rest(
    struct kv_template *t, struct kv_slice field, struct kv_answer_field *f, struct kv_err *err)
{
    struct kv_slice v;
    const char *sort;
    bool trace;
    if (!kv_json_get(field, "ground_truth", &v))
        return refuse(err, "ground_truth: is required");
    f->ground_truth = kv_fields_keep_json(t, v);
    if (kv_json_get(field, "weight", &v) && kv_pydantic_float(v, &f->weight, &sort) != 0)
        return refuse(err, "weight: must be a number");
    if (kv_json_get(field, "is_trace", &v) && kv_pydantic_bool(v, &trace, &sort) != 0)
        return refuse(err, "is_trace: must be true or false");
    if (f->is_trace && f->type != KV_ANSWER_BOOL)
        return refuse(err, "type: a field checked on the trace must be bool");
    return 0;
}

static int read_field(struct kv_slice field, struct kv_template *t, struct kv_err *err)
{
    static const char *const keys[] = {"name", "type", "description", "extraction_hint",
        "ground_truth", "literal_values", "verify_with", "weight", "is_trace", NULL};
    if (check_keys(field, keys, err) != 0)
        return -1;
    struct kv_answer_field *f = kv_fields_add(t);
    if (read_text(t, field, "name", true, &f->name, err) != 0)
        return -1;
    if (f->name.n == 0 || kv_slice_is(f->name, "correct"))
        return refuse(err, "name: empty and 'correct' are no names for a field");
    if (read_type(field, f, err) != 0 ||
        read_text(t, field, "description", true, &f->description, err) != 0 ||
        read_text(t, field, "extraction_hint", false, &f->hint, err) != 0 ||
        read_literals(t, field, f, err) != 0 || read_primitive(t, field, f, err) != 0)
        return -1;
    return read_rest(t, field, f, err);
}

static int read_fields(struct kv_slice fields, struct kv_template *t, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    if (kv_json_type(fields) != KV_JSON_ARRAY || kv_json_count(fields) == 0)
        return refuse(err, "fields: must be an array of at least one field");
    kv_json_begin(&w, fields);
    for (size_t i = 0; kv_json_item(&w, &item); i++) {
        if (read_field(item, t, err) != 0)
            return kv_err_context(err, "fields[%zu]", i);
        for (size_t k = 0; k < i; k++)
            if (kv_slice_eq(t->fields[k].name, t->fields[i].name))
                return kv_err_set(err, KV_INPUT, "fields[%zu].name: appears twice", i);
    }
    return 0;
}

int kv_spec_read(struct kv_slice spec, struct kv_template *t, struct kv_err *err)
{
    static const char *const keys[] = {"fields", "verify_strategy", "class_name", NULL};
    struct kv_slice v;
    if (check_keys(spec, keys, err) != 0)
        return -1;
    if (!kv_json_get(spec, "fields", &v))
        return refuse(err, "fields: is required");
    if (read_fields(v, t, err) != 0)
        return -1;
    if (kv_json_get(spec, "class_name", &v)) {
        if (kv_json_type(v) != KV_JSON_STRING)
            return refuse(err, "class_name: must be a string");
        t->class_name = kv_fields_keep_string(t, v);
    }
    if (!kv_json_get(spec, "verify_strategy", &v) || kv_json_is_null(v))
        return 0;
    struct kv_buf strategy = {0};
    int rc = kv_spec_strategy(v, &strategy, err);
    if (rc == 0)
        t->strategy = kv_fields_keep(t, kv_slice_of(&strategy));
    else
        kv_err_context(err, "verify_strategy");
    kv_buf_release(&strategy);
    return rc;
}
