/* python_token - Python source as tokens: names, literals, operators, lines and indentation.
 *
 * The lexical half of python. Strings are decoded here (every quoting, prefix and escape), integers
 * of any base become decimal digits, floats are spelled as repr() would.
 */
#ifndef KV_PYTHON_TOKEN_H
#define KV_PYTHON_TOKEN_H

#include "buf.h"
#include "err.h"

enum kv_python_kind {
    KV_PYTHON_END,
    KV_PYTHON_NEWLINE,
    KV_PYTHON_INDENT,
    KV_PYTHON_DEDENT,
    KV_PYTHON_NAME,   /* keywords too */
    KV_PYTHON_NUMBER, /* text: JSON */
    KV_PYTHON_STRING, /* text: what it stands for */
    KV_PYTHON_ODD,    /* a literal we have no JSON for; text: what it is ("an f-string") */
    KV_PYTHON_OP,     /* text: the operator */
};

struct kv_python_token {
    enum kv_python_kind kind;
    size_t at, n; /* text: in the tokens' pool */
    size_t line;  /* from 1 */
};

struct kv_python_tokens {
    struct kv_python_token *items;
    size_t n;
    struct kv_buf pool;
};

/* The last token is an END. -1 on a syntax error in Python's words. */
int kv_python_tokens_read(struct kv_slice source, struct kv_python_tokens *out, struct kv_err *err);
void kv_python_tokens_release(struct kv_python_tokens *t);

/* "<what> (<string>, line N)", kind KV_INPUT. Returns -1. */
int kv_python_syntax(struct kv_err *err, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
