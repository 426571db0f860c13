/* field_value - one value of a judge's in the type of its field. */
#include "field_value.h"

#include "builtins.h"
#include "json.h"
#include "num.h"
#include "pydantic.h"
#include "pystr.h"

#include <math.h>
#include <string.h>

/* How well a value fits, best first. */
enum match { EXACT, CLOSE, CONVERTED, NOT };

static enum match match_value(struct kv_slice shape, struct kv_slice value, struct kv_buf *out);

static enum match worse(enum match a, enum match b)
{
    return a > b ? a : b;
}

static void add_string(struct kv_buf *out, struct kv_slice string)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    kv_json_quote(out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
}

/* ---- scalars ---- */

static bool is_whole(struct kv_slice number)
{
    for (size_t i = 0; i < number.n; i++)
        if (strchr(".eENI", number.p[i]))
            return false;
    return true;
}

/* A word without the white space around it and its final stop, a string again. */
static void tidy_word(struct kv_slice string, struct kv_buf *out)
{
    static const char *const stops[] = {".", "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    struct kv_slice word = kv_pystr_strip(kv_slice_of(&text));
    for (size_t i = 0, n; i < sizeof stops / sizeof *stops; i++)
        if (word.n > (n = strlen(stops[i])) && memcmp(word.p + word.n - n, stops[i], n) == 0) {
            word = kv_pystr_strip_end((struct kv_slice){word.p, word.n - n});
            break;
        }
    kv_json_quote(out, word, KV_JSON_RAW);
    kv_buf_release(&text);
}

bool kv_field_value_truth(struct kv_slice value, bool *truth)
{
    const char *error_type;
    struct kv_buf word = {0};
    if (kv_json_type(value) != KV_JSON_STRING)
        return kv_pydantic_bool(value, truth, &error_type) == 0;
    tidy_word(value, &word);
    bool known = kv_pydantic_bool(kv_slice_of(&word), truth, &error_type) == 0;
    kv_buf_release(&word);
    return known;
}

bool kv_field_value_whole(struct kv_slice value, double *number)
{
    const char *error_type;
    struct kv_buf digits = {0};
    enum kv_json_type type = kv_json_type(value);
    bool whole = (type == KV_JSON_NUMBER || type == KV_JSON_STRING) &&
                 kv_pydantic_int(value, &digits, &error_type) == 0 &&
                 kv_num_double(kv_slice_of(&digits), number);
    kv_buf_release(&digits);
    return whole;
}

static enum match match_bool(struct kv_slice value, struct kv_buf *out)
{
    bool flag,
        is_bool = kv_json_type(value) == KV_JSON_TRUE || kv_json_type(value) == KV_JSON_FALSE;
    if (!kv_field_value_truth(value, &flag))
        return NOT;
    kv_buf_add_str(out, flag ? "true" : "false");
    return is_bool ? EXACT : CONVERTED;
}

static enum match match_int(struct kv_slice value, struct kv_buf *out)
{
    const char *error_type;
    if (kv_pydantic_int(value, out, &error_type) != 0)
        return NOT;
    return kv_json_type(value) == KV_JSON_NUMBER && is_whole(value) ? EXACT : CONVERTED;
}

/* NaN and infinities have no JSON: as tokens, and as words in a string. */
static bool is_nonfinite(struct kv_slice value, double *x)
{
    struct kv_buf text = {0};
    bool number = kv_json_type(value) == KV_JSON_NUMBER && kv_builtins_number(value, x, NULL) == 0;
    if (kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &text);
        number = kv_builtins_parse_float(kv_slice_of(&text), x);
    }
    kv_buf_release(&text);
    return number && !isfinite(*x);
}

