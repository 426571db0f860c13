/* lexer - Python source as tokens. */
#include "lexer.h"

#include "json.h"
#include "num.h"
#include "unicode_name.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum { MAX_INDENTS = 100, MAX_BRACKETS = 200 };

/* How far a line is indented: with tabs to every eighth column, and with a tab as one column. Only
 * where both agree does the indentation mean the same to everybody. */
struct indent {
    size_t width, narrow;
};

struct bracket {
    char closer; /* waited for */
    size_t line; /* of the opening one */
};

struct lexer {
    const char *at, *end;
    size_t line;
    struct indent indents[MAX_INDENTS];
    size_t depth; /* of indents */
    struct bracket brackets[MAX_BRACKETS];
    size_t open;
    struct kv_lexer_tokens *out;
    struct kv_err *err;
};

int kv_lexer_syntax(struct kv_err *err, size_t line, const char *format, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return kv_err_set(err, KV_INPUT, "%s (<string>, line %zu)", what, line);
}

void kv_lexer_tokens_release(struct kv_lexer_tokens *t)
{
    free(t->items);
    kv_buf_release(&t->pool);
    *t = (struct kv_lexer_tokens){0};
}

static int wrong(struct lexer *x, const char *what)
{
    return kv_lexer_syntax(x->err, x->line, "%s", what);
}

static struct kv_lexer_token *emit(struct lexer *x, enum kv_lexer_kind kind)
{
    struct kv_lexer_tokens *t = x->out;
    t->items = kv_grow(t->items, t->n, sizeof *t->items);
    struct kv_lexer_token *k = &t->items[t->n++];
    *k = (struct kv_lexer_token){kind, t->pool.n, 0, x->line};
    return k;
}

static void emit_text(struct lexer *x, enum kv_lexer_kind kind, const char *p, size_t n)
{
    struct kv_lexer_token *k = emit(x, kind);
    kv_buf_add(&x->out->pool, p, n);
    k->n = n;
}

static char peek(const struct lexer *x, size_t ahead)
{
    return (size_t)(x->end - x->at) > ahead ? x->at[ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c);
}

/* ---- strings ---- */

static void add_char(struct kv_buf *out, uint32_t c)
{
    uint8_t utf8[6];
    if (c >= 0xD800 && c <= 0xDFFF) { /* kept in the generalised form that json knows */
        kv_buf_add_char(out, (char)0xED);
        kv_buf_add_char(out, (char)(0x80 | ((c >> 6) & 0x3F)));
        kv_buf_add_char(out, (char)(0x80 | (c & 0x3F)));
        return;
    }
    int n = u8_uctomb(utf8, c, sizeof utf8);
    if (n > 0)
        kv_buf_add(out, utf8, (size_t)n);
}

/* Up to `most` digits of a base; -1 if fewer than `least`. */
static long escape_digits(struct lexer *x, int base, int least, int most)
{
    long v = 0;
    int n = 0;
    for (; n < most; n++) {
        char c = peek(x, 0);
        int d = is_digit(c)              ? c - '0'
                : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                         : base;
        if (d >= base)
            break;
        v = v * base + d;
        x->at++;
    }
    return n < least ? -1 : v;
}

static int named_escape(struct lexer *x, struct kv_buf *out)
{
    ucs4_t c;
    const char *close = memchr(x->at, '}', (size_t)(x->end - x->at));
    if (peek(x, 0) != '{' || !close)
        return wrong(x, "malformed \\N character escape");
    if (!kv_unicode_name((struct kv_slice){x->at + 1, (size_t)(close - x->at) - 1}, &c))
        return wrong(x, "unknown Unicode character name");
    x->at = close + 1;
    add_char(out, c);
    return 0;
}

