/* rejudge - the verdict of a recorded answer, computed anew, in the line that records it.
 *
 * Four members of a result's template block are replaced where they stand - verify_result,
 * verify_granular_result, field_results, field_scores - and every other byte is kept. A result in
 * which nothing was parsed (abstained, failed before) passes as it is.
 */
#ifndef KV_REJUDGE_H
#define KV_REJUDGE_H

#include "buf.h"
#include "err.h"
#include "verdict.h"

#include <stdbool.h>

struct kv_rejudge;

/* Borrows the verifier. */
struct kv_rejudge *kv_rejudge_open(struct kv_verifier *v);
void kv_rejudge_close(struct kv_rejudge *r); /* NULL is fine */

/* A VerificationResult (checked JSON), by the question's present template. Appends it. */
int kv_rejudge_result(struct kv_rejudge *r, const struct kv_template *t, struct kv_slice row,
    struct kv_buf *out, struct kv_err *err);

/* {"template":TemplateSpec or Python text,"parsed":{…},"trace":"…"}: appends an object of the four
 * members. The template is read once for a run of lines with the same. */
int kv_rejudge_bare(
    struct kv_rejudge *r, struct kv_slice line, struct kv_buf *out, struct kv_err *err);

/* Why a check of the last answer could not be made, or NULL. Valid until the next. */
const char *kv_rejudge_trouble(const struct kv_rejudge *r);

#endif
