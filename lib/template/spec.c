/* spec - a TemplateSpec, strictly.
 *
 * Every function reads one object, adds what is wrong to the problems and goes on, so that a user
 * repairs a file in one go. Whether all is well is known at the end, from their number.
 */
#include "spec.h"

#include "json.h"
#include "json_out.h"
#include "nearest.h"
#include "pydantic.h"

#include <string.h>

enum { MAX_STRATEGY_DEPTH = 64 };

static const char *const spec_keys[] = {"fields", "verify_strategy", "class_name", NULL};
static const char *const field_keys[] = {"name", "type", "description", "extraction_hint",
    "ground_truth", "literal_values", "verify_with", "weight", "is_trace", NULL};
static const char *const strategy_keys[] = {"type", "n", "field_name", "conditions", NULL};
static const char *const strategy_types[] = {"all_of", "any_of", "at_least_n", "field_check", NULL};
static const char *const field_types[] = {
    "bool", "str", "int", "float", "list_str", "literal", "date", NULL};
static const enum kv_answer_type types[] = {KV_ANSWER_BOOL, KV_ANSWER_STR, KV_ANSWER_INT,
    KV_ANSWER_FLOAT, KV_ANSWER_LIST, KV_ANSWER_LITERAL,
    KV_ANSWER_STR /* a text that its primitive reads as a date */};
static const char *const normalizers[] = {
    "lowercase", "strip", "remove_punctuation", "collapse_whitespace", NULL};

/* ---- saying what is wrong ---- */

static void complain(
    struct kv_problems *problems, const struct kv_path *at, const char *member, const char *text)
{
    struct kv_path here = {.up = at, .name = kv_slice(member)};
    kv_problems_add(problems, &here, "value_error", "%s", text);
}

/* Which of the names a JSON string is; -1: none, and that is said: `what` it is not, the nearest
 * name and all of them. */
static int find_name(struct kv_slice value, const char *what, const char *const *names,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_buf given = {0}, said = {0}, text = {0};
    for (int i = 0; names[i]; i++)
        if (value.n && kv_json_string_is(value, names[i]))
            return i;
    kv_buf_add_str(&said, value.n ? what : "is required");
    if (value.n && kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &given);
        kv_buf_printf(&said, " '%s'", given.p ? given.p : "");
    }
    kv_nearest_add_hint(&text, said.p, kv_slice_of(&given), names);
    kv_problems_add(problems, at, "value_error", "%s", text.p);
    kv_buf_release(&given);
    kv_buf_release(&said);
    kv_buf_release(&text);
    return -1;
}

/* True if it is an object; a problem is noted otherwise, and for each key that it may not have. */
static bool check_keys(struct kv_slice object, const char *const *names, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (kv_json_type(object) != KV_JSON_OBJECT) {
        kv_problems_add(problems, at, "model_type", "must be an object");
        return false;
    }
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_path here = {.up = at, .name = {key.p + 1, key.n - 2}};
        const char *const *n = names;
        while (*n && !kv_json_string_is(key, *n))
            n++;
        if (!*n)
            kv_problems_add_unknown(problems, &here, names);
    }
    return true;
}

/* ---- strategy ---- */

static void add_strategy(struct kv_slice s, int depth, const struct kv_path *at, struct kv_buf *out,
    struct kv_problems *problems);

static void add_conditions(struct kv_slice s, int depth, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice conditions, item;
    struct kv_path list = {.up = at, .name = KV_SLICE("conditions")}, here = {.up = &list};
    kv_json_out_list(out, "conditions");
    if (kv_json_get(s, "conditions", &conditions)) {
        if (kv_json_type(conditions) != KV_JSON_ARRAY)
            complain(problems, at, "conditions", "must be an array");
        kv_json_begin(&w, conditions);
        for (; kv_json_item(&w, &item); here.index++)
            add_strategy(item, depth + 1, &here, out, problems);
    }
    kv_buf_add_str(out, "]}");
}

static void add_threshold(struct kv_slice s, bool required, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    struct kv_slice n;
    struct kv_buf digits = {0};
    const char *error_type;
    if (!kv_json_get(s, "n", &n) || kv_json_is_null(n)) {
        kv_json_out_null(out, "n");
        if (required)
            complain(problems, at, "n", "a whole number is required");
        return;
    }
    if (kv_pydantic_int(n, &digits, &error_type) != 0 || digits.n > 18 ||
        (required && digits.p[0] == '-'))
        complain(problems, at, "n", "must be a whole number, at least 0");
    else
        kv_json_out_json(out, "n", kv_slice_of(&digits));
    kv_buf_release(&digits);
}

