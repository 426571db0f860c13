/* json - a strict scanner over bytes (RFC 8259): no tree, no number conversion, every byte kept.
 *
 * One loop, no recursion: the only state beyond the position is one bit per open bracket, so a
 * hostile document costs no stack. Strings are checked for UTF-8 on the way (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF).
 */
#include "json.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const char *at, *end;
    const char *why; /* the first complaint; `at` is where */
    unsigned flags;
};

static bool complain(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of the UTF-8 character at p, 0 if it is none. Only called for a lead byte of 0x80 or more.
 */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, low, high;
        size_t n;
    } form[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2},
        {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3},
        {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4},
        {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        if (p[0] < form[i].first || p[0] > form[i].last)
            continue;
        if (left < form[i].n || p[1] < form[i].low || p[1] > form[i].high)
            return 0;
        for (size_t k = 2; k < form[i].n; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return form[i].n;
    }
    return 0;
}

/* True where any byte of the word is below 0x20, a quote, a backslash, or not ASCII. */
static bool word_has_special(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    uint64_t special = (w - ones * 0x20) | (quote - ones) | (slash - ones) | w;
    return (special & highs) != 0;
}

static void skip_plain(struct scan *s)
{
    uint64_t w;
    while ((size_t)(s->end - s->at) >= sizeof w) {
        memcpy(&w, s->at, sizeof w);
        if (word_has_special(w))
            return;
        s->at += sizeof w;
    }
}

static bool scan_escape(struct scan *s)
{
    if (s->end - s->at < 2)
        return complain(s, "unterminated string");
    if (s->at[1] != 'u') {
        if (s->at[1] == '\0' || !strchr("\"\\/bfnrt", s->at[1]))
            return complain(s, "invalid escape in string");
        s->at += 2;
        return true;
    }
    for (int i = 2; i < 6; i++)
        if (s->end - s->at <= i || !is_hex(s->at[i]))
            return complain(s, "invalid \\u escape in string");
    s->at += 6;
    return true;
}

static bool scan_string(struct scan *s)
{
    const char *open = s->at++;
    for (;;) {
        skip_plain(s);
        if (s->at == s->end) {
            s->at = open;
            return complain(s, "unterminated string");
        }
        unsigned char c = (unsigned char)*s->at;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
        } else if (c < 0x20) {
            return complain(s, "control character in string");
        } else if (c < 0x80) {
            s->at++;
        } else {
            size_t n = utf8_length((const unsigned char *)s->at, (size_t)(s->end - s->at));
            if (!n)
                return complain(s, "invalid UTF-8");
            s->at += n;
        }
    }
}

static bool scan_digits(struct scan *s)
{
    const char *first = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > first || complain(s, "invalid number");
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return complain(s, "expected a value");
    s->at += n;
    return true;
}

static bool scan_number(struct scan *s)
{
    if (*s->at == '-')
        s->at++;
    if (s->at < s->end && *s->at == 'I' && (s->flags & KV_JSON_NONFINITE))
        return scan_word(s, "Infinity");
    if (s->at < s->end && *s->at == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (!scan_digits(s))
            return false;
    }
    return true;
}

static bool scan_scalar(struct scan *s)
{
    switch (*s->at) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    case 'N':
        if (s->flags & KV_JSON_NONFINITE)
            return scan_word(s, "NaN");
        return complain(s, "expected a value, found NaN");
    case 'I':
        if (s->flags & KV_JSON_NONFINITE)
            return scan_word(s, "Infinity");
        return complain(s, "expected a value, found Infinity");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(s);
    default:
        return complain(s, "expected a value");
    }
}

static bool scan_key(struct scan *s)
{
    if (s->at == s->end || *s->at != '"')
        return complain(s, "expected a string as key");
    if (!scan_string(s))
        return false;
    skip_space(s);
    if (s->at == s->end || *s->at != ':')
        return complain(s, "expected ':'");
    s->at++;
    skip_space(s);
    return true;
}

/* Scans one value. `depth` counts open brackets; bit d of `object` tells their kind. */
static bool scan_value(struct scan *s)
{
    unsigned char object[KV_JSON_DEPTH_MAX] = {0};
    int depth = 0;
    for (;;) {
        if (s->at == s->end)
            return complain(s, "unexpected end");
        if (*s->at == '{' || *s->at == '[') {
            if (depth == KV_JSON_DEPTH_MAX)
                return complain(s, "nested too deeply");
            bool is_object = *s->at++ == '{';
            object[depth++] = is_object;
            skip_space(s);
            if (s->at < s->end && *s->at == (is_object ? '}' : ']'))
                goto close; /* an empty one */
            if (is_object && !scan_key(s))
                return false;
            continue;
        }
        if (!scan_scalar(s))
            return false;
        for (;;) { /* a value is behind us */
            if (depth == 0)
                return true;
            skip_space(s);
            if (s->at == s->end)
                return complain(s, "unexpected end");
            if (*s->at == ',')
                break;
            if (*s->at != (object[depth - 1] ? '}' : ']'))
                return complain(
                    s, object[depth - 1] ? "expected ',' or '}'" : "expected ',' or ']'");
        close:
            s->at++;
            depth--;
        }
        s->at++;
        skip_space(s);
        if (object[depth - 1] && !scan_key(s))
            return false;
    }
}

