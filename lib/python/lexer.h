/* lexer - Python source as tokens: names, literals, operators, lines and indentation.
 *
 * The lexical part of parser.h. Strings are decoded here (every quoting, prefix and escape),
 * integers of any base become decimal digits, floats are written as repr() would.
 */
#ifndef KV_LEXER_H
#define KV_LEXER_H

#include "buf.h"
#include "err.h"

enum kv_lexer_kind {
    KV_LEXER_END,
    KV_LEXER_NEWLINE,
    KV_LEXER_INDENT,
    KV_LEXER_DEDENT,
    KV_LEXER_NAME,   /* keywords too */
    KV_LEXER_NUMBER, /* text: JSON */
    KV_LEXER_STRING, /* text: what it stands for */
    KV_LEXER_ODD,    /* a literal we have no JSON for; text: what it is ("an f-string") */
    KV_LEXER_OP,     /* text: the operator */
};

struct kv_lexer_token {
    enum kv_lexer_kind kind;
    size_t at, n; /* text: in the tokens' pool */
    size_t line;  /* from 1 */
};

struct kv_lexer_tokens {
    struct kv_lexer_token *items;
    size_t n;
    struct kv_buf pool;
};

/* The last token is an END. -1 on a syntax error in Python's words. */
int kv_lexer_tokens_read(struct kv_slice source, struct kv_lexer_tokens *out, struct kv_err *err);
void kv_lexer_tokens_release(struct kv_lexer_tokens *t);

/* "<what> (<string>, line N)", kind KV_INPUT. Returns -1. */
int kv_lexer_syntax(struct kv_err *err, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
