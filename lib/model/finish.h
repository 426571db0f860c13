/* finish - what the reason for which a model stopped says about its answer.
 *
 * One table of the words of all services (lib/model/README.md).
 */
#ifndef KV_FINISH_H
#define KV_FINISH_H

#include "outcome.h"

/* False if the word is none that is known; no word at all is none. */
bool kv_finish_outcome(struct kv_slice reason, enum kv_outcome *outcome);
/* True if the model stopped in order to have a tool called. */
bool kv_finish_is_tool(struct kv_slice reason);

#endif
