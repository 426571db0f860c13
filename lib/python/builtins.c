/* builtins - what Python makes of a JSON value. */
#include "builtins.h"

#include "json.h"
#include "num.h"
#include "pystr.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

/* ---- text ---- */

static bool is_printable(ucs4_t c)
{
    return !uc_is_general_category_withtable(c, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z) ||
           c == ' ';
}

static void add_repr_char(struct kv_buf *out, const char *p, size_t n, ucs4_t c, char quote)
{
    static const char from[] = "\n\r\t\\", to[] = "nrt\\";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (simple || c == (ucs4_t)quote)
        kv_buf_printf(out, "\\%c", simple ? to[simple - from] : quote);
    else if (is_printable(c))
        kv_buf_add(out, p, n);
    else
        kv_buf_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void kv_builtins_repr_text(struct kv_buf *out, struct kv_slice text)
{
    bool single = text.n && memchr(text.p, '\'', text.n),
         twofold = text.n && memchr(text.p, '"', text.n);
    char quote = single && !twofold ? '"' : '\'';
    kv_buf_add_char(out, quote);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *start = p;
        ucs4_t c = kv_pystr_next(&p, end);
        add_repr_char(out, start, (size_t)(p - start), c, quote);
    }
    kv_buf_add_char(out, quote);
}

static bool is_float(struct kv_slice token)
{
    for (size_t i = 0; i < token.n; i++)
        if (strchr(".eENI", token.p[i]))
            return true;
    return false;
}

static double token_double(struct kv_slice token)
{
    double x;
    if (kv_num_double(token, &x))
        return x;
    return *token.p == 'N' ? NAN : *token.p == '-' ? -INFINITY : INFINITY;
}

static void add_number(struct kv_buf *out, struct kv_slice token)
{
    double x = token_double(token);
    if (!is_float(token))
        kv_buf_add_slice(out, kv_slice_is(token, "-0") ? KV_SLICE("0") : token);
    else if (isfinite(x))
        kv_num_add_double(out, x, KV_NUM_PYTHON);
    else
        kv_buf_add_str(out, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
}

static void add_container(struct kv_buf *out, struct kv_slice value, bool object)
{
    struct kv_json_walk w;
    struct kv_slice key, item;
    kv_buf_add_char(out, object ? '{' : '[');
    kv_json_begin(&w, value);
    for (bool first = true; object ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item);
         first = false) {
        if (!first)
            kv_buf_add_str(out, ", ");
        if (object) {
            kv_builtins_repr(out, key);
            kv_buf_add_str(out, ": ");
        }
        kv_builtins_repr(out, item);
    }
    kv_buf_add_char(out, object ? '}' : ']');
}

void kv_builtins_text(struct kv_buf *out, struct kv_slice value)
{
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
    else
        kv_builtins_repr(out, value);
}

void kv_builtins_repr(struct kv_buf *out, struct kv_slice value)
{
    struct kv_buf text = {0};
    switch (kv_json_type(value)) {
    case KV_JSON_NULL:
        kv_buf_add_str(out, "None");
        break;
    case KV_JSON_FALSE:
    case KV_JSON_TRUE:
        kv_buf_add_str(out, kv_json_is_true(value) ? "True" : "False");
        break;
    case KV_JSON_NUMBER:
        add_number(out, value);
        break;
    case KV_JSON_STRING:
        kv_json_unescape(value, &text);
        kv_builtins_repr_text(out, kv_slice_of(&text));
        kv_buf_release(&text);
        break;
    case KV_JSON_ARRAY:
    case KV_JSON_OBJECT:
        add_container(out, value, kv_json_type(value) == KV_JSON_OBJECT);
        break;
    }
}

