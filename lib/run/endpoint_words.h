/* endpoint_words - what is not as it was asked for about an answer, and what is told once a model.
 *
 * A part of endpoint.h: how the answer ended in one word for all services, whether another model
 * served, what was not sent as configured, the tier. The row has it each time (remarks.h), people
 * hear of it once.
 */
#ifndef KV_ENDPOINT_WORDS_H
#define KV_ENDPOINT_WORDS_H

#include "endpoint.h"

enum kv_remark { /* bits of kv_endpoint.remarked */
    KV_REMARK_UNSAID = 1,
    KV_REMARK_UNPRICED = 2,
    KV_REMARK_TIER = 4,
    KV_REMARK_SERVED = 8,
    KV_REMARK_CUT = 16,
    KV_REMARK_FILTERED = 32,
    KV_REMARK_REFUSED = 64,
    KV_REMARK_TEMPERATURE = 128,
    KV_REMARK_SYSTEM = 256,
    KV_REMARK_SCHEMA = 512,
    KV_REMARK_PROMPT = 1024,
    KV_REMARK_REPEATED = 2048,
};
/* True the first time that it is asked of this model. */
bool kv_endpoint_words_first(struct kv_endpoint *e, enum kv_remark remark);

/* Fills in what the answer says of itself; `quirks` as sent. Texts are borrowed from the reply. */
void kv_endpoint_words_add(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, unsigned quirks, struct kv_answer *response);

/* Looks whether a server that took a schema obeys it: some do not, and refuse nothing. If two of the
 * first five replies hold no object, the next way of asking is tried. `step` as sent. */
void kv_endpoint_words_obeys(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, enum kv_step step);

#endif