/* Behind the backslash. An escape that Python does not know stands for itself. */
static int escape(struct lexer *x, struct kv_buf *out)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = *x->at;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        kv_buf_add_char(out, to[simple - from]);
        x->at++;
        return 0;
    }
    if (c == '\n') {
        x->at++;
        x->line++;
        return 0;
    }
    long v;
    if (c >= '0' && c <= '7') {
        add_char(out, (uint32_t)escape_digits(x, 8, 1, 3));
        return 0;
    }
    if (c != 'x' && c != 'u' && c != 'U' && c != 'N') {
        kv_buf_add_char(out, '\\');
        return 0;
    }
    x->at++;
    if (c == 'N')
        return named_escape(x, out);
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    v = escape_digits(x, 16, digits, digits);
    if (v < 0 || v > 0x10FFFF)
        return wrong(x, "(unicode error) malformed escape in a string literal");
    add_char(out, (uint32_t)v);
    return 0;
}

/* At the opening quote. */
static int take_string(struct lexer *x, bool raw, struct kv_buf *out)
{
    char quote = *x->at;
    bool triple = peek(x, 1) == quote && peek(x, 2) == quote;
    size_t first = x->line;
    x->at += triple ? 3 : 1;
    for (;;) {
        if (x->at >= x->end || (*x->at == '\n' && !triple)) {
            size_t last = x->line - (x->at >= x->end && x->at[-1] == '\n');
            return kv_lexer_syntax(x->err, first,
                "unterminated %sstring literal (detected at line %zu)",
                triple ? "triple-quoted " : "", last);
        }
        char c = *x->at;
        if (c == quote && (!triple || (peek(x, 1) == quote && peek(x, 2) == quote))) {
            x->at += triple ? 3 : 1;
            return 0;
        }
        x->at++;
        x->line += c == '\n';
        if (c != '\\' || x->at >= x->end) {
            kv_buf_add_char(out, c);
        } else if (raw) {
            kv_buf_add_char(out, c);
            x->line += *x->at == '\n';
            kv_buf_add_char(out, *x->at++);
        } else if (escape(x, out) != 0) {
            return -1;
        }
    }
}

/* The length of a string prefix (r, u, b, f, rb, …) if a quote follows it, else -1. */
static int string_prefix(const struct lexer *x)
{
    int n = 0;
    while (n < 3 && peek(x, (size_t)n) && strchr("rRuUbBfF", peek(x, (size_t)n)))
        n++;
    char a = (char)(peek(x, 0) | 0x20), b = (char)(peek(x, 1) | 0x20), quote = peek(x, (size_t)n);
    bool pair = (a == 'r' && (b == 'b' || b == 'f')) || (b == 'r' && (a == 'b' || a == 'f'));
    return (n < 2 || (n == 2 && pair)) && (quote == '"' || quote == '\'') ? n : -1;
}

static int lex_string(struct lexer *x, size_t prefix)
{
    bool raw = false;
    const char *odd = NULL;
    for (size_t i = 0; i < prefix; i++) {
        char c = (char)(x->at[i] | 0x20);
        raw |= c == 'r';
        odd = c == 'f' ? "an f-string" : c == 'b' ? "a bytes literal" : odd;
    }
    x->at += prefix;
    size_t start = x->out->pool.n, line = x->line;
    if (take_string(x, raw, &x->out->pool) != 0)
        return -1;
    if (odd) {
        kv_buf_cut(&x->out->pool, start, x->out->pool.n - start);
        emit_text(x, KV_LEXER_ODD, odd, strlen(odd));
        return 0;
    }
    struct kv_lexer_token *k = emit(x, KV_LEXER_STRING);
    k->at = start;
    k->n = x->out->pool.n - start;
    k->line = line;
    return 0;
}

/* ---- numbers ---- */

/* text = text × base + digit, in decimal. */
static void times_plus(struct kv_buf *text, int base, int digit)
{
    int carry = digit;
    for (size_t i = text->n; i-- > 0;) {
        int v = (text->p[i] - '0') * base + carry;
        text->p[i] = (char)('0' + v % 10);
        carry = v / 10;
    }
    for (; carry; carry /= 10) {
        kv_buf_add_char(text, '0');
        memmove(text->p + 1, text->p, text->n - 1);
        text->p[0] = (char)('0' + carry % 10);
    }
}

