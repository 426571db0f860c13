/* python - reads declarative Python into JSON.
 *
 * Recursive descent over tokens. What is no value - arithmetic, comparisons, comprehensions,
 * lambdas, statements that do something - is not parsed but skipped to where it ends and recorded
 * as code, so that the reader can say by name what would have to be executed.
 */
#include "python.h"

#include "json.h"
#include "python_token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 100 };

struct parser {
    const struct kv_python_tokens *tokens;
    size_t at;
    int depth;
    struct kv_err *err;
};

static const struct kv_python_token *now(const struct parser *p)
{
    return &p->tokens->items[p->at];
}

static struct kv_slice text(const struct parser *p)
{
    return (struct kv_slice){p->tokens->pool.p + now(p)->at, now(p)->n};
}

static bool is_op(const struct parser *p, const char *op)
{
    return now(p)->kind == KV_PYTHON_OP && kv_slice_is(text(p), op);
}

static bool is_word(const struct parser *p, const char *word)
{
    return now(p)->kind == KV_PYTHON_NAME && kv_slice_is(text(p), word);
}

static bool take_op(struct parser *p, const char *op)
{
    bool yes = is_op(p, op);
    p->at += yes;
    return yes;
}

static int wrong(struct parser *p, const char *what)
{
    return kv_python_syntax(p->err, now(p)->line, "%s", what);
}

static bool is_keyword(struct kv_slice name)
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

static int expression(struct parser *p, struct kv_buf *out);

static bool ends_expression(const struct parser *p)
{
    static const char *const ends[] = {",", ")", "]", "}", "=", ":", ";"};
    if (now(p)->kind == KV_PYTHON_NEWLINE || now(p)->kind == KV_PYTHON_END)
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (is_op(p, ends[i]))
            return true;
    return false;
}

/* Behind part of an expression that is no value: skips to its end. Brackets are balanced, the
 * tokens made sure. A lambda's colon and commas are its own. */
static void skip_expression(struct parser *p)
{
    bool lambda = is_word(p, "lambda");
    for (size_t open = 0; open || lambda || !ends_expression(p); p->at++) {
        if (now(p)->kind == KV_PYTHON_END || now(p)->kind == KV_PYTHON_NEWLINE)
            return;
        if (now(p)->kind == KV_PYTHON_OP && text(p).n == 1) {
            char c = *text(p).p;
            if (open == 0 && strchr(")]}", c))
                return;
            open += strchr("([{", c) != NULL;
            open -= strchr(")]}", c) != NULL;
            lambda &= !(open == 0 && c == ':');
        }
    }
}

static int code(struct parser *p, struct kv_buf *out, size_t start, const char *what)
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

static void comma(struct kv_buf *out, size_t first)
{
    if (out->n > first)
        kv_buf_add_char(out, ',');
}

