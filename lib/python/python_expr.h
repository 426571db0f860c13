/* python_expr - the expressions of declarative Python: tokens in, JSON out.
 *
 * For python, which reads statements; what an EXPR looks like is described there.
 */
#ifndef KV_PYTHON_EXPR_H
#define KV_PYTHON_EXPR_H

#include "buf.h"
#include "err.h"
#include "python_token.h"

#include <stdbool.h>

enum { KV_PYTHON_DEPTH = 100 };

struct kv_python_parser {
    const struct kv_python_tokens *tokens;
    size_t at;
    int depth;
    struct kv_err *err;
};

/* The token that is next, and its text. */
const struct kv_python_token *kv_python_now(const struct kv_python_parser *p);
struct kv_slice kv_python_text(const struct kv_python_parser *p);
bool kv_python_is_op(const struct kv_python_parser *p, const char *op);
bool kv_python_is_word(const struct kv_python_parser *p, const char *word);
bool kv_python_take_op(struct kv_python_parser *p, const char *op);
bool kv_python_is_keyword(struct kv_slice name);

/* A syntax error at the token that is next. Returns -1. */
int kv_python_wrong(struct kv_python_parser *p, const char *what);

/* Appends one expression. -1 on a syntax error. */
int kv_python_expression(struct kv_python_parser *p, struct kv_buf *out);

/* Appends expressions, with commas between them, up to a closing bracket, which is taken. */
int kv_python_items(struct kv_python_parser *p, const char *close, struct kv_buf *out);

/* Behind the bracket of f(a, k=v): appends ,"args":[…],"keywords":[["k",EXPR],…] up to the closing
 * one, which is taken. */
int kv_python_arguments(struct kv_python_parser *p, struct kv_buf *out);

/* Replaces what was written since `start` by {"code":what}, and skips the rest of the expression.
 * Returns 0. */
int kv_python_code(struct kv_python_parser *p, struct kv_buf *out, size_t start, const char *what);

/* A comma, unless nothing was written since `first`. */
void kv_python_comma(struct kv_buf *out, size_t first);

#endif