static int lex_based(struct lexer *x, int base)
{
    const char *name = base == 16 ? "hexadecimal" : base == 8 ? "octal" : "binary";
    struct kv_buf text = {0};
    char last = '_', c = '\0';
    for (x->at += 2; is_name(c = peek(x, 0)) && text.n < 1000; x->at++) {
        int d = is_digit(c)                              ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                         : 99;
        if (c == '_' ? last == '_' && text.n : d >= base)
            break;
        if (c != '_')
            times_plus(&text, base, d);
        last = c;
    }
    bool good = text.n && last != '_' && !is_name(c);
    if (good)
        emit_text(x, KV_LEXER_NUMBER, text.p, text.n);
    kv_buf_release(&text);
    if (!good && is_digit(c))
        return kv_lexer_syntax(x->err, x->line, "invalid digit '%c' in %s literal", c, name);
    return good ? 0 : kv_lexer_syntax(x->err, x->line, "invalid %s literal", name);
}

/* Digits with single underscores between them; the underscores are dropped. */
static void take_digits(struct lexer *x, struct kv_buf *text)
{
    for (bool some = false;
         is_digit(peek(x, 0)) || (some && peek(x, 0) == '_' && is_digit(peek(x, 1)));
         some = true, x->at++)
        if (*x->at != '_')
            kv_buf_add_char(text, *x->at);
}

static bool take_float_tail(struct lexer *x, struct kv_buf *text)
{
    bool is_float = false;
    if (peek(x, 0) == '.') {
        is_float = true;
        if (text->n == 0)
            kv_buf_add_char(text, '0');
        kv_buf_add_char(text, *x->at++);
        take_digits(x, text);
        if (text->p[text->n - 1] == '.')
            kv_buf_add_char(text, '0');
    }
    size_t sign = peek(x, 1) == '+' || peek(x, 1) == '-';
    if ((peek(x, 0) | 0x20) == 'e' && is_digit(peek(x, 1 + sign))) {
        is_float = true;
        kv_buf_add(text, x->at, 1 + sign);
        x->at += 1 + sign;
        take_digits(x, text);
    }
    return is_float;
}

static void emit_float(struct lexer *x, const char *text)
{
    double v = kv_num_strtod(text, NULL);
    struct kv_buf spelled = {0};
    kv_num_add_double(&spelled, v, KV_NUM_PYTHON);
    if (isfinite(v))
        emit_text(x, KV_LEXER_NUMBER, spelled.p, spelled.n);
    else
        emit_text(x, KV_LEXER_ODD, "a number beyond a double", 24);
    kv_buf_release(&spelled);
}

static int lex_number(struct lexer *x)
{
    char second = (char)(peek(x, 1) | 0x20);
    if (*x->at == '0' && (second == 'x' || second == 'o' || second == 'b'))
        return lex_based(x, second == 'x' ? 16 : second == 'o' ? 8 : 2);
    struct kv_buf text = {0};
    take_digits(x, &text);
    bool is_float = take_float_tail(x, &text), octal = false;
    if (!is_float && text.n > 1 && text.p[0] == '0') {
        octal = strspn(text.p, "0") != text.n;
        text.n = 1;
    }
    bool imaginary = (peek(x, 0) | 0x20) == 'j';
    size_t digits = is_float || imaginary ? 0 : text.n;
    if (imaginary) {
        x->at++;
        emit_text(x, KV_LEXER_ODD, "an imaginary number", 19);
    } else if (is_float) {
        emit_float(x, text.p);
    } else {
        emit_text(x, KV_LEXER_NUMBER, text.p, text.n);
    }
    kv_buf_release(&text);
    if (digits > KV_JSON_DIGITS_MAX)
        return wrong(x, "Exceeds the limit (4300 digits) for integer string conversion");
    if (octal)
        return wrong(x, "leading zeros in decimal integer literals are not permitted; "
                        "use an 0o prefix for octal integers");
    return is_name_start(peek(x, 0)) && peek(x, 0) != 'i' && peek(x, 0) != 'o' && peek(x, 0) != 'a'
               ? wrong(x, "invalid decimal literal")
               : 0;
}

/* ---- operators, lines ---- */

