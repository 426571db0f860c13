/* extra_headers - the headers and query parameters that a configuration adds to every request.
 *
 * default_headers and default_query of extra_kwargs are objects of strings. A secret stands there
 * by the name of its variable, "${KV_NAME}", and is put in when the model is opened: it is in no
 * state, and in no URL that is shown. Only variables that begin with KV_ can be named, and their
 * values go where such keys may go (key_owner.h): a configuration from elsewhere can name no other.
 */
#ifndef KV_EXTRA_HEADERS_H
#define KV_EXTRA_HEADERS_H

#include "http_target.h"
#include "secret.h"

/* Adds them to a target. KV_INPUT for what is no object of strings, a header that the transport
 * sets, or a secret in plain text; KV_PROVIDER for a variable that is not set, or must not go
 * there. */
int kv_extra_headers_add(struct kv_http_target *to, struct kv_slice extra_kwargs, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err);

#endif
