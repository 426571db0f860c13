/* parsed_answer - a judge's object fitted to a template. */
#include "parsed_answer.h"

#include "field_value.h"
#include "json.h"
#include "pydantic.h"
#include "reformat.h"

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

/* As Python would write it back, but null for NaN and infinities. */
static void add_member(struct kv_buf *json, struct kv_slice name, struct kv_slice value)
{
    kv_buf_add_char(json, json->n ? ',' : '{');
    kv_json_quote(json, name, KV_JSON_RAW);
    kv_buf_add_char(json, ':');
    kv_reformat(json, value, KV_REFORMAT_COMPACT);
}

/* Keys that are no field's. */
static void add_extras(const struct kv_template *t, struct kv_slice object, struct kv_buf *json)
{
    struct kv_buf folded = {0}, name = {0};
    struct kv_json_walk w;
    struct kv_slice key, v;
    kv_pydantic_text(&folded, object);
    kv_json_begin(&w, kv_slice_of(&folded));
    while (kv_json_member(&w, &key, &v)) {
        kv_buf_clear(&name);
        kv_json_unescape(key, &name);
        if (is_reserved(key) || kv_class_field(t, kv_slice_of(&name)))
            continue;
        add_member(json, kv_slice_of(&name), v);
    }
    kv_buf_release(&folded);
    kv_buf_release(&name);
}

/* Points the values to where p->bytes is now, and writes the object. */
static void finish(struct kv_parsed *p, const struct kv_template *t, struct kv_slice object)
{
    for (size_t i = 0; i < t->n; i++) {
        struct kv_slice *v = &p->values[i];
        if (v->n)
            v->p = p->bytes.p + p->starts[i];
        if (v->n || t->fields[i].default_json.n)
            add_member(&p->json, t->fields[i].name, v->n ? *v : t->fields[i].default_json);
    }
    if (object.n)
        add_extras(t, object, &p->json);
    kv_buf_add_str(&p->json, p->json.n ? "}" : "{}");
}

static void complain(struct kv_buf *why, int *mistakes, struct kv_slice name, struct kv_slice shape,
    struct kv_slice value)
{
    kv_buf_printf(why, "%s%.*s: ", (*mistakes)++ ? "; " : "", (int)name.n, name.p);
    if (!value.n) {
        kv_buf_add_str(why, "is required");
        return;
    }
    kv_buf_add_str(why, "must be ");
    kv_field_value_describe(shape, why);
    kv_buf_printf(why, ", not %.*s", (int)(value.n < 60 ? value.n : 60), value.p);
}

/* Every answer has an id, unless a field takes its place. */
static void read_id(
    const struct kv_template *t, struct kv_slice object, struct kv_buf *why, int *mistakes)
{
    struct kv_slice id;
    if (!kv_class_field(t, KV_SLICE("id")) && kv_json_get(object, "id", &id) &&
        kv_json_type(id) != KV_JSON_STRING && !kv_json_is_null(id))
        complain(why, mistakes, KV_SLICE("id"), KV_SLICE("\"str\""), id);
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
    if (!value.n && f->plain && !f->default_json.n)
        complain(why, mistakes, f->name, f->shape, value);
    if (!value.n || (none && !f->plain))
        return;
    if (none && f->nullable)
        kv_buf_add_str(&p->bytes, "null");
    else if (!kv_field_value(f->shape, value, &p->bytes))
        complain(why, mistakes, f->name, f->shape, value);
    if (p->bytes.n == start)
        return;
    if (!f->plain && names(unanswered, f->name))
        kv_buf_cut(&p->bytes, start, p->bytes.n - start);
    else
        keep(p, i, start);
}

int kv_parsed_answer_object(const struct kv_template *t, struct kv_slice object,
    struct kv_parsed *parsed, struct kv_err *err)
{
    struct kv_buf why = {0};
    struct kv_slice unanswered;
    int mistakes = 0;
    begin(parsed, t);
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "an object is required, not %s", kv_json_type_name(object));
    kv_json_get(object, "_unanswered_fields", &unanswered);
    read_id(t, object, &why, &mistakes);
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

void kv_parsed_answer_unasked(const struct kv_template *t, struct kv_parsed *parsed)
{
    begin(parsed, t);
    for (size_t i = 0; i < t->n; i++)
        parsed->values[i] = (struct kv_slice){0};
    finish(parsed, t, (struct kv_slice){0});
}

int kv_parsed_answer_recorded(const struct kv_template *t, struct kv_slice object,
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