static int report(const struct scan *s, const char *start, struct kv_err *err)
{
    size_t line = 1;
    const char *bol = start;
    for (const char *c = start; c < s->at; c++)
        if (*c == '\n')
            line++, bol = c + 1;
    return kv_err_set(err, KV_INPUT, "%zu:%zu: %s", line, (size_t)(s->at - bol) + 1, s->why);
}

int kv_json_next(struct kv_slice *rest, const char *start, unsigned flags, struct kv_slice *value,
    struct kv_err *err)
{
    struct scan s = {rest->p, rest->p + rest->n, NULL, flags};
    skip_space(&s);
    if (s.at == s.end) {
        *rest = (struct kv_slice){s.end, 0};
        return 0;
    }
    const char *first = s.at;
    if (s.end - s.at >= 3 && memcmp(s.at, "\xEF\xBB\xBF", 3) == 0)
        s.why = "byte-order mark";
    if (s.why || !scan_value(&s))
        return report(&s, start, err);
    *value = (struct kv_slice){first, (size_t)(s.at - first)};
    *rest = (struct kv_slice){s.at, (size_t)(s.end - s.at)};
    return 1;
}

int kv_json_check(struct kv_slice text, unsigned flags, struct kv_slice *value, struct kv_err *err)
{
    struct kv_slice rest = text, found;
    int got = kv_json_next(&rest, text.p, flags, &found, err);
    if (got < 0)
        return -1;
    struct scan s = {rest.p, rest.p + rest.n, NULL, flags};
    skip_space(&s);
    if (got == 0 || s.at < s.end) {
        s.why = got == 0 ? "unexpected end" : "unexpected text after the value";
        return report(&s, text.p, err);
    }
    *value = found;
    return 0;
}

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

bool kv_json_is_null(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_NULL;
}

bool kv_json_is_true(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_TRUE;
}

bool kv_json_bool(struct kv_slice value, bool otherwise)
{
    enum kv_json_type type = kv_json_type(value);
    return type == KV_JSON_TRUE ? true : type == KV_JSON_FALSE ? false : otherwise;
}

void kv_json_begin(struct kv_json_walk *w, struct kv_slice value)
{
    enum kv_json_type type = kv_json_type(value);
    *w = (struct kv_json_walk){0};
    if (type != KV_JSON_OBJECT && type != KV_JSON_ARRAY)
        return;
    *w = (struct kv_json_walk){value.p + 1, value.p + value.n, type == KV_JSON_OBJECT ? '}' : ']'};
}

/* The string that starts at p: checked text, so it ends, and holds no NUL. Lookups spend their time
 * here; strchr looks at many bytes at once. A quote behind an odd number of backslashes is not the
 * end. */
static const char *end_of_string(const char *p)
{
    const char *open = p, *before;
    do {
        p = strchr(p + 1, '"');
        before = p;
        while (before[-1] == '\\' && before - 1 > open)
            before--;
    } while ((p - before) % 2 != 0);
    return p + 1;
}

