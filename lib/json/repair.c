/* repair - strict JSON made of what is almost JSON, where only one reading is possible.
 *
 * A recursive descent that writes as it reads. It is tried twice: first a text ends at the partner
 * of the quote it began with, and only if that fails at any quote of the same kind, because models
 * mix straight and typographic quotes. A quote inside a text shows in what stands behind it: only
 * punctuation may follow a value.
 */
#include "repair.h"

#include "json.h"
#include "num.h"

#include <string.h>

enum { MAX_DEPTH = 200, SHOWN = 30 };

struct reader {
    const char *at, *end;
    struct kv_buf *out;
    struct kv_err *err;
    int depth;
    bool mixed;  /* any quote of the same kind ends a text */
    bool broken; /* the line was broken where white space was skipped last */
    bool closed;
};

/* ---- characters that mean the same ---- */

static size_t length_of(const char *const *spellings, const char *at, const char *end)
{
    for (; *spellings; spellings++) {
        size_t n = strlen(*spellings);
        if ((size_t)(end - at) >= n && memcmp(at, *spellings, n) == 0)
            return n;
    }
    return 0;
}

/* Full-width forms follow the ASCII ones. */
static const char *const opening_brace[] = {"{", "\xef\xbd\x9b", NULL};
static const char *const closing_brace[] = {"}", "\xef\xbd\x9d", NULL};
static const char *const opening_bracket[] = {"[", "\xef\xbc\xbb", NULL};
static const char *const closing_bracket[] = {"]", "\xef\xbc\xbd", NULL};
static const char *const colon[] = {"=>", ":", "=", "\xef\xbc\x9a", "\xef\xbc\x9d", NULL};
static const char *const comma[] = {
    ",", ";", "\xef\xbc\x8c", "\xe3\x80\x81", "\xd8\x8c", "\xef\xbc\x9b", NULL};
static const char *const spaces[] = {" ", "\t", "\r", "\f", "\v", "\\n", "\\r", "\\t", "\xc2\xa0",
    "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
    "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\x8b",
    "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaf", "\xe2\x81\x9f",
    "\xe2\x81\xa0", "\xe3\x80\x80", "\xef\xbb\xbf", NULL};
static const char *const lines[] = {"\n", "\xe2\x80\xa8", "\xe2\x80\xa9", NULL};

/* Quotes by kind: what is opened by one may be closed by any of its kind. */
static const char *const double_quotes[] = {"\"", "\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e",
    "\xe2\x80\x9f", "\xe2\x80\xb3", "\xef\xbc\x82", "\xc2\xab", "\xc2\xbb", NULL};
static const char *const single_quotes[] = {
    "'", "\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9a", "\xe2\x80\x9b", "\xef\xbc\x87", NULL};

static size_t take(struct reader *r, const char *const *spellings)
{
    size_t n = length_of(spellings, r->at, r->end);
    r->at += n;
    return n;
}

static bool at_one(const struct reader *r, const char *const *spellings)
{
    return length_of(spellings, r->at, r->end) > 0;
}

size_t kv_repair_opening(struct kv_slice text)
{
    return text.n ? length_of(opening_brace, text.p, text.p + text.n) : 0;
}

/* ---- refusing ---- */

static int refuse(struct reader *r, const char *at, const char *why)
{
    struct kv_slice shown = {at, (size_t)(r->end - at)};
    if (shown.n > SHOWN)
        for (shown.n = SHOWN; shown.n && ((unsigned char)at[shown.n] & 0xC0) == 0x80;)
            shown.n--;
    return kv_err_set(r->err, KV_INPUT, "the JSON is not certain at '%.*s': %s", (int)shown.n,
        shown.n ? shown.p : "", why);
}

static int cut_off(struct reader *r)
{
    return kv_err_set(r->err, KV_INPUT, "the JSON ends before it is complete");
}

/* ---- between the values ---- */

/* A comment up to its end; false if it has none. */
static bool skip_comment(struct reader *r, const char *end)
{
    size_t n = strlen(end);
    const char *found = memmem(r->at, (size_t)(r->end - r->at), end, n);
    r->at = found ? found + (*end == '\n' ? 0 : n) : r->end;
    return found;
}

/* White space and comments. A comment that runs to the end of the text may have swallowed
 * anything. */