static void add_strategy(struct kv_slice s, int depth, const struct kv_path *at, struct kv_buf *out,
    struct kv_problems *problems)
{
    struct kv_path type_at = {.up = at, .name = KV_SLICE("type")};
    struct kv_slice type, field;
    if (depth > MAX_STRATEGY_DEPTH) {
        kv_problems_add(problems, at, "value_error", "nested too deeply");
        return;
    }
    if (!check_keys(s, strategy_keys, at, problems))
        return;
    kv_json_get(s, "type", &type);
    int t = find_name(type, "unknown type", strategy_types, &type_at, problems);
    const char *name = t < 0 ? "" : strategy_types[t];
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "type", name);
    add_threshold(s, strcmp(name, "at_least_n") == 0, at, out, problems);
    kv_json_get(s, "field_name", &field);
    bool named = field.n && kv_json_type(field) == KV_JSON_STRING;
    if (!named && (!kv_json_is_null(field) || strcmp(name, "field_check") == 0))
        complain(problems, at, "field_name", "must be a string");
    kv_json_out_json(out, "field_name", named ? field : KV_SLICE("null"));
    add_conditions(s, depth, at, out, problems);
}

int kv_spec_strategy(struct kv_slice strategy, struct kv_buf *out, struct kv_err *err)
{
    struct kv_problems problems = {0};
    add_strategy(strategy, 0, NULL, out, &problems);
    int rc = problems.n ? kv_problems_err(&problems, err) : 0;
    kv_problems_release(&problems);
    return rc;
}

/* ---- fields ---- */

/* What one field is read with. */
struct reading {
    struct kv_template *t;
    struct kv_answer_field *f;
    struct kv_slice json;
    const struct kv_path *at;
    bool strict;
    struct kv_problems *problems;
};

static void read_text(const struct reading *r, const char *key, bool required, struct kv_slice *to)
{
    struct kv_slice v;
    if (kv_json_get(r->json, key, &v) && kv_json_type(v) == KV_JSON_STRING)
        *to = kv_fields_keep_string(r->t, v);
    else if (required || !kv_json_is_null(v))
        complain(r->problems, r->at, key, v.n ? "must be a string" : "is required");
}

static void read_literals(const struct reading *r)
{
    static const char wrong[] = "must be an array of strings";
    struct kv_slice v, item;
    struct kv_json_walk w;
    if (!kv_json_get(r->json, "literal_values", &v) || kv_json_is_null(v)) {
        if (r->f->type == KV_ANSWER_LITERAL)
            complain(r->problems, r->at, "literal_values", "is required for the type literal");
        return;
    }
    bool fine = kv_json_type(v) == KV_JSON_ARRAY && kv_json_count(v) > 0;
    kv_json_begin(&w, v);
    while (fine && kv_json_item(&w, &item))
        fine = kv_json_type(item) == KV_JSON_STRING;
    if (fine)
        r->f->literals = kv_fields_keep_json(r->t, v);
    else
        complain(r->problems, r->at, "literal_values", wrong);
}

static void read_type(const struct reading *r)
{
    struct kv_path here = {.up = r->at, .name = KV_SLICE("type")};
    struct kv_slice v;
    kv_json_get(r->json, "type", &v);
    int i = find_name(v, "unknown type", field_types, &here, r->problems);
    r->f->type = i < 0 ? KV_ANSWER_STR : types[i];
}

/* ---- primitives ---- */

/* Ignored when an answer is judged, as karenina does: a misspelt one changes the verdict without a
 * word. */
static void check_parameters(const struct kv_primitive *p, struct kv_slice given,
    const struct kv_path *at, struct kv_problems *problems)
{
    enum { MOST = 16 };
    const char *names[MOST] = {"type"};
    for (size_t i = 0; i + 2 < MOST && p->parameters[i].name; i++)
        names[i + 1] = p->parameters[i].name;
    check_keys(given, names, at, problems);
}

/* When an answer is judged one that is not known fails the check. */
static void check_normalizers(
    struct kv_slice given, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path list = {.up = at, .name = KV_SLICE("normalize")}, here = {.up = &list};
    struct kv_json_walk w;
    struct kv_slice v, item;
    if (!kv_json_get(given, "normalize", &v))
        return;
    kv_json_begin(&w, v);
    for (; kv_json_item(&w, &item); here.index++)
        if (kv_json_type(item) == KV_JSON_STRING)
            find_name(item, "unknown normalizer", normalizers, &here, problems);
}

