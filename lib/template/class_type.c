/* class_type - the type of a field in a Python template. */
#include "class_type.h"

#include "json.h"
#include "parser.h"

#include <string.h>

struct reading {
    struct kv_template_reader *r;
    struct kv_slice statement;
    bool verified;
};

static int read(struct reading *t, struct kv_slice e, struct kv_buf *out);

static int other_type(struct reading *t)
{
    return kv_template_executable(t->r, t->statement, "its type");
}

/* Adds a value to the list that was opened at `start`, unless it is there. */
static void add_new(struct kv_buf *out, size_t start, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice item;
    bool known = false;
    kv_buf_add_char(out, ']');
    kv_json_begin(&w, (struct kv_slice){out->p + start, out->n - start});
    while (!known && kv_json_item(&w, &item))
        known = kv_slice_eq(item, value);
    kv_buf_cut(out, out->n - 1, 1);
    if (!known && out->n > start + 1)
        kv_buf_add_char(out, ',');
    if (!known)
        kv_buf_add_slice(out, value);
}

static int read_literals(struct reading *t, struct kv_slice args, struct kv_buf *out)
{
    struct kv_slice item;
    struct kv_json_walk w;
    kv_buf_add_str(out, "{\"literal\":");
    size_t start = out->n;
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, args);
    while (kv_json_item(&w, &item)) {
        enum kv_json_type type = kv_json_type(item);
        if (type == KV_JSON_ARRAY || type == KV_JSON_OBJECT ||
            (type == KV_JSON_NUMBER &&
                (memchr(item.p, '.', item.n) || memchr(item.p, 'e', item.n))))
            return kv_template_executable(t->r, t->statement, "a Literal of something else");
        add_new(out, start, item);
    }
    kv_buf_add_str(out, "]}");
    return kv_json_count(args) ? 0 : other_type(t);
}

/* Ends a list of types and takes it for a choice, unless there is none. */
static void close_union(struct kv_buf *list, struct kv_buf *out)
{
    kv_buf_add_char(list, ']');
    if (kv_json_count(kv_slice_of(list)) == 1)
        kv_buf_add(out, list->p + 1, list->n - 2);
    else
        kv_buf_printf(out, "{\"union\":%s}", list->p);
    kv_buf_release(list);
}

/* Types that stand for any of them; what is itself such a type counts with its members, and one
 * that is left alone is no choice. */
static int read_union(struct reading *t, struct kv_slice args, struct kv_buf *out)
{
    struct kv_json_walk w, inner;
    struct kv_slice e, members;
    struct kv_buf list = {0}, one = {0};
    int rc = kv_json_count(args) ? 0 : other_type(t);
    kv_buf_add_char(&list, '[');
    kv_json_begin(&w, args);
    while (rc == 0 && kv_json_item(&w, &e)) {
        kv_buf_clear(&one);
        rc = read(t, e, &one);
        if (rc == 0 && kv_template_is(kv_slice_of(&one), "union", &members))
            for (kv_json_begin(&inner, members); kv_json_item(&inner, &e);)
                add_new(&list, 0, e);
        else if (rc == 0)
            add_new(&list, 0, kv_slice_of(&one));
    }
    close_union(&list, out);
    kv_buf_release(&one);
    return rc;
}

static int read_list(struct reading *t, struct kv_slice args, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice e;
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, args);
    for (bool first = true; kv_json_item(&w, &e); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        if (read(t, e, out) != 0)
            return -1;
    }
    kv_buf_add_char(out, ']');
    return 0;
}

/* list[T], set[T], tuple[T, …]: {"list":T}. */
static int read_items(struct reading *t, const char *kind, struct kv_slice e, struct kv_buf *out)
{
    kv_buf_printf(out, "{\"%s\":", kind);
    if (read(t, e, out) != 0)
        return -1;
    kv_buf_add_char(out, '}');
    return 0;
}

/* Python writes tuples and sets in ways of their own, which a check would see. */
static int read_tuple(struct reading *t, struct kv_slice args, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice first = {0}, second = {0};
    kv_json_begin(&w, args);
    kv_json_item(&w, &first);
    kv_json_item(&w, &second);
    if (t->verified)
        return other_type(t);
    if (kv_json_count(args) == 2 && kv_slice_is(kv_template_name(second), "..."))
        return read_items(t, "items", first, out);
    if (kv_json_count(args) == 1 && kv_slice_is(first, "[]"))
        args = first;
    kv_buf_add_str(out, "{\"tuple\":");
    if (read_list(t, args, out) != 0)
        return -1;
    kv_buf_add_char(out, '}');
    return 0;
}

