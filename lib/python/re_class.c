/* re_class - single characters and classes of a pattern. */
#include "re_class.h"

#include "pystr.h"
#include "re_case.h"
#include "unicode_name.h"

#include <stdio.h>
#include <string.h>
#include <unistr.h>

int kv_re_wrong_at(struct kv_translator *t, const char *at, const char *format, const char *detail)
{
    size_t position = kv_pystr_chars((struct kv_slice){t->start, (size_t)(at - t->start)});
    char what[160];
    snprintf(what, sizeof what, "%s%.60s", format, detail);
    return kv_err_set(t->err, KV_INPUT, "%s at position %zu", what, position);
}

int kv_re_wrong(struct kv_translator *t, const char *at, const char *what)
{
    return kv_re_wrong_at(t, at, what, "");
}

char kv_re_peek(const struct kv_translator *t)
{
    return t->at < t->end ? *t->at : '\0';
}

bool kv_re_take(struct kv_translator *t, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, text, n) != 0)
        return false;
    t->at += n;
    return true;
}

uint32_t kv_re_take_char(struct kv_translator *t)
{
    ucs4_t c;
    t->at += u8_mbtouc(&c, (const uint8_t *)t->at, (size_t)(t->end - t->at));
    return c;
}

/* ---- single characters and classes ---- */

static void add_hex(struct kv_buf *out, uint32_t c)
{
    kv_buf_printf(out, "\\x{%x}", c);
}

static void add_same(void *to, uint32_t c)
{
    add_hex(to, c);
}

static void add_range(struct kv_translator *t, uint32_t low, uint32_t high)
{
    add_hex(t->out, low);
    if (high > low) {
        kv_buf_add_char(t->out, '-');
        add_hex(t->out, high);
    }
    if (t->flags & KV_RE_IGNORECASE)
        kv_re_case_each(low, high, (t->flags & KV_RE_ASCII) != 0, add_same, t->out);
}

void kv_re_add_literal(struct kv_translator *t, uint32_t c)
{
    if (t->flags & KV_RE_IGNORECASE) {
        kv_buf_add_char(t->out, '[');
        add_range(t, c, c);
        kv_buf_add_char(t->out, ']');
    } else {
        add_hex(t->out, c);
    }
}

/* The inside of a class for d, w or s. */
const char *kv_re_category(const struct kv_translator *t, char letter)
{
    bool ascii = (t->flags & KV_RE_ASCII) != 0;
    switch (letter | 0x20) {
    case 'd':
        return ascii ? "0-9" : "\\p{Nd}";
    case 'w':
        return ascii ? "0-9A-Z_a-z" : "\\p{L}\\p{N}_";
    default:
        return ascii ? "\\x{9}-\\x{d}\\x{20}"
                     : "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
                       "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
    }
}

/* [\w] for w, [^\w] for W. */
void kv_re_add_category(struct kv_translator *t, char letter)
{
    kv_buf_printf(t->out, "[%s%s]", letter & 0x20 ? "" : "^", kv_re_category(t, letter));
}

/* ---- escapes ---- */

static int hex_digits(struct kv_translator *t, const char *from, int digits, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < digits; i++, t->at++) {
        char d = kv_re_peek(t);
        bool number = d >= '0' && d <= '9', letter = (d | 0x20) >= 'a' && (d | 0x20) <= 'f';
        if (!number && !letter)
            return kv_re_wrong(t, from, "incomplete escape");
        *c = *c * 16 + (uint32_t)(number ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    return *c > 0x10FFFF ? kv_re_wrong(t, from, "bad escape") : 0;
}

static int named_char(struct kv_translator *t, const char *from, uint32_t *c)
{
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    if (kv_re_peek(t) != '{' || !close)
        return kv_re_wrong(t, from, "missing character name");
    if (!kv_unicode_name((struct kv_slice){t->at + 1, (size_t)(close - t->at) - 1}, c))
        return kv_re_wrong(t, from, "undefined character name");
    t->at = close + 1;
    return 0;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Up to three octal digits. */
static int octal(struct kv_translator *t, const char *from, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < 3 && is_octal(kv_re_peek(t)); i++)
        *c = *c * 8 + (uint32_t)(*t->at++ - '0');
    return *c > 0377 ? kv_re_wrong(t, from, "octal escape outside of range 0-0o377") : 1;
}

/* Behind the backslash, an escape that is one character: 1 if it was one, 0 if it is something
 * else, -1. */
int kv_re_char_escape(struct kv_translator *t, const char *from, uint32_t *c)
{
    static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    char e = kv_re_peek(t);
    const char *simple = e ? strchr(names, e) : NULL;
    if (e == 'x' || e == 'u' || e == 'U') {
        t->at++;
        return hex_digits(t, from, e == 'x' ? 2 : e == 'u' ? 4 : 8, c) == 0 ? 1 : -1;
    }
    if (e == 'N') {
        t->at++;
        return named_char(t, from, c) == 0 ? 1 : -1;
    }
    if (simple && e != 'b') {
        *c = (uint32_t)values[simple - names];
        t->at++;
        return 1;
    }
    if (e == '0' || (is_octal(e) && t->end - t->at > 2 && is_octal(t->at[1]) && is_octal(t->at[2])))
        return octal(t, from, c);
    if ((e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z') || (e >= '0' && e <= '9'))
        return 0;
    *c = kv_re_take_char(t);
    return 1;
}

/* ---- classes ---- */

/* One member of a class. Returns 1 for a character, 0 for a category (written), -1. */
static int class_member(struct kv_translator *t, uint32_t *c)
{
    const char *from = t->at;
    if (kv_re_peek(t) != '\\') {
        *c = kv_re_take_char(t);
        return 1;
    }
    t->at++;
    if (t->at >= t->end)
        return kv_re_wrong(t, from, "bad escape (end of pattern)");
    char e = kv_re_peek(t);
    if (e == 'b') {
        t->at++;
        *c = '\b';
        return 1;
    }
    int one = is_octal(e) ? octal(t, from, c) : kv_re_char_escape(t, from, c);
    if (one != 0)
        return one;
    t->at++;
    if (!strchr("dDwWsS", e))
        return kv_re_wrong_at(t, from, "bad escape \\", (char[]){e, '\0'});
    kv_re_add_category(t, e);
    return 0;
}

int kv_re_class(struct kv_translator *t)
{
    const char *from = t->at++;
    kv_buf_add_str(t->out, kv_re_take(t, "^") ? "[^" : "[");
    for (bool first = true;; first = false) {
        uint32_t low, high;
        const char *member = t->at;
        if (t->at >= t->end)
            return kv_re_wrong(t, from, "unterminated character set");
        if (!first && kv_re_take(t, "]"))
            break;
        int one = class_member(t, &low);
        if (one < 0)
            return -1;
        if (kv_re_peek(t) != '-' || t->end - t->at < 2 || t->at[1] == ']') {
            if (t->end - t->at == 1 && *t->at == '-')
                return kv_re_wrong(t, from, "unterminated character set");
            if (one)
                add_range(t, low, low);
            continue;
        }
        t->at++;
        int other = class_member(t, &high);
        if (other < 0)
            return -1;
        if (!one || !other || high < low)
            return kv_re_wrong(t, member, "bad character range");
        add_range(t, low, high);
    }
    kv_buf_add_char(t->out, ']');
    return 0;
}
