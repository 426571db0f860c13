/* class_value - the values in a Python template, and why one is not a value. */
#include "class_value.h"

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

struct kv_slice kv_template_name(struct kv_slice e)
{
    struct kv_slice name;
    if (!kv_template_is(e, "name", &name) || name.n < 2)
        return KV_SLICE("");
    return (struct kv_slice){name.p + 1, name.n - 2};
}

bool kv_template_is_nothing(struct kv_slice e)
{
    struct kv_slice name;
    return kv_template_is(e, "name", &name) && (name.n == 2 || kv_json_string_is(name, "..."));
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

bool kv_template_spreads(struct kv_slice call)
{
    struct kv_json_walk w;
    struct kv_slice args, item, code;
    kv_json_get(call, "args", &args);
    kv_json_begin(&w, args);
    while (kv_json_item(&w, &item))
        if (kv_template_is(item, "code", &code))
            return true;
    return false;
}

int kv_template_keywords_only(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice call)
{
    struct kv_slice args;
    kv_json_get(call, "args", &args);
    size_t n = kv_json_count(args);
    if (kv_template_spreads(call))
        return kv_template_executable(r, statement, "an argument that is no value");
    return n ? kv_template_invalid(
                   r, "BaseModel.__init__() takes 1 positional argument but %zu were given", n + 1)
             : 0;
}

/* ---- names ---- */

static struct kv_slice root(struct kv_slice name)
{
    const char *dot = memchr(name.p, '.', name.n);
    return dot && dot > name.p ? (struct kv_slice){name.p, (size_t)(dot - name.p)} : name;
}

bool kv_template_knows(struct kv_slice name)
{
    /* Defined wherever a template runs: using one is code, using any other name an error. */
    static const char *const names[] = {"ArithmeticError", "AssertionError", "AttributeError",
        "BaseException", "BaseExceptionGroup", "BlockingIOError", "BrokenPipeError", "BufferError",
        "BytesWarning", "ChildProcessError", "ConnectionAbortedError", "ConnectionError",
        "ConnectionRefusedError", "ConnectionResetError", "DeprecationWarning", "EOFError",
        "Ellipsis", "EncodingWarning", "EnvironmentError", "Exception", "ExceptionGroup",
        "FileExistsError", "FileNotFoundError", "FloatingPointError", "FutureWarning",
        "GeneratorExit", "IOError", "ImportError", "ImportWarning", "IndentationError",
        "IndexError", "InterruptedError", "IsADirectoryError", "KeyError", "KeyboardInterrupt",
        "LookupError", "MemoryError", "ModuleNotFoundError", "NameError", "NotADirectoryError",
        "NotImplemented", "NotImplementedError", "OSError", "OverflowError",
        "PendingDeprecationWarning", "PermissionError", "ProcessLookupError", "RecursionError",
        "ReferenceError", "ResourceWarning", "RuntimeError", "RuntimeWarning", "StopAsyncIteration",
        "StopIteration", "SyntaxError", "SyntaxWarning", "SystemError", "SystemExit", "TabError",
        "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError",
        "UnicodeEncodeError", "UnicodeError", "UnicodeTranslateError", "UnicodeWarning",
        "UserWarning", "ValueError", "Warning", "ZeroDivisionError", "__build_class__", "__debug__",
        "__doc__", "__import__", "__loader__", "__name__", "__package__", "__spec__", "abs",
        "aiter", "all", "anext", "any", "ascii", "bin", "bool", "breakpoint", "bytearray", "bytes",
        "callable", "chr", "classmethod", "compile", "complex", "delattr", "dict", "dir", "divmod",
        "enumerate", "eval", "exec", "filter", "float", "format", "frozenset", "getattr", "globals",
        "hasattr", "hash", "hex", "id", "input", "int", "isinstance", "issubclass", "iter", "len",
        "list", "locals", "map", "max", "memoryview", "min", "next", "object", "oct", "open", "ord",
        "pow", "print", "property", "range", "repr", "reversed", "round", "set", "setattr", "slice",
        "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip",
        "BaseAnswer", "Field", "VerifiedField", "List", "Dict", "Optional", "Union", "Any",
        "Literal", "AllOf", "AnyOf", "AtLeastN", "FieldCheck", "SynonymMap",
        "ConditionalGroundTruth", "GroundTruthCase", "..."};
    name = root(name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kv_slice_is(name, names[i]))
            return true;
    return kv_primitive_find(name) != NULL && !kv_slice_is(name, "Jq");
}

bool kv_template_hides(
    const struct kv_template_reader *r, struct kv_slice statement, struct kv_slice name)
{
    struct kv_json_walk w;
    struct kv_slice item, field, value;
    name = root(name);
    kv_json_begin(&w, r->body);
    while (kv_json_item(&w, &item) && item.p <= statement.p)
        if (kv_json_get(item, "field", &field) && field.n == name.n + 2 &&
            memcmp(field.p + 1, name.p, name.n) == 0 && kv_json_get(item, "value", &value) &&
            !kv_slice_is(value, "{\"name\":\"\"}"))
            return true;
    return false;
}

int kv_template_unknown(struct kv_template_reader *r, struct kv_slice name)
{
    name = root(name);
    return kv_template_invalid(r, "name '%.*s' is not defined", (int)name.n, name.p);
}

/* What stands where a value was expected. */
int kv_template_no_value(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e)
{
    struct kv_slice call, what, name = kv_template_call(e, &call);
    if (!name.n)
        name = kv_template_name(e);
    if (name.n && !kv_template_knows(name))
        return kv_template_unknown(r, name);
    if (kv_template_is(e, "code", &what))
        return kv_template_executable(r, statement, "an expression that is no value");
    return kv_template_executable(r, statement, "a call or name that is no value");
}

/* ---- values ---- */

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

/* A dictionary's key as pydantic writes it in JSON. */
static int add_key(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice key,
    struct kv_buf *out)
{
    switch (kv_json_type(key)) {
    case KV_JSON_STRING:
        kv_buf_add_slice(out, key);
        return 0;
    case KV_JSON_NULL:
        kv_buf_add_str(out, "\"None\"");
        return 0;
    case KV_JSON_NUMBER:
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        kv_buf_add_char(out, '"');
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, '"');
        return 0;
    default:
        return kv_template_no_value(r, statement, key);
    }
}

