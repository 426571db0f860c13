/* json_walk - checked text, walked and looked up (json.h). */
#include "json.h"

#include <stdarg.h>
#include <string.h>

enum kv_json_type kv_json_type(struct kv_slice value)
{
    switch (value.n ? value.p[0] : 'n') {
    case '{':
        return KV_JSON_OBJECT;
    case '[':
        return KV_JSON_ARRAY;
    case '"':
        return KV_JSON_STRING;
    case 't':
        return KV_JSON_TRUE;
    case 'f':
        return KV_JSON_FALSE;
    case 'n':
        return KV_JSON_NULL;
    default:
        return KV_JSON_NUMBER;
    }
}

const char *kv_json_type_name(struct kv_slice value)
{
    static const char *const name[] = {
        "null", "boolean", "boolean", "number", "string", "array", "object"};
    return name[kv_json_type(value)];
}

bool kv_json_is_nonfinite(struct kv_slice value)
{
    return value.n && memchr("NI", value.p[*value.p == '-' && value.n > 1], 2) != NULL;
}

bool kv_json_is_null(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_NULL;
}

bool kv_json_is_true(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_TRUE;
}

bool kv_json_bool(struct kv_slice value, bool fallback)
{
    enum kv_json_type type = kv_json_type(value);
    return type == KV_JSON_TRUE ? true : type == KV_JSON_FALSE ? false : fallback;
}

void kv_json_begin(struct kv_json_walk *w, struct kv_slice value)
{
    enum kv_json_type type = kv_json_type(value);
    *w = (struct kv_json_walk){0};
    if (type != KV_JSON_OBJECT && type != KV_JSON_ARRAY)
        return;
    *w = (struct kv_json_walk){value.p + 1, value.p + value.n, type == KV_JSON_OBJECT ? '}' : ']'};
}

/* The string that starts at p: checked text, so it ends before `end` does. */
static const char *end_of_string(const char *p, const char *end)
{
    for (p = kv_json_mark(p + 1, end); *p != '"'; p = kv_json_mark(p + 2, end))
        ;
    return p + 1;
}

/* What a byte between values is to a reader that only looks for an end. */
enum between { PASSED, QUOTE, OPEN, CLOSE };
static const unsigned char between[256] = {
    ['"'] = QUOTE,
    ['{'] = OPEN,
    ['['] = OPEN,
    ['}'] = CLOSE,
    [']'] = CLOSE,
};

static const char *end_of_word(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ')
        p++;
    return p;
}

static const char *end_of_value(const char *p, const char *end)
{
    int depth = 0;
    if (*p == '"')
        return end_of_string(p, end);
    if (*p != '{' && *p != '[')
        return end_of_word(p, end);
    for (;;) {
        switch (between[(unsigned char)*p]) {
        case QUOTE:
            p = end_of_string(p, end);
            break;
        case OPEN:
            depth++, p++;
            break;
        case CLOSE:
            p++;
            if (--depth == 0)
                return p;
            break;
        default:
            p++;
        }
    }
}

static void walk_space(struct kv_json_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
}

/* Moves to the next token of the list, past a comma; false when it ends. */
static bool walk_on(struct kv_json_walk *w)
{
    if (!w->close)
        return false;
    walk_space(w);
    if (w->at < w->end && *w->at == ',') {
        w->at++;
        walk_space(w);
    }
    if (w->at >= w->end || *w->at == w->close) {
        w->close = 0;
        return false;
    }
    return true;
}

static inline struct kv_slice walk_value(struct kv_json_walk *w)
{
    const char *first = w->at;
    w->at = end_of_value(first, w->end);
    return (struct kv_slice){first, (size_t)(w->at - first)};
}

/* To the value of the next member. */
static inline bool walk_key(struct kv_json_walk *w, struct kv_slice *key)
{
    if (w->close != '}' || !walk_on(w))
        return false;
    *key = (struct kv_slice){w->at, (size_t)(end_of_string(w->at, w->end) - w->at)};
    w->at += key->n;
    walk_space(w);
    w->at++; /* the colon */
    walk_space(w);
    return true;
}

bool kv_json_member(struct kv_json_walk *w, struct kv_slice *key, struct kv_slice *value)
{
    if (!walk_key(w, key))
        return false;
    *value = walk_value(w);
    return true;
}

bool kv_json_key(struct kv_json_walk *w, struct kv_slice *key)
{
    return walk_key(w, key);
}

struct kv_slice kv_json_value(struct kv_json_walk *w)
{
    return walk_value(w);
}

bool kv_json_enter(const struct kv_json_walk *w, struct kv_json_walk *inner)
{
    if (*w->at != '{')
        return false;
    *inner = (struct kv_json_walk){w->at + 1, w->end, '}'};
    return true;
}

struct kv_slice kv_json_leave(struct kv_json_walk *w, const struct kv_json_walk *inner)
{
    const char *first = w->at;
    w->at = inner->at + 1; /* its brace */
    return (struct kv_slice){first, (size_t)(w->at - first)};
}

