/* gemini - Google's generateContent: how a request is put, and what a body or an event says.
 *
 * The model stands in the URL (base_url.h), the system text apart from the turns, and what steers
 * the sampling in an object of its own. Members of extra_kwargs that LangChain's Google classes
 * take (top_p, top_k, thinking_budget …) go where the service wants them; others stay members of
 * the request.
 */
#ifndef KV_GEMINI_H
#define KV_GEMINI_H

#include "protocol.h"
#include "request.h"

void kv_gemini_write(struct kv_buf *out, const struct kv_request *ask);

/* As kv_protocol_take. A prompt that was blocked is an answer without text that ends PROMPT_BLOCKED.
 */
bool kv_gemini_take(const struct kv_protocol *to, struct kv_slice root);

#endif