static char opener(char closer)
{
    return closer == ')' ? '(' : closer == ']' ? '[' : '{';
}

static int lex_bracket(struct lexer *x)
{
    static const char pairs[] = "()[]{}";
    char c = *x->at;
    const char *p = strchr(pairs, c);
    if ((p - pairs) % 2 == 0) {
        if (x->open == MAX_BRACKETS)
            return wrong(x, "too many nested parentheses");
        x->brackets[x->open++] = (struct bracket){p[1], x->line};
    } else if (x->open == 0) {
        return kv_lexer_syntax(x->err, x->line, "unmatched '%c'", c);
    } else if (x->brackets[--x->open].closer != c) {
        return kv_lexer_syntax(x->err, x->line,
            "closing parenthesis '%c' does not match opening parenthesis '%c'", c,
            opener(x->brackets[x->open].closer));
    }
    emit_text(x, KV_LEXER_OP, x->at++, 1);
    return 0;
}

static int lex_operator(struct lexer *x)
{
    static const char *const operators[] = {"**=", "//=", ">>=", "<<=", "...", "!=", "->",
        ":=", "==", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", "**", "//",
        "<<", ">>"};
    if (strchr("()[]{}", *x->at))
        return lex_bracket(x);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t n = strlen(operators[i]);
        if ((size_t)(x->end - x->at) >= n && memcmp(x->at, operators[i], n) == 0) {
            emit_text(x, KV_LEXER_OP, x->at, n);
            x->at += n;
            return 0;
        }
    }
    if (!strchr("+-*/%&|^~<>=.,:;@", *x->at))
        return wrong(x, "invalid syntax");
    emit_text(x, KV_LEXER_OP, x->at++, 1);
    return 0;
}

static void skip_comment(struct lexer *x)
{
    while (x->at < x->end && *x->at != '\n')
        x->at++;
}

static int indent_to(struct lexer *x, struct indent to)
{
    const char *mixed = "inconsistent use of tabs and spaces in indentation";
    const struct indent *top = &x->indents[x->depth];
    if (to.width > top->width) {
        if (to.narrow <= top->narrow)
            return wrong(x, mixed);
        if (x->depth + 1 == MAX_INDENTS)
            return wrong(x, "too many levels of indentation");
        x->indents[++x->depth] = to;
        emit(x, KV_LEXER_INDENT);
        return 0;
    }
    for (; to.width < top->width; top--) {
        x->depth--;
        emit(x, KV_LEXER_DEDENT);
    }
    if (to.width != top->width)
        return wrong(x, "unindent does not match any outer indentation level");
    return to.narrow == top->narrow ? 0 : wrong(x, mixed);
}

/* At the start of a logical line: white space, blank lines and comments, then the indentation. */
static int lex_indentation(struct lexer *x)
{
    struct indent to = {0, 0};
    for (; x->at < x->end; x->at++) {
        if (*x->at == '#')
            skip_comment(x);
        if (x->at >= x->end || *x->at == '\0' || !strchr(" \t\f\n", *x->at))
            break;
        if (*x->at == '\f' || *x->at == '\n') {
            to = (struct indent){0, 0};
            x->line += *x->at == '\n';
        } else {
            to.width = *x->at == ' ' ? to.width + 1 : (to.width / 8 + 1) * 8;
            to.narrow++;
        }
    }
    return x->at >= x->end ? 0 : indent_to(x, to);
}

/* What is no letter in any script is no part of a name. */
static int check_letters(struct lexer *x, const char *p, size_t n)
{
    const uint8_t *at = (const uint8_t *)p, *stop = at + n;
    for (bool first = true; at < stop; first = false) {
        ucs4_t c;
        int length = u8_mbtouc(&c, at, (size_t)(stop - at));
        if (c != '_' && !(first ? uc_is_property_xid_start(c) : uc_is_property_xid_continue(c))) {
            bool shown =
                !uc_is_general_category_withtable(c, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z);
            return shown ? kv_lexer_syntax(x->err, x->line, "invalid character '%.*s' (U+%04X)",
                               length, (const char *)at, (unsigned)c)
                         : kv_lexer_syntax(x->err, x->line,
                               "invalid non-printable character U+%04X", (unsigned)c);
        }
        at += length;
    }
    return 0;
}

