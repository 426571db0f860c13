/* class_value - the values in a Python template: expressions as parser.h writes them, as JSON.
 *
 * Knows which names mean something to a template. A name that means nothing is a mistake; a name or
 * expression that means something only when run is code. Both end the reading, and the two are told
 * apart in r->code.
 */
#ifndef KV_CLASS_VALUE_H
#define KV_CLASS_VALUE_H

#include "buf.h"
#include "err.h"
#include "fields.h"

#include <stdbool.h>

struct kv_template_reader {
    struct kv_template *t;
    bool *code; /* set where a failure means "would have to be executed" */
    struct kv_err *err;
    struct kv_slice body;   /* the statements of the class being read */
    struct kv_slice source; /* the whole text */
};

/* "Error executing template code: …": would fail in karenina too. Returns -1. */
int kv_template_invalid(struct kv_template_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "line N: <what>: not declarative, …". Returns -1. */
int kv_template_executable(
    struct kv_template_reader *r, struct kv_slice statement, const char *what);

/* True if the expression is an object with this member ("call", "name", "index", "or", "dict",
 * "code"). */
bool kv_template_is(struct kv_slice e, const char *what, struct kv_slice *inner);

/* The name an expression is ("a.b" with its dots); "" if it is none. */
struct kv_slice kv_template_name(struct kv_slice e);

/* True of what stands for a value that is not there, and of Ellipsis. */
bool kv_template_is_nothing(struct kv_slice e);

/* The callee's name, and the call; "" if the expression is none. */
struct kv_slice kv_template_call(struct kv_slice e, struct kv_slice *call);

/* The argument with a keyword, or at a position (from 0; -1: by keyword only). */
bool kv_template_argument(
    struct kv_slice call, const char *keyword, int position, struct kv_slice *value);

/* -1 unless the call has only keywords, each with a value of its own. */
int kv_template_keywords_only(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice call);

/* True if an argument without a keyword is no value, as *a and **k are none. */
bool kv_template_spreads(struct kv_slice call);

/* True if the name, or what stands before its first dot, is defined wherever a template runs. */
bool kv_template_knows(struct kv_slice name);

/* True if a field of the class has taken the name, up to and with this statement. */
bool kv_template_hides(
    const struct kv_template_reader *r, struct kv_slice statement, struct kv_slice name);

/* "name 'a' is not defined", of what stands before the first dot. Returns -1. */
int kv_template_unknown(struct kv_template_reader *r, struct kv_slice name);

/* Says what stands where a value was expected. Returns -1. */
int kv_template_no_value(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e);

/* Appends [[KEY,EXPR],…], a dictionary's items or a call's keywords, as a JSON object. */
int kv_template_add_pairs(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice pairs, struct kv_buf *out);

/* Appends a value as JSON. SynonymMap(mapping={…}) is the object {"mapping":{…}}. */
int kv_template_add_value(
    struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e, struct kv_buf *out);

#endif
