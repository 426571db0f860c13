/* parser - reads declarative Python into JSON.
 *
 * Recursive descent over tokens. What is no value - arithmetic, comparisons, comprehensions,
 * lambdas, statements that do something - is not parsed but skipped to where it ends and recorded
 * as code, so that the reader can say by name what would have to be executed.
 */
#include "parser.h"

#include "expression.h"
#include "json.h"

#include <stdbool.h>
#include <string.h>

/* One JSON object a statement. */
static int block(struct kv_expression_parser *p, struct kv_buf *out);
static int statement(struct kv_expression_parser *p, struct kv_buf *out);

static void end_line(struct kv_buf *out, size_t line)
{
    kv_buf_printf(out, ",\"line\":%zu}", line);
}

/* Skips a statement that is not read: its line, and the block below it. True if there was one. */
static bool skip_statement(struct kv_expression_parser *p)
{
    while (kv_expression_now(p)->kind != KV_LEXER_NEWLINE &&
           kv_expression_now(p)->kind != KV_LEXER_END)
        p->at++;
    if (kv_expression_now(p)->kind == KV_LEXER_NEWLINE)
        p->at++;
    if (kv_expression_now(p)->kind != KV_LEXER_INDENT)
        return false;
    size_t depth = 0;
    do {
        depth += kv_expression_now(p)->kind == KV_LEXER_INDENT;
        depth -= kv_expression_now(p)->kind == KV_LEXER_DEDENT;
        p->at++;
    } while (depth);
    return true;
}

static int statement_end(struct kv_expression_parser *p)
{
    if (kv_expression_take_op(p, ";") && kv_expression_now(p)->kind != KV_LEXER_NEWLINE)
        return 0;
    if (kv_expression_now(p)->kind != KV_LEXER_NEWLINE)
        return kv_expression_wrong(p, "invalid syntax");
    p->at++;
    return 0;
}

/* a.b.c, of which the first is what an import defines. */
static int dotted(struct kv_expression_parser *p, struct kv_slice *first)
{
    *first = kv_expression_text(p);
    do {
        if (kv_expression_now(p)->kind != KV_LEXER_NAME ||
            kv_expression_is_keyword(kv_expression_text(p)))
            return kv_expression_wrong(p, "invalid syntax");
        p->at++;
    } while (kv_expression_take_op(p, "."));
    return 0;
}

/* NAME, NAME as NAME, …: what is defined by it. */
static int imported(struct kv_expression_parser *p, bool in_brackets, struct kv_buf *out)
{
    size_t first = out->n;
    do {
        struct kv_slice name;
        if (in_brackets && kv_expression_is_op(p, ")"))
            break;
        if (kv_expression_take_op(p, "*"))
            return 0;
        if (dotted(p, &name) != 0)
            return -1;
        if (kv_expression_is_word(p, "as")) {
            p->at++;
            if (dotted(p, &name) != 0)
                return -1;
        }
        kv_expression_comma(out, first);
        kv_json_quote(out, name, KV_JSON_RAW);
    } while (kv_expression_take_op(p, ","));
    return in_brackets && !kv_expression_take_op(p, ")") ? kv_expression_wrong(p, "invalid syntax")
                                                         : 0;
}

static int import(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t line = kv_expression_now(p)->line;
    struct kv_slice module;
    bool from = kv_expression_is_word(p, "from"), relative = false;
    p->at++;
    while (from && (kv_expression_take_op(p, ".") || kv_expression_take_op(p, "...")))
        relative = true;
    if (from && !(relative && kv_expression_is_word(p, "import")) && dotted(p, &module) != 0)
        return -1;
    if (from && !kv_expression_is_word(p, "import"))
        return kv_expression_wrong(p, "invalid syntax");
    p->at += from;
    kv_buf_add_str(out, "{\"import\":[");
    if (imported(p, from && kv_expression_take_op(p, "("), out) != 0)
        return -1;
    kv_buf_add_char(out, ']');
    end_line(out, line);
    return statement_end(p);
}

/* Behind the colon of a class: statements below, or up to the end of the line. */
static int body(struct kv_expression_parser *p, size_t line, struct kv_buf *out)
{
    if (kv_expression_now(p)->kind == KV_LEXER_NEWLINE) {
        p->at++;
        if (kv_expression_now(p)->kind != KV_LEXER_INDENT)
            return kv_lexer_syntax(p->err, kv_expression_now(p)->line,
                "expected an indented block after class definition on line %zu", line);
        p->at++;
        return block(p, out);
    }
    do {
        if (statement(p, out) != 0)
            return -1;
    } while (kv_expression_now(p)[-1].kind != KV_LEXER_NEWLINE &&
             kv_expression_now(p)[-1].kind != KV_LEXER_DEDENT);
    return 0;
}

static int class(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t line = kv_expression_now(p)->line;
    p->at++;
    if (kv_expression_now(p)->kind != KV_LEXER_NAME ||
        kv_expression_is_keyword(kv_expression_text(p)))
        return kv_expression_wrong(p, "invalid syntax");
    kv_buf_add_str(out, "{\"class\":");
    kv_json_quote(out, kv_expression_text(p), KV_JSON_RAW);
    p->at++;
    if (!kv_expression_take_op(p, "("))
        kv_buf_add_str(out, ",\"args\":[],\"keywords\":[]");
    else if (kv_expression_arguments(p, out) != 0)
        return -1;
    if (!kv_expression_take_op(p, ":"))
        return kv_expression_wrong(p, "expected ':'");
    kv_buf_add_str(out, ",\"body\":[");
    if (body(p, line, out) != 0)
        return -1;
    kv_buf_add_char(out, ']');
    end_line(out, line);
    return 0;
}

