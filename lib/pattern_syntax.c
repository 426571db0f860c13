/* pattern_syntax - a pattern of Python's `re` in Oniguruma's words.
 *
 * One pass, recursive at groups only. Besides its text every item has a width, because re wants
 * look-behind of one width, and the last item is remembered, because a repeat applies to it.
 */
#include "pattern_syntax.h"

#include "casing.h"
#include "value.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uniname.h>
#include <unistr.h>

enum { MAX_GROUPS = 200, MAX_NESTING = 200, FOREVER = 1 << 28, MAX_REPEAT = 100000 };

struct width {
    long min, max;
};

struct group {
    struct kv_slice name; /* n == 0: none */
    bool open;
    struct width width;
};

struct translator {
    const char *start, *at, *end;
    unsigned flags;
    struct kv_buf *out;
    struct group groups[MAX_GROUPS]; /* from 1 */
    int count;
    int nesting;
    struct kv_err *err;
};

/* What stands between two bars. */
struct item {
    size_t start; /* where the last item starts in out */
    bool repeatable, repeated;
    struct width width; /* of the last item */
};

static int wrong_at(struct translator *t, const char *at, const char *format, const char *detail)
{
    size_t position = kv_value_chars((struct kv_slice){t->start, (size_t)(at - t->start)});
    char what[160];
    snprintf(what, sizeof what, "%s%.60s", format, detail);
    return kv_err_set(t->err, KV_INPUT, "%s at position %zu", what, position);
}

static int wrong(struct translator *t, const char *at, const char *what)
{
    return wrong_at(t, at, what, "");
}

static char peek(const struct translator *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static bool take(struct translator *t, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, text, n) != 0)
        return false;
    t->at += n;
    return true;
}

static uint32_t take_char(struct translator *t)
{
    ucs4_t c;
    t->at += u8_mbtouc(&c, (const uint8_t *)t->at, (size_t)(t->end - t->at));
    return c;
}

static struct width add(struct width a, struct width b)
{
    struct width w = {a.min + b.min, a.max + b.max};
    return (struct width){w.min > FOREVER ? FOREVER : w.min, w.max > FOREVER ? FOREVER : w.max};
}

