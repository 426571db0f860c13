/* adjust - how the requests of an endpoint are changed: at first by what is known of its model, then
 * by what its refusals say.
 *
 * What changes what is measured (the effort, the verbosity, a setting left out) is told once a model
 * and stands in every row (`adjusted` of the answer); what only changes the spelling is not.
 */
#ifndef KV_ADJUST_H
#define KV_ADJUST_H

#include "endpoint.h"

/* Before the first request. */
void kv_adjust_begin(struct kv_endpoint *e);

/* A refusal of a request with these quirks. True if the call may go out again, put differently. */
bool kv_adjust_learn(struct kv_endpoint *e, const struct kv_response *reply, unsigned quirks);

#endif
