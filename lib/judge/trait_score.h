/* trait_score - what a rubric trait's value is, from what the judge or a pattern said.
 *
 * The rules are a jq program, share/verify/rubric.jq (lib/pipeline/README.md). This
 * module tells it the facts, which need Python's rules and full Unicode - what a pattern finds, the
 * number a text stands for, a text in lower case - and gives what it decides a type. Texts of the
 * judge's that are kept are copied from the reply, byte by byte. A deviation: a limit of 0 in a
 * score trait is a limit of 0 here (karenina takes it for absent).
 */
#ifndef KV_TRAIT_SCORE_H
#define KV_TRAIT_SCORE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_scorer;

/* Loads and compiles the rules. A few ten milliseconds: once per process, if rubrics are wanted. */
struct kv_scorer *kv_trait_score_open(const char *share, struct kv_err *err);
void kv_trait_score_close(struct kv_scorer *s); /* NULL is fine */

/* Below, -1 with KV_INPUT is what the rules say against a reply, or that they answered with what
 * cannot be such a trait's value (share edited by hand). */

/* A regex trait: does the pattern occur, inverted on request. -1 also if the pattern cannot be
 * used, or gave up on this text; the trait is then left out. */
int kv_trait_score_regex(struct kv_scorer *s, struct kv_slice pattern, bool case_sensitive,
    bool invert, struct kv_slice text, bool *value, struct kv_err *err);

/* A boolean from a reply: true, false, a whole number, or a word. */
int kv_trait_score_boolean(
    struct kv_scorer *s, struct kv_slice reply, bool *value, struct kv_err *err);

/* A score from a reply: a number or a text that is a whole one, clamped to [min, max]. */
int kv_trait_score_number(struct kv_scorer *s, struct kv_slice reply, int64_t min, int64_t max,
    int64_t *value, struct kv_err *err);

/* The index of the class a reply names (exact, else in any case) among the keys of `classes` (JSON
 * object), with that key as *label (JSON string); index -1 and the reply as label if it names none.
 * A reply of n == 0 is one the judge left out: -1, "[MISSING_FROM_RESPONSE]". Appends the label. */
int kv_trait_score_literal(struct kv_scorer *s, struct kv_slice classes, struct kv_slice reply,
    int64_t *index, struct kv_buf *label, struct kv_err *err);

/* A metric trait: `reply` is the judge's {"tp":[…],"fn":[…],"fp":[…],"tn":[…]}. Appends
 * {"tp":[…],"fn":[…],"fp":[…],"tn":[…]} to *lists (duplicates and blanks removed if `distinct`) and
 * {"precision":0.5,…} for the metrics asked for to *values. */
int kv_trait_score_metric(struct kv_scorer *s, struct kv_slice reply, struct kv_slice metrics,
    bool distinct, struct kv_buf *lists, struct kv_buf *values, struct kv_err *err);

#endif