static const char *end_of_value(const char *p, const char *end)
{
    int depth = 0;
    for (;;) {
        if (*p == '"') {
            p = end_of_string(p);
        } else if (*p == '{' || *p == '[') {
            depth++, p++;
        } else if (*p == '}' || *p == ']') {
            depth--, p++;
        } else if (depth == 0) { /* a number or a word: up to the next delimiter */
            while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ')
                p++;
            return p;
        } else {
            p++;
        }
        if (depth == 0)
            return p;
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

static struct kv_slice walk_value(struct kv_json_walk *w)
{
    const char *first = w->at;
    w->at = end_of_value(first, w->end);
    return (struct kv_slice){first, (size_t)(w->at - first)};
}

bool kv_json_member(struct kv_json_walk *w, struct kv_slice *key, struct kv_slice *value)
{
    if (w->close != '}' || !walk_on(w))
        return false;
    *key = (struct kv_slice){w->at, (size_t)(end_of_string(w->at) - w->at)};
    w->at += key->n;
    walk_space(w);
    w->at++; /* the colon */
    walk_space(w);
    *value = walk_value(w);
    return true;
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

bool kv_json_get(struct kv_slice object, const char *key, struct kv_slice *value)
{
    struct kv_json_walk w;
    struct kv_slice k, v, name = kv_slice(key);
    bool found = false;
    *value = (struct kv_slice){"", 0};
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return false;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &k, &v)) {
        if (key_is(k, name)) {
            *value = v;
            found = true;
        }
    }
    return found;
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

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_utf8(struct kv_buf *out, unsigned c)
{
    char b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (char)c;
    } else if (c < 0x800) {
        b[n++] = (char)(0xC0 | c >> 6);
        b[n++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        b[n++] = (char)(0xE0 | c >> 12);
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        b[n++] = (char)(0x80 | (c & 0x3F));
    } else {
        b[n++] = (char)(0xF0 | c >> 18);
        b[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        b[n++] = (char)(0x80 | (c & 0x3F));
    }
    kv_buf_add(out, b, n);
}

/* The \u escape at p, with its second half if it has one; moves *p behind it. */
static unsigned unescape_u(const char **p, const char *end)
{
    unsigned c = hex4(*p + 2);
    *p += 6;
    if (c >= 0xD800 && c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        unsigned low = hex4(*p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            *p += 6;
            return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return c;
}

void kv_json_unescape(struct kv_slice string, struct kv_buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (kv_json_type(string) != KV_JSON_STRING)
        return;
    const char *p = string.p + 1, *end = string.p + string.n - 1;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        kv_buf_add(out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            return;
        if (p[1] == 'u') {
            add_utf8(out, unescape_u(&p, end));
            continue;
        }
        const char *known = strchr(from, p[1]);
        kv_buf_add_char(out, known ? to[known - from] : p[1]);
        p += 2;
    }
}

char *kv_json_strdup(struct kv_slice string)
{
    struct kv_buf b = {0};
    kv_json_unescape(string, &b);
    return kv_buf_detach(&b);
}

bool kv_json_string_is(struct kv_slice string, const char *text)
{
    return kv_json_type(string) == KV_JSON_STRING && key_is(string, kv_slice(text));
}

/* Decodes one character, lone surrogates in their three-byte form included; 0 length if invalid. */
static size_t decode(const unsigned char *p, size_t left, unsigned *c)
{
    size_t n = utf8_length(p, left);
    if (!n && left >= 3 && p[0] == 0xED && p[1] >= 0xA0 && p[1] <= 0xBF && (p[2] & 0xC0) == 0x80)
        n = 3;
    switch (n) {
    case 2:
        *c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        break;
    case 3:
        *c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        break;
    case 4:
        *c = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
        break;
    default:
        *c = 0xFFFD;
    }
    return n;
}

static void quote_ascii(struct kv_buf *out, unsigned char c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        kv_buf_add_char(out, '\\');
        kv_buf_add_char(out, to[known - from]);
    } else {
        kv_buf_printf(out, "\\u%04x", c);
    }
}

static void quote_wide(struct kv_buf *out, unsigned c, enum kv_json_style style)
{
    if (style == KV_JSON_RAW && !(c >= 0xD800 && c < 0xE000))
        add_utf8(out, c);
    else if (c < 0x10000)
        kv_buf_printf(out, "\\u%04x", c);
    else
        kv_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
            0xDC00 + ((c - 0x10000) & 0x3FF));
}

void kv_json_quote(struct kv_buf *out, struct kv_slice text, enum kv_json_style style)
{
    const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
    kv_buf_add_char(out, '"');
    while (p < end) {
        struct scan plain = {(const char *)p, (const char *)end, NULL, 0};
        if (style == KV_JSON_RAW) /* DEL passes a whole-word test, and is plain only here */
            skip_plain(&plain);
        while (plain.at < plain.end && *plain.at >= 0x20 && *plain.at < 0x7F && *plain.at != '"' &&
               *plain.at != '\\')
            plain.at++;
        kv_buf_add(out, p, (size_t)(plain.at - (const char *)p));
        p = (const unsigned char *)plain.at;
        if (p == end)
            break;
        if (*p < 0x80) {
            if (*p == 0x7F && style == KV_JSON_RAW)
                kv_buf_add_char(out, 0x7F);
            else
                quote_ascii(out, *p);
            p++;
        } else {
            unsigned c;
            size_t n = decode(p, (size_t)(end - p), &c);
            quote_wide(out, c, style);
            p += n ? n : 1;
        }
    }
    kv_buf_add_char(out, '"');
}

void kv_json_quote_str(struct kv_buf *out, const char *text)
{
    if (text)
        kv_json_quote(out, kv_slice(text), KV_JSON_RAW);
    else
        kv_buf_add_str(out, "null");
}

void kv_json_compact(struct kv_buf *out, struct kv_slice value)
{
    const char *p = value.p, *end = value.p + value.n;
    while (p < end) {
        const char *first = p;
        if (*p == '"') {
            p = end_of_string(p);
            kv_buf_add(out, first, (size_t)(p - first));
        } else if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
            p++;
        } else {
            while (p < end && *p != '"' && (unsigned char)*p > ' ')
                p++;
            kv_buf_add(out, first, (size_t)(p - first));
        }
    }
}
