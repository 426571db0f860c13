/* score - what a rubric trait's value is, from what the judge or a pattern said.
 *
 * Pure functions on bytes (pipeline.md, sections 8.3 and 8.4). A deviation: a limit of 0 in a score
 * trait is a limit of 0 here (karenina takes it for absent).
 */
#ifndef KV_SCORE_H
#define KV_SCORE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* A regex trait: does the pattern occur, inverted on request. -1: the pattern cannot be used, or
 * gave up on this text; the trait is then left out. */
int kv_score_regex(struct kv_slice pattern, bool case_sensitive, bool invert, struct kv_slice text,
    bool *value, struct kv_err *err);

/* A boolean from a reply: true, false, an integer, or a word. -1: neither. */
int kv_score_boolean(struct kv_slice reply, bool *value, struct kv_err *err);

/* A score from a reply: a whole number or a text that is one, clamped to [min, max]. */
int kv_score_number(
    struct kv_slice reply, int64_t min, int64_t max, int64_t *value, struct kv_err *err);

/* The index of the class a reply names (exact, else in any case) among the keys of `classes` (JSON
 * object), with that key as *label (JSON string); -1 and the reply as label if it names none. A
 * reply of n == 0 is one the judge left out: -1, "[MISSING_FROM_RESPONSE]". Appends the label. */
int kv_score_literal(struct kv_slice classes, struct kv_slice reply, struct kv_buf *label);

/* A metric trait: `reply` is the judge's {"tp":[…],"fn":[…],"fp":[…],"tn":[…]}. Appends
 * {"tp":[…],"fn":[…],"fp":[…],"tn":[…]} to *lists (duplicates and blanks removed if `distinct`) and
 * {"precision":0.5,…} for the metrics asked for to *metrics. -1: the reply does not fit. */
int kv_score_metric(struct kv_slice reply, struct kv_slice metrics, bool distinct,
    struct kv_buf *lists, struct kv_buf *values, struct kv_err *err);

#endif
