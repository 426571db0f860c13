/* parsed_answer - a judge's object coerced to a template: each value in its field's type, or the
 * reason why it is none.
 *
 * The forgiving rules of kv-benchmark(5): "5" is 5, "yes" is true, a missing value,
 * null and a name under `_unanswered_fields` are a null extraction; what does not fit is an error.
 */
#ifndef KV_PARSED_ANSWER_H
#define KV_PARSED_ANSWER_H

#include "buf.h"
#include "err.h"
#include "template.h"

/* What an answer says of each field. Released with kv_parsed_release, reused as it is. */
struct kv_parsed {
    struct kv_buf json;      /* parsed_llm_response, one compact object */
    struct kv_buf bytes;     /* private: where values point */
    struct kv_slice *values; /* one a field of the template, JSON (NaN and Infinity included);
                                n == 0: null extraction */
    size_t *starts;          /* private */
    size_t n;
};
void kv_parsed_release(struct kv_parsed *p);

/* Fits a checked object. -1 with KV_INPUT, all mistakes in one sentence. */
int kv_parsed_answer_object(const struct kv_template *t, struct kv_slice object,
    struct kv_parsed *parsed, struct kv_err *err);

/* Takes a recorded object as it is: nothing is coerced, null is a null extraction. */
int kv_parsed_answer_recorded(const struct kv_template *t, struct kv_slice object,
    struct kv_parsed *parsed, struct kv_err *err);

/* What is known where no judge was asked: no extraction but of defaults. */
void kv_parsed_answer_unasked(const struct kv_template *t, struct kv_parsed *parsed);

#endif
