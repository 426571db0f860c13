/* url_secret - whether a URL carries a key: it would be stored with the configuration, and shown. */
#ifndef KV_URL_SECRET_H
#define KV_URL_SECRET_H

#include "buf.h"

#include <stdbool.h>

/* True if the query, the text behind '?', sets a parameter that holds a key: key, api_key, token,
 * code and such, in any case, with or without an "x-" in front, escaped or not. */
bool kv_url_secret_in(struct kv_slice query);

/* True if this value of a header or parameter is, by its name, a secret in plain text. A value that
 * names a variable, "${NAME}", is none. */
bool kv_url_secret_plain(struct kv_slice name, struct kv_slice value);

/* What is wrong with storing this text as a URL: "a URL must not hold …", or NULL. */
const char *kv_url_secret_fault(struct kv_slice url);

#endif