/* A name is compared by its normal form NFKC. */
static int lex_name(struct lexer *x)
{
    const char *start = x->at;
    bool ascii = true;
    for (; x->at < x->end && is_name(*x->at); x->at++)
        ascii &= (unsigned char)*x->at < 0x80;
    size_t n = (size_t)(x->at - start), length = 0;
    if (ascii) {
        emit_text(x, KV_LEXER_NAME, start, n);
        return 0;
    }
    if (check_letters(x, start, n) != 0)
        return -1;
    uint8_t *normal = u8_normalize(UNINORM_NFKC, (const uint8_t *)start, n, NULL, &length);
    if (!normal)
        return wrong(x, "invalid name");
    emit_text(x, KV_LEXER_NAME, (const char *)normal, length);
    free(normal);
    return 0;
}

static int lex_one(struct lexer *x, bool *line_start)
{
    char c = *x->at;
    int prefix = string_prefix(x);
    if (c == '\n') {
        if (x->open == 0) {
            emit(x, KV_LEXER_NEWLINE);
            *line_start = true;
        }
        x->line++;
        x->at++;
        return 0;
    }
    if (c == ' ' || c == '\t' || c == '\f') {
        x->at++;
        return 0;
    }
    if (c == '#') {
        skip_comment(x);
        return 0;
    }
    if (c == '\\') {
        if (peek(x, 1) && peek(x, 1) != '\n')
            return wrong(x, "unexpected character after line continuation character");
        if (x->end - x->at <= 2)
            return wrong(x, "unexpected EOF while parsing");
        x->at += 2;
        x->line++;
        return 0;
    }
    if (prefix >= 0)
        return lex_string(x, (size_t)prefix);
    if (is_digit(c) || (c == '.' && is_digit(peek(x, 1))))
        return lex_number(x);
    return is_name_start(c) ? lex_name(x) : lex_operator(x);
}

static int lex_all(struct lexer *x)
{
    bool line_start = true;
    while (x->at < x->end) {
        if (line_start && lex_indentation(x) != 0)
            return -1;
        line_start = false;
        if (x->at < x->end && lex_one(x, &line_start) != 0)
            return -1;
    }
    if (x->open) {
        const struct bracket *b = &x->brackets[x->open - 1];
        return kv_lexer_syntax(x->err, b->line, "'%c' was never closed", opener(b->closer));
    }
    if (x->line > 1 && x->end[-1] == '\n')
        x->line--; /* what follows stands at the end of the last line */
    emit(x, KV_LEXER_NEWLINE);
    for (; x->depth; x->depth--)
        emit(x, KV_LEXER_DEDENT);
    emit(x, KV_LEXER_END);
    return 0;
}

/* Line ends as Python reads them: CR LF and CR are LF. */
static void unify_lines(struct kv_slice source, struct kv_buf *out)
{
    for (size_t i = 0; i < source.n; i++)
        if (source.p[i] != '\r')
            kv_buf_add_char(out, source.p[i]);
        else if (i + 1 == source.n || source.p[i + 1] != '\n')
            kv_buf_add_char(out, '\n');
}

int kv_lexer_tokens_read(struct kv_slice source, struct kv_lexer_tokens *out, struct kv_err *err)
{
    struct kv_buf text = {0};
    *out = (struct kv_lexer_tokens){0};
    if (source.n && memchr(source.p, '\0', source.n))
        return kv_err_set(err, KV_INPUT, "source code string cannot contain null bytes");
    unify_lines(source, &text);
    kv_buf_reserve(&out->pool, source.n + 1); /* texts may point there even if all are empty */
    const char *first = text.n ? text.p : "";
    struct lexer x = {.at = first, .end = first + text.n, .line = 1, .out = out, .err = err};
    int rc = lex_all(&x);
    if (rc != 0)
        kv_lexer_tokens_release(out);
    kv_buf_release(&text);
    return rc;
}