static int skip_space(struct reader *r)
{
    const char *from = r->at;
    r->broken = false;
    while (r->at < r->end) {
        static const char *const line_comment[] = {"//", "#", NULL};
        static const char *const comment[] = {"/*", NULL};
        if (take(r, lines))
            r->broken = true;
        else if (take(r, spaces))
            continue;
        else if (at_one(r, line_comment) || at_one(r, comment)) {
            if (!skip_comment(r, at_one(r, comment) ? "*/" : "\n"))
                return refuse(r, from, "a comment without an end");
        } else
            break;
    }
    return 0;
}

/* ---- texts ---- */

static const char *const *quotes_at(const struct reader *r)
{
    return at_one(r, double_quotes)   ? double_quotes
           : at_one(r, single_quotes) ? single_quotes
                                      : NULL;
}

/* The one spelling that closes what is opened here. */
static const char *partner(const struct reader *r)
{
    static const char *const pairs[][2] = {{"\xe2\x80\x9c", "\xe2\x80\x9d"},
        {"\xe2\x80\x98", "\xe2\x80\x99"}, {"\xe2\x80\x9e", "\xe2\x80\x9d"},
        {"\xc2\xab", "\xc2\xbb"}, {"\"", "\""}, {"'", "'"}, {"\xef\xbc\x82", "\xef\xbc\x82"},
        {"\xef\xbc\x87", "\xef\xbc\x87"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *const open[] = {pairs[i][0], NULL};
        if (at_one(r, open))
            return pairs[i][1];
    }
    return NULL;
}

static bool is_hex(const char *p, const char *end)
{
    for (int i = 0; i < 4; i++)
        if (p + i >= end || !*p || !strchr("0123456789abcdefABCDEF", p[i]))
            return false;
    return true;
}

static bool is_letter(const char *p, const char *end)
{
    return p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'));
}

/* At a backslash. What JSON does not know as an escape has lost one. */
static int add_escape(struct reader *r, bool key)
{
    const char *p = r->at + 1;
    if (p >= r->end)
        return cut_off(r);
    if ((*p == '\'' && p[-1] == '\\') || (key && *p == '_'))
        kv_buf_add_char(r->out, *p);
    else if (*p && strchr("\"\\/bfnrt", *p))
        kv_buf_add(r->out, r->at, 2);
    else if (*p == 'u' && is_hex(p + 1, r->end))
        kv_buf_add(r->out, r->at, 2);
    else
        return refuse(r, r->at, "a backslash in a text must be written \\\\");
    r->at += 2;
    return 0;
}

static void add_character(struct reader *r)
{
    static const char plain[] = "\n\r\t", letter[] = "nrt";
    unsigned char c = (unsigned char)*r->at;
    const char *known = c ? strchr(plain, c) : NULL;
    if (c == '"')
        kv_buf_add_str(r->out, "\\\"");
    else if (known)
        kv_buf_printf(r->out, "\\%c", letter[known - plain]);
    else if (c < 0x20)
        kv_buf_printf(r->out, "\\u%04x", c);
    else
        kv_buf_add_char(r->out, *r->at);
    r->at++;
}

static int add_string(struct reader *r, const char *const *quotes, bool key)
{
    const char *const exact[] = {partner(r), NULL};
    const char *const *closing = r->mixed ? quotes : exact;
    if (!*closing)
        return refuse(r, r->at, "a text begins with a closing quote");
    take(r, quotes);
    kv_buf_add_char(r->out, '"');
    while (r->at < r->end && !at_one(r, closing)) {
        if (*r->at != '\\')
            add_character(r);
        else if (add_escape(r, key) != 0)
            return -1;
    }
    kv_buf_add_char(r->out, '"');
    return take(r, closing) ? 0 : cut_off(r);
}

/* ---- words and numbers ---- */

/* Up to white space, punctuation or a quote; full-width letters and digits in ASCII. */
static void take_word(struct reader *r, struct kv_buf *word)
{
    const char *const *const stops[] = {opening_brace, closing_brace, opening_bracket,
        closing_bracket, colon, comma, spaces, lines, double_quotes, single_quotes};
    static const char *const minus[] = {"\xe2\x88\x92", NULL};
    for (; r->at < r->end; r->at++) {
        for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
            if (at_one(r, stops[i]))
                return;
        unsigned char c[3] = {0};
        memcpy(c, r->at, r->end - r->at < 3 ? (size_t)(r->end - r->at) : 3);
        if (at_one(r, minus) || (c[0] == 0xEF && (c[1] == 0xBC || c[1] == 0xBD) && c[2] >= 0x80)) {
            kv_buf_add_char(word, at_one(r, minus) ? '-'
                                  : c[1] == 0xBC   ? (char)(c[2] - 0x60)
                                                   : (char)(c[2] - 0x20));
            r->at += 2;
        } else {
            kv_buf_add_char(word, *r->at);
        }
    }
}

static size_t count_digits(struct kv_slice s, size_t i)
{
    size_t n = 0;
    while (i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9')
        n++;
    return n;
}

/* A decimal number, also +7, .5 and 5., as JSON spells it. False if it is none. */
static bool add_number(struct kv_buf *out, struct kv_slice s)
{
    bool minus = s.n && *s.p == '-';
    size_t i = s.n && (*s.p == '-' || *s.p == '+'), start = i;
    size_t whole = count_digits(s, i), part = 0;
    i += whole;
    if (i < s.n && s.p[i] == '.') {
        part = count_digits(s, ++i);
        i += part;
    }
    size_t exponent = i;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
            i++;
        size_t n = count_digits(s, i);
        i += n ? n : s.n;
    }
    if (i != s.n || whole + part == 0 || (whole > 1 && s.p[start] == '0'))
        return false;
    kv_buf_add_str(out, minus ? "-" : "");
    kv_buf_add_str(out, whole ? "" : "0");
    kv_buf_add(out, s.p + start, exponent - start);
    kv_buf_add_str(out, exponent > start + whole && !part ? "0" : "");
    kv_buf_add(out, s.p + exponent, s.n - exponent);
    return true;
}

static bool add_literal(struct kv_buf *out, struct kv_slice word)
{
    static const char *const known[][2] = {{"true", "true"}, {"True", "true"}, {"TRUE", "true"},
        {"false", "false"}, {"False", "false"}, {"FALSE", "false"}, {"null", "null"},
        {"Null", "null"}, {"NULL", "null"}, {"None", "null"}, {"undefined", "null"}, {"NaN", "NaN"},
        {"nan", "NaN"}, {"Infinity", "Infinity"}, {"-Infinity", "-Infinity"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kv_slice_is(word, known[i][0])) {
            kv_buf_add_str(out, known[i][1]);
            return true;
        }
    return false;
}

static int add_word(struct reader *r)
{
    struct kv_buf word = {0};
    const char *from = r->at;
    take_word(r, &word);
    bool number = add_number(r->out, kv_slice_of(&word));
    bool known = number || add_literal(r->out, kv_slice_of(&word)), empty = !word.n;
    kv_buf_release(&word);
    if (number && r->at == r->end)
        return refuse(r, from, "the number may be cut off");
    if (known)
        return 0;
    if (r->at == r->end)
        return cut_off(r);
    return refuse(
        r, from, empty ? "a value is missing" : "a text needs quotes, and a number only digits");
}

/* ---- containers ---- */

static int add_value(struct reader *r);

static int add_key(struct reader *r)
{
    const char *from = r->at;
    const char *const *quotes = quotes_at(r);
    struct kv_buf word = {0};
    if (quotes && add_string(r, quotes, true) != 0)
        return -1;
    if (!quotes) {
        take_word(r, &word);
        bool name = word.n && !strchr("+-.0123456789", *word.p);
        kv_json_quote(r->out, kv_slice_of(&word), KV_JSON_RAW);
        kv_buf_release(&word);
        if (!name)
            return refuse(r, from, "expected the name of a member");
    }
    if (skip_space(r) != 0)
        return -1;
    if (r->at == r->end)
        return cut_off(r);
    if (!take(r, colon))
        return refuse(r, from, "a name without a value, or a quote inside a text (write \\\")");
    kv_buf_add_char(r->out, ':');
    return 0;
}

/* Behind an item at r->at, `text`: it was a text. 1 if another may follow, 0 at the closing one. */
static int add_separator(struct reader *r, bool object, bool text)
{
    const char *from = r->at;
    bool commas = false;
    if (skip_space(r) != 0)
        return -1;
    bool broken = r->broken;
    while (take(r, comma)) {
        if (commas && !object)
            return refuse(r, from, "an item of a list is missing");
        commas = true;
        if (skip_space(r) != 0)
            return -1;
    }
    if (take(r, object ? closing_brace : closing_bracket))
        return 0;
    if (r->at == r->end && object && r->depth == 1 && !commas) {
        r->closed = false;
        return 0;
    }
    if (r->at == r->end)
        return cut_off(r);
    if (!commas && !(object && at_one(r, double_quotes) && (broken || !text)))
        return refuse(
            r, from, "expected a comma or the end; a quote inside a text is written \\\"");
    kv_buf_add_char(r->out, ',');
    return 1;
}

static int add_items(struct reader *r, bool object)
{
    int more = 1;
    if (skip_space(r) != 0)
        return -1;
    if (take(r, object ? closing_brace : closing_bracket))
        return 0;
    while (more == 1) {
        if (r->at == r->end)
            return cut_off(r);
        if ((object && add_key(r) != 0) || skip_space(r) != 0)
            return -1;
        bool text = quotes_at(r);
        if (add_value(r) != 0)
            return -1;
        more = add_separator(r, object, text);
    }
    return more;
}

static int add_value(struct reader *r)
{
    const char *const *quotes = quotes_at(r);
    if (r->at == r->end)
        return cut_off(r);
    if (quotes)
        return add_string(r, quotes, false);
    bool object = at_one(r, opening_brace);
    if (!take(r, opening_brace) && !take(r, opening_bracket))
        return add_word(r);
    if (++r->depth > MAX_DEPTH)
        return refuse(r, r->at, "nested too deeply");
    kv_buf_add_char(r->out, object ? '{' : '[');
    int failed = add_items(r, object);
    kv_buf_add_char(r->out, object ? '}' : ']');
    r->depth--;
    return failed;
}

/* What was written is JSON but for what no reader takes: bytes that are no UTF-8, an integer beyond
 * Python's limit. */
static bool is_sound(const struct kv_buf *out, size_t from)
{
    struct kv_slice written = {out->p + from, out->n - from}, value;
    return kv_json_check(written, KV_JSON_NONFINITE | KV_JSON_DIGITS, &value, NULL) == 0;
}

int kv_repair_object(
    struct kv_slice text, struct kv_buf *out, struct kv_repaired *done, struct kv_err *err)
{
    size_t before = out->n;
    struct kv_err first;
    for (int mixed = 0; mixed < 2; mixed++) {
        struct reader r = {.at = text.p,
            .end = text.p + text.n,
            .out = out,
            .err = mixed ? err : &first,
            .mixed = mixed,
            .closed = true};
        int failed = add_value(&r);
        if (!failed && is_sound(out, before)) {
            *done = (struct kv_repaired){r.at, r.closed};
            return 0;
        }
        if (!failed)
            kv_err_set(r.err, KV_INPUT, "the JSON holds what no reader takes");
        kv_buf_cut(out, before, out->n - before);
    }
    return kv_err_copy(err, &first);
}

/* ---- doubts about strict JSON ---- */

/* Commands of TeX that begin with what JSON takes for an escape: \theta is a tab and "heta". */
static bool is_command(const char *p, const char *end)
{
    static const char *const names[] = {"theta", "times", "tau", "text", "textbf", "textit", "to",
        "tan", "tilde", "tfrac", "triangle", "nu", "ne", "neq", "nabla", "notin", "rho", "right",
        "rightarrow", "rangle", "rm", "rfloor", "rceil"};
    size_t n = 0;
    while (is_letter(p + n, end))
        n++;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && memcmp(p, names[i], n) == 0)
            return true;
    return false;
}

static bool lost_backslash(struct kv_slice string)
{
    const char *end = string.p + string.n;
    for (const char *p = string.p; p + 1 < end; p++) {
        if (*p != '\\')
            continue;
        p++;
        if ((*p == 'b' || *p == 'f') && is_letter(p + 1, end))
            return true;
        if (*p && strchr("nrt", *p) && is_command(p, end))
            return true;
    }
    return false;
}

static int doubt_string(struct kv_slice string, struct kv_err *err)
{
    if (!lost_backslash(string))
        return 0;
    return kv_err_set(err, KV_INPUT, "a backslash in a text must be written \\\\: %.*s",
        (int)(string.n < 60 ? string.n : 60), string.p);
}

int kv_repair_doubt(struct kv_slice value, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, v;
    bool object = kv_json_type(value) == KV_JSON_OBJECT;
    if (kv_json_type(value) == KV_JSON_STRING)
        return doubt_string(value, err);
    kv_json_begin(&w, value);
    while (object ? kv_json_member(&w, &key, &v) : kv_json_item(&w, &v)) {
        if (kv_repair_doubt(v, err) != 0)
            return -1;
    }
    return 0;
}
