/* schema - objects described by a table of fields.
 *
 * Reading happens on a normalised copy of the input (kv_pydantic_tidy): no white space, no repeated
 * keys, floats spelled canonically. So every later step may take the first member it finds, and a
 * value that needs no coercion is copied as it stands.
 */
#include "schema.h"

#include "json.h"
#include "num.h"
#include "pydantic.h"

#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */

static const struct {
    const char *error_type, *text;
} messages[] = {
    {"bool_parsing", "not a boolean"},
    {"bool_type", "expected a boolean"},
    {"dict_type", "expected an object"},
    {"finite_number", "not a finite number"},
    {"float_parsing", "not a number"},
    {"float_type", "expected a number"},
    {"int_from_float", "expected a whole number"},
    {"int_parsing", "not a whole number"},
    {"int_parsing_size", "too large for a whole number"},
    {"int_type", "expected a whole number"},
    {"list_type", "expected an array"},
    {"model_type", "expected an object"},
    {"string_type", "expected a string"},
};

static int complain(struct kv_problems *problems, const struct kv_path *at, const char *error_type,
    struct kv_slice value)
{
    enum { SHOWN = 40 };
    const char *text = "not acceptable";
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (strcmp(messages[i].error_type, error_type) == 0)
            text = messages[i].text;
    enum kv_json_type type = kv_json_type(value);
    if (type == KV_JSON_ARRAY || type == KV_JSON_OBJECT || value.n > SHOWN)
        return kv_problems_add(
            problems, at, error_type, "%s, got %s", text, kv_json_type_name(value));
    return kv_problems_add(problems, at, error_type, "%s, got %.*s", text, (int)value.n, value.p);
}

static int check_range(
    const struct kv_field *f, double x, const struct kv_path *at, struct kv_problems *problems)
{
    bool open = f->flags & KV_FIELD_ABOVE_MIN;
    if (f->has_min && (open ? !(x > f->min) : !(x >= f->min)))
        return kv_problems_add(problems, at, open ? "greater_than" : "greater_than_equal",
            open ? "must be above %g" : "must be at least %g", f->min);
    if (f->has_max && !(x <= f->max))
        return kv_problems_add(problems, at, "less_than_equal", "must be at most %g", f->max);
    return 0;
}

/* ---- fields ---- */

static int read_value(const struct kv_field *f, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems);

static int read_text(struct kv_slice value, const struct kv_path *at, struct kv_buf *out,
    struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_STRING)
        return complain(problems, at, "string_type", value);
    kv_buf_add_slice(out, value);
    return 0;
}

static int read_choice(const struct kv_field *f, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    for (const char *c = f->choices; *c;) {
        size_t n = strcspn(c, "|");
        if (value.n == n + 2 && value.p[0] == '"' && memcmp(value.p + 1, c, n) == 0) {
            kv_buf_add_slice(out, value);
            return 0;
        }
        c += n + (c[n] == '|');
    }
    return kv_problems_add(problems, at, "literal_error", "must be one of %s", f->choices);
}

/* As pathlib tidies a path: no empty and no "." components; "" is ".". */
static void add_tidy_path(struct kv_buf *out, struct kv_slice path)
{
    struct kv_buf tidy = {0};
    size_t slashes = 0;
    while (slashes < path.n && path.p[slashes] == '/')
        slashes++;
    kv_buf_add_str(&tidy, slashes == 0 ? "" : slashes == 2 ? "//" : "/");
    size_t root = tidy.n;
    for (size_t i = slashes; i < path.n;) {
        const char *slash = memchr(path.p + i, '/', path.n - i);
        size_t n = slash ? (size_t)(slash - path.p) - i : path.n - i;
        if (n && !(n == 1 && path.p[i] == '.')) {
            if (tidy.n > root)
                kv_buf_add_char(&tidy, '/');
            kv_buf_add(&tidy, path.p + i, n);
        }
        i += n + 1;
    }
    if (tidy.n == 0)
        kv_buf_add_char(&tidy, '.');
    kv_json_quote(out, kv_slice_of(&tidy), KV_JSON_RAW);
    kv_buf_release(&tidy);
}

