/* model_list - the models a server says it has.
 *
 * Reads the body of GET …/models in OpenAI's, Anthropic's and Google's spelling. A configured name
 * counts as listed if it is listed as it stands, behind "models/" (Google), with ":latest"
 * (Ollama), or if the server has one model only and so does not care (llama.cpp).
 */
#ifndef KV_MODEL_LIST_H
#define KV_MODEL_LIST_H

#include "buf.h"

/* 1: the model is there. 0: it is not, and *near gets the up to five nearest names, ", " between
 * them. -1: this is no listing. */
int kv_model_list_find(struct kv_slice body, struct kv_slice model, struct kv_buf *near);

#endif