static enum match match_float(struct kv_slice value, struct kv_buf *out)
{
    double x;
    const char *error_type;
    if (is_nonfinite(value, &x))
        kv_buf_add_str(out, isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity");
    else if (kv_pydantic_float(value, &x, &error_type) == 0)
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    else
        return NOT;
    if (kv_json_type(value) != KV_JSON_NUMBER)
        return CONVERTED;
    return is_whole(value) ? CLOSE : EXACT;
}

static enum match match_scalar(struct kv_slice type, struct kv_slice value, struct kv_buf *out)
{
    if (kv_json_string_is(type, "bool"))
        return match_bool(value, out);
    if (kv_json_string_is(type, "int"))
        return match_int(value, out);
    if (kv_json_string_is(type, "float"))
        return match_float(value, out);
    if (kv_json_string_is(type, "any")) {
        kv_pydantic_text(out, value);
        return CLOSE;
    }
    if (kv_json_string_is(type, "str") && kv_json_type(value) == KV_JSON_STRING) {
        add_string(out, value);
        return EXACT;
    }
    if (kv_json_string_is(type, "none") && kv_json_is_null(value)) {
        kv_buf_add_str(out, "null");
        return EXACT;
    }
    return NOT;
}

/* ---- choices ---- */

/* One that is equal as Python compares, the very same before others: 1.0 and true are 1. */
static enum match match_literal(struct kv_slice literals, struct kv_slice value, struct kv_buf *out)
{
    struct kv_buf wanted = {0}, one = {0};
    struct kv_json_walk w;
    struct kv_slice item, found = {0};
    enum kv_json_type type = kv_json_type(value);
    bool known = type != KV_JSON_OBJECT && kv_builtins_identity(&wanted, value);
    kv_json_begin(&w, literals);
    while (known && kv_json_item(&w, &item)) {
        kv_buf_clear(&one);
        if (!kv_builtins_identity(&one, item) ||
            !kv_slice_eq(kv_slice_of(&one), kv_slice_of(&wanted)))
            continue;
        if (!found.n || kv_json_type(item) == type)
            found = item;
    }
    if (found.n && kv_json_type(found) == KV_JSON_STRING)
        add_string(out, found);
    else
        kv_buf_add_slice(out, found);
    kv_buf_release(&wanted);
    kv_buf_release(&one);
    return found.n ? EXACT : NOT;
}

static enum match match_union(struct kv_slice members, struct kv_slice value, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice member;
    struct kv_buf best = {0};
    enum match how = NOT;
    kv_json_begin(&w, members);
    while (how != EXACT && kv_json_item(&w, &member)) {
        struct kv_buf one = {0};
        enum match this = match_value(member, value, &one);
        if (this < how) {
            kv_buf_clear(&best);
            kv_buf_add_slice(&best, kv_slice_of(&one));
            how = this;
        }
        kv_buf_release(&one);
    }
    kv_buf_add_slice(out, kv_slice_of(&best));
    kv_buf_release(&best);
    return how;
}

/* ---- values of values ---- */

/* Each item in one shape, or, of a tuple, in its own. */
static enum match match_items(
    struct kv_slice shape, bool each, struct kv_slice value, struct kv_buf *out)
{
    struct kv_json_walk w, shapes;
    struct kv_slice item, its = shape;
    enum match how = EXACT;
    if (kv_json_type(value) != KV_JSON_ARRAY ||
        (each && kv_json_count(value) != kv_json_count(shape)))
        return NOT;
    if (each)
        kv_json_begin(&shapes, shape);
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, value);
    for (bool first = true; how != NOT && kv_json_item(&w, &item); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        if (each)
            kv_json_item(&shapes, &its);
        how = worse(how, match_value(its, item, out));
    }
    kv_buf_add_char(out, ']');
    return how;
}

/* What is equal counts once. */
static enum match match_set(struct kv_slice shape, struct kv_slice value, struct kv_buf *out)
{
    struct kv_buf list = {0};
    struct kv_json_walk w, before;
    struct kv_slice item, other;
    enum match how = match_items(shape, false, value, &list);
    kv_buf_add_char(out, '[');
    size_t first = out->n;
    kv_json_begin(&w, kv_slice_of(&list));
    while (how != NOT && kv_json_item(&w, &item)) {
        kv_json_begin(&before, kv_slice_of(&list));
        while (kv_json_item(&before, &other) && other.p < item.p && !kv_slice_eq(other, item))
            continue;
        if (other.p < item.p)
            continue;
        if (out->n > first)
            kv_buf_add_char(out, ',');
        kv_buf_add_slice(out, item);
    }
    kv_buf_add_char(out, ']');
    kv_buf_release(&list);
    return worse(how, CONVERTED);
}

