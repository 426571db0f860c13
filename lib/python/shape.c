/* shape - what a JSON value must look like: checked where it lies, and written out in full.
 *
 * Members nearly always arrive in the order of the table, so the search for a name starts behind
 * the one found last and is then a single comparison.
 */
#include "shape.h"

#include "json.h"
#include "num.h"
#include "pydantic.h"

#include <stdint.h>
#include <stdio.h>
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

/* Where a check is: a chain on the stack, innermost first. */
struct place {
    const struct place *up;
    const char *name;    /* of a known member, or NULL */
    struct kv_slice key; /* of any other, with quotes; p == NULL: an item */
    size_t index;
};

static void add_place(struct kv_buf *out, const struct place *at)
{
    if (!at)
        return;
    add_place(out, at->up);
    if (!at->name && !at->key.p) {
        kv_buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (out->n)
        kv_buf_add_char(out, '.');
    if (at->name)
        kv_buf_add_str(out, at->name);
    else
        kv_json_unescape(at->key, out);
}

static int refuse(
    const struct place *at, const char *why, struct kv_slice value, struct kv_err *err)
{
    struct kv_buf path = {0};
    add_place(&path, at);
    kv_err_set(err, KV_INPUT, "%s%s", why, value.n ? kv_json_type_name(value) : "");
    if (path.n)
        kv_err_context(err, "%s", path.p);
    kv_buf_release(&path);
    return -1;
}

/* ---- numbers and booleans ---- */

static bool is_number(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_NUMBER;
}

static bool is_lax_bool(struct kv_slice value)
{
    bool truth;
    const char *error_type;
    return kv_pydantic_bool(value, &truth, &error_type) == 0;
}

static bool is_lax_int(struct kv_slice value)
{
    struct kv_buf digits = {0};
    const char *error_type;
    int64_t whole;
    if (is_number(value) && kv_num_int64(value, &whole))
        return true;
    int rc = kv_pydantic_int(value, &digits, &error_type);
    kv_buf_release(&digits);
    return rc == 0;
}

/* Any number will do: one beyond a double keeps its digits, and NaN and its like were let in, or
 * not, where the text was checked. */
static bool is_lax_float(struct kv_slice value)
{
    double x;
    const char *error_type;
    return is_number(value) || kv_pydantic_float(value, &x, &error_type) == 0;
}

static size_t characters(struct kv_slice string)
{
    struct kv_buf text = {0};
    size_t n = 0;
    kv_json_unescape(string, &text);
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    kv_buf_release(&text);
    return n;
}

/* ---- records ---- */

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

struct kv_slice kv_shape_members(
    const struct kv_shape *record, struct kv_slice value, struct kv_slice *values)
{
    struct kv_slice key, item, unknown = {0};
    struct kv_json_walk w;
    size_t next = 0;
    for (size_t i = 0; record->members[i].name; i++)
        values[i] = (struct kv_slice){0};
    kv_json_begin(&w, value);
    while (kv_json_member(&w, &key, &item)) {
        const char *expected = record->members[next].name;
        size_t i =
            expected && is_name(key, expected) ? next : find_member(record->members, next, key);
        if (i == SIZE_MAX) {
            if (!unknown.n)
                unknown = key;
            continue;
        }
        values[i] = item;
        next = i + 1;
    }
    return unknown;
}

/* ---- checking ---- */

static int check(const struct kv_shape *shape, struct kv_slice value, const struct place *at,
    struct kv_err *err);

static int check_record(const struct kv_shape *shape, struct kv_slice value, const struct place *at,
    struct kv_slice *values, struct kv_err *err)
{
    struct place here = {.up = at};
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return refuse(at, "expected an object, found ", value, err);
    here.key = kv_shape_members(shape, value, values);
    if (here.key.n && shape->closed)
        return refuse(&here, "not a member of this object", (struct kv_slice){0}, err);
    for (size_t i = 0; shape->members[i].name; i++) {
        const struct kv_shape_member *m = &shape->members[i];
        if (m->derive || (!values[i].n && m->default_json))
            continue;
        here.name = m->name;
        if (!values[i].n)
            return refuse(&here, "missing", (struct kv_slice){0}, err);
        if (check(m->shape, values[i], &here, err) != 0)
            return -1;
    }
    return 0;
}

static int check_items(
    const struct kv_shape *shape, struct kv_slice value, const struct place *at, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct place here = {.up = at};
    if (shape->of->kind == KV_SHAPE_ANY)
        return 0;
    kv_json_begin(&w, value);
    while (shape->kind == KV_SHAPE_MAP ? kv_json_member(&w, &here.key, &item)
                                       : kv_json_item(&w, &item)) {
        if (check(shape->of, item, &here, err) != 0)
            return -1;
        here.index++;
    }
    return 0;
}

static int check_word(
    const struct kv_shape *shape, struct kv_slice value, const struct place *at, struct kv_err *err)
{
    for (size_t i = 0; shape->words[i]; i++)
        if (kv_json_string_is(value, shape->words[i]))
            return 0;
    char why[80];
    snprintf(why, sizeof why, "not a %s", shape->what);
    return refuse(at, why, (struct kv_slice){0}, err);
}

static int check_text(
    const struct kv_shape *shape, struct kv_slice value, const struct place *at, struct kv_err *err)
{
    if (kv_json_type(value) != KV_JSON_STRING)
        return refuse(at, "expected a string, found ", value, err);
    if (shape->max && value.n - 2 > shape->max && characters(value) > shape->max) {
        char why[80];
        snprintf(why, sizeof why, "longer than %zu characters", shape->max);
        return refuse(at, why, (struct kv_slice){0}, err);
    }
    return 0;
}

static int check(
    const struct kv_shape *shape, struct kv_slice value, const struct place *at, struct kv_err *err)
{
    enum kv_json_type type = kv_json_type(value);
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    if (shape->kind == KV_SHAPE_ANY || (shape->nullable && type == KV_JSON_NULL))
        return 0;
    switch (shape->kind) {
    case KV_SHAPE_TEXT:
        return check_text(shape, value, at, err);
    case KV_SHAPE_BOOL:
        return is_lax_bool(value) ? 0 : refuse(at, "expected true or false, found ", value, err);
    case KV_SHAPE_INT:
        return is_lax_int(value) ? 0 : refuse(at, "expected a whole number, found ", value, err);
    case KV_SHAPE_FLOAT:
    case KV_SHAPE_SCORE:
        return is_lax_float(value) ? 0 : refuse(at, "expected a number, found ", value, err);
    case KV_SHAPE_WORD:
        return check_word(shape, value, at, err);
    case KV_SHAPE_LIST:
        if (type != KV_JSON_ARRAY)
            return refuse(at, "expected an array, found ", value, err);
        return check_items(shape, value, at, err);
    case KV_SHAPE_MAP:
        if (type != KV_JSON_OBJECT)
            return refuse(at, "expected an object, found ", value, err);
        return check_items(shape, value, at, err);
    case KV_SHAPE_RECORD:
        return check_record(shape, value, at, values, err);
    default:
        return 0;
    }
}

int kv_shape_check(
    const struct kv_shape *shape, struct kv_slice value, const char *name, struct kv_err *err)
{
    struct place at = {.name = name};
    return check(shape, value, name ? &at : NULL, err);
}

int kv_shape_read(const struct kv_shape *record, struct kv_slice value, const char *name,
    struct kv_slice *values, struct kv_err *err)
{
    struct place at = {.name = name};
    return check_record(record, value, name ? &at : NULL, values, err);
}

/* ---- writing ---- */

static void write_bool(struct kv_slice value, struct kv_buf *out)
{
    bool truth = false;
    const char *error_type;
    kv_pydantic_bool(value, &truth, &error_type);
    kv_buf_add_str(out, truth ? "true" : "false");
}

static void write_int(struct kv_slice value, struct kv_buf *out)
{
    const char *error_type;
    kv_pydantic_int(value, out, &error_type);
}

/* A number without fraction and exponent. */
static bool is_whole(struct kv_slice number)
{
    size_t i = *number.p == '-';
    while (i < number.n && number.p[i] >= '0' && number.p[i] <= '9')
        i++;
    return i == number.n;
}

static void write_float(struct kv_slice value, enum kv_reformat_style style, struct kv_buf *out)
{
    double x = 0;
    const char *error_type;
    if (is_number(value) && !is_whole(value))
        kv_reformat(out, value, style);
    else if (kv_pydantic_float(value, &x, &error_type) == 0)
        kv_num_add_double(out, x, style == KV_REFORMAT_COMPACT ? KV_NUM_COMPACT : KV_NUM_PYTHON);
    else /* an integer beyond a double */
        kv_buf_add_slice(out, value);
}

static void write_record(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    bool compact = style == KV_REFORMAT_COMPACT;
    kv_shape_members(shape, value, values);
    kv_buf_add_char(out, '{');
    for (size_t i = 0; shape->members[i].name; i++) {
        const struct kv_shape_member *m = &shape->members[i];
        if (i)
            kv_buf_add_str(out, compact ? "," : ", ");
        kv_buf_printf(out, compact ? "\"%s\":" : "\"%s\": ", m->name);
        if (m->derive)
            kv_json_quote_str(out, m->derive(values[0]));
        else
            kv_shape_write(
                m->shape, values[i].n ? values[i] : kv_slice(m->default_json), style, out);
    }
    kv_buf_add_char(out, '}');
}

static void write_items(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice key = {0}, item;
    bool map = shape->kind == KV_SHAPE_MAP, compact = style == KV_REFORMAT_COMPACT, first = true;
    kv_buf_add_char(out, map ? '{' : '[');
    kv_json_begin(&w, value);
    while (map ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item)) {
        if (!first)
            kv_buf_add_str(out, compact ? "," : ", ");
        first = false;
        if (map) {
            kv_reformat(out, key, style);
            kv_buf_add_str(out, compact ? ":" : ": ");
        }
        kv_shape_write(shape->of, item, style, out);
    }
    kv_buf_add_char(out, map ? '}' : ']');
}

void kv_shape_write(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    if (shape->nullable && kv_json_is_null(value)) {
        kv_buf_add_str(out, "null");
        return;
    }
    switch (shape->kind) {
    case KV_SHAPE_BOOL:
        write_bool(value, out);
        break;
    case KV_SHAPE_INT:
        write_int(value, out);
        break;
    case KV_SHAPE_FLOAT:
        write_float(value, style, out);
        break;
    case KV_SHAPE_LIST:
    case KV_SHAPE_MAP:
        write_items(shape, value, style, out);
        break;
    case KV_SHAPE_RECORD:
        write_record(shape, value, style, out);
        break;
    default:
        kv_reformat(out, value, style);
    }
}