int kv_template_add_pairs(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice pairs, struct kv_buf *out)
{
    struct kv_json_walk w, pair;
    struct kv_slice item, key, value, code;
    kv_buf_add_char(out, '{');
    size_t first = out->n;
    kv_json_begin(&w, pairs);
    while (kv_json_item(&w, &item)) {
        kv_json_begin(&pair, item);
        kv_json_item(&pair, &key);
        kv_json_item(&pair, &value);
        if (kv_template_is(
                value, "code", &code)) /* a comprehension perhaps, with names of its own */
            return kv_template_no_value(r, statement, value);
        if (out->n > first)
            kv_buf_add_char(out, ',');
        if (add_key(r, statement, key, out) != 0)
            return -1;
        kv_buf_add_char(out, ':');
        if (kv_template_add_value(r, statement, value, out) != 0)
            return -1;
    }
    kv_buf_add_char(out, '}');
    return 0;
}

/* SynonymMap(mapping={…}): texts to texts. */
static int add_synonyms(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice call, struct kv_buf *out)
{
    struct kv_json_walk w, pair;
    struct kv_slice mapping, pairs, item, key;
    if (kv_template_keywords_only(r, statement, call) != 0)
        return -1;
    if (!kv_template_argument(call, "mapping", -1, &mapping))
        return kv_template_invalid(r, "1 validation error for SynonymMap: mapping: is required");
    if (kv_template_is(mapping, "dict", &pairs)) {
        kv_json_begin(&w, pairs);
        while (kv_json_item(&w, &item)) {
            kv_json_begin(&pair, item);
            if (kv_json_item(&pair, &key) && kv_json_type(key) != KV_JSON_STRING &&
                kv_json_type(key) != KV_JSON_OBJECT)
                return kv_template_invalid(
                    r, "1 validation error for SynonymMap: mapping: keys must be strings");
        }
    }
    kv_buf_add_str(out, "{\"mapping\":");
    if (kv_template_add_value(r, statement, mapping, out) != 0)
        return -1;
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
        return kv_template_add_pairs(r, statement, inner, out);
    if (kv_slice_is(kv_template_call(e, &call), "SynonymMap"))
        return add_synonyms(r, statement, call, out);
    return kv_template_no_value(r, statement, e);
}