/* A key that is no string is written as one. */
static enum match match_key(struct kv_slice shape, struct kv_slice key, struct kv_buf *out)
{
    struct kv_buf text = {0};
    enum match how = match_value(shape, key, &text);
    if (text.n && text.p[0] == '"')
        kv_buf_add_slice(out, kv_slice_of(&text));
    else
        kv_json_quote(out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
    return how;
}

static enum match match_dict(struct kv_slice shapes, struct kv_slice value, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice of_key, of_value, key, v;
    struct kv_buf tidy = {0};
    enum match how = EXACT;
    if (kv_json_type(value) != KV_JSON_OBJECT)
        return NOT;
    kv_json_begin(&w, shapes);
    kv_json_item(&w, &of_key);
    kv_json_item(&w, &of_value);
    kv_pydantic_tidy(&tidy, value); /* a repeated key counts once */
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, kv_slice_of(&tidy));
    for (bool first = true; how != NOT && kv_json_member(&w, &key, &v); first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        how = worse(how, match_key(of_key, key, out));
        kv_buf_add_char(out, ':');
        how = worse(how, match_value(of_value, v, out));
    }
    kv_buf_add_char(out, '}');
    kv_buf_release(&tidy);
    return how;
}

static enum match match_value(struct kv_slice shape, struct kv_slice value, struct kv_buf *out)
{
    struct kv_slice inner;
    if (kv_json_type(shape) == KV_JSON_STRING)
        return match_scalar(shape, value, out);
    if (kv_json_get(shape, "list", &inner))
        return match_items(inner, false, value, out);
    if (kv_json_get(shape, "literal", &inner))
        return match_literal(inner, value, out);
    if (kv_json_get(shape, "union", &inner))
        return match_union(inner, value, out);
    if (kv_json_get(shape, "dict", &inner))
        return match_dict(inner, value, out);
    if (kv_json_get(shape, "set", &inner))
        return match_set(inner, value, out);
    if (kv_json_get(shape, "items", &inner))
        return worse(match_items(inner, false, value, out), CONVERTED);
    return kv_json_get(shape, "tuple", &inner)
               ? worse(match_items(inner, true, value, out), CONVERTED)
               : NOT;
}

bool kv_field_value(struct kv_slice shape, struct kv_slice value, struct kv_buf *out)
{
    size_t start = out->n;
    if (match_value(shape, value, out) != NOT)
        return true;
    kv_buf_cut(out, start, out->n - start);
    return false;
}

/* ---- in words ---- */

static const struct {
    const char *type, *one, *many;
} words[] = {
    {"bool", "true or false", "true or false"},
    {"int", "a whole number", "whole numbers"},
    {"float", "a number", "numbers"},
    {"str", "a string", "strings"},
    {"any", "a value", "values"},
    {"none", "null", "null"},
};

static void describe(struct kv_slice shape, bool plural, struct kv_buf *out)
{
    struct kv_slice inner, item;
    struct kv_json_walk w;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kv_json_type(shape) == KV_JSON_STRING && kv_json_string_is(shape, words[i].type))
            kv_buf_add_str(out, plural ? words[i].many : words[i].one);
    if (kv_json_type(shape) != KV_JSON_OBJECT)
        return;
    if (kv_json_get(shape, "literal", &inner)) {
        kv_buf_add_str(out, "one of the values allowed (");
        kv_buf_add_slice(out, inner);
        kv_buf_add_char(out, ')');
    } else if (kv_json_get(shape, "union", &inner)) {
        kv_json_begin(&w, inner);
        for (bool first = true; kv_json_item(&w, &item); first = false) {
            kv_buf_add_str(out, first ? "" : " or ");
            describe(item, plural, out);
        }
    } else if (kv_json_get(shape, "dict", &inner)) {
        kv_json_begin(&w, inner);
        kv_json_item(&w, &item);
        kv_json_item(&w, &item);
        kv_buf_add_str(out, plural ? "objects of " : "an object of ");
        describe(item, true, out);
    } else if (kv_json_get(shape, "tuple", &inner)) {
        kv_buf_printf(out, "%s of %zu values", plural ? "lists" : "a list", kv_json_count(inner));
    } else if (kv_json_get(shape, "list", &inner) || kv_json_get(shape, "set", &inner) ||
               kv_json_get(shape, "items", &inner)) {
        kv_buf_add_str(out, plural ? "lists of " : "a list of ");
        describe(inner, true, out);
    }
}

void kv_field_value_describe(struct kv_slice shape, struct kv_buf *out)
{
    describe(shape, false, out);
}
