/* builtins - what Python makes of a JSON value: its text, its number, its truth, whether two are
 * equal.
 *
 * karenina compares Python objects; the rules are in kv-benchmark(5). Values are JSON, with
 * the tokens NaN, Infinity and -Infinity allowed. Every digit counts: nothing is rounded that
 * Python would not round.
 */
#ifndef KV_BUILTINS_H
#define KV_BUILTINS_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

/* ---- text ---- */

/* Appends str(value); repr(value) for what stands inside a list. */
void kv_builtins_text(struct kv_buf *out, struct kv_slice value);
void kv_builtins_repr(struct kv_buf *out, struct kv_slice value);

/* Appends repr() of a text, as in Python's messages. */
void kv_builtins_repr_text(struct kv_buf *out, struct kv_slice text);

/* kv_pystr_normalize, with "Unknown normalizer: 'x'" as its failure. */
int kv_builtins_normalize(struct kv_slice normalizers, struct kv_buf *text, struct kv_err *err);

/* ---- numbers ---- */

/* float(value). -1 with Python's message. */
int kv_builtins_number(struct kv_slice value, double *x, struct kv_err *err);

/* The number a text stands for by the rules of float(): false if none. */
bool kv_builtins_parse_float(struct kv_slice text, double *x);

/* ---- truth, equality ---- */

bool kv_builtins_truth(struct kv_slice value);
const char *kv_builtins_type(struct kv_slice value); /* "int", "NoneType", … */

/* Appends a text that is the same for two values if and only if Python holds them equal (1, 1.0 and
 * true are). False, and nothing of use appended, for NaN, which equals nothing. */
bool kv_builtins_identity(struct kv_buf *out, struct kv_slice value);

#endif