/* Keys are names, whatever they stand for. */
static int read_dict(struct reading *t, struct kv_slice args, struct kv_buf *out)
{
    kv_buf_add_str(out, "{\"dict\":");
    size_t start = out->n;
    if (read_list(t, args, out) != 0)
        return -1;
    if (kv_json_count(args) != 2 || out->p[start + 1] == '{')
        return other_type(t);
    kv_buf_add_char(out, '}');
    return 0;
}

static int read_index(struct reading *t, struct kv_slice index, struct kv_buf *out)
{
    struct kv_slice of, args, first;
    struct kv_json_walk w;
    kv_json_get(index, "of", &of);
    kv_json_get(index, "args", &args);
    of = kv_template_name(of);
    size_t n = kv_json_count(args);
    kv_json_begin(&w, args);
    kv_json_item(&w, &first);
    if (of.n && !kv_template_knows(of))
        return kv_template_unknown(t->r, of);
    if (kv_template_hides(t->r, t->statement, of))
        return kv_template_invalid(t->r, "'FieldInfo' object is not subscriptable");
    if (kv_slice_is(of, "bool") || kv_slice_is(of, "int") || kv_slice_is(of, "float") ||
        kv_slice_is(of, "str"))
        return kv_template_invalid(t->r, "type '%.*s' is not subscriptable", (int)of.n, of.p);
    if (kv_slice_is(of, "Literal"))
        return read_literals(t, args, out);
    if (kv_slice_is(of, "Optional") && n != 1)
        return kv_template_invalid(t->r, "typing.Optional requires a single type.");
    if (kv_slice_is(of, "Union"))
        return read_union(t, args, out);
    if (kv_slice_is(of, "Optional")) {
        struct kv_buf sides = {0};
        kv_buf_printf(&sides, "[%.*s,null]", (int)first.n, first.p);
        int rc = read_union(t, kv_slice_of(&sides), out);
        kv_buf_release(&sides);
        return rc;
    }
    if ((kv_slice_is(of, "list") || kv_slice_is(of, "List")) && n == 1)
        return read_items(t, "list", first, out);
    if (kv_slice_is(of, "dict") || kv_slice_is(of, "Dict"))
        return read_dict(t, args, out);
    if (kv_slice_is(of, "tuple"))
        return read_tuple(t, args, out);
    if ((kv_slice_is(of, "set") || kv_slice_is(of, "frozenset")) && n == 1 && !t->verified)
        return read_items(t, "set", first, out);
    return other_type(t);
}

static int read_name(struct reading *t, struct kv_slice name, struct kv_buf *out)
{
    static const struct {
        const char *name, *shape;
        bool plain; /* in plain fields only */
    } types[] = {
        {"bool", "\"bool\"", false},
        {"int", "\"int\"", false},
        {"float", "\"float\"", false},
        {"str", "\"str\"", false},
        {"Any", "\"any\"", false},
        {"object", "\"any\"", false},
        {"list", "{\"list\":\"any\"}", false},
        {"List", "{\"list\":\"any\"}", false},
        {"dict", "{\"dict\":[\"any\",\"any\"]}", false},
        {"Dict", "{\"dict\":[\"any\",\"any\"]}", false},
        {"tuple", "{\"items\":\"any\"}", true},
        {"set", "{\"set\":\"any\"}", true},
        {"frozenset", "{\"set\":\"any\"}", true},
    };
    if (!kv_template_knows(name))
        return kv_template_unknown(t->r, name);
    if (kv_template_hides(t->r, t->statement, name))
        return kv_template_invalid(t->r, "Error when building FieldInfo from annotated attribute. "
                                         "Make sure you don't have any field name clashing with a "
                                         "type annotation.");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (kv_slice_is(name, types[i].name) && !(types[i].plain && t->verified)) {
            kv_buf_add_str(out, types[i].shape);
            return 0;
        }
    return other_type(t);
}