static void read_primitive(const struct reading *r)
{
    struct kv_path with = {.up = r->at, .name = KV_SLICE("verify_with")};
    struct kv_path type_at = {.up = &with, .name = KV_SLICE("type")};
    struct kv_slice v, type;
    struct kv_buf dump = {0};
    struct kv_err why;
    if (!kv_json_get(r->json, "verify_with", &v) || !kv_json_get(v, "type", &type) ||
        kv_json_type(type) != KV_JSON_STRING) {
        complain(r->problems, r->at, "verify_with", "must be an object with a type");
        return;
    }
    int i = find_name(type, "unknown primitive", kv_primitive_names(), &type_at, r->problems);
    if (i < 0)
        return;
    r->f->primitive = kv_primitive_find(kv_slice(kv_primitive_names()[i]));
    r->f->is_trace = kv_primitive_is_trace(r->f->primitive);
    if (r->strict) {
        check_parameters(r->f->primitive, v, &with, r->problems);
        check_normalizers(v, &with, r->problems);
    }
    if (kv_primitive_read(r->f->primitive, v, &dump, &why) == 0)
        r->f->verify_with = kv_fields_keep(r->t, kv_slice_of(&dump));
    else
        kv_problems_add(r->problems, &with, "value_error", "%s", why.text);
    kv_buf_release(&dump);
}

/* ---- the rest of a field ---- */

static void read_rest(const struct reading *r)
{
    struct kv_slice v;
    const char *error_type;
    bool trace;
    if (kv_json_get(r->json, "ground_truth", &v))
        r->f->ground_truth = kv_fields_keep_json(r->t, v);
    else
        complain(r->problems, r->at, "ground_truth", "is required");
    if (kv_json_get(r->json, "weight", &v) && kv_pydantic_float(v, &r->f->weight, &error_type) != 0)
        complain(r->problems, r->at, "weight", "must be a number");
    if (kv_json_get(r->json, "is_trace", &v) && kv_pydantic_bool(v, &trace, &error_type) != 0)
        complain(r->problems, r->at, "is_trace", "must be true or false");
    if (r->f->is_trace && r->f->type != KV_ANSWER_BOOL)
        complain(r->problems, r->at, "type", "a field checked on the trace must be bool");
}

static void read_field(struct kv_slice field, const struct kv_path *at, struct kv_template *t,
    bool strict, struct kv_problems *problems)
{
    struct reading r = {t, kv_fields_add(t), field, at, strict, problems};
    if (!check_keys(field, field_keys, at, problems))
        return;
    read_text(&r, "name", true, &r.f->name);
    if (r.f->name.p && (r.f->name.n == 0 || kv_slice_is(r.f->name, "correct")))
        complain(problems, at, "name", "empty and 'correct' are no names for a field");
    read_type(&r);
    read_text(&r, "description", true, &r.f->description);
    read_text(&r, "extraction_hint", false, &r.f->hint);
    read_literals(&r);
    read_primitive(&r);
    read_rest(&r);
}

static void read_fields(struct kv_slice spec, const struct kv_path *at, struct kv_template *t,
    bool strict, struct kv_problems *problems)
{
    struct kv_path list = {.up = at, .name = KV_SLICE("fields")}, here = {.up = &list};
    struct kv_json_walk w;
    struct kv_slice fields, item;
    if (!kv_json_get(spec, "fields", &fields)) {
        complain(problems, at, "fields", "is required");
        return;
    }
    if (kv_json_type(fields) != KV_JSON_ARRAY || kv_json_count(fields) == 0)
        complain(problems, at, "fields", "must be an array of at least one field");
    kv_json_begin(&w, fields);
    for (; kv_json_item(&w, &item); here.index++) {
        read_field(item, &here, t, strict, problems);
        for (size_t k = 0; k < here.index; k++)
            if (t->fields[here.index].name.n &&
                kv_slice_eq(t->fields[k].name, t->fields[here.index].name))
                complain(problems, &here, "name", "appears twice");
    }
}

int kv_spec_read(struct kv_slice spec, const struct kv_path *at, bool strict, struct kv_template *t,
    struct kv_problems *problems)
{
    struct kv_path strategy_at = {.up = at, .name = KV_SLICE("verify_strategy")};
    struct kv_buf strategy = {0};
    struct kv_slice v;
    size_t before = problems->n;
    if (!check_keys(spec, spec_keys, at, problems))
        return -1;
    read_fields(spec, at, t, strict, problems);
    if (kv_json_get(spec, "class_name", &v)) {
        if (kv_json_type(v) == KV_JSON_STRING)
            t->class_name = kv_fields_keep_string(t, v);
        else
            complain(problems, at, "class_name", "must be a string");
    }
    if (kv_json_get(spec, "verify_strategy", &v) && !kv_json_is_null(v)) {
        add_strategy(v, 0, &strategy_at, &strategy, problems);
        t->strategy = kv_fields_keep(t, kv_slice_of(&strategy));
        kv_buf_release(&strategy);
    }
    return problems->n == before ? 0 : -1;
}
