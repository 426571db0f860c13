/* repair - strict JSON made of what is almost JSON. */
#include "repair.h"

#include "json.h"
#include "num.h"

#include <stdint.h>
#include <string.h>
#include <unistr.h>

enum { MAX_DEPTH = 200 };

struct reader {
    const char *at, *end;
    struct kv_buf *out;
    int depth;
};

static char peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static bool starts(const struct reader *r, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

static void skip_to(struct reader *r, const char *text)
{
    const char *found = memmem(r->at, (size_t)(r->end - r->at), text, strlen(text));
    r->at = found ? found + strlen(text) : r->end;
}

/* White space and comments. */
static void skip_space(struct reader *r)
{
    while (r->at < r->end) {
        if (starts(r, "//") || *r->at == '#')
            skip_to(r, "\n");
        else if (starts(r, "/*"))
            skip_to(r, "*/");
        else if (strchr(" \t\r\n", *r->at) && *r->at)
            r->at++;
        else
            return;
    }
}

/* ---- strings ---- */

/* The closing quote that belongs to what stands here, NULL if that is no quote. */
static const char *closing_quote(const struct reader *r)
{
    static const char *const pairs[][2] = {{"\"", "\""}, {"'", "'"},
        {"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"\xe2\x80\x98", "\xe2\x80\x99"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (starts(r, pairs[i][0]))
            return pairs[i][1];
    return NULL;
}

static int hex(const char *p, const char *end)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p + i < end ? p[i] : '\0', low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* Behind the backslash; what JSON does not know stands for itself. */
static void take_escape(struct reader *r, struct kv_buf *text)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = peek(r);
    const char *simple = c ? strchr(from, c) : NULL;
    int code = c == 'u' ? hex(r->at + 1, r->end) : -1;
    if (simple) {
        kv_buf_add_char(text, to[simple - from]);
        r->at++;
    } else if (code >= 0) {
        struct kv_buf token = {0}; /* json knows about pairs of surrogates */
        size_t n = 5;
        if (code >= 0xD800 && code < 0xDC00 && r->end - r->at >= 11 && r->at[5] == '\\' &&
            r->at[6] == 'u' && hex(r->at + 7, r->end) >= 0xDC00)
            n = 11;
        kv_buf_add_str(&token, "\"\\");
        kv_buf_add(&token, r->at, n);
        kv_buf_add_char(&token, '"');
        kv_json_unescape(kv_slice_of(&token), text);
        kv_buf_release(&token);
        r->at += n;
    } else if (r->at < r->end) {
        kv_buf_add_char(text, *r->at++);
    }
}

static void take_string(struct reader *r, const char *close, struct kv_buf *text)
{
    size_t n = strlen(close);
    r->at += n; /* the opening quote is as long as the closing one */
    while (r->at < r->end && !starts(r, close)) {
        if (*r->at != '\\') {
            kv_buf_add_char(text, *r->at++);
            continue;
        }
        r->at++;
        take_escape(r, text);
    }
    if (r->at < r->end)
        r->at += n;
}

static void add_text(struct reader *r, const struct kv_buf *text)
{
    kv_json_quote(r->out, kv_slice_of(text), KV_JSON_RAW);
}

/* ---- words and numbers ---- */

/* Up to one of the characters, or a comment. */
static struct kv_slice take_word(struct reader *r, const char *stops)
{
    const char *start = r->at;
    while (r->at < r->end && !(*r->at && strchr(stops, *r->at)) && !starts(r, " //") &&
           !starts(r, " #"))
        r->at++;
    return kv_slice_strip((struct kv_slice){start, (size_t)(r->at - start)});
}

/* One that Python reads: an integer has its limit. */
static bool is_number(struct kv_slice word)
{
    double x;
    struct kv_slice value;
    struct kv_err ignored;
    return kv_num_double(word, &x) && kv_json_check(word, KV_JSON_DIGITS, &value, &ignored) == 0;
}

static bool add_word(struct reader *r)
{
    static const char *const known[][2] = {{"true", "true"}, {"True", "true"}, {"TRUE", "true"},
        {"false", "false"}, {"False", "false"}, {"FALSE", "false"}, {"null", "null"},
        {"None", "null"}, {"undefined", "null"}, {"NaN", "NaN"}, {"Infinity", "Infinity"},
        {"-Infinity", "-Infinity"}};
    struct kv_slice word = take_word(r, ",}]\n\"");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kv_slice_is(word, known[i][0])) {
            kv_buf_add_str(r->out, known[i][1]);
            return true;
        }
    if (word.n == 0)
        return false;
    if (is_number(word))
        kv_buf_add_slice(r->out, word);
    else
        kv_json_quote(r->out, word, KV_JSON_RAW);
    return true;
}

/* ---- containers ---- */

static bool add_value(struct reader *r);

static bool add_key(struct reader *r)
{
    struct kv_buf text = {0};
    const char *close = closing_quote(r);
    if (close) {
        take_string(r, close, &text);
    } else {
        struct kv_slice word = take_word(r, ":,{}[]\n");
        kv_buf_add_slice(&text, word);
    }
    bool any = close || text.n;
    add_text(r, &text);
    kv_buf_release(&text);
    skip_space(r);
    any &= peek(r) == ':';
    r->at += any;
    kv_buf_add_char(r->out, ':');
    return any;
}

/* Members or items up to the closing bracket, or to the end of the text. */
static void add_members(struct reader *r, bool object)
{
    char close = object ? '}' : ']';
    size_t first = r->out->n;
    for (;;) {
        skip_space(r);
        size_t before = r->out->n;
        const char *from = r->at;
        if (r->at >= r->end || *r->at == close)
            break;
        if (*r->at == '}' ||
            *r->at == ']') /* the bracket of an outer one: this one lacks its own */
            return;
        if (*r->at == ',') {
            r->at++;
            continue;
        }
        if (before > first)
            kv_buf_add_char(r->out, ',');
        if ((object && !add_key(r)) || !add_value(r))
            kv_buf_cut(r->out, before, r->out->n - before);
        r->at += r->at == from; /* what nothing can be made of is passed over */
    }
    r->at += r->at < r->end;
}

static bool add_value(struct reader *r)
{
    skip_space(r);
    const char *close = closing_quote(r);
    if (close) {
        struct kv_buf text = {0};
        take_string(r, close, &text);
        add_text(r, &text);
        kv_buf_release(&text);
        return true;
    }
    char c = peek(r);
    if (c != '{' && c != '[')
        return add_word(r);
    if (++r->depth > MAX_DEPTH) {
        r->at = r->end;
        return false;
    }
    r->at++;
    kv_buf_add_char(r->out, c);
    add_members(r, c == '{');
    kv_buf_add_char(r->out, c == '{' ? '}' : ']');
    r->depth--;
    return true;
}

bool kv_repair_json(struct kv_slice text, struct kv_buf *out)
{
    const char *start = text.n ? memchr(text.p, '{', text.n) : NULL;
    if (!start)
        start = text.n ? memchr(text.p, '[', text.n) : NULL;
    if (!start)
        return false;
    struct reader r = {start, text.p + text.n, out, 0};
    size_t before = out->n;
    if (add_value(&r))
        return true;
    kv_buf_cut(out, before, out->n - before);
    return false;
}
