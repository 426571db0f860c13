/* shape - what a JSON value must look like: the check.
 *
 * One walk serves both readers. Where problems are collected it goes on behind a mistake, takes every
 * record for closed and looks at records as a whole; else the first mistake ends it. Members nearly
 * always arrive in the order of the table, so the search for a name starts behind the one found last
 * and is then a single comparison.
 */
#include "shape.h"

#include "json.h"
#include "num.h"
#include "pydantic.h"
#include "pystr.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

const struct kv_shape kv_shape_any = {.kind = KV_SHAPE_ANY, .nullable = true};
const struct kv_shape kv_shape_text = {.kind = KV_SHAPE_TEXT};
const struct kv_shape kv_shape_text_null = {.kind = KV_SHAPE_TEXT, .nullable = true};
const struct kv_shape kv_shape_bool = {.kind = KV_SHAPE_BOOL};
const struct kv_shape kv_shape_bool_null = {.kind = KV_SHAPE_BOOL, .nullable = true};
const struct kv_shape kv_shape_int = {.kind = KV_SHAPE_INT};
const struct kv_shape kv_shape_int_null = {.kind = KV_SHAPE_INT, .nullable = true};
const struct kv_shape kv_shape_float = {.kind = KV_SHAPE_FLOAT};
const struct kv_shape kv_shape_float_null = {.kind = KV_SHAPE_FLOAT, .nullable = true};
const struct kv_shape kv_shape_texts = {.kind = KV_SHAPE_LIST, .of = &kv_shape_text};
const struct kv_shape kv_shape_texts_null = {
    .kind = KV_SHAPE_LIST, .nullable = true, .of = &kv_shape_text};
const struct kv_shape kv_shape_text_map = {.kind = KV_SHAPE_MAP, .of = &kv_shape_text};
const struct kv_shape kv_shape_text_map_null = {
    .kind = KV_SHAPE_MAP, .nullable = true, .of = &kv_shape_text};

/* Who hears of mistakes: all of them go to problems, or, where that is NULL, the first to err. */
struct hearer {
    struct kv_problems *problems;
    struct kv_err *err;
};

static struct kv_path member_at(const struct kv_path *up, struct kv_slice key)
{
    return (struct kv_path){.up = up, .name = {key.p + 1, key.n - 2}};
}

/* ---- mistakes ---- */

