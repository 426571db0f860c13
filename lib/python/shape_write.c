/* shape_write - a value that was checked, written as karenina's models would. */
#include "shape.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "pydantic.h"

#include <string.h>

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
    if (kv_json_type(value) == KV_JSON_NUMBER && !is_whole(value))
        kv_reformat(out, value, style);
    else if (kv_pydantic_float(value, &x, &error_type) == 0)
        kv_num_add_double(out, x, style == KV_REFORMAT_COMPACT ? KV_NUM_COMPACT : KV_NUM_PYTHON);
    else /* an integer beyond a double */
        kv_buf_add_slice(out, value);
}

/* No empty and no "." components; "" is ".". */
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

static void write_path(struct kv_slice value, struct kv_buf *out)
{
    struct kv_buf path = {0};
    kv_json_unescape(value, &path);
    add_tidy_path(out, kv_slice_of(&path));
    kv_buf_release(&path);
}

static void begin_item(struct kv_buf *out, const char *name, enum kv_reformat_style style)
{
    if (style == KV_REFORMAT_COMPACT)
        kv_json_out_key(out, name);
    else
        kv_json_out_spaced(out, name);
}

static void write_record(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    kv_shape_members(shape, value, values);
    kv_buf_add_char(out, '{');
    for (size_t i = 0; shape->members[i].name; i++) {
        const struct kv_shape_member *m = &shape->members[i];
        if (m->hidden || (m->if_given && !values[i].n))
            continue;
        begin_item(out, m->name, style);
        if (m->derive)
            kv_json_quote_str(out, m->derive(values[0]));
        else if (values[i].n)
            kv_shape_write(m->shape, values[i], style, out);
        else
            kv_reformat(out, kv_slice(m->default_json), style);
    }
    kv_buf_add_char(out, '}');
}

static void write_items(const struct kv_shape *of, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice key = {0}, item;
    bool map = kv_json_type(value) == KV_JSON_OBJECT;
    kv_buf_add_char(out, map ? '{' : '[');
    kv_json_begin(&w, value);
    while (map ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item)) {
        begin_item(out, NULL, style);
        if (map) {
            kv_reformat(out, key, style);
            kv_buf_add_str(out, style == KV_REFORMAT_COMPACT ? ":" : ": ");
        }
        kv_shape_write(of, item, style, out);
    }
    kv_buf_add_char(out, map ? '}' : ']');
}

/* A shape of several types, narrowed to the type that the value has. */
static const struct kv_shape *narrow(const struct kv_shape *shape, struct kv_slice value)
{
    static const struct kv_shape integers = {.kind = KV_SHAPE_MAP, .of = &kv_shape_int};
    enum kv_json_type type = kv_json_type(value);
    if (shape->kind == KV_SHAPE_PICK)
        return type == KV_JSON_STRING ? &kv_shape_text : &kv_shape_int;
    if (shape->kind == KV_SHAPE_LIMITS)
        return type == KV_JSON_OBJECT ? &integers : &kv_shape_int;
    return shape;
}

void kv_shape_write(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out)
{
    if (shape->nullable && kv_json_is_null(value)) {
        kv_buf_add_str(out, "null");
        return;
    }
    shape = narrow(shape, value);
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
    case KV_SHAPE_SECRET:
        kv_buf_add_str(out, value.n == 2 ? "\"\"" : "\"**********\"");
        break;
    case KV_SHAPE_PATH:
        write_path(value, out);
        break;
    case KV_SHAPE_LIST:
    case KV_SHAPE_MAP:
        write_items(shape->of, value, style, out);
        break;
    case KV_SHAPE_RECORD:
        write_record(shape, value, style, out);
        break;
    default:
        kv_reformat(out, value, style);
    }
}
