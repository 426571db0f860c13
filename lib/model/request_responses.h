/* request_responses - the body of a request to OpenAI's Responses interface.
 *
 * The settings of a model are those of chat completions: they are moved to where they belong here,
 * and what does not exist here is left out, which the user has to be told (kv_request_left_out).
 * Questions of a benchmark are not to be kept by the service: "store" is false unless the user says
 * otherwise or the answer is worked on in the background.
 */
#ifndef KV_REQUEST_RESPONSES_H
#define KV_REQUEST_RESPONSES_H

#include "request_parts.h"

/* Writes all members but those that are passed through as they are. */
void kv_request_responses_write(struct kv_request_body *b);
/* True if the member (a JSON string) is written by kv_request_responses_write, or has no place
 * here. */
bool kv_request_responses_has(struct kv_slice key);

#endif
