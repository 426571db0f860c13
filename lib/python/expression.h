/* expression - the expressions of declarative Python: tokens in, JSON out.
 *
 * For parser.h, which reads statements; what an EXPR looks like is described there.
 */
#ifndef KV_EXPRESSION_H
#define KV_EXPRESSION_H

#include "buf.h"
#include "err.h"
#include "lexer.h"

#include <stdbool.h>

enum { KV_LEXER_DEPTH = 100 };

struct kv_expression_parser {
    const struct kv_lexer_tokens *tokens;
    size_t at;
    int depth;
    struct kv_err *err;
};

/* The token that is next, and its text. */
const struct kv_lexer_token *kv_expression_now(const struct kv_expression_parser *p);
struct kv_slice kv_expression_text(const struct kv_expression_parser *p);
bool kv_expression_is_op(const struct kv_expression_parser *p, const char *op);
bool kv_expression_is_word(const struct kv_expression_parser *p, const char *word);
bool kv_expression_take_op(struct kv_expression_parser *p, const char *op);
bool kv_expression_is_keyword(struct kv_slice name);

/* A syntax error at the token that is next. Returns -1. */
int kv_expression_wrong(struct kv_expression_parser *p, const char *what);

/* Appends one expression. -1 on a syntax error. */
int kv_expression_read(struct kv_expression_parser *p, struct kv_buf *out);

/* Appends expressions, with commas between them, up to a closing bracket, which is taken. */
int kv_expression_items(struct kv_expression_parser *p, const char *close, struct kv_buf *out);

/* Behind the bracket of f(a, k=v): appends ,"args":[…],"keywords":[["k",EXPR],…] up to the closing
 * one, which is taken. */
int kv_expression_arguments(struct kv_expression_parser *p, struct kv_buf *out);

/* Replaces what was written since `start` by {"code":what}, and skips the rest of the expression.
 * Returns 0. */
int kv_expression_code(
    struct kv_expression_parser *p, struct kv_buf *out, size_t start, const char *what);

/* A comma, unless nothing was written since `first`. */
void kv_expression_comma(struct kv_buf *out, size_t first);

#endif