/* Expressions up to a closing bracket, which is taken. */
static int items(struct parser *p, const char *close, struct kv_buf *out)
{
    for (size_t first = out->n; !take_op(p, close);) {
        comma(out, first);
        if (expression(p, out) != 0)
            return -1;
        if (!take_op(p, ",") && !is_op(p, close))
            return wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    return 0;
}

/* f(a, k=v): behind the bracket. */
static int arguments(struct parser *p, struct kv_buf *out)
{
    struct kv_buf keywords = {0};
    int rc = -1;
    kv_buf_add_str(out, ",\"args\":[");
    for (size_t first = out->n; !take_op(p, ")");) {
        bool keyword = now(p)->kind == KV_PYTHON_NAME && p->tokens->items[p->at + 1].n == 1 &&
                       p->tokens->pool.p[p->tokens->items[p->at + 1].at] == '=' &&
                       p->tokens->items[p->at + 1].kind == KV_PYTHON_OP;
        if (keyword) {
            comma(&keywords, 0);
            kv_buf_add_char(&keywords, '[');
            kv_json_quote(&keywords, text(p), KV_JSON_RAW);
            kv_buf_add_char(&keywords, ',');
            p->at += 2;
        } else {
            comma(out, first);
        }
        if (expression(p, keyword ? &keywords : out) != 0)
            goto done;
        if (keyword)
            kv_buf_add_char(&keywords, ']');
        if (!take_op(p, ",") && !is_op(p, ")")) {
            wrong(p, "invalid syntax. Perhaps you forgot a comma?");
            goto done;
        }
    }
    kv_buf_add_str(out, "],\"keywords\":[");
    kv_buf_add_slice(out, kv_slice_of(&keywords));
    kv_buf_add_char(out, ']');
    rc = 0;
done:
    kv_buf_release(&keywords);
    return rc;
}

/* Behind '{': a dictionary, or a set, which is written as a list. */
static int braces(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool dict = is_op(p, "}");
    kv_buf_add_char(out, '[');
    for (size_t first = out->n; !take_op(p, "}");) {
        comma(out, first);
        size_t key = out->n;
        if (expression(p, out) != 0)
            return -1;
        if (take_op(p, ":")) {
            if (!dict && key != first) /* {1, 2: 3} begins as a set */
                return wrong(p, "invalid syntax");
            dict = true;
            put_before(out, key, "[");
            kv_buf_add_char(out, ',');
            if (expression(p, out) != 0)
                return -1;
            kv_buf_add_char(out, ']');
        } else if (dict) {
            return wrong(p, "':' expected after dictionary key");
        }
        if (!take_op(p, ",") && !is_op(p, "}"))
            return wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    kv_buf_add_char(out, ']');
    if (dict) {
        put_before(out, start, "{\"dict\":");
        kv_buf_add_char(out, '}');
    }
    return 0;
}

/* Behind '(': a value in brackets, or a tuple, which is written as a list. */
static int parentheses(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool tuple = is_op(p, ")");
    while (!take_op(p, ")")) {
        comma(out, start);
        if (expression(p, out) != 0)
            return -1;
        if (take_op(p, ","))
            tuple = true;
        else if (!is_op(p, ")"))
            return wrong(p, "invalid syntax. Perhaps you forgot a comma?");
    }
    if (tuple) {
        put_before(out, start, "[");
        kv_buf_add_char(out, ']');
    }
    return 0;
}

static int strings(struct parser *p, struct kv_buf *out)
{
    struct kv_buf joined = {0};
    size_t start = out->n;
    const char *odd = NULL;
    for (; now(p)->kind == KV_PYTHON_STRING || now(p)->kind == KV_PYTHON_ODD; p->at++)
        if (now(p)->kind == KV_PYTHON_STRING)
            kv_buf_add_slice(&joined, text(p));
        else
            odd = "an f-string";
    kv_json_quote(out, kv_slice_of(&joined), KV_JSON_RAW);
    kv_buf_release(&joined);
    return odd ? code(p, out, start, odd) : 0;
}

static void name(struct parser *p, struct kv_buf *out)
{
    struct kv_slice n = text(p);
    p->at++;
    if (kv_slice_is(n, "True") || kv_slice_is(n, "False") || kv_slice_is(n, "None")) {
        kv_buf_add_str(out, *n.p == 'T' ? "true" : *n.p == 'F' ? "false" : "null");
        return;
    }
    kv_buf_add_str(out, "{\"name\":");
    kv_json_quote(out, n, KV_JSON_RAW);
    kv_buf_add_char(out, '}');
}

static int atom(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    switch (now(p)->kind) {
    case KV_PYTHON_STRING:
        return strings(p, out);
    case KV_PYTHON_NUMBER:
        kv_buf_add_slice(out, text(p));
        p->at++;
        return 0;
    case KV_PYTHON_ODD: {
        char what[40];
        struct kv_slice t = text(p);
        memcpy(what, t.p, t.n);
        what[t.n] = '\0';
        p->at++;
        return code(p, out, start, what);
    }
    case KV_PYTHON_NAME:
        if (is_word(p, "lambda") || is_word(p, "not") || is_word(p, "await"))
            return code(p, out, start, "an expression");
        if (is_keyword(text(p)) && !is_word(p, "True") && !is_word(p, "False") &&
            !is_word(p, "None"))
            return wrong(p, "invalid syntax");
        name(p, out);
        return 0;
    default:
        break;
    }
    if (take_op(p, "("))
        return parentheses(p, out);
    if (take_op(p, "{"))
        return braces(p, out);
    if (take_op(p, "...")) {
        kv_buf_add_str(out, "{\"name\":\"...\"}");
        return 0;
    }
    if (!take_op(p, "["))
        return wrong(p, "invalid syntax");
    kv_buf_add_char(out, '[');
    if (items(p, "]", out) != 0)
        return -1;
    kv_buf_add_char(out, ']');
    return 0;
}

/* a.b, f(…), a[…]. A dotted name stays one name. */
static int trailers(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    if (atom(p, out) != 0)
        return -1;
    for (;;) {
        if (is_op(p, ".")) {
            bool named = out->n - start > 8 && memcmp(out->p + start, "{\"name\":", 8) == 0;
            p->at++;
            if (now(p)->kind != KV_PYTHON_NAME)
                return wrong(p, "invalid syntax");
            if (!named)
                return code(p, out, start, "an attribute");
            kv_buf_cut(out, out->n - 2, 2);
            kv_buf_add_char(out, '.');
            kv_buf_add_slice(out, text(p));
            kv_buf_add_str(out, "\"}");
            p->at++;
        } else if (take_op(p, "(")) {
            put_before(out, start, "{\"call\":{\"of\":");
            if (arguments(p, out) != 0)
                return -1;
            kv_buf_add_str(out, "}}");
        } else if (take_op(p, "[")) {
            put_before(out, start, "{\"index\":{\"of\":");
            kv_buf_add_str(out, ",\"args\":[");
            if (items(p, "]", out) != 0)
                return -1;
            kv_buf_add_str(out, "]}}");
        } else {
            return 0;
        }
    }
}

/* A sign is part of a number; before anything else it is arithmetic. */
static int signed_value(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    bool minus = is_op(p, "-"), sign = minus || is_op(p, "+");
    if (!sign)
        return is_op(p, "~") || is_op(p, "*") || is_op(p, "**")
                   ? code(p, out, start, "an expression")
                   : trailers(p, out);
    p->at++;
    if (now(p)->kind != KV_PYTHON_NUMBER)
        return code(p, out, start, "an expression");
    if (minus && !kv_slice_is(text(p), "0")) /* -0 is 0, -0.0 is not */
        kv_buf_add_char(out, '-');
    return trailers(p, out);
}

static int alternatives(struct parser *p, struct kv_buf *out)
{
    size_t start = out->n;
    if (signed_value(p, out) != 0)
        return -1;
    while (take_op(p, "|")) {
        put_before(out, start, "{\"or\":[");
        kv_buf_add_char(out, ',');
        if (signed_value(p, out) != 0)
            return -1;
        kv_buf_add_str(out, "]}");
    }
    if (ends_expression(p))
        return 0;
    if (now(p)->kind == KV_PYTHON_OP || (now(p)->kind == KV_PYTHON_NAME && is_keyword(text(p))))
        return code(p, out, start, "an expression");
    return wrong(p, "invalid syntax. Perhaps you forgot a comma?");
}

static int expression(struct parser *p, struct kv_buf *out)
{
    if (++p->depth > MAX_DEPTH)
        return wrong(p, "too many nested parentheses");
    int rc = alternatives(p, out);
    p->depth--;
    return rc;
}

/* ---- statements: one JSON object each ---- */

static int block(struct parser *p, struct kv_buf *out);
static int statement(struct parser *p, struct kv_buf *out);

static void end_line(struct kv_buf *out, size_t line)
{
    kv_buf_printf(out, ",\"line\":%zu}", line);
}

/* Skips a statement that is not read: its line, and the block below it. */
static void skip_statement(struct parser *p)
{
    while (now(p)->kind != KV_PYTHON_NEWLINE && now(p)->kind != KV_PYTHON_END)
        p->at++;
    if (now(p)->kind == KV_PYTHON_NEWLINE)
        p->at++;
    if (now(p)->kind != KV_PYTHON_INDENT)
        return;
    size_t depth = 0;
    do {
        depth += now(p)->kind == KV_PYTHON_INDENT;
        depth -= now(p)->kind == KV_PYTHON_DEDENT;
        p->at++;
    } while (depth);
}

static int statement_end(struct parser *p)
{
    if (take_op(p, ";") && now(p)->kind != KV_PYTHON_NEWLINE)
        return 0;
    if (now(p)->kind != KV_PYTHON_NEWLINE)
        return wrong(p, "invalid syntax");
    p->at++;
    return 0;
}

static int import(struct parser *p, struct kv_buf *out)
{
    size_t line = now(p)->line, first;
    bool names = is_word(p, "import");
    kv_buf_add_str(out, "{\"import\":[");
    first = out->n;
    for (p->at++; now(p)->kind != KV_PYTHON_NEWLINE && !is_op(p, ";"); p->at++) {
        if (is_word(p, "import")) {
            names = true;
            continue;
        }
        if (!names || now(p)->kind != KV_PYTHON_NAME || is_word(p, "as"))
            continue;
        comma(out, first);
        kv_json_quote(out, text(p), KV_JSON_RAW);
    }
    kv_buf_add_char(out, ']');
    end_line(out, line);
    return statement_end(p);
}

static int class(struct parser *p, struct kv_buf *out)
{
    size_t line = now(p)->line;
    p->at++;
    if (now(p)->kind != KV_PYTHON_NAME)
        return wrong(p, "invalid syntax");
    kv_buf_add_str(out, "{\"class\":");
    kv_json_quote(out, text(p), KV_JSON_RAW);
    p->at++;
    kv_buf_add_str(out, ",\"bases\":[");
    if (take_op(p, "(") && items(p, ")", out) != 0)
        return -1;
    kv_buf_add_char(out, ']');
    if (!take_op(p, ":"))
        return wrong(p, "expected ':'");
    bool below = now(p)->kind == KV_PYTHON_NEWLINE;
    p->at += below;
    if (below && now(p)->kind != KV_PYTHON_INDENT)
        return kv_python_syntax(p->err, now(p)->line,
            "expected an indented block after class definition on line %zu", line);
    p->at += below;
    size_t at = p->at;
    bool doc =
        now(p)->kind == KV_PYTHON_STRING && p->tokens->items[at + 1].kind == KV_PYTHON_NEWLINE;
    kv_buf_printf(out, ",\"doc\":%s,\"body\":[", doc ? "true" : "false");
    if (below ? block(p, out) : statement(p, out))
        return -1;
    kv_buf_add_char(out, ']');
    end_line(out, line);
    return 0;
}

/* a: int = 1, a = 1, a: int. */
static int field(struct parser *p, struct kv_buf *out)
{
    size_t line = now(p)->line;
    kv_buf_add_str(out, "{\"field\":");
    kv_json_quote(out, text(p), KV_JSON_RAW);
    p->at++;
    bool annotated = take_op(p, ":");
    kv_buf_add_str(out, ",\"annotation\":");
    if (!annotated)
        kv_buf_add_str(out, "null");
    else if (expression(p, out) != 0)
        return -1;
    kv_buf_add_str(out, ",\"value\":");
    if (!take_op(p, "=")) {
        kv_buf_add_str(out, "{\"name\":\"\"}");
    } else {
        size_t start = out->n;
        if (expression(p, out) != 0)
            return -1;
        if (is_op(p, ",") || is_op(p, "=")) {
            while (now(p)->kind != KV_PYTHON_NEWLINE)
                p->at++;
            code(p, out, start, "an expression");
        }
    }
    end_line(out, line);
    return statement_end(p);
}

static int other(struct parser *p, struct kv_buf *out)
{
    size_t line = now(p)->line;
    bool async = is_word(p, "async"), def = is_word(p, "def");
    p->at += async;
    def |= is_word(p, "def");
    kv_buf_printf(out, "{\"code\":\"%s\"", def ? "def" : "statement");
    if (def && p->tokens->items[p->at + 1].kind == KV_PYTHON_NAME) {
        p->at++;
        kv_buf_add_str(out, ",\"name\":");
        kv_json_quote(out, text(p), KV_JSON_RAW);
    }
    skip_statement(p);
    end_line(out, line);
    return 0;
}

/* One statement; those that state nothing leave no trace. */
static int statement(struct parser *p, struct kv_buf *out)
{
    size_t first = out->n;
    const struct kv_python_token *next = now(p) + 1;
    if (now(p)->kind == KV_PYTHON_INDENT)
        return wrong(p, "unexpected indent");
    if (is_word(p, "pass") || is_op(p, "...") ||
        (now(p)->kind == KV_PYTHON_STRING && next->kind == KV_PYTHON_NEWLINE)) {
        p->at++;
        return statement_end(p);
    }
    if (first && out->p[first - 1] != '[')
        kv_buf_add_char(out, ',');
    if (is_word(p, "import") || is_word(p, "from"))
        return import(p, out);
    if (is_word(p, "class"))
        return class(p, out);
    bool assigns = next->kind == KV_PYTHON_OP && next->n == 1 &&
                   strchr("=:", p->tokens->pool.p[next->at]) != NULL;
    if (now(p)->kind == KV_PYTHON_NAME && !is_keyword(text(p)) && assigns)
        return field(p, out);
    return other(p, out);
}

/* Statements up to the dedent that ends them, which is taken, or the end. */
static int block(struct parser *p, struct kv_buf *out)
{
    if (++p->depth > MAX_DEPTH)
        return wrong(p, "too many levels of indentation");
    while (now(p)->kind != KV_PYTHON_DEDENT && now(p)->kind != KV_PYTHON_END)
        if (now(p)->kind == KV_PYTHON_NEWLINE)
            p->at++;
        else if (statement(p, out) != 0)
            return -1;
    p->at += now(p)->kind == KV_PYTHON_DEDENT;
    p->depth--;
    return 0;
}

int kv_python_read(struct kv_slice source, struct kv_buf *out, struct kv_err *err)
{
    struct kv_python_tokens tokens;
    if (kv_python_tokens_read(source, &tokens, err) != 0)
        return -1;
    struct parser p = {&tokens, 0, 0, err};
    kv_buf_add_char(out, '[');
    int rc = block(&p, out);
    kv_buf_add_char(out, ']');
    kv_python_tokens_release(&tokens);
    return rc;
}
