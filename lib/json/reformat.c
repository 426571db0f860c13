/* reformat - one JSON value in the spellings karenina's files use.
 *
 * One loop over tokens does all four spellings; what they differ in is a struct manner. Depth costs
 * nothing, because no spelling depends on what a token is nested in.
 */
#include "reformat.h"

#include "json.h"
#include "num.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum strings { AS_WRITTEN, RAW, ASCII };

struct manner {
    const char *comma, *colon;
    enum strings strings;
    bool numbers; /* respell floats in `num`; NaN and infinities become null */
    bool finite;
    enum kv_num_style num;
};

/* ---- numbers ---- */

/* A decimal number without its spelling: 0.dddd × 10^exp. */
struct decimal {
    bool minus;
    const char *digits; /* may contain one '.', which counts as nothing */
    size_t count;       /* significant digits, the point not counted */
    long exp;
};

/* The digits behind an 'e'. What no number of ours has is as good as infinite. */
static long parse_exponent(const char *c, const char *end)
{
    bool minus = c < end && *c == '-';
    if (c < end && (*c == '-' || *c == '+'))
        c++;
    long exp = 0;
    for (; c < end && exp < 100000; c++)
        exp = exp * 10 + (*c - '0');
    return minus ? -exp : exp;
}

static struct decimal parse_decimal(struct kv_slice token)
{
    struct decimal d = {0};
    const char *c = token.p, *end = token.p + token.n;
    if (c < end && *c == '-') {
        d.minus = true;
        c++;
    }
    bool point = false;
    size_t zeros = 0;
    for (; c < end && *c != 'e' && *c != 'E'; c++) {
        if (*c == '.') {
            point = true;
            continue;
        }
        if (*c == '0' && !d.count) {
            d.exp -= point;
            continue;
        }
        if (!d.count)
            d.digits = c;
        d.exp += !point;
        zeros = *c == '0' ? zeros + 1 : 0;
        d.count++;
    }
    d.count -= zeros;
    if (c < end)
        d.exp += parse_exponent(c + 1, end);
    return d;
}

static bool same_decimal(struct kv_slice a, struct kv_slice b)
{
    struct decimal x = parse_decimal(a), y = parse_decimal(b);
    if (x.minus != y.minus || x.count != y.count || (x.count && x.exp != y.exp))
        return false;
    const char *p = x.digits, *q = y.digits;
    for (size_t i = 0; i < x.count; i++, p++, q++) {
        p += *p == '.';
        q += *q == '.';
        if (*p != *q)
            return false;
    }
    return true;
}

static bool is_float(struct kv_slice token)
{
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] == '.' || token.p[i] == 'e' || token.p[i] == 'E')
            return true;
    return false;
}

static void add_number(struct kv_buf *out, struct kv_slice token, enum kv_num_style style)
{
    double x;
    if (!is_float(token) || !kv_num_double(token, &x) || !isfinite(x)) {
        kv_buf_add_slice(out, token);
        return;
    }
    size_t start = out->n;
    kv_num_add_double(out, x, style);
    struct kv_slice fresh = {out->p + start, out->n - start};
    if (same_decimal(token, fresh))
        return;
    kv_buf_cut(out, start, out->n - start);
    kv_buf_add_slice(out, token);
}

static enum kv_num_style num_style(enum kv_reformat_style style)
{
    return style == KV_REFORMAT_COMPACT ? KV_NUM_COMPACT : KV_NUM_PYTHON;
}

void kv_reformat_number(struct kv_buf *out, struct kv_slice token, enum kv_reformat_style style)
{
    add_number(out, token, num_style(style));
}

/* ---- strings ---- */

/* The string token at p, with both quotes; *plain if it holds neither escapes nor what is not ASCII.
 */
static struct kv_slice take_string(const char *p, const char *end, bool *plain)
{
    const char *c = p + 1;
    *plain = true;
    while (c < end && *c != '"') {
        if (*c == '\\') {
            *plain = false;
            c++;
        } else if ((unsigned char)*c >= 0x7f) {
            *plain = false;
        }
        c++;
    }
    return (struct kv_slice){p, (size_t)(c + 1 - p)};
}