bool kv_json_item(struct kv_json_walk *w, struct kv_slice *item)
{
    if (w->close != ']' || !walk_on(w))
        return false;
    *item = walk_value(w);
    return true;
}

size_t kv_json_count(struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice key, item;
    size_t n = 0;
    kv_json_begin(&w, value);
    while (w.close == '}' ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item))
        n++;
    return n;
}

static bool key_is(struct kv_slice quoted, struct kv_slice name)
{
    if (quoted.n == name.n + 2 && memcmp(quoted.p + 1, name.p, name.n) == 0)
        return memchr(name.p, '\\', name.n) == NULL;
    if (!memchr(quoted.p, '\\', quoted.n))
        return false;
    struct kv_buf text = {0};
    kv_json_unescape(quoted, &text);
    bool same = kv_slice_eq(kv_slice_of(&text), name);
    kv_buf_release(&text);
    return same;
}

/* Of most keys the first byte tells that they are others. */
static inline bool is_named(struct kv_slice quoted, const char *name)
{
    char first = quoted.p[1];
    return (first == *name || first == '\\' || !*name) && key_is(quoted, kv_slice(name));
}

bool kv_json_get(struct kv_slice object, const char *key, struct kv_slice *value)
{
    struct kv_json_walk w;
    struct kv_slice k, v;
    bool found = false;
    *value = (struct kv_slice){"", 0};
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return false;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &k, &v)) {
        if (is_named(k, key)) {
            *value = v;
            found = true;
        }
    }
    return found;
}

struct kv_slice kv_json_find(struct kv_slice object, const char *key)
{
    struct kv_slice value;
    kv_json_get(object, key, &value);
    return value;
}

bool kv_json_add_text(struct kv_buf *out, struct kv_slice object, const char *key)
{
    struct kv_slice value;
    if (!kv_json_get(object, key, &value) || kv_json_type(value) != KV_JSON_STRING)
        return false;
    kv_json_unescape(value, out);
    return true;
}

static void forget(struct kv_slice *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (struct kv_slice){"", 0};
}

/* Of the object that `text` begins with, which is the result. */
static struct kv_slice pick(
    struct kv_slice text, const char *const names[], struct kv_slice *values, size_t n)
{
    struct kv_json_walk w;
    struct kv_slice k, v;
    kv_json_begin(&w, text);
    while (kv_json_member(&w, &k, &v))
        for (size_t i = 0; i < n; i++)
            if (is_named(k, names[i]))
                values[i] = v;
    return (struct kv_slice){text.p, (size_t)(w.at + 1 - text.p)};
}

void kv_json_pick(
    struct kv_slice object, const char *const names[], struct kv_slice *values, size_t n)
{
    forget(values, n);
    if (kv_json_type(object) == KV_JSON_OBJECT)
        pick(object, names, values, n);
}

/* The value that is next in the walk, and its members. */
static void pick_branch(struct kv_json_walk *w, struct kv_json_branch *b)
{
    const struct kv_slice rest = {w->at, (size_t)(w->end - w->at)};
    forget(b->values, b->n);
    if (kv_json_type(rest) == KV_JSON_OBJECT) {
        b->value = pick(rest, b->names, b->values, b->n);
        w->at += b->value.n;
    } else {
        b->value = walk_value(w);
    }
}

void kv_json_pick_branches(struct kv_slice object, struct kv_json_branch *branches, size_t n)
{
    struct kv_json_walk w;
    struct kv_slice key;
    for (size_t i = 0; i < n; i++) {
        forget(&branches[i].value, 1);
        forget(branches[i].values, branches[i].n);
    }
    kv_json_begin(&w, object);
    while (walk_key(&w, &key)) {
        size_t i = 0;
        while (i < n && !is_named(key, branches[i].name))
            i++;
        if (i < n)
            pick_branch(&w, &branches[i]);
        else
            walk_value(&w);
    }
}

bool kv_json_path(struct kv_slice object, struct kv_slice *value, ...)
{
    va_list ap;
    const char *key;
    bool found = true;
    *value = object;
    va_start(ap, value);
    while (found && (key = va_arg(ap, const char *)))
        found = kv_json_get(*value, key, value);
    va_end(ap);
    return found;
}

bool kv_json_string_is(struct kv_slice string, const char *text)
{
    return kv_json_type(string) == KV_JSON_STRING && key_is(string, kv_slice(text));
}

void kv_json_compact(struct kv_buf *out, struct kv_slice value)
{
    const char *p = value.p, *end = value.p + value.n, *first = p; /* of what is not yet added */
    while (p < end) {
        if (*p == '"') {
            p = end_of_string(p, end);
        } else if ((unsigned char)*p > ' ') {
            p++;
        } else {
            kv_buf_add(out, first, (size_t)(p - first));
            while (p < end && (unsigned char)*p <= ' ')
                p++;
            first = p;
        }
    }
    kv_buf_add(out, first, (size_t)(p - first));
}
