/* template_value - the values in a Python template, and why one is not a value. */
#include "template_value.h"

#include "json.h"
#include "primitive.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int kv_template_invalid(struct kv_template_reader *r, const char *format, ...)
{
    char what[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return kv_err_set(r->err, KV_INPUT, "Error executing template code: %s", what);
}

int kv_template_executable(
    struct kv_template_reader *r, struct kv_slice statement, const char *what)
{
    struct kv_slice line;
    *r->code = true;
    kv_json_get(statement, "line", &line);
    return kv_err_set(r->err, KV_INPUT,
        "line %.*s: %s: not declarative, it would have to be executed", (int)line.n,
        line.p ? line.p : "", what);
}

/* ---- expressions ---- */

bool kv_template_is(struct kv_slice e, const char *what, struct kv_slice *inner)
{
    return kv_json_type(e) == KV_JSON_OBJECT && kv_json_get(e, what, inner);
}

/* The name an expression is, without the modules in front of it; "" if it is none. */
struct kv_slice kv_template_name(struct kv_slice e)
{
    struct kv_slice name;
    if (!kv_template_is(e, "name", &name) || name.n < 2)
        return KV_SLICE("");
    name = (struct kv_slice){name.p + 1, name.n - 2};
    const char *dot = memrchr(name.p, '.', name.n);
    if (dot && !kv_slice_is(name, "..."))
        name = (struct kv_slice){dot + 1, (size_t)(name.p + name.n - dot - 1)};
    return name;
}

/* The callee's name, "" if the expression is no call. */
struct kv_slice kv_template_call(struct kv_slice e, struct kv_slice *call)
{
    struct kv_slice of;
    if (!kv_template_is(e, "call", call))
        return KV_SLICE("");
    kv_json_get(*call, "of", &of);
    return kv_template_name(of);
}

/* The argument with a keyword, or at a position (from 0; -1: by keyword only). */
bool kv_template_argument(
    struct kv_slice call, const char *keyword, int position, struct kv_slice *value)
{
    struct kv_json_walk w, pair;
    struct kv_slice list, item, key;
    kv_json_get(call, "keywords", &list);
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &item)) {
        kv_json_begin(&pair, item);
        if (kv_json_item(&pair, &key) && kv_json_item(&pair, value) &&
            kv_json_string_is(key, keyword))
            return true;
    }
    kv_json_get(call, "args", &list);
    kv_json_begin(&w, list);
    for (int i = 0; kv_json_item(&w, value); i++)
        if (i == position)
            return true;
    *value = (struct kv_slice){0};
    return false;
}

bool kv_template_knows(struct kv_slice name)
{
    /* Defined wherever a template runs: using one is code, using any other name an error. */
    static const char *const names[] = {"abs", "all", "any", "ascii", "bin", "bool", "bytes", "chr",
        "dict", "dir", "enumerate", "filter", "float", "format", "frozenset", "getattr", "hash",
        "hex", "int", "isinstance", "iter", "len", "list", "map", "max", "min", "object", "oct",
        "ord", "pow", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted",
        "str", "sum", "super", "tuple", "type", "vars", "zip", "BaseAnswer", "Field",
        "VerifiedField", "List", "Dict", "Optional", "Union", "Any", "Literal", "AllOf", "AnyOf",
        "AtLeastN", "FieldCheck", "SynonymMap", "ConditionalGroundTruth", "GroundTruthCase", "..."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kv_slice_is(name, names[i]))
            return true;
    return kv_primitive_find(name) != NULL;
}

/* What stands where a value was expected. */
int kv_template_no_value(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e)
{
    struct kv_slice call, what, name = kv_template_call(e, &call);
    if (!name.n)
        name = kv_template_name(e);
    if (name.n && !kv_template_knows(name))
        return kv_template_invalid(r, "name '%.*s' is not defined", (int)name.n, name.p);
    if (kv_template_is(e, "code", &what))
        return kv_template_executable(r, statement, "an expression that is no value");
    return kv_template_executable(r, statement, "a call or name that is no value");
}

static int add_list(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, e);
    for (bool first = true; kv_json_item(&w, &item); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        if (kv_template_add_value(r, statement, item, out) != 0)
            return -1;
    }
    kv_buf_add_char(out, ']');
    return 0;
}

/* A dictionary's key as json.dumps writes it. */
static int add_key(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice key,
    struct kv_buf *out)
{
    switch (kv_json_type(key)) {
    case KV_JSON_STRING:
        kv_buf_add_slice(out, key);
        return 0;
    case KV_JSON_NUMBER:
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
    case KV_JSON_NULL:
        kv_buf_add_char(out, '"');
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, '"');
        return 0;
    default:
        return kv_template_no_value(r, statement, key);
    }
}

static int add_dict(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice pairs,
    struct kv_buf *out)
{
    struct kv_json_walk w, pair;
    struct kv_slice item, key, value;
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, pairs);
    for (bool first = true; kv_json_item(&w, &item); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        kv_json_begin(&pair, item);
        kv_json_item(&pair, &key);
        kv_json_item(&pair, &value);
        if (add_key(r, statement, key, out) != 0)
            return -1;
        kv_buf_add_char(out, ':');
        if (kv_template_add_value(r, statement, value, out) != 0)
            return -1;
    }
    kv_buf_add_char(out, '}');
    return 0;
}

/* A value as JSON. SynonymMap(mapping={…}) is the object {"mapping":{…}}. */
int kv_template_add_value(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e, struct kv_buf *out)
{
    struct kv_slice inner, call;
    if (kv_json_type(e) == KV_JSON_ARRAY)
        return add_list(r, statement, e, out);
    if (kv_json_type(e) != KV_JSON_OBJECT) {
        kv_buf_add_slice(out, e);
        return 0;
    }
    if (kv_template_is(e, "dict", &inner))
        return add_dict(r, statement, inner, out);
    if (kv_slice_is(kv_template_call(e, &call), "SynonymMap") &&
        kv_template_argument(call, "mapping", -1, &inner)) {
        kv_buf_add_str(out, "{\"mapping\":");
        if (kv_template_add_value(r, statement, inner, out) != 0)
            return -1;
        kv_buf_add_char(out, '}');
        return 0;
    }
    return kv_template_no_value(r, statement, e);
}