/* A type in quotes is what stands between them. */
static int read_quoted(struct reading *t, struct kv_slice string, struct kv_buf *out)
{
    struct kv_buf text = {0}, source = {0}, module = {0};
    struct kv_slice statement, e, value;
    struct kv_json_walk w;
    struct kv_err why;
    int rc = -1;
    kv_json_unescape(string, &text);
    kv_buf_add_str(&source, "_: ");
    kv_buf_add_slice(&source, kv_slice_of(&text));
    bool read_it = text.n && text.p[0] != ' ' && text.p[0] != '\t' &&
                   kv_parser_read(kv_slice_of(&source), &module, &why) == 0 &&
                   kv_json_count(kv_slice_of(&module)) == 1;
    if (read_it) {
        kv_json_begin(&w, kv_slice_of(&module));
        kv_json_item(&w, &statement);
        read_it = kv_json_get(statement, "annotation", &e) &&
                  kv_json_get(statement, "value", &value) && kv_template_is_nothing(value);
    }
    if (read_it)
        rc = read(t, e, out);
    else
        kv_template_invalid(
            t->r, "Forward reference must be an expression -- got '%s'", text.p ? text.p : "");
    kv_buf_release(&text);
    kv_buf_release(&source);
    kv_buf_release(&module);
    return rc;
}

static int read(struct reading *t, struct kv_slice e, struct kv_buf *out)
{
    struct kv_slice inner, name = kv_template_name(e);
    if (kv_json_is_null(e)) {
        kv_buf_add_str(out, "\"none\"");
        return 0;
    }
    if (kv_json_type(e) == KV_JSON_STRING)
        return read_quoted(t, e, out);
    if (kv_template_is(e, "or", &inner))
        return read_union(t, inner, out);
    if (kv_template_is(e, "index", &inner))
        return read_index(t, inner, out);
    return name.n ? read_name(t, name, out) : other_type(t);
}

/* Takes "none" out of a choice. */
static void split_none(struct kv_slice shape, struct kv_answer_field *f, struct kv_buf *rest)
{
    struct kv_json_walk w;
    struct kv_slice members, item;
    struct kv_buf list = {0};
    if (!kv_template_is(shape, "union", &members)) {
        kv_buf_add_slice(rest, shape);
        return;
    }
    kv_buf_add_char(&list, '[');
    kv_json_begin(&w, members);
    while (kv_json_item(&w, &item))
        if (kv_slice_is(item, "\"none\""))
            f->nullable = true;
        else
            add_new(&list, 0, item);
    close_union(&list, rest);
}

static void keep_literals(struct kv_template_reader *r, struct kv_answer_field *f)
{
    struct kv_slice literals, item;
    struct kv_json_walk w;
    struct kv_buf texts = {0};
    kv_json_get(f->shape, "literal", &literals);
    kv_json_begin(&w, literals);
    while (kv_json_item(&w, &item)) {
        const char *quote = kv_json_type(item) == KV_JSON_STRING ? "" : "\"";
        if (kv_json_is_null(item) || kv_json_is_true(item) || kv_slice_is(item, "false"))
            item = kv_json_is_null(item)   ? KV_SLICE("None")
                   : kv_json_is_true(item) ? KV_SLICE("True")
                                           : KV_SLICE("False");
        kv_buf_printf(&texts, "%s%s%.*s%s", texts.n ? "," : "[", quote, (int)item.n, item.p, quote);
    }
    kv_buf_add_char(&texts, ']');
    f->type = KV_ANSWER_LITERAL;
    f->literals = kv_fields_keep(r->t, kv_slice_of(&texts));
    kv_buf_release(&texts);
}

int kv_template_read_type(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice annotation, struct kv_answer_field *f)
{
    struct reading t = {r, statement, !f->plain};
    struct kv_buf shape = {0}, rest = {0};
    struct kv_slice inner;
    int rc = read(&t, annotation, &shape);
    if (rc == 0) {
        split_none(kv_slice_of(&shape), f, &rest);
        f->shape = kv_fields_keep(r->t, kv_slice_of(&rest));
        f->type = kv_json_string_is(f->shape, "bool")        ? KV_ANSWER_BOOL
                  : kv_json_string_is(f->shape, "int")       ? KV_ANSWER_INT
                  : kv_json_string_is(f->shape, "float")     ? KV_ANSWER_FLOAT
                  : kv_template_is(f->shape, "list", &inner) ? KV_ANSWER_LIST
                                                             : KV_ANSWER_STR;
        if (kv_template_is(f->shape, "literal", &inner))
            keep_literals(r, f);
    }
    kv_buf_release(&shape);
    kv_buf_release(&rest);
    return rc;
}
