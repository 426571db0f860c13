/* pydantic - values read and spelled the forgiving way of Python's validators. */
#include "pydantic.h"

#include "json.h"
#include "num.h"
#include "pystr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unictype.h>
#include <unistr.h>

/* ---- normalising any value ---- */

struct member {
    struct kv_slice key, value; /* key with quotes */
    char *name;                 /* the key unescaped */
    size_t n, place;
    bool dead;
};

static int by_name(const void *a, const void *b)
{
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
    int order = kv_slice_cmp((struct kv_slice){x->name, x->n}, (struct kv_slice){y->name, y->n});
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Python's rule for a repeated key: the first place, the last value. */
static void fold_repeated(struct member *members, size_t n)
{
    struct member **sorted = kv_array(NULL, n, sizeof(struct member *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = &members[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0, first = 0; i < n; i++) {
        struct member *a = sorted[first], *b = sorted[i];
        if (a == b)
            continue;
        if (a->n != b->n || memcmp(a->name, b->name, a->n) != 0) {
            first = i;
            continue;
        }
        a->value = b->value;
        b->dead = true;
    }
    free(sorted);
}

/* What to do with a number beyond a double. */
enum beyond { AS_NULL, AS_WRITTEN };

static void add_value(struct kv_buf *out, struct kv_slice value, enum beyond beyond);

static void add_object(struct kv_buf *out, struct kv_slice value, enum beyond beyond)
{
    size_t n = kv_json_count(value), i = 0;
    struct member *members = kv_calloc(n, sizeof *members);
    struct kv_json_walk w;
    kv_json_begin(&w, value);
    for (; i < n && kv_json_member(&w, &members[i].key, &members[i].value); i++) {
        struct kv_buf name = {0};
        kv_json_unescape(members[i].key, &name);
        members[i].n = name.n;
        members[i].place = i;
        members[i].name = kv_buf_detach(&name);
    }
    fold_repeated(members, n);
    kv_buf_add_char(out, '{');
    for (i = 0; i < n; i++) {
        if (!members[i].dead) {
            if (out->p[out->n - 1] != '{')
                kv_buf_add_char(out, ',');
            kv_json_quote(out, (struct kv_slice){members[i].name, members[i].n}, KV_JSON_RAW);
            kv_buf_add_char(out, ':');
            add_value(out, members[i].value, beyond);
        }
        free(members[i].name);
    }
    kv_buf_add_char(out, '}');
    free(members);
}

static void add_array(struct kv_buf *out, struct kv_slice value, enum beyond beyond)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, value);
    while (kv_json_item(&w, &item)) {
        if (out->p[out->n - 1] != '[')
            kv_buf_add_char(out, ',');
        add_value(out, item, beyond);
    }
    kv_buf_add_char(out, ']');
}

static bool is_float_token(struct kv_slice token)
{
    for (size_t i = 0; i < token.n; i++)
        if (strchr(".eE", token.p[i]))
            return true;
    return false;
}

static void add_number(
    struct kv_buf *out, struct kv_slice token, enum kv_num_style style, enum beyond beyond)
{
    double x;
    if (is_float_token(token) && kv_num_double(token, &x) && (beyond == AS_NULL || isfinite(x)))
        kv_num_add_double(out, x, style);
    else if (kv_slice_is(token, "-0")) /* an integer, to Python */
        kv_buf_add_char(out, '0');
    else
        kv_buf_add_slice(out, token);
}

static void add_string(struct kv_buf *out, struct kv_slice string, enum kv_json_style style)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    kv_json_quote(out, kv_slice_of(&text), style);
    kv_buf_release(&text);
}

static void add_value(struct kv_buf *out, struct kv_slice value, enum beyond beyond)
{
    switch (kv_json_type(value)) {
    case KV_JSON_OBJECT:
        add_object(out, value, beyond);
        break;
    case KV_JSON_ARRAY:
        add_array(out, value, beyond);
        break;
    case KV_JSON_STRING:
        add_string(out, value, KV_JSON_RAW);
        break;
    case KV_JSON_NUMBER:
        add_number(out, value, KV_NUM_COMPACT, beyond);
        break;
    default:
        kv_buf_add_slice(out, value);
    }
}

void kv_pydantic_text(struct kv_buf *out, struct kv_slice value)
{
    add_value(out, value, AS_NULL);
}

void kv_pydantic_tidy(struct kv_buf *out, struct kv_slice value)
{
    add_value(out, value, AS_WRITTEN);
}

bool kv_pydantic_is_finite(struct kv_slice value)
{
    enum kv_json_type type = kv_json_type(value);
    struct kv_json_walk w;
    struct kv_slice key, v;
    double x;
    if (type == KV_JSON_NUMBER)
        return !is_float_token(value) || (kv_num_double(value, &x) && isfinite(x));
    if (type != KV_JSON_ARRAY && type != KV_JSON_OBJECT)
        return true;
    kv_json_begin(&w, value);
    while (type == KV_JSON_ARRAY ? kv_json_item(&w, &v) : kv_json_member(&w, &key, &v))
        if (!kv_pydantic_is_finite(v))
            return false;
    return true;
}