static void add_place(struct kv_buf *out, const struct kv_path *at)
{
    if (!at)
        return;
    add_place(out, at->up);
    if (!at->name.p) {
        kv_buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (out->n)
        kv_buf_add_char(out, '.');
    if (memchr(at->name.p, '\\', at->name.n)) /* a key of the text, so that its quotes are there */
        kv_json_unescape((struct kv_slice){at->name.p - 1, at->name.n + 2}, out);
    else
        kv_buf_add_slice(out, at->name);
}

static int say(const struct hearer *to, const struct kv_path *at, const char *error_type,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
static int say(const struct hearer *to, const struct kv_path *at, const char *error_type,
    const char *format, ...)
{
    struct kv_buf text = {0}, path = {0};
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    if (to->problems) {
        kv_problems_add(to->problems, at, error_type, "%s", text.p);
    } else {
        kv_err_set(to->err, KV_INPUT, "%s", text.p);
        add_place(&path, at);
        if (path.n)
            kv_err_context(to->err, "%s", path.p);
    }
    kv_buf_release(&text);
    kv_buf_release(&path);
    return -1;
}

/* What pydantic's names for a mistake say more exactly than what was expected. */
static const struct {
    const char *error_type, *text;
} exactly[] = {
    {"bool_parsing", "not a boolean"},
    {"bool_type", "expected a boolean"},
    {"finite_number", "not a finite number"},
    {"float_parsing", "not a number"},
    {"int_parsing", "not a whole number"},
    {"int_parsing_size", "too large for a whole number"},
    {"path_type", "not acceptable"},
};

static int refuse(const struct hearer *to, const struct kv_path *at, const char *error_type,
    const char *expected, struct kv_slice value)
{
    enum { SHOWN = 40 };
    enum kv_json_type type = kv_json_type(value);
    if (!to->problems)
        return say(to, at, error_type, "%s, found %s", expected, kv_json_type_name(value));
    for (size_t i = 0; i < sizeof exactly / sizeof *exactly; i++)
        if (strcmp(exactly[i].error_type, error_type) == 0)
            expected = exactly[i].text;
    if (type == KV_JSON_ARRAY || type == KV_JSON_OBJECT || value.n > SHOWN)
        return say(to, at, error_type, "%s, got %s", expected, kv_json_type_name(value));
    return say(to, at, error_type, "%s, got %.*s", expected, (int)value.n, value.p);
}

/* ---- members ---- */

static size_t find_member(const struct kv_shape_member *members, size_t from, struct kv_slice key)
{
    size_t count = from;
    while (members[count].name)
        count++;
    for (size_t i = from; i < count; i++)
        if (kv_json_string_is(key, members[i].name))
            return i;
    for (size_t i = 0; i < from; i++)
        if (kv_json_string_is(key, members[i].name))
            return i;
    return SIZE_MAX;
}

/* True if `key` is this plain name: the common case, without looking at escapes. */
static bool is_name(struct kv_slice key, const char *name)
{
    size_t n = strlen(name);
    return key.n == n + 2 && memcmp(key.p + 1, name, n) == 0;
}

/* Finds members while they are walked. */
struct finder {
    const struct kv_shape *record;
    struct kv_slice *values;
    size_t next;
    struct kv_slice unknown, other; /* the first that is no member; the value of the alias */
};

static void begin_finding(struct finder *f, const struct kv_shape *record, struct kv_slice *values)
{
    *f = (struct finder){.record = record, .values = values};
    for (size_t i = 0; record->members[i].name; i++)
        values[i] = (struct kv_slice){0};
}

/* Where a member stands in the table, or SIZE_MAX. */
static size_t place_of(const struct finder *f, struct kv_slice key)
{
    const char *expected = f->record->members[f->next].name;
    return expected && is_name(key, expected) ? f->next
                                              : find_member(f->record->members, f->next, key);
}

static void find(struct finder *f, size_t i, struct kv_slice key, struct kv_slice item)
{
    if (i != SIZE_MAX) {
        f->values[i] = item;
        f->next = i + 1;
    } else if (f->record->alias && kv_json_string_is(key, f->record->alias)) {
        f->other = item;
    } else if (!f->unknown.n) {
        f->unknown = key;
    }
}

static struct kv_slice end_finding(struct finder *f)
{
    const struct kv_shape *record = f->record;
    for (size_t i = 0; f->other.n && record->members[i].name; i++)
        if (strcmp(record->members[i].name, record->alias_of) == 0)
            f->values[i] = f->other;
    return f->unknown;
}

static struct kv_slice find_all(
    const struct kv_shape *record, struct kv_json_walk *w, struct kv_slice *values)
{
    struct kv_slice key;
    struct finder f;
    begin_finding(&f, record, values);
    while (kv_json_key(w, &key)) {
        size_t i = place_of(&f, key);
        find(&f, i, key, kv_json_value(w));
    }
    return end_finding(&f);
}

struct kv_slice kv_shape_members(
    const struct kv_shape *record, struct kv_slice value, struct kv_slice *values)
{
    struct kv_json_walk w;
    kv_json_begin(&w, value);
    return find_all(record, &w, values);
}

struct kv_slice kv_shape_members_of(const struct kv_shape *record, struct kv_slice value,
    struct kv_slice *values, struct kv_shape_part *parts, size_t n)
{
    struct kv_json_walk w, inner;
    struct kv_slice key;
    struct finder f;
    begin_finding(&f, record, values);
    kv_json_begin(&w, value);
    while (kv_json_key(&w, &key)) {
        size_t i = place_of(&f, key);
        if (i < n && kv_json_enter(&w, &inner)) {
            parts[i].unknown = find_all(record->members[i].shape, &inner, parts[i].values);
            find(&f, i, key, kv_json_leave(&w, &inner));
        } else {
            find(&f, i, key, kv_json_value(&w));
        }
    }
    return end_finding(&f);
}

/* ---- single values ---- */

static int check_range(
    const struct hearer *to, const struct kv_shape *shape, double x, const struct kv_path *at)
{
    if (shape->has_min && (shape->above_min ? !(x > shape->min) : !(x >= shape->min)))
        return say(to, at, shape->above_min ? "greater_than" : "greater_than_equal",
            shape->above_min ? "must be above %g" : "must be at least %g", shape->min);
    if (shape->has_max && !(x <= shape->max))
        return say(to, at, "less_than_equal", "must be at most %g", shape->max);
    return 0;
}

static int check_int(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at)
{
    const char *error_type;
    int64_t whole;
    double x = 0;
    if (kv_json_type(value) == KV_JSON_NUMBER && kv_num_int64(value, &whole))
        return check_range(to, shape, (double)whole, at);
    struct kv_buf digits = {0};
    int failed = kv_pydantic_int(value, &digits, &error_type);
    if (!failed)
        kv_num_double(kv_slice_of(&digits), &x);
    kv_buf_release(&digits);
    return failed ? refuse(to, at, error_type, "expected a whole number", value)
                  : check_range(to, shape, x, at);
}

/* Of a result any number will do: one beyond a double keeps its digits, and NaN and its like were
 * let in, or not, where the text was checked. */
static int check_float(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at)
{
    double x;
    const char *error_type;
    if (!to->problems && kv_json_type(value) == KV_JSON_NUMBER)
        return 0;
    if (kv_pydantic_float(value, &x, &error_type) != 0)
        return refuse(to, at, error_type, "expected a number", value);
    return check_range(to, shape, x, at);
}

static int check_bool(const struct hearer *to, struct kv_slice value, const struct kv_path *at)
{
    bool truth;
    const char *error_type;
    return kv_pydantic_bool(value, &truth, &error_type) == 0
               ? 0
               : refuse(to, at, error_type, "expected true or false", value);
}

static size_t count_characters(struct kv_slice string)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    size_t n = kv_pystr_chars(kv_slice_of(&text));
    kv_buf_release(&text);
    return n;
}

static int check_text(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at)
{
    if (kv_json_type(value) != KV_JSON_STRING)
        return refuse(to, at, shape->kind == KV_SHAPE_PATH ? "path_type" : "string_type",
            "expected a string", value);
    if (shape->characters && value.n - 2 > shape->characters &&
        count_characters(value) > shape->characters)
        return say(to, at, "string_too_long", "longer than %zu characters", shape->characters);
    return 0;
}

static int check_word(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at)
{
    for (size_t i = 0; shape->words[i]; i++)
        if (kv_json_string_is(value, shape->words[i]))
            return 0;
    return say(to, at, "literal_error", "not a %s", shape->what);
}

static int check_choice(const struct hearer *to, const struct kv_shape *shape,
    struct kv_slice value, const struct kv_path *at)
{
    for (const char *c = shape->choices; *c;) {
        size_t n = strcspn(c, "|");
        if (value.n == n + 2 && value.p[0] == '"' && memcmp(value.p + 1, c, n) == 0)
            return 0;
        c += n + (c[n] == '|');
    }
    return say(to, at, "literal_error", "must be one of %s", shape->choices);
}

static int check_free(const struct hearer *to, struct kv_slice value, const struct kv_path *at)
{
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return refuse(to, at, "dict_type", "expected an object", value);
    return kv_pydantic_is_finite(value)
               ? 0
               : refuse(to, at, "finite_number", "not a finite number", value);
}

/* ---- values of values ---- */

static int check(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at);

static int check_items(const struct hearer *to, const struct kv_shape *of, bool map,
    struct kv_slice value, const struct kv_path *at)
{
    struct kv_json_walk w;
    struct kv_slice key, item;
    int failed = 0;
    if (kv_json_type(value) != (map ? KV_JSON_OBJECT : KV_JSON_ARRAY))
        return refuse(to, at, map ? "dict_type" : "list_type",
            map ? "expected an object" : "expected an array", value);
    if (of->kind == KV_SHAPE_ANY)
        return 0;
    kv_json_begin(&w, value);
    for (size_t i = 0; map ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item); i++) {
        struct kv_path here = {.up = at, .index = i};
        if (map)
            here = member_at(at, key);
        failed |= check(to, of, item, &here);
        if (failed && !to->problems)
            return -1;
    }
    return failed;
}

