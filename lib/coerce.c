/* coerce - a judge's object fitted to a template. */
#include "coerce.h"

#include "json.h"
#include "lax.h"
#include "num.h"
#include "spell.h"
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void kv_parsed_release(struct kv_parsed *p)
{
    kv_buf_release(&p->json);
    kv_buf_release(&p->bytes);
    free(p->values);
    free(p->starts);
    *p = (struct kv_parsed){0};
}

/* ---- one value: appended to out, or what it should have been ---- */

static void add_string(struct kv_buf *out, struct kv_slice string)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    kv_json_quote(out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
}

/* NaN and infinities have no JSON: as tokens, and as words in a string. */
static bool nonfinite(struct kv_slice value, double *x)
{
    struct kv_buf text = {0};
    struct kv_err ignored;
    bool number = kv_json_type(value) == KV_JSON_NUMBER && kv_value_number(value, x, &ignored) == 0;
    if (kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &text);
        number = kv_value_parse_float(kv_slice_of(&text), x);
    }
    kv_buf_release(&text);
    return number && !isfinite(*x);
}

static const char *add_float(struct kv_buf *out, struct kv_slice value)
{
    double x;
    const char *sort;
    if (nonfinite(value, &x))
        kv_buf_add_str(out, isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity");
    else if (kv_lax_float(value, &x, &sort) == 0)
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    else
        return "a number";
    return NULL;
}

static const char *add_list(struct kv_buf *out, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice item;
    if (kv_json_type(value) != KV_JSON_ARRAY)
        return "a list of strings";
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, value);
    for (bool first = true; kv_json_item(&w, &item); first = false) {
        if (kv_json_type(item) != KV_JSON_STRING)
            return "a list of strings";
        if (!first)
            kv_buf_add_char(out, ',');
        add_string(out, item);
    }
    kv_buf_add_char(out, ']');
    return NULL;
}

static const char *add_literal(
    struct kv_buf *out, const struct kv_answer_field *f, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_buf text = {0};
    const char *wanted = "one of the values allowed";
    if (kv_json_type(value) != KV_JSON_STRING)
        return wanted;
    add_string(&text, value);
    kv_json_begin(&w, f->literals);
    while (wanted && kv_json_item(&w, &item)) {
        struct kv_buf one = {0};
        add_string(&one, item);
        if (kv_slice_eq(kv_slice_of(&one), kv_slice_of(&text)))
            wanted = NULL;
        kv_buf_release(&one);
    }
    if (!wanted)
        kv_buf_add_slice(out, kv_slice_of(&text));
    kv_buf_release(&text);
    return wanted;
}

/* NULL, or what was wanted. */
static const char *add_value(
    struct kv_buf *out, const struct kv_answer_field *f, struct kv_slice value)
{
    const char *sort;
    bool flag;
    switch (f->type) {
    case KV_ANSWER_BOOL:
        if (kv_lax_bool(value, &flag, &sort) != 0)
            return "true or false";
        kv_buf_add_str(out, flag ? "true" : "false");
        return NULL;
    case KV_ANSWER_INT:
        return kv_lax_int(value, out, &sort) == 0 ? NULL : "a whole number";
    case KV_ANSWER_FLOAT:
        return add_float(out, value);
    case KV_ANSWER_STR:
        if (kv_json_type(value) != KV_JSON_STRING)
            return "a string";
        add_string(out, value);
        return NULL;
    case KV_ANSWER_LIST:
        return add_list(out, value);
    case KV_ANSWER_LITERAL:
        return add_literal(out, f, value);
    case KV_ANSWER_ANY:
        kv_lax_text(out, value);
        return NULL;
    }
    return "something else";
}

/* ---- the whole object ---- */

static bool names(struct kv_slice list, struct kv_slice name)
{
    struct kv_json_walk w;
    struct kv_slice item;
    bool found = false;
    kv_json_begin(&w, list);
    while (!found && kv_json_item(&w, &item)) {
        struct kv_buf text = {0};
        if (kv_json_type(item) == KV_JSON_STRING)
            kv_json_unescape(item, &text);
        found = text.n && kv_slice_eq(kv_slice_of(&text), name);
        kv_buf_release(&text);
    }
    return found;
}