static int read_string_kind(const struct kv_field *f, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_STRING)
        return complain(
            problems, at, f->kind == KV_FIELD_PATH ? "path_type" : "string_type", value);
    if (f->kind == KV_FIELD_SECRET) {
        kv_buf_add_str(out, value.n == 2 ? "\"\"" : "\"**********\"");
        return 0;
    }
    struct kv_buf path = {0};
    kv_json_unescape(value, &path);
    add_tidy_path(out, kv_slice_of(&path));
    kv_buf_release(&path);
    return 0;
}

static int read_number(const struct kv_field *f, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    const char *error_type;
    double x = 0;
    size_t start = out->n;
    if (f->kind == KV_FIELD_INT) {
        if (kv_pydantic_int(value, out, &error_type) != 0)
            return complain(problems, at, error_type, value);
        kv_num_double((struct kv_slice){out->p + start, out->n - start}, &x);
    } else {
        if (kv_pydantic_float(value, &x, &error_type) != 0)
            return complain(problems, at, error_type, value);
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    }
    return check_range(f, x, at, problems);
}

/* Arrays and objects of one kind of value: reads each by `item`. */
static int read_items(const struct kv_field *item, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_ARRAY)
        return complain(problems, at, "list_type", value);
    struct kv_json_walk w;
    struct kv_slice v;
    struct kv_path here = {.up = at};
    int rc = 0;
    kv_buf_add_char(out, '[');
    for (kv_json_begin(&w, value); kv_json_item(&w, &v); here.index++) {
        if (here.index)
            kv_buf_add_char(out, ',');
        rc |= read_value(item, v, &here, out, problems);
    }
    kv_buf_add_char(out, ']');
    return rc;
}

static int read_members(const struct kv_field *item, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return complain(problems, at, "dict_type", value);
    struct kv_json_walk w;
    struct kv_slice key, v;
    size_t n = 0;
    int rc = 0;
    kv_buf_add_char(out, '{');
    for (kv_json_begin(&w, value); kv_json_member(&w, &key, &v); n++) {
        struct kv_path here = {.up = at, .name = {key.p + 1, key.n - 2}};
        if (n)
            kv_buf_add_char(out, ',');
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, ':');
        rc |= read_value(item, v, &here, out, problems);
    }
    kv_buf_add_char(out, '}');
    return rc;
}

static int read_object(const struct kv_table *table, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems);

static int read_structure(const struct kv_field *f, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    static const struct kv_field text = {.kind = KV_FIELD_TEXT}, pick = {.kind = KV_FIELD_PICK},
                                 number = {.kind = KV_FIELD_INT},
                                 texts = {.kind = KV_FIELD_TEXT_MAP};
    const struct kv_field object = {.kind = KV_FIELD_OBJECT, .table = f->table};
    const struct kv_field objects = {.kind = KV_FIELD_OBJECT_MAP, .table = f->table};
    switch (f->kind) {
    case KV_FIELD_TEXTS:
        return read_items(&text, value, at, out, problems);
    case KV_FIELD_PICKS:
        return read_items(&pick, value, at, out, problems);
    case KV_FIELD_PICK:
        if (kv_json_type(value) == KV_JSON_STRING)
            return read_text(value, at, out, problems);
        return read_number(&number, value, at, out, problems);
    case KV_FIELD_EXAMPLES:
        return read_items(&texts, value, at, out, problems);
    case KV_FIELD_TEXT_MAP:
        return read_members(&text, value, at, out, problems);
    case KV_FIELD_LIMITS:
        if (kv_json_type(value) == KV_JSON_OBJECT)
            return read_members(&number, value, at, out, problems);
        return read_number(&number, value, at, out, problems);
    case KV_FIELD_OBJECTS:
        return read_items(&object, value, at, out, problems);
    case KV_FIELD_OBJECT_MAP:
        return read_members(&object, value, at, out, problems);
    case KV_FIELD_OBJECT_MAPS:
        return read_members(&objects, value, at, out, problems);
    default:
        return read_object(f->table, value, at, out, problems);
    }
}

static int read_free(struct kv_slice value, const struct kv_path *at, struct kv_buf *out,
    struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return complain(problems, at, "dict_type", value);
    if (!kv_pydantic_is_finite(value))
        return complain(problems, at, "finite_number", value);
    kv_buf_add_slice(out, value);
    return 0;
}

