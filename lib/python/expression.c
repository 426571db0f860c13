/* expression - the expressions of declarative Python. */
#include "expression.h"

#include "json.h"

#include <string.h>

const struct kv_lexer_token *kv_expression_now(const struct kv_expression_parser *p)
{
    return &p->tokens->items[p->at];
}

struct kv_slice kv_expression_text(const struct kv_expression_parser *p)
{
    return (struct kv_slice){p->tokens->pool.p + kv_expression_now(p)->at, kv_expression_now(p)->n};
}

bool kv_expression_is_op(const struct kv_expression_parser *p, const char *op)
{
    return kv_expression_now(p)->kind == KV_LEXER_OP && kv_slice_is(kv_expression_text(p), op);
}

bool kv_expression_is_word(const struct kv_expression_parser *p, const char *word)
{
    return kv_expression_now(p)->kind == KV_LEXER_NAME && kv_slice_is(kv_expression_text(p), word);
}

bool kv_expression_take_op(struct kv_expression_parser *p, const char *op)
{
    bool yes = kv_expression_is_op(p, op);
    p->at += yes;
    return yes;
}

int kv_expression_wrong(struct kv_expression_parser *p, const char *what)
{
    return kv_lexer_syntax(p->err, kv_expression_now(p)->line, "%s", what);
}

bool kv_expression_is_keyword(struct kv_slice name)
{
    static const char *const words[] = {"False", "None", "True", "and", "as", "assert", "async",
        "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally",
        "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or",
        "pass", "raise", "return", "try", "while", "with", "yield"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kv_slice_is(name, words[i]))
            return true;
    return false;
}

/* ---- expressions ---- */

static bool ends_expression(const struct kv_expression_parser *p)
{
    static const char *const ends[] = {",", ")", "]", "}", "=", ":", ";"};
    if (kv_expression_now(p)->kind == KV_LEXER_NEWLINE ||
        kv_expression_now(p)->kind == KV_LEXER_END)
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (kv_expression_is_op(p, ends[i]))
            return true;
    return false;
}

/* Behind part of an expression that is no value: skips to its end. Brackets are balanced, the
 * tokens made sure. A lambda's colon and commas are its own. */
static void skip_expression(struct kv_expression_parser *p)
{
    bool lambda = kv_expression_is_word(p, "lambda");
    for (size_t open = 0; open || lambda || !ends_expression(p); p->at++) {
        if (kv_expression_now(p)->kind == KV_LEXER_END ||
            kv_expression_now(p)->kind == KV_LEXER_NEWLINE)
            return;
        if (kv_expression_now(p)->kind == KV_LEXER_OP && kv_expression_text(p).n == 1) {
            char c = *kv_expression_text(p).p;
            if (open == 0 && strchr(")]}", c))
                return;
            open += strchr("([{", c) != NULL;
            open -= strchr(")]}", c) != NULL;
            lambda &= !(open == 0 && c == ':');
        }
    }
}

int kv_expression_code(
    struct kv_expression_parser *p, struct kv_buf *out, size_t start, const char *what)
{
    skip_expression(p);
    kv_buf_cut(out, start, out->n - start);
    kv_buf_add_str(out, "{\"code\":");
    kv_json_quote_str(out, what);
    kv_buf_add_char(out, '}');
    return 0;
}

/* Puts text in front of what was written since `start`. */
static void put_before(struct kv_buf *out, size_t start, const char *prefix)
{
    size_t n = strlen(prefix);
    kv_buf_add(out, prefix, n);
    memmove(out->p + start + n, out->p + start, out->n - start - n);
    memcpy(out->p + start, prefix, n);
}

void kv_expression_comma(struct kv_buf *out, size_t first)
{
    if (out->n > first)
        kv_buf_add_char(out, ',');
}

