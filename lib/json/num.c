/* num - numbers as text, the way karenina's two serialisers write them. */
#include "num.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers in files have a point whatever the locale of the process that loaded libkv says, so
 * strtod and printf run under the C locale, for this thread and this call only (uselocale(3)). The
 * locale is made once and kept. */
static locale_t c_locale(void)
{
    static _Atomic(locale_t) kept;
    locale_t now = kept, none = (locale_t)0;
    if (now)
        return now;
    now = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!now)
        kv_no_memory();
    if (atomic_compare_exchange_strong(&kept, &none, now))
        return now;
    freelocale(now);
    return none;
}

double kv_num_strtod(const char *text, char **end)
{
    locale_t before = uselocale(c_locale());
    double x = strtod(text, end);
    uselocale(before);
    return x;
}

/* Of a number of at most six decimals and fifteen digits, as seconds and shares are, the digits are
 * those of a whole number of millionths: fifteen digits of decimal text are never lost in a double,
 * and of two exact doubles the quotient is the nearest there is. */
static int millionths(double x, char digits[20], int *exp)
{
    double scaled = x < 1e9 ? round(x * 1e6) : 0;
    if (scaled < 1 || scaled >= 1e15 || scaled / 1e6 != x)
        return 0;
    int n = 0;
    char backwards[20];
    for (uint64_t whole = (uint64_t)scaled; whole; whole /= 10)
        backwards[n++] = (char)('0' + whole % 10);
    for (int i = 0; i < n; i++)
        digits[i] = backwards[n - 1 - i];
    *exp = n - 7;
    return n;
}

/* The same of any number. Where fifteen digits read back as x, none that differ do, unless x has
 * less precision than a double has; then the fewest are looked for from one on. */
static int by_printing(double x, char digits[20], int *exp)
{
    char text[40];
    locale_t before = uselocale(c_locale());
    for (int precision = x < DBL_MIN ? 0 : DBL_DIG - 1; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, x);
        if (strtod(text, NULL) == x)
            break;
    }
    uselocale(before);
    int n = 0;
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c != '.')
            digits[n++] = *c;
    *exp = (int)strtol(c + 1, NULL, 10);
    return n;
}

/* The shortest digits that read back as x: d.ddd × 10^exp. x is finite and positive. */
static int shortest(double x, char digits[20], int *exp)
{
    int n = millionths(x, digits, exp);
    if (n == 0)
        n = by_printing(x, digits, exp);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static void add_fixed(struct kv_buf *out, const char *digits, int n, int exp)
{
    if (exp < 0) {
        kv_buf_add_str(out, "0.");
        for (int i = -1; i > exp; i--)
            kv_buf_add_char(out, '0');
        kv_buf_add(out, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exp || i < n; i++) {
        if (i == exp + 1)
            kv_buf_add_char(out, '.');
        kv_buf_add_char(out, i < n ? digits[i] : '0');
    }
    if (n <= exp + 1)
        kv_buf_add_str(out, ".0");
}

static void add_scientific(
    struct kv_buf *out, const char *digits, int n, int exp, enum kv_num_style style)
{
    kv_buf_add_char(out, digits[0]);
    if (n > 1) {
        kv_buf_add_char(out, '.');
        kv_buf_add(out, digits + 1, (size_t)n - 1);
    }
    kv_buf_printf(out, style == KV_NUM_PYTHON ? "e%c%02d" : "e%c%d", exp < 0 ? '-' : '+', abs(exp));
}

void kv_num_add_double(struct kv_buf *out, double x, enum kv_num_style style)
{
    if (!isfinite(x)) {
        kv_buf_add_str(out, "null");
        return;
    }
    if (signbit(x)) {
        kv_buf_add_char(out, '-');
        x = -x;
    }
    if (x == 0) {
        kv_buf_add_str(out, "0.0");
        return;
    }
    char digits[20];
    int exp, n = shortest(x, digits, &exp);
    int least = style == KV_NUM_PYTHON ? -4 : -5;
    if (exp >= least && exp < 16)
        add_fixed(out, digits, n, exp);
    else
        add_scientific(out, digits, n, exp, style);
}

/* [-] (0 | [1-9][0-9]*) [. [0-9]+] [eE [+-] [0-9]+], RFC 8259 section 6. */
static bool is_number(struct kv_slice s, bool integer)
{
    if (!s.n) /* of an absent member: p may be NULL */
        return false;
    const char *c = s.p, *end = s.p + s.n;
    if (*c == '-')
        c++;
    if (c == end || *c < '0' || *c > '9')
        return false;
    if (*c == '0')
        c++;
    else
        while (c < end && *c >= '0' && *c <= '9')
            c++;
    if (c == end || integer)
        return c == end;
    if (*c == '.') {
        const char *first = ++c;
        while (c < end && *c >= '0' && *c <= '9')
            c++;
        if (c == first)
            return false;
    }
    if (c < end && (*c == 'e' || *c == 'E')) {
        c++;
        if (c < end && (*c == '+' || *c == '-'))
            c++;
        const char *first = c;
        while (c < end && *c >= '0' && *c <= '9')
            c++;
        if (c == first)
            return false;
    }
    return c == end;
}

bool kv_num_double(struct kv_slice text, double *x)
{
    int64_t whole; /* as most are, and exact in a double; not so -0 */
    if (text.n && text.n <= DBL_DIG && *text.p != '-' && kv_num_int64(text, &whole)) {
        *x = (double)whole;
        return true;
    }
    if (!is_number(text, false))
        return false;
    char local[64], *copy = text.n < sizeof local ? local : kv_alloc(text.n + 1);
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *x = kv_num_strtod(copy, NULL);
    if (copy != local)
        free(copy);
    return true;
}

bool kv_num_int64(struct kv_slice text, int64_t *x)
{
    int64_t n = 0; /* of below nought there is one more */
    if (!is_number(text, true))
        return false;
    bool negative = *text.p == '-';
    for (size_t i = negative; i < text.n; i++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, text.p[i] - '0', &n))
            return false;
    if (!negative && __builtin_sub_overflow(0, n, &n))
        return false;
    *x = n;
    return true;
}

int64_t kv_num_whole(double x)
{
    if (isnan(x))
        return 0;
    return x < -0x1p63 ? INT64_MIN : x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}
