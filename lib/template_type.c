/* template_type - the type of a field in a Python template. */
#include "template_type.h"

#include "json.h"

/* One literal of several that are equal counts. */
static int read_literals(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice args, struct kv_answer_field *f)
{
    struct kv_slice item, before;
    struct kv_json_walk w, b;
    struct kv_buf kept = {0};
    kv_buf_add_char(&kept, '[');
    kv_json_begin(&w, args);
    while (kv_json_item(&w, &item)) {
        if (kv_json_type(item) != KV_JSON_STRING) {
            kv_buf_release(&kept);
            return kv_template_executable(r, statement, "a Literal of something else than strings");
        }
        kv_json_begin(&b, args);
        while (kv_json_item(&b, &before) && !kv_slice_eq(before, item))
            continue;
        if (before.p != item.p)
            continue;
        kv_buf_add_str(&kept, kept.n > 1 ? "," : "");
        kv_buf_add_slice(&kept, item);
    }
    kv_buf_add_char(&kept, ']');
    f->type = KV_ANSWER_LITERAL;
    f->literals = kv_template_data_keep(r->t, kv_slice_of(&kept));
    kv_buf_release(&kept);
    return 0;
}

static int other_type(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_answer_field *f)
{
    f->type = KV_ANSWER_ANY;
    return f->plain ? 0 : kv_template_executable(r, statement, "its type");
}

/* Optional[T], Union[T, None], Union[None, T], T | None: a type or none. */
static int read_nullable(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice of, struct kv_slice sides, struct kv_answer_field *f)
{
    struct kv_json_walk w;
    struct kv_slice a = {0}, b = {0};
    bool optional = kv_slice_is(of, "Optional");
    size_t n = kv_json_count(sides);
    kv_json_begin(&w, sides);
    kv_json_item(&w, &a);
    kv_json_item(&w, &b);
    if (optional && n != 1)
        return kv_template_invalid(r, "typing.Optional requires a single type.");
    if (n != (optional ? 1 : 2) || (!optional && !kv_json_is_null(a) && !kv_json_is_null(b)))
        return other_type(r, statement, f);
    f->nullable = true;
    return kv_template_read_type(r, statement, kv_json_is_null(a) ? b : a, f);
}

static int read_index_type(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice index, struct kv_answer_field *f)
{
    struct kv_slice of, args, item;
    struct kv_json_walk w;
    kv_json_get(index, "of", &of);
    kv_json_get(index, "args", &args);
    of = kv_template_name(of);
    if (of.n && !kv_template_knows(of))
        return kv_template_unknown(r, of);
    if (kv_slice_is(of, "Literal"))
        return read_literals(r, statement, args, f);
    if (kv_slice_is(of, "Optional") || kv_slice_is(of, "Union"))
        return read_nullable(r, statement, of, args, f);
    kv_json_begin(&w, args);
    if (kv_json_item(&w, &item) && (kv_slice_is(of, "list") || kv_slice_is(of, "List")) &&
        kv_slice_is(kv_template_name(item), "str") && !kv_json_item(&w, &item)) {
        f->type = KV_ANSWER_LIST;
        return 0;
    }
    return other_type(r, statement, f);
}

int kv_template_read_type(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice e, struct kv_answer_field *f)
{
    static const struct {
        const char *name;
        enum kv_answer_type type;
    } types[] = {{"bool", KV_ANSWER_BOOL}, {"int", KV_ANSWER_INT}, {"float", KV_ANSWER_FLOAT},
        {"str", KV_ANSWER_STR}};
    struct kv_slice inner, name = kv_template_name(e);
    if (kv_template_is(e, "or", &inner))
        return read_nullable(r, statement, KV_SLICE("|"), inner, f);
    if (kv_template_is(e, "index", &inner))
        return read_index_type(r, statement, inner, f);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (kv_slice_is(name, types[i].name)) {
            f->type = types[i].type;
            return 0;
        }
    if (name.n && !kv_template_knows(name))
        return kv_template_unknown(r, name);
    return other_type(r, statement, f);
}