/* Expressions up to a closing bracket, which is taken. */
int kv_expression_items(struct kv_expression_parser *p, const char *close, struct kv_buf *out)
{
    for (size_t first = out->n; !kv_expression_take_op(p, close);) {
        kv_expression_comma(out, first);
        if (kv_expression_read(p, out) != 0)
            return -1;
        if (!kv_expression_take_op(p, ",") && !kv_expression_is_op(p, close))
            return kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    return 0;
}

/* k=: the keyword is put into the list of pairs, once. */
static int take_keyword(struct kv_expression_parser *p, struct kv_buf *keywords)
{
    struct kv_buf quoted = {0};
    struct kv_slice name = kv_expression_text(p);
    kv_buf_add_str(&quoted, ",[");
    kv_json_quote(&quoted, name, KV_JSON_RAW);
    kv_buf_add_char(&quoted, ',');
    bool again = keywords->n && memmem(keywords->p, keywords->n, quoted.p, quoted.n);
    kv_buf_add_slice(keywords, kv_slice_of(&quoted));
    kv_buf_release(&quoted);
    p->at += 2;
    return again ? kv_lexer_syntax(p->err, kv_expression_now(p)->line,
                       "keyword argument repeated: %.*s", (int)name.n, name.p)
                 : 0;
}

int kv_expression_arguments(struct kv_expression_parser *p, struct kv_buf *out)
{
    struct kv_buf keywords = {0};
    int rc = -1;
    kv_buf_add_str(out, ",\"args\":[");
    for (size_t first = out->n; !kv_expression_take_op(p, ")");) {
        const struct kv_lexer_token *next = kv_expression_now(p) + 1;
        bool keyword = kv_expression_now(p)->kind == KV_LEXER_NAME && next->kind == KV_LEXER_OP &&
                       next->n == 1 && p->tokens->pool.p[next->at] == '=';
        if (!keyword && keywords.n && !kv_expression_is_op(p, "*") &&
            !kv_expression_is_op(p, "**")) {
            kv_expression_wrong(p, "positional argument follows keyword argument");
            goto done;
        }
        if (keyword && take_keyword(p, &keywords) != 0)
            goto done;
        if (!keyword)
            kv_expression_comma(out, first);
        if (kv_expression_read(p, keyword ? &keywords : out) != 0)
            goto done;
        if (keyword)
            kv_buf_add_char(&keywords, ']');
        if (!kv_expression_take_op(p, ",") && !kv_expression_is_op(p, ")")) {
            kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
            goto done;
        }
    }
    kv_buf_add_str(out, "],\"keywords\":[");
    if (keywords.n)
        kv_buf_add(out, keywords.p + 1, keywords.n - 1);
    kv_buf_add_char(out, ']');
    rc = 0;
done:
    kv_buf_release(&keywords);
    return rc;
}

/* Behind the bracket of a[…]. A slice is code. */
static int subscripts(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t first = out->n;
    do {
        kv_expression_comma(out, first);
        size_t start = out->n;
        if (!kv_expression_is_op(p, ":") && kv_expression_read(p, out) != 0)
            return -1;
        while (kv_expression_take_op(p, ":"))
            kv_expression_code(p, out, start, "a slice");
        if (!kv_expression_take_op(p, ",") && !kv_expression_is_op(p, "]"))
            return kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    } while (!kv_expression_take_op(p, "]"));
    return 0;
}

/* Behind '{': a dictionary, or a set, which is written as a list. */
static int braces(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool dict = kv_expression_is_op(p, "}");
    kv_buf_add_char(out, '[');
    for (size_t first = out->n; !kv_expression_take_op(p, "}");) {
        kv_expression_comma(out, first);
        size_t key = out->n;
        if (kv_expression_read(p, out) != 0)
            return -1;
        if (kv_expression_take_op(p, ":")) {
            if (!dict && key != first) /* {1, 2: 3} begins as a set */
                return kv_expression_wrong(p, "invalid syntax");
            dict = true;
            put_before(out, key, "[");
            kv_buf_add_char(out, ',');
            if (kv_expression_read(p, out) != 0)
                return -1;
            kv_buf_add_char(out, ']');
        } else if (dict) {
            return kv_expression_wrong(p, "':' expected after dictionary key");
        }
        if (!kv_expression_take_op(p, ",") && !kv_expression_is_op(p, "}"))
            return kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    kv_buf_add_char(out, ']');
    if (dict) {
        put_before(out, start, "{\"dict\":");
        kv_buf_add_char(out, '}');
    }
    return 0;
}

/* Behind '(': a value in brackets, or a tuple, which is written as a list. */
static int parentheses(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool tuple = kv_expression_is_op(p, ")");
    while (!kv_expression_take_op(p, ")")) {
        kv_expression_comma(out, start);
        if (kv_expression_read(p, out) != 0)
            return -1;
        if (kv_expression_take_op(p, ","))
            tuple = true;
        else if (!kv_expression_is_op(p, ")"))
            return kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    if (tuple) {
        put_before(out, start, "[");
        kv_buf_add_char(out, ']');
    }
    return 0;
}

static int strings(struct kv_expression_parser *p, struct kv_buf *out)
{
    struct kv_buf joined = {0};
    size_t start = out->n;
    const char *odd = NULL;
    for (; kv_expression_now(p)->kind == KV_LEXER_STRING ||
           kv_expression_now(p)->kind == KV_LEXER_ODD;
         p->at++)
        if (kv_expression_now(p)->kind == KV_LEXER_STRING)
            kv_buf_add_slice(&joined, kv_expression_text(p));
        else
            odd = "an f-string";
    kv_json_quote(out, kv_slice_of(&joined), KV_JSON_RAW);
    kv_buf_release(&joined);
    return odd ? kv_expression_code(p, out, start, odd) : 0;
}

static void name(struct kv_expression_parser *p, struct kv_buf *out)
{
    struct kv_slice n = kv_expression_text(p);
    p->at++;
    if (kv_slice_is(n, "True") || kv_slice_is(n, "False") || kv_slice_is(n, "None")) {
        kv_buf_add_str(out, *n.p == 'T' ? "true" : *n.p == 'F' ? "false" : "null");
        return;
    }
    kv_buf_add_str(out, "{\"name\":");
    kv_json_quote(out, n, KV_JSON_RAW);
    kv_buf_add_char(out, '}');
}

/* A token that is no part of any expression, named in words. */
static int odd(struct kv_expression_parser *p, struct kv_buf *out)
{
    char what[40];
    struct kv_slice t = kv_expression_text(p);
    memcpy(what, t.p, t.n);
    what[t.n] = '\0';
    p->at++;
    return kv_expression_code(p, out, out->n, what);
}

static int word(struct kv_expression_parser *p, struct kv_buf *out)
{
    if (kv_expression_is_word(p, "lambda") || kv_expression_is_word(p, "not") ||
        kv_expression_is_word(p, "await"))
        return kv_expression_code(p, out, out->n, "an expression");
    if (kv_expression_is_keyword(kv_expression_text(p)) && !kv_expression_is_word(p, "True") &&
        !kv_expression_is_word(p, "False") && !kv_expression_is_word(p, "None"))
        return kv_expression_wrong(p, "invalid syntax");
    name(p, out);
    return 0;
}

static int atom(struct kv_expression_parser *p, struct kv_buf *out)
{
    switch (kv_expression_now(p)->kind) {
    case KV_LEXER_STRING:
        return strings(p, out);
    case KV_LEXER_NUMBER:
        kv_buf_add_slice(out, kv_expression_text(p));
        p->at++;
        return 0;
    case KV_LEXER_ODD:
        return odd(p, out);
    case KV_LEXER_NAME:
        return word(p, out);
    default:
        break;
    }
    if (kv_expression_take_op(p, "("))
        return parentheses(p, out);
    if (kv_expression_take_op(p, "{"))
        return braces(p, out);
    if (kv_expression_take_op(p, "...")) {
        kv_buf_add_str(out, "{\"name\":\"...\"}");
        return 0;
    }
    if (!kv_expression_take_op(p, "["))
        return kv_expression_wrong(p, "invalid syntax");
    kv_buf_add_char(out, '[');
    if (kv_expression_items(p, "]", out) != 0)
        return -1;
    kv_buf_add_char(out, ']');
    return 0;
}

/* a.b, f(…), a[…]. A dotted name stays one name. */
static int trailers(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    if (atom(p, out) != 0)
        return -1;
    for (;;) {
        if (kv_expression_is_op(p, ".")) {
            bool named = out->n - start > 8 && memcmp(out->p + start, "{\"name\":", 8) == 0;
            p->at++;
            if (kv_expression_now(p)->kind != KV_LEXER_NAME)
                return kv_expression_wrong(p, "invalid syntax");
            if (!named)
                return kv_expression_code(p, out, start, "an attribute");
            kv_buf_cut(out, out->n - 2, 2);
            kv_buf_add_char(out, '.');
            kv_buf_add_slice(out, kv_expression_text(p));
            kv_buf_add_str(out, "\"}");
            p->at++;
        } else if (kv_expression_take_op(p, "(")) {
            put_before(out, start, "{\"call\":{\"of\":");
            if (kv_expression_arguments(p, out) != 0)
                return -1;
            kv_buf_add_str(out, "}}");
        } else if (kv_expression_take_op(p, "[")) {
            put_before(out, start, "{\"index\":{\"of\":");
            kv_buf_add_str(out, ",\"args\":[");
            if (subscripts(p, out) != 0)
                return -1;
            kv_buf_add_str(out, "]}}");
        } else {
            return 0;
        }
    }
}

/* A sign is part of a number; before anything else it is arithmetic. */
static int signed_value(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool minus = kv_expression_is_op(p, "-"), sign = minus || kv_expression_is_op(p, "+");
    if (!sign)
        return kv_expression_is_op(p, "~") || kv_expression_is_op(p, "*") ||
                       kv_expression_is_op(p, "**")
                   ? kv_expression_code(p, out, start, "an expression")
                   : trailers(p, out);
    p->at++;
    if (kv_expression_now(p)->kind != KV_LEXER_NUMBER)
        return kv_expression_code(p, out, start, "an expression");
    if (minus && !kv_slice_is(kv_expression_text(p), "0")) /* -0 is 0, -0.0 is not */
        kv_buf_add_char(out, '-');
    return trailers(p, out);
}

static int alternatives(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    if (signed_value(p, out) != 0)
        return -1;
    while (kv_expression_take_op(p, "|")) {
        put_before(out, start, "{\"or\":[");
        kv_buf_add_char(out, ',');
        if (signed_value(p, out) != 0)
            return -1;
        kv_buf_add_str(out, "]}");
    }
    if (ends_expression(p))
        return 0;
    if (kv_expression_now(p)->kind == KV_LEXER_OP ||
        (kv_expression_now(p)->kind == KV_LEXER_NAME &&
            kv_expression_is_keyword(kv_expression_text(p))))
        return kv_expression_code(p, out, start, "an expression");
    return kv_expression_wrong(p, "invalid syntax. Perhaps you forgot a comma?");
}

int kv_expression_read(struct kv_expression_parser *p, struct kv_buf *out)
{
    if (++p->depth > KV_LEXER_DEPTH)
        return kv_expression_wrong(p, "too many nested parentheses");
    int rc = alternatives(p, out);
    p->depth--;
    return rc;
}