static size_t string_length(const char *p, const char *end)
{
    const char *c = p + 1;
    while (c < end && *c != '"')
        c += *c == '\\' ? 2 : 1;
    return (size_t)(c - p) + 1;
}

void kv_pydantic_state_text(struct kv_buf *out, struct kv_slice canonical)
{
    const char *c = canonical.p, *end = c + canonical.n;
    while (c < end) {
        size_t n = 1;
        if (*c == '"') {
            n = string_length(c, end);
            add_string(out, (struct kv_slice){c, n}, KV_JSON_ASCII);
        } else if (*c == '-' || (*c >= '0' && *c <= '9')) {
            while (c + n < end && strchr("+-.eE0123456789", c[n]))
                n++;
            add_number(out, (struct kv_slice){c, n}, KV_NUM_PYTHON, AS_WRITTEN);
        } else {
            kv_buf_add_char(out, *c);
        }
        c += n;
    }
}

/* ---- coercion of scalars: 0, or -1 with the name of the mistake ---- */

static int wrong(const char **error_type, const char *name)
{
    *error_type = name;
    return -1;
}

int kv_pydantic_bool(struct kv_slice value, bool *to, const char **error_type)
{
    static const char *const words[] = {
        "0", "off", "f", "false", "n", "no", "1", "on", "t", "true", "y", "yes"};
    enum { FALSES = 6, WORDS = 12 };
    double x;
    switch (kv_json_type(value)) {
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        *to = kv_json_is_true(value);
        return 0;
    case KV_JSON_NUMBER:
        if (!kv_num_double(value, &x) || x != floor(x) || fabs(x) >= 0x1p63)
            return wrong(error_type, "bool_type");
        if (x != 0 && x != 1)
            return wrong(error_type, "bool_parsing");
        *to = x != 0;
        return 0;
    case KV_JSON_STRING:
        for (int i = 0; i < WORDS; i++)
            if (value.n == strlen(words[i]) + 2 &&
                strncasecmp(value.p + 1, words[i], value.n - 2) == 0) {
                *to = i >= FALSES;
                return 0;
            }
        return wrong(error_type, "bool_parsing");
    default:
        return wrong(error_type, "bool_type");
    }
}

/* Without the white space of any script at its ends, as pydantic reads numerals: unlike Python it
 * takes U+001C to U+001F for none. */
