/* rejudge - the verdict of a recorded answer, computed anew, in the line that records it.
 *
 * Of a result's template block the verdict is replaced where it stands (verify_result,
 * verify_granular_result, field_results, field_scores, field_verification_error), and with it what
 * follows from the question as it is now: parsed_gt_response and composition_strategy there,
 * template_id and raw_answer of the metadata, and its failure, which is "content" where the answer
 * is wrong and null where one that was wrong is right. Every other byte is kept. A result in which
 * nothing was parsed (abstained, failed before) passes as it is.
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

/* A question as it is now. */
struct kv_rejudge_question {
    const struct kv_template *template;
    const char *template_id;
    struct kv_slice answer; /* the reference; p == NULL: none is given, the row's stays */
};

/* True if something was read from the answer of this row (checked JSON). Otherwise it passes as it
 * is. */
bool kv_rejudge_is_parsed(struct kv_slice row);

/* Takes a row apart (checked JSON, borrowed until the next is begun): false if it has no metadata,
 * so is no VerificationResult. *question_id is JSON, n == 0 if there is none. */
bool kv_rejudge_begin(struct kv_rejudge *r, struct kv_slice row, struct kv_slice *question_id);

/* The row begun, by its question. Appends it. KV_INPUT if the template asks for a field that was not
 * read from the answer: the judge has to be asked again. */
int kv_rejudge_result(struct kv_rejudge *r, const struct kv_rejudge_question *q, struct kv_buf *out,
    struct kv_err *err);

/* The row as one whose answer is kept and whose judge is still to be asked, which leaves its task
 * pending: no verdict, nothing parsed, a failure of the stage ParseTemplate that gives `why`. */
void kv_rejudge_reset(
    const struct kv_rejudge_question *q, struct kv_slice row, const char *why, struct kv_buf *out);

/* {"template":TemplateSpec or Python text,"parsed":{…},"trace":"…"}: appends an object of the four
 * members. The template is read once for a run of lines with the same. */
int kv_rejudge_bare(
    struct kv_rejudge *r, struct kv_slice line, struct kv_buf *out, struct kv_err *err);

/* Why a check of the last answer could not be made, or NULL. Valid until the next. */
const char *kv_rejudge_trouble(const struct kv_rejudge *r);

#endif