static int read_value(const struct kv_field *f, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    const char *error_type;
    bool yes;
    if (kv_json_is_null(value) && (f->flags & KV_FIELD_NULLABLE)) {
        kv_buf_add_slice(out, value);
        return 0;
    }
    switch (f->kind) {
    case KV_FIELD_BOOL:
        if (kv_pydantic_bool(value, &yes, &error_type) != 0)
            return complain(problems, at, error_type, value);
        kv_buf_add_str(out, yes ? "true" : "false");
        return 0;
    case KV_FIELD_INT:
    case KV_FIELD_FLOAT:
        return read_number(f, value, at, out, problems);
    case KV_FIELD_TEXT:
        return read_text(value, at, out, problems);
    case KV_FIELD_CHOICE:
        return read_choice(f, value, at, out, problems);
    case KV_FIELD_SECRET:
    case KV_FIELD_PATH:
        return read_string_kind(f, value, at, out, problems);
    case KV_FIELD_FREE:
        return read_free(value, at, out, problems);
    case KV_FIELD_ANY:
        kv_buf_add_slice(out, value);
        return 0;
    case KV_FIELD_NOTHING:
        return kv_problems_add(problems, at, "value_error", "%s", f->choices);
    default:
        return read_structure(f, value, at, out, problems);
    }
}

/* ---- objects ---- */

static bool is_known(const struct kv_table *table, struct kv_slice key)
{
    for (const struct kv_field *f = table->fields; f->name; f++)
        if (kv_json_string_is(key, f->name))
            return true;
    return table->alias && kv_json_string_is(key, table->alias);
}

static void complain_of_key(
    const struct kv_table *table, const struct kv_path *at, struct kv_problems *problems)
{
    size_t n = 0;
    while (table->fields[n].name)
        n++;
    const char **names = kv_calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = table->fields[i].name;
    kv_problems_add_unknown(problems, at, names);
    free(names);
}

static void refuse_unknown(const struct kv_table *table, struct kv_slice value,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice key, v;
    bool aliased = table->alias && kv_json_get(value, table->alias, &v);
    kv_json_begin(&w, value);
    while (kv_json_member(&w, &key, &v)) {
        struct kv_path here = {.up = at, .name = {key.p + 1, key.n - 2}};
        if (!is_known(table, key))
            complain_of_key(table, &here, problems);
        else if (aliased && kv_json_string_is(key, table->alias_of))
            kv_problems_add(problems, &here, "extra_forbidden", "also given as %s", table->alias);
    }
}

/* Also says under which name. */
static bool find_member(const struct kv_table *table, const struct kv_field *f,
    struct kv_slice value, struct kv_slice *to, struct kv_slice *name)
{
    if (table->alias && strcmp(f->name, table->alias_of) == 0 &&
        kv_json_get(value, table->alias, to)) {
        *name = kv_slice(table->alias);
        return true;
    }
    return kv_json_get(value, f->name, to);
}

static void read_field(const struct kv_table *table, const struct kv_field *f,
    struct kv_slice value, const struct kv_path *at, struct kv_buf *out,
    struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(f->name)};
    struct kv_slice member;
    size_t mark = out->n;
    bool given = find_member(table, f, value, &member, &here.name);
    if (out->p[out->n - 1] != '{')
        kv_buf_add_char(out, ',');
    kv_buf_printf(out, "\"%s\":", f->name);
    if (given)
        read_value(f, member, &here, out, problems);
    else if (f->default_json)
        kv_buf_add_str(out, f->default_json);
    else
        kv_problems_add(problems, &here, "missing", "missing");
    if ((f->flags & KV_FIELD_HIDDEN) || (!given && (f->flags & KV_FIELD_IF_GIVEN)))
        kv_buf_cut(out, mark, out->n - mark);
}

static int read_object(const struct kv_table *table, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems)
{
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return complain(problems, at, "model_type", value);
    size_t before = problems->n, start = out->n;
    kv_buf_add_char(out, '{');
    for (const struct kv_field *f = table->fields; f->name; f++)
        read_field(table, f, value, at, out, problems);
    kv_buf_add_char(out, '}');
    refuse_unknown(table, value, at, problems);
    if (problems->n == before && table->check)
        table->check((struct kv_slice){out->p + start, out->n - start}, at, problems);
    return problems->n == before ? 0 : -1;
}

int kv_schema_read(const struct kv_table *table, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    struct kv_buf tidy = {0};
    kv_pydantic_tidy(&tidy, value);
    int rc = read_object(table, kv_slice_of(&tidy), at, out, problems);
    kv_buf_release(&tidy);
    return rc;
}