/* a: int = 1, a = 1, a: int. */
static int field(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t line = kv_expression_now(p)->line;
    kv_buf_add_str(out, "{\"field\":");
    kv_json_quote(out, kv_expression_text(p), KV_JSON_RAW);
    p->at++;
    bool annotated = kv_expression_take_op(p, ":");
    kv_buf_add_str(out, ",\"annotation\":");
    if (!annotated)
        kv_buf_add_str(out, "null");
    else if (kv_expression_read(p, out) != 0)
        return -1;
    kv_buf_add_str(out, ",\"value\":");
    if (!kv_expression_take_op(p, "=")) {
        kv_buf_add_str(out, "{\"name\":\"\"}");
    } else {
        size_t start = out->n;
        if (kv_expression_read(p, out) != 0)
            return -1;
        if (kv_expression_is_op(p, ",") || kv_expression_is_op(p, "=")) {
            while (kv_expression_now(p)->kind != KV_LEXER_NEWLINE)
                p->at++;
            kv_expression_code(p, out, start, "an expression");
        }
    }
    end_line(out, line);
    return statement_end(p);
}

static int other(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t line = kv_expression_now(p)->line;
    bool async = kv_expression_is_word(p, "async"), def = kv_expression_is_word(p, "def");
    p->at += async;
    def |= kv_expression_is_word(p, "def");
    kv_buf_add_str(out, "{\"code\":");
    if (def && p->tokens->items[p->at + 1].kind == KV_LEXER_NAME) {
        p->at++;
        kv_buf_add_str(out, "\"def\",\"name\":");
        kv_json_quote(out, kv_expression_text(p), KV_JSON_RAW);
        skip_statement(p);
    } else {
        kv_buf_add_str(out, skip_statement(p) ? "\"block\"" : "\"statement\"");
    }
    end_line(out, line);
    return 0;
}

/* pass, ..., or a string: moves *at behind it. */
static bool is_idle(const struct kv_expression_parser *p, size_t *at)
{
    const struct kv_lexer_token *t = kv_expression_now(p);
    if (kv_expression_is_word(p, "pass") || kv_expression_is_op(p, "..."))
        t++;
    else
        while (t->kind == KV_LEXER_STRING)
            t++;
    bool ends = t->kind == KV_LEXER_NEWLINE ||
                (t->kind == KV_LEXER_OP && t->n == 1 && p->tokens->pool.p[t->at] == ';');
    if (!ends || t == kv_expression_now(p))
        return false;
    *at += (size_t)(t - kv_expression_now(p));
    return true;
}

/* One statement; those that state nothing leave no trace. */
static int statement(struct kv_expression_parser *p, struct kv_buf *out)
{
    size_t first = out->n;
    const struct kv_lexer_token *next = kv_expression_now(p) + 1;
    if (kv_expression_now(p)->kind == KV_LEXER_INDENT)
        return kv_expression_wrong(p, "unexpected indent");
    if (is_idle(p, &p->at))
        return statement_end(p);
    if (first && out->p[first - 1] != '[')
        kv_buf_add_char(out, ',');
    if (kv_expression_is_word(p, "import") || kv_expression_is_word(p, "from"))
        return import(p, out);
    if (kv_expression_is_word(p, "class"))
        return class(p, out);
    bool assigns = next->kind == KV_LEXER_OP && next->n == 1 &&
                   strchr("=:", p->tokens->pool.p[next->at]) != NULL;
    if (kv_expression_now(p)->kind == KV_LEXER_NAME &&
        !kv_expression_is_keyword(kv_expression_text(p)) && assigns)
        return field(p, out);
    return other(p, out);
}

/* Statements up to the dedent that ends them, which is taken, or the end. */
static int block(struct kv_expression_parser *p, struct kv_buf *out)
{
    if (++p->depth > KV_LEXER_DEPTH)
        return kv_expression_wrong(p, "too many levels of indentation");
    while (
        kv_expression_now(p)->kind != KV_LEXER_DEDENT && kv_expression_now(p)->kind != KV_LEXER_END)
        if (kv_expression_now(p)->kind == KV_LEXER_NEWLINE)
            p->at++;
        else if (statement(p, out) != 0)
            return -1;
    p->at += kv_expression_now(p)->kind == KV_LEXER_DEDENT;
    p->depth--;
    return 0;
}

int kv_parser_read(struct kv_slice source, struct kv_buf *out, struct kv_err *err)
{
    struct kv_lexer_tokens tokens;
    if (kv_lexer_tokens_read(source, &tokens, err) != 0)
        return -1;
    struct kv_expression_parser p = {&tokens, 0, 0, err};
    kv_buf_add_char(out, '[');
    int rc = block(&p, out);
    kv_buf_add_char(out, ']');
    kv_lexer_tokens_release(&tokens);
    return rc;
}