static bool is_reserved(struct kv_slice key)
{
    static const char *const keys[] = {"id", "correct", "regex", "_unanswered_fields"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (kv_json_string_is(key, keys[i]))
            return true;
    return false;
}

static void begin(struct kv_parsed *p, const struct kv_template *t)
{
    kv_buf_clear(&p->json);
    kv_buf_clear(&p->bytes);
    p->values = kv_array(p->values, t->n ? t->n : 1, sizeof *p->values);
    p->starts = kv_array(p->starts, t->n ? t->n : 1, sizeof *p->starts);
    p->n = t->n;
}

/* The value of field i is what was added to p->bytes since `start`. */
static void keep(struct kv_parsed *p, size_t i, size_t start)
{
    p->starts[i] = start;
    p->values[i].n = p->bytes.n - start;
}

static void add_member(struct kv_buf *json, struct kv_slice name, struct kv_slice value)
{
    kv_buf_add_char(json, json->n ? ',' : '{');
    kv_json_quote(json, name, KV_JSON_RAW);
    kv_buf_add_char(json, ':');
    bool finite = *value.p != 'N' && *value.p != 'I' && !kv_slice_starts(value, "-I");
    kv_buf_add_slice(json, finite ? value : KV_SLICE("null"));
}

/* Keys that are no field's, as Python would write them back. */
static void add_extras(const struct kv_template *t, struct kv_slice object, struct kv_buf *json)
{
    struct kv_buf folded = {0}, value = {0}, name = {0};
    struct kv_json_walk w;
    struct kv_slice key, v;
    kv_lax_text(&folded, object);
    kv_json_begin(&w, kv_slice_of(&folded));
    while (kv_json_member(&w, &key, &v)) {
        kv_buf_clear(&name);
        kv_buf_clear(&value);
        kv_json_unescape(key, &name);
        if (is_reserved(key) || kv_template_field(t, kv_slice_of(&name)))
            continue;
        kv_spell(&value, v, KV_SPELL_COMPACT);
        add_member(json, kv_slice_of(&name), kv_slice_of(&value));
    }
    kv_buf_release(&folded);
    kv_buf_release(&value);
    kv_buf_release(&name);
}

/* Points the values to where p->bytes is now, and writes the object. */
static void finish(struct kv_parsed *p, const struct kv_template *t, struct kv_slice object)
{
    for (size_t i = 0; i < t->n; i++) {
        struct kv_slice *v = &p->values[i];
        if (v->n)
            v->p = p->bytes.p + p->starts[i];
        if (v->n || t->fields[i].otherwise.n)
            add_member(&p->json, t->fields[i].name, v->n ? *v : t->fields[i].otherwise);
    }
    if (object.n)
        add_extras(t, object, &p->json);
    kv_buf_add_str(&p->json, p->json.n ? "}" : "{}");
}

static void complain(struct kv_buf *why, int *mistakes, const struct kv_answer_field *f,
    const char *wanted, struct kv_slice value)
{
    kv_buf_printf(why, "%s%.*s: ", (*mistakes)++ ? "; " : "", (int)f->name.n, f->name.p);
    if (!value.n) {
        kv_buf_add_str(why, "is required");
        return;
    }
    kv_buf_printf(why, "must be %s", wanted);
    if (f->type == KV_ANSWER_LITERAL)
        kv_buf_printf(why, " (%.*s)", (int)f->literals.n, f->literals.p);
    kv_buf_printf(why, ", not %.*s", (int)(value.n < 60 ? value.n : 60), value.p);
}

/* Reads field i; its value lands in p->bytes, which may still move. */
static void read_field(const struct kv_template *t, size_t i, struct kv_slice object,
    struct kv_slice unanswered, struct kv_parsed *p, struct kv_buf *why, int *mistakes)
{
    const struct kv_answer_field *f = &t->fields[i];
    struct kv_slice value;
    size_t start = p->bytes.n;
    char *name = kv_slice_dup(f->name);
    kv_json_get(object, name, &value);
    free(name);
    p->values[i] = (struct kv_slice){0};
    bool none = value.n && kv_json_type(value) == KV_JSON_NULL;
    if (f->plain && !value.n && !f->otherwise.n) {
        complain(why, mistakes, f, "", value);
        return;
    }
    if (!value.n || (none && (!f->plain || f->nullable)))
        return;
    const char *wanted = add_value(&p->bytes, f, value);
    if (wanted)
        complain(why, mistakes, f, wanted, value);
    if (wanted || (!f->plain && names(unanswered, f->name)))
        p->bytes.n = start;
    else
        keep(p, i, start);
}

int kv_coerce_object(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err)
{
    struct kv_buf why = {0};
    struct kv_slice unanswered;
    int mistakes = 0;
    begin(parsed, t);
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "an object is required, not %s", kv_json_type_name(object));
    kv_json_get(object, "_unanswered_fields", &unanswered);
    for (size_t i = 0; i < t->n; i++)
        read_field(t, i, object, unanswered, parsed, &why, &mistakes);
    if (mistakes)
        kv_err_set(err, KV_INPUT, "%d validation error%s for %.*s__Relaxed: %s", mistakes,
            mistakes == 1 ? "" : "s", (int)t->class_name.n, t->class_name.p, why.p);
    else
        finish(parsed, t, object);
    kv_buf_release(&why);
    return mistakes ? -1 : 0;
}

int kv_coerce_recorded(const struct kv_template *t, struct kv_slice object,
    struct kv_parsed *parsed, struct kv_err *err)
{
    begin(parsed, t);
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "an object is required, not %s", kv_json_type_name(object));
    for (size_t i = 0; i < t->n; i++) {
        struct kv_slice value;
        char *name = kv_slice_dup(t->fields[i].name);
        kv_json_get(object, name, &value);
        free(name);
        size_t start = parsed->bytes.n;
        parsed->values[i] = (struct kv_slice){0};
        if (!value.n || kv_json_type(value) == KV_JSON_NULL)
            continue;
        kv_json_compact(&parsed->bytes, value);
        keep(parsed, i, start);
    }
    finish(parsed, t, object);
    return 0;
}
