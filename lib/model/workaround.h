/* workaround - what to leave out or to put differently after a refusal that names it.
 *
 * One refusal, one workaround. Pure: it looks at what the server said and at what has been tried,
 * and answers with a quirk to add, after which the same call may go out again.
 */
#ifndef KV_WORKAROUND_H
#define KV_WORKAROUND_H

#include "error_body.h"
#include "services.h"

/* `tried`: the quirks of the request that was refused; `streamed`: it asked for a stream. 0: nothing
 * is known to help. */
unsigned kv_workaround(const struct kv_error_body_text *t, unsigned tried, bool streamed);

/* The words of effort.h that a refusal offers instead of what was asked. */
unsigned kv_workaround_offered(const struct kv_error_body_text *t);

/* A refusal, status 400 or 404, because the model lives behind the other interface of OpenAI's. */
unsigned kv_workaround_protocol(
    const struct kv_error_body_text *t, int status, enum kv_protocol_kind asked, unsigned tried);

#endif
