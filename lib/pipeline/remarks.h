/* remarks - what is not as it seems about an answer of a model, in words for the warnings of a row.
 *
 * An answer that was cut off or blocked, another model, a parameter that was left out: a result
 * that does not say so would be read as something it is not. Notes are texts in one buffer, each
 * ended by a NUL; the same text is noted once.
 */
#ifndef KV_REMARKS_H
#define KV_REMARKS_H

#include "query.h"

void kv_remarks_note(struct kv_buf *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of the answer to a question, all of it; each note begins with "Answer". `asked` is the model's
 * name. */
void kv_remarks_on_answer(
    struct kv_buf *notes, const struct kv_answer *answer, struct kv_slice asked);
/* Of a judge: who it was and how it was asked. How it ended decides whether it is heard (reask.h). */
void kv_remarks_on_judge(
    struct kv_buf *notes, const struct kv_answer *answer, struct kv_slice asked);

/* Takes over the notes about the answer from the warnings of an earlier row (JSON array). */
void kv_remarks_recall(struct kv_buf *notes, struct kv_slice warnings);

/* Why there is no answer though a reply came: it has no text, and ended so that this says nothing
 * about the model. NULL: it is an answer, if an empty one. */
const char *kv_remarks_no_text(const struct kv_answer *answer);

/* What was not sent as configured, as a row has it: a JSON array; empty for nothing. */
struct kv_slice kv_remarks_dropped(const struct kv_answer *answer);

#endif
