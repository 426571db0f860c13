/* marks - what is not as it seems about the answer of a row, as the row itself says it. */
#ifndef KV_MARKS_H
#define KV_MARKS_H

#include "result.h"

enum kv_mark {            /* bits */
    KV_MARK_CUT = 1,      /* stopped at the token limit */
    KV_MARK_FILTERED = 2, /* stopped by the provider's content filter */
    KV_MARK_REFUSED = 4,  /* declined by the model, in so many words */
    KV_MARK_ANOTHER = 8,  /* another model served */
    KV_MARK_DROPPED = 16, /* asked without something that was configured */
};
enum { KV_MARKS = 5 };

/* By usage_metadata.answer_generation and the warnings (kv-results(5)). */
unsigned kv_marks_of(const struct kv_result *row);
/* What each of these adds, for a result that is no row yet: kv_finish and kv_dropped of that stage
 * (JSON; empty: none), and the text of one warning, which counts only where there is that stage. */
unsigned kv_marks_of_stage(struct kv_slice finish, struct kv_slice dropped);
unsigned kv_marks_of_warning(struct kv_slice text);

/* "truncated", "filtered", "refused", "another_model", "altered_request"; i is the number of the
 * bit. */
const char *kv_marks_name(int i);

#endif
