/* json - a strict scanner over bytes (RFC 8259): no tree, no number conversion, every byte kept.
 *
 * One loop, no recursion: the only state beyond the position is one byte per open bracket, so a
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
    const char *why; /* the first mistake; `at` is where */
    unsigned flags;
    int outside; /* brackets that are open around all of it */
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
        s->at = kv_json_plain(s->at, s->end);
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
            do {
                size_t n = kv_utf8_length(s->at, (size_t)(s->end - s->at));
                if (!n)
                    return complain(s, "invalid UTF-8");
                s->at += n;
            } while (s->at < s->end && (*s->at & 0x80));
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
    const char *first = s->at;
    if (*s->at == '-')
        s->at++;
    const char *digits = s->at;
    if (s->at < s->end && *s->at == 'I') {
        if (s->flags & KV_JSON_NONFINITE)
            return scan_word(s, "Infinity");
        s->at--;
        return complain(s, "expected a value, found -Infinity");
    }
    if (s->at < s->end && *s->at == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    const char *whole = s->at;
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
    if (!(s->flags & KV_JSON_DIGITS) || s->at > whole || whole - digits <= KV_JSON_DIGITS_MAX)
        return true;
    s->at = first;
    return complain(s, "an integer of more than 4300 digits");
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

/* What stands behind a value is neither a comma nor the end of what it is in. */
static bool wrong_separator(struct scan *s, bool object)
{
    if (s->at == s->end)
        return complain(s, "unexpected end");
    return complain(s, object ? "expected ',' or '}'" : "expected ',' or ']'");
}

/* Scans one value. `depth` counts open brackets; `object` tells their kind. */
static bool scan_value(struct scan *s)
{
    unsigned char object[KV_JSON_DEEPEST];
    int depth = 0, most = s->flags & KV_JSON_DEEP ? KV_JSON_DEEPEST : KV_JSON_DEPTH_MAX;
    most -= s->outside;
    for (;;) {
        if (s->at == s->end)
            return complain(s, "unexpected end");
        if (*s->at == '{' || *s->at == '[') {
            if (depth == most)
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
            if (s->at < s->end && *s->at == ',')
                break;
            if (s->at == s->end || *s->at != (object[depth - 1] ? '}' : ']'))
                return wrong_separator(s, object[depth - 1]);
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

/* The value that ends here. */
static bool check_halves(struct scan *s, const char *first)
{
    const struct kv_slice value = {first, (size_t)(s->at - first)};
    size_t lone = s->flags & KV_JSON_PAIRS ? kv_json_lone_surrogate(value, 0) : value.n;
    if (lone == value.n)
        return true;
    s->at = first + lone;
    return complain(s, "half a surrogate pair in string");
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
    struct scan s = {rest->p, rest->p + rest->n, NULL, flags, 0};
    skip_space(&s);
    if (s.at == s.end) {
        *rest = (struct kv_slice){s.end, 0};
        return 0;
    }
    const char *first = s.at;
    if (s.end - s.at >= 3 && memcmp(s.at, "\xEF\xBB\xBF", 3) == 0)
        s.why = "byte-order mark";
    if (s.why || !scan_value(&s) || !check_halves(&s, first))
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
    struct scan s = {rest.p, rest.p + rest.n, NULL, flags, 0};
    skip_space(&s);
    if (got == 0 || s.at < s.end) {
        s.why = got == 0 ? "unexpected end" : "unexpected text after the value";
        return report(&s, text.p, err);
    }
    *value = found;
    return 0;
}

bool kv_json_begins(struct kv_slice text, unsigned flags, int depth, struct kv_slice *value)
{
    struct scan s = {text.p, text.p + text.n, NULL, flags, depth};
    if (!scan_value(&s) || !check_halves(&s, text.p))
        return false;
    *value = (struct kv_slice){text.p, (size_t)(s.at - text.p)};
    return true;
}