static void refuse_unknown(const struct hearer *to, const struct kv_shape *record,
    struct kv_slice value, const struct kv_path *at)
{
    const char *names[KV_SHAPE_MEMBERS_MAX + 1] = {0};
    struct kv_json_walk w;
    struct kv_slice key, item;
    bool aliased = record->alias && kv_json_get(value, record->alias, &item);
    for (size_t i = 0; record->members[i].name; i++)
        names[i] = record->members[i].name;
    kv_json_begin(&w, value);
    while (kv_json_member(&w, &key, &item)) {
        struct kv_path here = member_at(at, key);
        if (aliased && kv_json_string_is(key, record->alias_of))
            say(to, &here, "extra_forbidden", "also given as %s", record->alias);
        else if (find_member(record->members, 0, key) == SIZE_MAX &&
                 !(aliased && kv_json_string_is(key, record->alias)))
            kv_problems_add_unknown(to->problems, &here, names);
    }
}

/* What is not wrong member by member may be wrong as a whole. */
static int look_at_record(const struct hearer *to, const struct kv_shape *record,
    struct kv_slice value, const struct kv_path *at)
{
    struct kv_buf text = {0};
    size_t before = to->problems->n;
    kv_shape_write(record, value, KV_REFORMAT_COMPACT, &text);
    record->look(kv_slice_of(&text), at, to->problems);
    kv_buf_release(&text);
    return to->problems->n == before ? 0 : -1;
}