static struct kv_slice strip_spaces(struct kv_slice s)
{
    size_t from = 0, to = s.n;
    while (from < to) {
        ucs4_t c;
        int n = u8_mbtouc(&c, (const uint8_t *)s.p + from, to - from);
        if (!uc_is_property_white_space(c))
            break;
        from += (size_t)n;
    }
    while (to > from) {
        ucs4_t c;
        const uint8_t *last = u8_prev(&c, (const uint8_t *)s.p + to, (const uint8_t *)s.p + from);
        if (!last || !uc_is_property_white_space(c))
            break;
        to = (size_t)((const char *)last - s.p);
    }
    return (struct kv_slice){s.p + from, to - from};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with single underscores between them, which are left out. Returns how many digits. */
static size_t add_digits(const char **at, const char *end, struct kv_buf *out)
{
    size_t n = 0;
    for (; *at < end; ++*at) {
        if (is_digit(**at)) {
            kv_buf_add_char(out, **at);
            n++;
        } else if (**at != '_' || !n || *at + 1 == end || !is_digit((*at)[1])) {
            break;
        }
    }
    return n;
}

/* The exponent of a float, if there is one. */
static void add_exponent(const char **at, const char *end, struct kv_buf *out)
{
    const char *c = *at;
    if (c == end || (*c != 'e' && *c != 'E'))
        return;
    kv_buf_add_char(out, 'e');
    if (++c < end && (*c == '+' || *c == '-'))
        kv_buf_add_char(out, *c++);
    if (add_digits(&c, end, out))
        *at = c;
}

/* Python's numerals: white space around, a sign, single underscores between digits; for a float
 * also a fraction and an exponent, for an integer a fraction of digits without underscores. The
 * plain form goes to *out. */
static bool plain_numeral(struct kv_slice text, bool is_float, struct kv_buf *out)
{
    struct kv_slice s = strip_spaces(text);
    const char *c = s.p, *end = s.p + s.n;
    if (c < end && (*c == '+' || *c == '-'))
        if (*c++ == '-')
            kv_buf_add_char(out, '-');
    size_t whole = add_digits(&c, end, out), more = 0;
    if (c < end && *c == '.') {
        if (!whole)
            kv_buf_add_char(out, '0');
        kv_buf_add_char(out, *c++);
        if (!is_float && memchr(c, '_', (size_t)(end - c)))
            return false;
        more = add_digits(&c, end, out);
        if (!is_float && (!whole || !more))
            return false;
        if (!more)
            kv_buf_add_char(out, '0');
    }
    if (is_float && whole + more)
        add_exponent(&c, end, out);
    return whole + more && c == end;
}

/* Cuts "005" to "5" and "-0" to "0", drops a fraction of zeros. False if the fraction is more. */
static bool tidy_integer(struct kv_buf *text)
{
    char *dot = memchr(text->p, '.', text->n);
    if (dot) {
        for (char *c = dot + 1; *c; c++)
            if (*c != '0')
                return false;
        kv_buf_cut(text, (size_t)(dot - text->p), text->n - (size_t)(dot - text->p));
    }
    size_t sign = text->p[0] == '-';
    while (text->n > sign + 1 && text->p[sign] == '0')
        kv_buf_cut(text, sign, 1);
    if (kv_slice_is(kv_slice_of(text), "-0"))
        kv_buf_cut(text, 0, 1);
    return true;
}

/* Refuses more digits than Python makes an integer of. They are at the end of the text, from
 * `start`. */
static int check_size(const struct kv_buf *out, size_t start, const char **error_type)
{
    size_t sign = out->n > start && out->p[start] == '-';
    return out->n - start - sign > KV_JSON_DIGITS_MAX ? wrong(error_type, "int_parsing_size") : 0;
}

static int int_of_number(struct kv_slice value, struct kv_buf *out, const char **error_type)
{
    double x;
    size_t start = out->n;
    if (kv_json_is_nonfinite(value))
        return wrong(error_type, "finite_number");
    if (!is_float_token(value)) {
        kv_buf_add_slice(out, kv_slice_is(value, "-0") ? KV_SLICE("0") : value);
        return check_size(out, start, error_type);
    }
    if (!kv_num_double(value, &x) || !isfinite(x))
        return wrong(error_type, "finite_number");
    if (x != floor(x))
        return wrong(error_type, "int_from_float");
    if (fabs(x) >= 0x1p63) /* what was rounded is not taken for a whole number of such a size */
        return wrong(error_type, "int_parsing_size");
    kv_buf_printf(out, "%.0f", x == 0 ? 0.0 : x);
    return 0;
}

int kv_pydantic_int(struct kv_slice value, struct kv_buf *out, const char **error_type)
{
    struct kv_buf text = {0}, plain = {0};
    int rc = 0;
    switch (kv_json_type(value)) {
    case KV_JSON_NUMBER:
        return int_of_number(value, out, error_type);
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        kv_buf_add_char(out, kv_json_is_true(value) ? '1' : '0');
        return 0;
    case KV_JSON_STRING:
        kv_json_unescape(value, &text);
        if (!plain_numeral(kv_slice_of(&text), false, &plain) || !tidy_integer(&plain))
            rc = wrong(error_type, "int_parsing");
        else if ((rc = check_size(&plain, 0, error_type)) == 0)
            kv_buf_add_slice(out, kv_slice_of(&plain));
        kv_buf_release(&text);
        kv_buf_release(&plain);
        return rc;
    default:
        return wrong(error_type, "int_type");
    }
}

/* The words that Python takes for floats. */
static bool is_infinite_word(struct kv_slice text)
{
    static const char *const words[] = {"inf", "infinity", "nan"};
    struct kv_slice s = strip_spaces(text);
    if (s.n && (s.p[0] == '+' || s.p[0] == '-'))
        s = (struct kv_slice){s.p + 1, s.n - 1};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0)
            return true;
    return false;
}

int kv_pydantic_float(struct kv_slice value, double *x, const char **error_type)
{
    struct kv_buf text = {0}, plain = {0};
    int rc = 0;
    char *end;
    switch (kv_json_type(value)) {
    case KV_JSON_NUMBER:
        kv_num_double(value, x);
        if (kv_slice_is(value, "-0")) /* an integer, to Python */
            *x = 0;
        break;
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        *x = kv_json_is_true(value);
        break;
    case KV_JSON_STRING:
        kv_json_unescape(value, &text);
        if (is_infinite_word(kv_slice_of(&text)))
            rc = wrong(error_type, "finite_number");
        else if (!plain_numeral(kv_slice_of(&text), true, &plain) ||
                 (*x = kv_num_strtod(plain.p, &end), *end != '\0'))
            rc = wrong(error_type, "float_parsing");
        kv_buf_release(&text);
        kv_buf_release(&plain);
        break;
    default:
        return wrong(error_type, "float_type");
    }
    if (rc == 0 && !isfinite(*x))
        return wrong(error_type, "finite_number");
    return rc;
}

/* ---- numerals of any script ---- */

bool kv_pydantic_python_int(struct kv_slice text, int64_t *out)
{
    struct kv_slice s = kv_pystr_strip(text);
    const uint8_t *at = (const uint8_t *)s.p, *end = at + s.n;
    bool negative = at < end && *at == '-', after_digit = false;
    int64_t x = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    while (at < end) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, (size_t)(end - at)), digit = uc_decimal_value(c);
        if (digit < 0 && !(c == '_' && after_digit))
            break;
        after_digit = digit >= 0;
        if (after_digit &&
            (__builtin_mul_overflow(x, 10, &x) || __builtin_sub_overflow(x, digit, &x)))
            return false;
        at += n;
    }
    if (!after_digit || at != end || (!negative && x == INT64_MIN))
        return false;
    *out = negative ? x : -x;
    return true;
}
