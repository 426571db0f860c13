/* request_body - the body of a request to a model, in any dialect, from neutral input.
 *
 * The same input gives the same bytes: servers cache prompts and compiled schemas by them. A prompt
 * that wants an object must carry the schema itself, as the prompts of share/prompts do: the lower
 * steps of the ladder rely on it.
 */
#ifndef KV_REQUEST_BODY_H
#define KV_REQUEST_BODY_H

#include "digest.h"
#include "request.h"

/* Appends the body. Members of extra_kwargs win over ours; those that configure a client library
 * rather than the request (base_url, timeout, api_key …) are left out, and so are those that say
 * whether to stream: that is `stream`. */
void kv_request_body_write(
    struct kv_buf *out, const struct kv_service *d, const struct kv_request *ask);

/* Names what the prompt has in common with others of its model and comes first: the system text and
 * the schema. False if it is too short to be cached, or the request does not ask for that, by a mark
 * for Anthropic or a key for OpenAI. */
bool kv_request_beginning(
    const struct kv_service *d, const struct kv_request *ask, struct kv_digest128 *id);

#endif