static long times(long a, long n)
{
    return a && n > FOREVER / a ? FOREVER : a * n;
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

static void add_range(struct translator *t, uint32_t low, uint32_t high)
{
    add_hex(t->out, low);
    if (high > low) {
        kv_buf_add_char(t->out, '-');
        add_hex(t->out, high);
    }
    if (t->flags & KV_PATTERN_IGNORECASE)
        kv_casing_each(low, high, (t->flags & KV_PATTERN_ASCII) != 0, add_same, t->out);
}

static void add_literal(struct translator *t, uint32_t c)
{
    if (t->flags & KV_PATTERN_IGNORECASE) {
        kv_buf_add_char(t->out, '[');
        add_range(t, c, c);
        kv_buf_add_char(t->out, ']');
    } else {
        add_hex(t->out, c);
    }
}

/* The inside of a class for d, w or s. */
static const char *category(const struct translator *t, char letter)
{
    bool ascii = (t->flags & KV_PATTERN_ASCII) != 0;
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
static void add_category(struct translator *t, char letter)
{
    kv_buf_printf(t->out, "[%s%s]", letter & 0x20 ? "" : "^", category(t, letter));
}

static void add_boundary(struct translator *t, bool inverse)
{
    const char *w = category(t, 'w');
    if (inverse)
        kv_buf_printf(t->out, "(?:(?!\\A\\z)(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s])))", w, w, w, w);
    else
        kv_buf_printf(t->out, "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))", w, w, w, w);
}

/* ---- escapes ---- */

static int hex_digits(struct translator *t, const char *from, int digits, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < digits; i++, t->at++) {
        char d = peek(t);
        bool number = d >= '0' && d <= '9', letter = (d | 0x20) >= 'a' && (d | 0x20) <= 'f';
        if (!number && !letter)
            return wrong(t, from, "incomplete escape");
        *c = *c * 16 + (uint32_t)(number ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    return *c > 0x10FFFF ? wrong(t, from, "bad escape") : 0;
}

static int named_char(struct translator *t, const char *from, uint32_t *c)
{
    char name[128];
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    if (peek(t) != '{' || !close || (size_t)(close - t->at) > sizeof name)
        return wrong(t, from, "missing character name");
    size_t n = (size_t)(close - t->at) - 1;
    memcpy(name, t->at + 1, n);
    name[n] = '\0';
    *c = unicode_name_character(name);
    t->at = close + 1;
    return *c == UNINAME_INVALID ? wrong(t, from, "undefined character name") : 0;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Behind the backslash, an escape that is one character: 1 if it was one, 0 if it is something
 * else, -1. */
static int char_escape(struct translator *t, const char *from, uint32_t *c)
{
    static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    char e = peek(t);
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
    if (e == '0' ||
        (is_octal(e) && t->end - t->at > 2 && is_octal(t->at[1]) && is_octal(t->at[2]))) {
        *c = 0;
        for (int i = 0; i < 3 && is_octal(peek(t)); i++)
            *c = *c * 8 + (uint32_t)(*t->at++ - '0');
        return *c > 0377 ? wrong(t, from, "octal escape outside of range 0-0o377") : 1;
    }
    if ((e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z') || (e >= '0' && e <= '9'))
        return 0;
    *c = take_char(t);
    return 1;
}

static int add_backreference(struct translator *t, int group, const char *from, struct item *item)
{
    if (group > t->count || group < 1) {
        char text[16];
        snprintf(text, sizeof text, "%d", group);
        return wrong_at(t, from, "invalid group reference ", text);
    }
    if (t->groups[group].open)
        return wrong(t, from, "cannot refer to an open group");
    kv_buf_printf(t->out, t->flags & KV_PATTERN_IGNORECASE ? "(?i:\\%d)" : "(?:\\%d)", group);
    item->width = (struct width){0, FOREVER};
    if (t->groups[group].width.min == t->groups[group].width.max)
        item->width = t->groups[group].width;
    return 0;
}

static int escape(struct translator *t, struct item *item)
{
    const char *from = t->at++;
    uint32_t c;
    if (t->at >= t->end)
        return wrong(t, from, "bad escape (end of pattern)");
    char e = peek(t);
    item->width = (struct width){1, 1};
    int one = char_escape(t, from, &c);
    if (one != 0) {
        if (one > 0)
            add_literal(t, c);
        return one > 0 ? 0 : -1;
    }
    t->at++;
    if (e >= '1' && e <= '9') {
        int group = e - '0';
        if (peek(t) >= '0' && peek(t) <= '9')
            group = group * 10 + (*t->at++ - '0');
        return add_backreference(t, group, from, item);
    }
    if (e && strchr("dDwWsS", e)) {
        add_category(t, e);
        return 0;
    }
    item->width = (struct width){0, 0};
    item->repeatable = false;
    if (e == 'A')
        kv_buf_add_str(t->out, "\\A");
    else if (e == 'Z')
        kv_buf_add_str(t->out, "\\z");
    else if (e == 'b' || e == 'B')
        add_boundary(t, e == 'B');
    else
        return wrong_at(t, from, "bad escape \\", (char[]){e, '\0'});
    return 0;
}

/* ---- classes ---- */

/* One member of a class. Returns 1 for a character, 0 for a category (written), -1. */
static int class_member(struct translator *t, uint32_t *c)
{
    const char *from = t->at;
    if (peek(t) != '\\') {
        *c = take_char(t);
        return 1;
    }
    t->at++;
    if (t->at >= t->end)
        return wrong(t, from, "bad escape (end of pattern)");
    char e = peek(t);
    if (e == 'b') {
        t->at++;
        *c = '\b';
        return 1;
    }
    int one = char_escape(t, from, c);
    if (one != 0)
        return one;
    t->at++;
    if (!strchr("dDwWsS", e))
        return wrong_at(t, from, "bad escape \\", (char[]){e, '\0'});
    add_category(t, e);
    return 0;
}

static int class(struct translator *t)
{
    const char *from = t->at++;
    kv_buf_add_str(t->out, take(t, "^") ? "[^" : "[");
    for (bool first = true;; first = false) {
        uint32_t low, high;
        const char *member = t->at;
        if (t->at >= t->end)
            return wrong(t, from, "unterminated character set");
        if (!first && take(t, "]"))
            break;
        int one = class_member(t, &low);
        if (one < 0)
            return -1;
        if (peek(t) != '-' || t->end - t->at < 2 || t->at[1] == ']') {
            if (t->end - t->at == 1 && *t->at == '-')
                return wrong(t, from, "unterminated character set");
            if (one)
                add_range(t, low, low);
            continue;
        }
        t->at++;
        int other = class_member(t, &high);
        if (other < 0)
            return -1;
        if (!one || !other || high < low)
            return wrong(t, member, "bad character range");
        add_range(t, low, high);
    }
    kv_buf_add_char(t->out, ']');
    return 0;
}

/* ---- groups ---- */

static int alternatives(struct translator *t, struct width *width);

static bool is_name_char(unsigned char c, bool first)
{
    return c >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

static int take_name(struct translator *t, char close, struct kv_slice *name)
{
    const char *from = t->at, *end = memchr(t->at, close, (size_t)(t->end - t->at));
    if (!end)
        return wrong(t, from, "missing group name, unterminated name");
    *name = (struct kv_slice){from, (size_t)(end - from)};
    if (name->n == 0)
        return wrong(t, from, "missing group name");
    for (size_t i = 0; i < name->n; i++)
        if (!is_name_char((unsigned char)name->p[i], i == 0))
            return wrong(t, from, "bad character in group name");
    t->at = end + 1;
    return 0;
}

static int find_group(const struct translator *t, struct kv_slice name)
{
    for (int i = 1; i <= t->count; i++)
        if (t->groups[i].name.n && kv_slice_eq(t->groups[i].name, name))
            return i;
    return 0;
}

/* The inside of a group whose head is written, and its closing bracket. */
static int inside(struct translator *t, const char *from, struct width *width)
{
    unsigned flags = t->flags;
    if (++t->nesting > MAX_NESTING)
        return wrong(t, from, "too many nested groups");
    if (alternatives(t, width) != 0)
        return -1;
    if (!take(t, ")"))
        return wrong(t, from, "missing ), unterminated subpattern");
    kv_buf_add_char(t->out, ')');
    t->flags = flags;
    t->nesting--;
    return 0;
}

static int capture(struct translator *t, const char *from, struct kv_slice name, struct item *item)
{
    if (t->count + 1 == MAX_GROUPS)
        return wrong(t, from, "too many groups");
    if (name.n && find_group(t, name))
        return wrong(t, from, "redefinition of group name");
    int number = ++t->count;
    t->groups[number] = (struct group){name, true, {0, 0}};
    kv_buf_add_char(t->out, '(');
    if (inside(t, from, &item->width) != 0)
        return -1;
    t->groups[number].open = false;
    t->groups[number].width = item->width;
    return 0;
}

static int look(struct translator *t, const char *from, const char *head, struct item *item)
{
    struct width width;
    kv_buf_printf(t->out, "(?:%s", head);
    if (inside(t, from, &width) != 0)
        return -1;
    kv_buf_add_char(t->out, ')');
    if (strchr(head, '<') && width.min != width.max)
        return kv_err_set(t->err, KV_INPUT, "look-behind requires fixed-width pattern");
    item->width = (struct width){0, 0};
    return 0;
}

/* (?(1)yes|no) */
static int conditional(struct translator *t, const char *from, struct item *item)
{
    struct kv_slice name;
    int group = 0;
    const char *at = t->at;
    if (peek(t) >= '0' && peek(t) <= '9') {
        while (peek(t) >= '0' && peek(t) <= '9' && group < MAX_GROUPS)
            group = group * 10 + (*t->at++ - '0');
        if (!take(t, ")"))
            return wrong(t, at, "bad character in group name");
    } else {
        if (take_name(t, ')', &name) != 0)
            return -1;
        group = find_group(t, name);
    }
    if (group < 1 || group > t->count)
        return wrong(t, at, "invalid group reference");
    kv_buf_printf(t->out, "(?(%d)", group);
    int rc = inside(t, from, &item->width);
    item->width.min = 0;
    return rc;
}

static unsigned flag_of(char c)
{
    switch (c) {
    case 'i':
        return KV_PATTERN_IGNORECASE;
    case 'm':
        return KV_PATTERN_MULTILINE;
    case 's':
        return KV_PATTERN_DOTALL;
    case 'x':
        return KV_PATTERN_VERBOSE;
    case 'a':
        return KV_PATTERN_ASCII;
    default:
        return 0;
    }
}

/* (?im), at the start only, and (?i-m:…). */
static int flags_group(struct translator *t, const char *from, struct item *item)
{
    unsigned on = 0, off = 0;
    bool minus = false, unicode = false;
    for (;; t->at++) {
        char c = peek(t);
        unicode |= c == 'u';
        if (c == '-' && !minus)
            minus = true;
        else if (flag_of(c) || c == 'u')
            *(minus ? &off : &on) |= flag_of(c);
        else
            break;
    }
    unsigned flags = t->flags;
    t->flags = ((unicode ? t->flags & ~(unsigned)KV_PATTERN_ASCII : t->flags) | on) & ~off;
    if (take(t, ":")) {
        kv_buf_add_str(t->out, "(?:");
        int rc = inside(t, from, &item->width);
        t->flags = flags;
        return rc;
    }
    if (!take(t, ")"))
        return wrong(t, from, t->at < t->end ? "unknown flag" : "missing -, : or )");
    if (minus || from != t->start)
        return wrong(t, from, "global flags not at the start of the expression");
    kv_buf_add_str(t->out, "(?:)");
    item->width = (struct width){0, 0};
    item->repeatable = false;
    return 0;
}

static int named(struct translator *t, const char *from, struct item *item)
{
    struct kv_slice name;
    if (take(t, "<"))
        return take_name(t, '>', &name) == 0 ? capture(t, from, name, item) : -1;
    if (!take(t, "="))
        return wrong(t, from, "unknown extension ?P");
    const char *at = t->at;
    if (take_name(t, ')', &name) != 0)
        return -1;
    int group = find_group(t, name);
    return group ? add_backreference(t, group, at, item) : wrong(t, at, "unknown group name");
}

static int group(struct translator *t, struct item *item)
{
    const char *from = t->at++;
    if (!take(t, "?"))
        return capture(t, from, KV_SLICE(""), item);
    if (take(t, ":")) {
        kv_buf_add_str(t->out, "(?:");
        return inside(t, from, &item->width);
    }
    if (take(t, ">")) {
        kv_buf_add_str(t->out, "(?>");
        return inside(t, from, &item->width);
    }
    if (take(t, "="))
        return look(t, from, "(?=", item);
    if (take(t, "!"))
        return look(t, from, "(?!", item);
    if (take(t, "<="))
        return look(t, from, "(?<=", item);
    if (take(t, "<!"))
        return look(t, from, "(?<!", item);
    if (take(t, "P"))
        return named(t, from, item);
    if (take(t, "("))
        return conditional(t, from, item);
    if (flag_of(peek(t)) || peek(t) == '-' || peek(t) == 'u')
        return flags_group(t, from, item);
    return wrong(t, from, "unknown extension");
}

/* ---- repeats ---- */

static long take_number(struct translator *t, bool *any)
{
    long n = 0;
    for (*any = false; peek(t) >= '0' && peek(t) <= '9'; *any = true, t->at++)
        n = n < FOREVER ? n * 10 + (*t->at - '0') : n;
    return n;
}

/* {m}, {m,}, {,n}, {m,n}: 1 if it is one, 0 if the brace is a character. */
static int braces(struct translator *t, long *min, long *max)
{
    const char *from = t->at++;
    bool low, high;
    *min = take_number(t, &low);
    *max = *min;
    if (take(t, ",")) {
        *max = take_number(t, &high);
        *max = high ? *max : FOREVER;
        low = true;
    }
    if (!low || !take(t, "}")) {
        t->at = from;
        return 0;
    }
    return 1;
}

static void wrap(struct translator *t, size_t start, const char *head)
{
    size_t n = strlen(head);
    kv_buf_add_str(t->out, head);
    memmove(t->out->p + start + n, t->out->p + start, t->out->n - start - n);
    memcpy(t->out->p + start, head, n);
    kv_buf_add_char(t->out, ')');
}

static int repeat(struct translator *t, struct item *item, const char *from, long min, long max)
{
    if (!item->repeatable)
        return wrong(t, from, item->repeated ? "multiple repeat" : "nothing to repeat");
    if (max < min)
        return wrong(t, from, "min repeat greater than max repeat");
    if (min > MAX_REPEAT)
        return wrong(t, from, "the repetition number is too large");
    if (item->width.max == 0) /* Oniguruma repeats nothing that is empty; once is as good */
        kv_buf_add_str(t->out, min ? "" : "|");
    else if (max == 1 && min == 0)
        kv_buf_add_char(t->out, '?');
    else if (max > MAX_REPEAT)
        kv_buf_printf(t->out, "{%ld,}", min);
    else
        kv_buf_printf(t->out, "{%ld,%ld}", min, max);
    if (take(t, "?"))
        kv_buf_add_str(t->out, item->width.max ? "?" : "");
    else if (take(t, "+"))
        wrap(t, item->start, "(?>");
    item->width = (struct width){times(item->width.min, min), times(item->width.max, max)};
    wrap(t, item->start, "(?:");
    item->repeatable = false;
    item->repeated = true;
    return 0;
}

/* A repeat of the last item, if one stands here: 1, 0, -1. */
static int maybe_repeat(struct translator *t, struct item *item)
{
    const char *from = t->at;
    long min, max;
    switch (peek(t)) {
    case '*':
    case '+':
    case '?':
        min = *t->at == '+';
        max = *t->at == '?' ? 1 : FOREVER;
        t->at++;
        break;
    case '{':
        if (!braces(t, &min, &max))
            return 0;
        break;
    default:
        return 0;
    }
    return repeat(t, item, from, min, max) == 0 ? 1 : -1;
}

/* ---- sequences ---- */

/* Comments, and white space where it does not count. An open comment is left to be refused. */
static bool skip_filler(struct translator *t)
{
    char c = peek(t);
    if (c == '(' && t->end - t->at > 3 && memcmp(t->at, "(?#", 3) == 0) {
        const char *close = memchr(t->at, ')', (size_t)(t->end - t->at));
        t->at = close ? close + 1 : t->at;
        return close != NULL;
    }
    if (!(t->flags & KV_PATTERN_VERBOSE) || t->at >= t->end)
        return false;
    if (c == '#')
        while (t->at < t->end && *t->at != '\n')
            t->at++;
    else if (c && strchr(" \t\n\r\v\f", c))
        t->at++;
    else
        return false;
    return true;
}

static int anchor_or_char(struct translator *t, struct item *item)
{
    bool lines = (t->flags & KV_PATTERN_MULTILINE) != 0;
    char c = peek(t);
    item->width = (struct width){c != '^' && c != '$', c != '^' && c != '$'};
    item->repeatable = item->width.min;
    if (c == '^')
        kv_buf_add_str(t->out, lines ? "(?:\\A|(?<=\\x{a}))" : "\\A");
    else if (c == '$')
        kv_buf_add_str(t->out, lines ? "(?=\\x{a}|\\z)" : "(?=\\x{a}?\\z)");
    else if (c == '.')
        kv_buf_add_str(t->out, t->flags & KV_PATTERN_DOTALL ? "(?s:.)" : "[^\\x{a}]");
    else {
        add_literal(t, take_char(t));
        return 0;
    }
    t->at++;
    return 0;
}

static int sequence(struct translator *t, struct width *width)
{
    struct item item = {0};
    *width = (struct width){0, 0};
    while (t->at < t->end && peek(t) != '|' && peek(t) != ')') {
        if (skip_filler(t))
            continue;
        struct width before = item.width;
        int repeated = maybe_repeat(t, &item);
        if (repeated < 0)
            return -1;
        if (repeated) { /* the item's own width was added already: replace it */
            width->min += item.width.min - before.min;
            width->max = width->max >= FOREVER || item.width.max >= FOREVER
                             ? FOREVER
                             : width->max + item.width.max - before.max;
            continue;
        }
        item = (struct item){t->out->n, true, false, {1, 1}};
        int rc = peek(t) == '\\'  ? escape(t, &item)
                 : peek(t) == '[' ? class(t)
                 : peek(t) == '(' ? group(t, &item)
                                  : anchor_or_char(t, &item);
        if (rc != 0)
            return -1;
        *width = add(*width, item.width);
    }
    return 0;
}

static int alternatives(struct translator *t, struct width *width)
{
    struct width one;
    if (sequence(t, width) != 0)
        return -1;
    while (take(t, "|")) {
        kv_buf_add_char(t->out, '|');
        if (sequence(t, &one) != 0)
            return -1;
        width->min = one.min < width->min ? one.min : width->min;
        width->max = one.max > width->max ? one.max : width->max;
    }
    return 0;
}

int kv_pattern_translate(
    struct kv_slice pattern, unsigned flags, struct kv_buf *out, struct kv_err *err)
{
    struct translator *t = kv_calloc(1, sizeof *t);
    struct width width;
    t->start = t->at = pattern.p;
    t->end = pattern.p + pattern.n;
    t->flags = flags;
    t->out = out;
    t->err = err;
    int rc = alternatives(t, &width);
    if (rc == 0 && t->at < t->end)
        rc = wrong(t, t->at, "unbalanced parenthesis");
    free(t);
    return rc;
}
