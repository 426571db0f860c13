/* protocol_choice - chat completions or Responses: which one a model of OpenAI's is asked by.
 *
 * The user's word counts first, then the URL, then what only one of the two understands, then the
 * name of the model. Other services are asked by the interface they have always had.
 */
#ifndef KV_PROTOCOL_CHOICE_H
#define KV_PROTOCOL_CHOICE_H

#include "base_url.h"

/* *guessed: neither the user nor a URL said so; a server that knows better is believed. */
enum kv_protocol_kind kv_protocol_choice(
    const struct kv_choice *c, const struct kv_service *d, bool *guessed);

/* True if its answer is to be worked on in the background and fetched later. */
bool kv_protocol_choice_background(struct kv_slice model, struct kv_slice extra);

#endif