int kv_builtins_normalize(struct kv_slice normalizers, struct kv_buf *text, struct kv_err *err)
{
    struct kv_slice unknown;
    struct kv_buf name = {0};
    if (kv_pystr_normalize(normalizers, text, &unknown) == 0)
        return 0;
    kv_builtins_repr(&name, unknown);
    kv_err_set(err, KV_INPUT, "Unknown normalizer: %s", name.p);
    kv_buf_release(&name);
    return -1;
}

/* ---- numbers ---- */

/* The text with every decimal digit of any script as ASCII and every white space as a blank. */
static void plain_digits(struct kv_slice text, struct kv_buf *out)
{
    text = kv_pystr_strip(text);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        ucs4_t c = kv_pystr_next(&p, end);
        int digit = c >= 0x80 ? uc_decimal_value(c) : -1;
        kv_buf_add_char(out, digit >= 0 ? (char)('0' + digit) : c < 0x80 ? (char)c : '?');
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with single underscores between them, moved past and copied. True if there was one. */
static bool take_digits(const char **p, struct kv_buf *out)
{
    const char *c = *p;
    while (is_digit(*c) || (*c == '_' && c > *p && is_digit(c[-1]) && is_digit(c[1]))) {
        if (*c != '_')
            kv_buf_add_char(out, *c);
        c++;
    }
    bool any = c > *p;
    *p = c;
    return any;
}

static bool parse_word(const char *p, double *x)
{
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    if (strcasecmp(p, "nan") == 0)
        *x = NAN;
    else if (strcasecmp(p, "inf") == 0 || strcasecmp(p, "infinity") == 0)
        *x = minus ? -INFINITY : INFINITY;
    else
        return false;
    return true;
}

static bool parse_decimal(const char *p, struct kv_buf *plain)
{
    if (*p == '-' || *p == '+')
        kv_buf_add_char(plain, *p++);
    bool digits = take_digits(&p, plain);
    if (*p == '.') {
        kv_buf_add_char(plain, *p++);
        digits |= take_digits(&p, plain);
    }
    if (!digits)
        return false;
    if (*p == 'e' || *p == 'E') {
        kv_buf_add_char(plain, *p++);
        if (*p == '-' || *p == '+')
            kv_buf_add_char(plain, *p++);
        if (!take_digits(&p, plain))
            return false;
    }
    return *p == '\0';
}

bool kv_builtins_parse_float(struct kv_slice text, double *x)
{
    struct kv_buf ascii = {0}, plain = {0};
    kv_buf_reserve(&ascii, 1);
    plain_digits(text, &ascii);
    bool ok = ascii.n && memchr(ascii.p, '\0', ascii.n) == NULL;
    if (ok && !parse_word(ascii.p, x)) {
        ok = parse_decimal(ascii.p, &plain);
        if (ok)
            *x = kv_num_strtod(plain.p, NULL);
    }
    kv_buf_release(&ascii);
    kv_buf_release(&plain);
    return ok;
}

static int number_of_text(struct kv_slice value, double *x, struct kv_err *err)
{
    struct kv_buf text = {0}, repr = {0};
    kv_json_unescape(value, &text);
    bool ok = kv_builtins_parse_float(kv_slice_of(&text), x);
    if (!ok) {
        kv_builtins_repr_text(&repr, kv_slice_of(&text));
        kv_err_set(err, KV_INPUT, "could not convert string to float: %s", repr.p);
    }
    kv_buf_release(&text);
    kv_buf_release(&repr);
    return ok ? 0 : -1;
}

int kv_builtins_number(struct kv_slice value, double *x, struct kv_err *err)
{
    switch (kv_json_type(value)) {
    case KV_JSON_NUMBER:
        *x = token_double(value);
        if (isinf(*x) && !is_float(value))
            return kv_err_set(err, KV_INPUT, "int too large to convert to float");
        return 0;
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        *x = kv_json_is_true(value) ? 1 : 0;
        return 0;
    case KV_JSON_STRING:
        return number_of_text(value, x, err);
    default:
        return kv_err_set(err, KV_INPUT,
            "float() argument must be a string or a real number, not '%s'",
            kv_builtins_type(value));
    }
}

/* ---- truth, equality ---- */

bool kv_builtins_truth(struct kv_slice value)
{
    switch (kv_json_type(value)) {
    case KV_JSON_NULL:
    case KV_JSON_FALSE:
        return false;
    case KV_JSON_TRUE:
        return true;
    case KV_JSON_NUMBER:
        return !(token_double(value) == 0);
    case KV_JSON_STRING:
        return value.n > 2;
    default:
        return kv_json_count(value) > 0;
    }
}

const char *kv_builtins_type(struct kv_slice value)
{
    static const char *const names[] = {"NoneType", "bool", "bool", "int", "str", "list", "dict"};
    enum kv_json_type type = kv_json_type(value);
    return type == KV_JSON_NUMBER && is_float(value) ? "float" : names[type];
}

static bool number_identity(struct kv_buf *out, struct kv_slice token)
{
    double x = token_double(token);
    if (!is_float(token))
        kv_buf_add_slice(out, kv_slice_is(token, "-0") ? KV_SLICE("0") : token);
    else if (isfinite(x) && x == floor(x))
        kv_buf_printf(out, "%.0f", x == 0 ? 0.0 : x); /* exact: glibc prints every digit */
    else
        kv_buf_printf(out, "%a", x);
    return !isnan(x);
}

static int by_text(const void *a, const void *b)
{
    const struct kv_buf *x = a, *y = b;
    return kv_slice_cmp(kv_slice_of(x), kv_slice_of(y));
}

/* A repeated key counts with its last value. */
static bool is_last(struct kv_slice object, struct kv_slice key, struct kv_slice value)
{
    char *name = kv_json_strdup(key);
    struct kv_slice last;
    bool same = kv_json_get(object, name, &last) && last.p == value.p;
    free(name);
    return same;
}

static bool object_identity(struct kv_buf *out, struct kv_slice value)
{
    size_t n = 0, count = kv_json_count(value);
    struct kv_buf *members = kv_calloc(count ? count : 1, sizeof *members);
    struct kv_json_walk w;
    struct kv_slice key, item;
    bool ok = true;
    kv_json_begin(&w, value);
    while (kv_json_member(&w, &key, &item)) {
        if (!is_last(value, key, item))
            continue;
        ok &= kv_builtins_identity(&members[n], key) && kv_builtins_identity(&members[n], item);
        n++;
    }
    qsort(members, n, sizeof *members, by_text);
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++)
        kv_buf_add_slice(out, kv_slice_of(&members[i]));
    kv_buf_add_char(out, '}');
    for (size_t i = 0; i < count; i++)
        kv_buf_release(&members[i]);
    free(members);
    return ok;
}

bool kv_builtins_identity(struct kv_buf *out, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_buf text = {0};
    bool ok = true;
    switch (kv_json_type(value)) {
    case KV_JSON_NULL:
        kv_buf_add_str(out, "null,");
        return true;
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        kv_buf_add_str(out, kv_json_is_true(value) ? "1," : "0,");
        return true;
    case KV_JSON_NUMBER:
        ok = number_identity(out, value);
        kv_buf_add_char(out, ',');
        return ok;
    case KV_JSON_STRING:
        kv_json_unescape(value, &text);
        kv_json_quote(out, kv_slice_of(&text), KV_JSON_RAW);
        kv_buf_release(&text);
        kv_buf_add_char(out, ',');
        return true;
    case KV_JSON_ARRAY:
        kv_buf_add_char(out, '[');
        kv_json_begin(&w, value);
        while (kv_json_item(&w, &item))
            ok &= kv_builtins_identity(out, item);
        kv_buf_add_str(out, "],");
        return ok;
    case KV_JSON_OBJECT:
        ok = object_identity(out, value);
        kv_buf_add_char(out, ',');
        return ok;
    }
    return false;
}