static void add_string(struct kv_buf *out, struct kv_slice string, enum strings how)
{
    if (how == RAW && !memchr(string.p, '\\', string.n)) {
        kv_buf_add_slice(out, string);
        return;
    }
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    kv_json_quote(out, kv_slice_of(&text), how == RAW ? KV_JSON_RAW : KV_JSON_ASCII);
    kv_buf_release(&text);
}

static struct kv_slice pass_string(const char *p, const char *end)
{
    const char *c = kv_json_mark(p + 1, end);
    while (c < end && *c == '\\')
        c = kv_json_mark(c + 2 < end ? c + 2 : end, end);
    return (struct kv_slice){p, (size_t)(c + 1 - p)};
}

/* ---- the loop ---- */

static bool ends_token(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* A number or a word. */
static const char *add_scalar(
    struct kv_buf *out, const char *p, const char *end, const struct manner *m)
{
    const char *start = p;
    while (p < end && !ends_token(*p))
        p++;
    struct kv_slice token = {start, (size_t)(p - start)};
    bool finite = !kv_json_is_nonfinite(token);
    if (!finite && m->finite)
        kv_buf_add_str(out, "null");
    else if (m->numbers && finite && *start != 't' && *start != 'f' && *start != 'n')
        add_number(out, token, m->num);
    else
        kv_buf_add_slice(out, token);
    return p;
}

static const char *respell_string(
    struct kv_buf *out, const char *p, const char *end, const struct manner *m)
{
    bool plain = true;
    struct kv_slice string =
        m->strings == AS_WRITTEN ? pass_string(p, end) : take_string(p, end, &plain);
    if (plain)
        kv_buf_add_slice(out, string);
    else
        add_string(out, string, m->strings);
    return p + string.n;
}

static void respell(struct kv_buf *out, struct kv_slice value, const struct manner *m)
{
    const char *p = value.p, *end = value.p + value.n;
    const struct kv_slice comma = kv_slice(m->comma), colon = kv_slice(m->colon);
    kv_buf_reserve(out, value.n + value.n / 8);
    while (p < end) {
        switch (*p) {
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            p++;
            break;
        case ',':
            kv_buf_add_slice(out, comma);
            p++;
            break;
        case ':':
            kv_buf_add_slice(out, colon);
            p++;
            break;
        case '[':
        case ']':
        case '{':
        case '}':
            kv_buf_add_char(out, *p++);
            break;
        case '"':
            p = respell_string(out, p, end, m);
            break;
        default:
            p = add_scalar(out, p, end, m);
        }
    }
}

void kv_reformat(struct kv_buf *out, struct kv_slice value, enum kv_reformat_style style)
{
    static const struct manner compact = {",", ":", RAW, true, true, KV_NUM_COMPACT};
    static const struct manner spaced = {", ", ": ", RAW, true, true, KV_NUM_PYTHON};
    static const struct manner ascii = {", ", ": ", ASCII, true, true, KV_NUM_PYTHON};
    respell(out, value,
        style == KV_REFORMAT_COMPACT  ? &compact
        : style == KV_REFORMAT_SPACED ? &spaced
                                      : &ascii);
}

/* Every row of a run goes through here, so the bytes are put where they belong without a call. */
void kv_reformat_space(struct kv_buf *out, struct kv_slice value)
{
    const char *p = value.p, *end = value.p + value.n;
    if (!kv_buf_reserve(out, 2 * value.n)) /* all separators is the worst */
        return;
    char *to = out->p + out->n;
    while (p < end) {
        if (*p == '"') {
            struct kv_slice string = pass_string(p, end);
            memcpy(to, p, string.n);
            to += string.n;
            p += string.n;
            continue;
        }
        if ((unsigned char)*p > ' ')
            *to++ = *p;
        if (*p == ',' || *p == ':')
            *to++ = ' ';
        p++;
    }
    out->n = (size_t)(to - out->p);
    *to = '\0';
}

void kv_reformat_export(struct kv_buf *out, struct kv_slice value)
{
    static const struct manner kept = {", ", ": ", AS_WRITTEN, true, false, KV_NUM_PYTHON};
    respell(out, value, &kept);
}
