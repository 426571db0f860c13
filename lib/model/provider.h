/* provider - who is asked, where, in which dialect, and with which key.
 *
 * A dialect is one row: the wire protocol it speaks (OpenAI chat completions or Anthropic
 * messages), where it lives, which environment variables its users set, and how it deviates. Adding
 * one is adding a row and a test. request.h and response.h read the row; this module turns a model's
 * configuration (kv-config(5)) into a provider: a row, URLs, and a key from the
 * environment.
 *
 *     kv_provider_open(&p, &choice, kv_cli_env, ring, err);   no network yet
 *     … kv_http_start with p.chat or p.models …
 *     kv_provider_close(&p);
 *
 * Only the base URL and the names of variables come from documents; which key may go where is
 * decided in key_owner.h. For an endpoint of one's own there is KV_API_KEY_<MODEL ID> (upper case,
 * other characters as '_') and KV_API_KEY, for the hosts that KV_API_HOST names.
 */
#ifndef KV_PROVIDER_H
#define KV_PROVIDER_H

#include "base_url.h"
#include "http_target.h"
#include "secret.h"
#include "services.h"

struct kv_provider {
    const struct kv_service *dialect;
    enum kv_protocol_kind wire;
    char *key_name;     /* the variable the key came from; NULL: no key is sent */
    char *withheld;     /* one that is set and must not go to this host; NULL: none */
    bool exposed;       /* a key goes over plain http to another machine: worth a warning */
    bool from_document; /* the URL was given by the configuration */
    bool guessed;       /* the protocol was not said: see protocol_choice.h */
    struct kv_http_target *other;    /* of the other protocol of OpenAI's, beside `chat`; or NULL */
    struct kv_http_target *streamed; /* asked for streams in place of `chat`; NULL: `chat` is */
    struct kv_http_target *chat, *models; /* models: GET answers the listing; chat->host to print */
};

/* Fails with KV_INPUT for what cannot be spoken to (interface, provider, URL: the text says which),
 * with KV_PROVIDER when no key is found where one is needed (the text names the variables). With
 * `ring` NULL it only looks: key_name says what would be sent, no key is taken and none is missed.
 */
int kv_provider_open(struct kv_provider *p, const struct kv_choice *choice, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err);
/* Takes every key that any service could use out of the environment, before commands are started;
 * their names are added to *gone. */
void kv_provider_gather_keys(struct kv_secrets *ring, struct kv_buf *gone);
void kv_provider_close(struct kv_provider *p);

/* Where a streamed call or a whole one goes. */
struct kv_http_target *kv_provider_target(const struct kv_provider *p, bool stream);

/* Turns from chat completions to Responses or back. False if there is no other protocol here. */
bool kv_provider_switch(struct kv_provider *p);

#endif
