/* reformat - one JSON value in the spellings karenina's files use.
 *
 * Its serialisers differ in white space, in escapes and in how they print a float; everything else
 * is the same bytes. This module changes a spelling and never a value: a number is written anew
 * only if the new text is the same decimal number, so that 20-digit integers and numbers beyond a
 * double keep their bytes. It takes checked values (json.h) and cannot fail.
 * What Python's str() makes of a value is builtins.h; the hashed text of a configuration is
 * pydantic.h.
 *
 * Source: kv-state(5).
 */
#ifndef KV_REFORMAT_H
#define KV_REFORMAT_H

#include "buf.h"

enum kv_reformat_style {
    KV_REFORMAT_COMPACT, /* `,` and `:`, raw UTF-8, 1e-7: result lines, hashed text */
    KV_REFORMAT_SPACED,  /* `, ` and `: `, raw UTF-8, 1e-07: .tmp and exports */
    KV_REFORMAT_ASCII,   /* `, ` and `: `, \u escapes, 1e-07: JSON inside CSV cells, result ids */
};

/* Appends a value in a style: separators, strings escaped as that serialiser escapes them, floats
 * spelled its way, NaN and infinities null. */
void kv_reformat(struct kv_buf *out, struct kv_slice value, enum kv_reformat_style style);

/* One number token in a style; kv_reformat does this to each. */
void kv_reformat_number(struct kv_buf *out, struct kv_slice token, enum kv_reformat_style style);

/* Appends a value with `, ` and `: ` between its tokens; every token stays as written. */
void kv_reformat_space(struct kv_buf *out, struct kv_slice value);
/* The same, but with floats as KV_REFORMAT_SPACED has them: a row of a .results.jsonl for an
 * export.
 */
void kv_reformat_export(struct kv_buf *out, struct kv_slice value);

#endif