static int check_member(const struct hearer *to, const struct kv_shape *record, size_t i,
    struct kv_slice object, struct kv_slice value, const struct kv_path *at)
{
    const struct kv_shape_member *m = &record->members[i];
    struct kv_slice other;
    struct kv_path here = {.up = at, .name = kv_slice(m->name)};
    if (m->derive || (!value.n && m->default_json))
        return 0;
    if (!value.n)
        return say(to, &here, "missing", "missing");
    if (record->alias && strcmp(m->name, record->alias_of) == 0 &&
        kv_json_get(object, record->alias, &other))
        here.name = kv_slice(record->alias);
    return check(to, m->shape, value, &here);
}

static int check_members(const struct hearer *to, const struct kv_shape *record,
    struct kv_slice value, const struct kv_path *at, const struct kv_slice *values,
    struct kv_slice unknown)
{
    int failed = 0;
    if (!to->problems && record->closed && unknown.n) {
        struct kv_path here = member_at(at, unknown);
        return say(to, &here, "extra_forbidden", "not a member of this object");
    }
    for (size_t i = 0; record->members[i].name; i++) {
        failed |= check_member(to, record, i, value, values[i], at);
        if (failed && !to->problems)
            return -1;
    }
    if (!to->problems)
        return 0;
    size_t before = to->problems->n;
    if (unknown.n || record->alias)
        refuse_unknown(to, record, value, at);
    if (failed || to->problems->n > before)
        return -1;
    return record->look ? look_at_record(to, record, value, at) : 0;
}

static int check_record(const struct hearer *to, const struct kv_shape *record,
    struct kv_slice value, const struct kv_path *at, struct kv_slice *values)
{
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return refuse(to, at, "model_type", "expected an object", value);
    struct kv_slice unknown = kv_shape_members(record, value, values);
    return check_members(to, record, value, at, values, unknown);
}

static int check(const struct hearer *to, const struct kv_shape *shape, struct kv_slice value,
    const struct kv_path *at)
{
    enum kv_json_type type = kv_json_type(value);
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    if (shape->kind == KV_SHAPE_ANY || (shape->nullable && type == KV_JSON_NULL))
        return 0;
    switch (shape->kind) {
    case KV_SHAPE_BOOL:
        return check_bool(to, value, at);
    case KV_SHAPE_INT:
        return check_int(to, shape, value, at);
    case KV_SHAPE_FLOAT:
    case KV_SHAPE_SCORE:
        return check_float(to, shape, value, at);
    case KV_SHAPE_WORD:
        return check_word(to, shape, value, at);
    case KV_SHAPE_CHOICE:
        return check_choice(to, shape, value, at);
    case KV_SHAPE_PICK:
        return type == KV_JSON_STRING ? 0 : check_int(to, shape, value, at);
    case KV_SHAPE_LIMITS:
        return type == KV_JSON_OBJECT ? check_items(to, &kv_shape_int, true, value, at)
                                      : check_int(to, shape, value, at);
    case KV_SHAPE_NOTHING:
        return say(to, at, "value_error", "%s", shape->what);
    case KV_SHAPE_FREE:
        return check_free(to, value, at);
    case KV_SHAPE_LIST:
    case KV_SHAPE_MAP:
        return check_items(to, shape->of, shape->kind == KV_SHAPE_MAP, value, at);
    case KV_SHAPE_RECORD:
        return check_record(to, shape, value, at, values);
    default:
        return check_text(to, shape, value, at);
    }
}

/* ---- the two readers ---- */

int kv_shape_check(
    const struct kv_shape *shape, struct kv_slice value, const char *name, struct kv_err *err)
{
    const struct hearer to = {.err = err};
    struct kv_path at = {.name = kv_slice(name ? name : "")};
    return check(&to, shape, value, name ? &at : NULL);
}

int kv_shape_read(const struct kv_shape *record, struct kv_slice value, const char *name,
    struct kv_slice *values, struct kv_err *err)
{
    const struct hearer to = {.err = err};
    struct kv_path at = {.name = kv_slice(name ? name : "")};
    return check_record(&to, record, value, name ? &at : NULL, values);
}

int kv_shape_read_part(const struct kv_shape *record, struct kv_slice value, const char *name,
    const struct kv_shape_part *part, struct kv_err *err)
{
    const struct hearer to = {.err = err};
    struct kv_path at = {.name = kv_slice(name)};
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return refuse(&to, &at, "model_type", "expected an object", value);
    return check_members(&to, record, value, &at, part->values, part->unknown);
}

/* On a tidied copy: no repeated keys, floats spelled canonically. */
int kv_shape_canonical(const struct kv_shape *record, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems)
{
    const struct hearer to = {.problems = problems};
    struct kv_buf tidy = {0};
    kv_pydantic_tidy(&tidy, value);
    int failed = check(&to, record, kv_slice_of(&tidy), at);
    if (!failed)
        kv_shape_write(record, kv_slice_of(&tidy), KV_REFORMAT_COMPACT, out);
    kv_buf_release(&tidy);
    return failed;
}
