/* num - numbers as text, the way karenina's two serialisers write them.
 *
 * Only configuration values and figures of our own pass through a double; foreign documents keep
 * their bytes. Source: kv-state(5), checked against floats.jsonl.
 */
#ifndef KV_NUM_H
#define KV_NUM_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_num_style {
    KV_NUM_COMPACT, /* the hashed text and JSONL: 0.00001, 1e-6, 1e+16; NaN and infinities: null */
    KV_NUM_PYTHON,  /* .state, .tmp, exports: 1e-05, 1e-06, 1e+16 */
};

/* Adds the shortest decimal that reads back as x, always with a fraction or exponent ("1.0"). NaN
 * and infinities are written null in both styles. */
void kv_num_add_double(struct kv_buf *out, double x, enum kv_num_style style);

/* Reads a whole text as a number. False if any byte is left over, or (int64) out of range. Accepts
 * exactly the JSON grammar; white space is not skipped. */
bool kv_num_double(struct kv_slice text, double *x);
bool kv_num_int64(struct kv_slice text, int64_t *x);

/* strtod(3) with a decimal point in every locale. */
double kv_num_strtod(const char *text, char **end);

/* x without its fraction, as near as 64 bits come to it; 0 for NaN. */
int64_t kv_num_whole(double x);

#endif
