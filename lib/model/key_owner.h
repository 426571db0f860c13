/* key_owner - whether a key may go to a host: the one place where it is decided.
 *
 * Configurations and state files come from anywhere and may name any URL. A key goes only where its
 * owner sends it:
 *
 *     to this machine                        any key
 *     a service's own key (OPENAI_API_KEY)   to that service's host over https, to the host of its
 *                                            own base-URL variable (OPENAI_BASE_URL), and to a URL
 *                                            that no document gave
 *     KV_API_KEY, KV_API_KEY_<MODEL ID>      to the hosts that KV_API_HOST lists
 *
 * Hosts are compared as libcurl reads them (http_place.h). Pure: no network, no key is looked at.
 */
#ifndef KV_KEY_OWNER_H
#define KV_KEY_OWNER_H

#include "http_place.h"
#include "secret.h"
#include "services.h"

struct kv_key_journey {
    const char *key;                  /* the variable's name */
    const struct kv_service *service; /* that is spoken to */
    const struct kv_http_place *to;
    bool from_document; /* the URL; false: it is the service's usual one, or the user's */
};

bool kv_key_owner_allows(const struct kv_key_journey *j, kv_env_fn *env);

/* True if KV_API_HOST, a list "HOST[:PORT] …" separated by spaces or commas, names this host. */
bool kv_key_owner_listed(const struct kv_http_place *to, kv_env_fn *env);

#endif
