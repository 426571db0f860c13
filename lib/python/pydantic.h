/* pydantic - values read and spelled the forgiving way of Python's validators.
 *
 * Two things live here because they need one another: the canonical text of any JSON value as
 * Python would write it back, and the coercions of kv-config(5) (5 for 5.0, "yes" for
 * true). It knows single values only; objects with named members are shape's.
 */
#ifndef KV_PYDANTIC_H
#define KV_PYDANTIC_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends a checked JSON value in the compact form: white space gone, a repeated key with its last
 * value at its first place, floats respelled, -0 as 0. */
void kv_pydantic_text(struct kv_buf *out, struct kv_slice value);

/* The same, but a number beyond a double stays as it is written, for a reader to refuse, where
 * kv_pydantic_text has null. kv_pydantic_is_finite is true of a value without such a number. */
void kv_pydantic_tidy(struct kv_buf *out, struct kv_slice value);
bool kv_pydantic_is_finite(struct kv_slice value);

/* Respells canonical text for `.state` files: floats as Python spells them, strings in ASCII. */
void kv_pydantic_state_text(struct kv_buf *out, struct kv_slice canonical);

/* The coercions. They return 0, or -1 with the validator's name of the mistake in *error_type
 * ("bool_parsing"). An integer may be of any size and is appended as its digits; a float is finite.
 */
int kv_pydantic_bool(struct kv_slice value, bool *to, const char **error_type);
int kv_pydantic_int(struct kv_slice value, struct kv_buf *out, const char **error_type);
int kv_pydantic_float(struct kv_slice value, double *x, const char **error_type);

/* Python's int() of a text: decimal digits of any script, a sign, white space around, single
 * underscores between digits. False if it is none, or beyond 64 bits. */
bool kv_pydantic_python_int(struct kv_slice text, int64_t *to);

#endif
