/* base_url - which service a model is asked at, and under which URL.
 *
 * Reads what a configuration says of a model (kv-config(5)) and the base-URL variables of the
 * service, and puts URLs together as text. Whether a key may go to one is decided elsewhere
 * (key_owner.h), from the host that libcurl reads in it.
 *
 * A base URL is taken as people write them: with or without the path of the request behind it, with
 * a version of its own (/api/paas/v4), with Azure's deployment, with a query. /v1 is put behind it
 * only where no such thing is there.
 */
#ifndef KV_BASE_URL_H
#define KV_BASE_URL_H

#include "secret.h"
#include "services.h"

/* What the configuration says of a model. NULL where it says nothing. */
struct kv_choice {
    const char *id;             /* the model's id: names KV_API_KEY_<ID> */
    const char *model;          /* its name at the service */
    const char *interface;      /* "langchain", "openrouter", "openai_endpoint", "claude_tool" */
    const char *model_provider; /* for langchain */
    const char *base_url;       /* endpoint_base_url or anthropic_base_url */
    struct kv_slice extra;      /* extra_kwargs: URLs in the spellings of client libraries */
    const char *dialect;        /* an explicit name, wins */
    const char *moved_to;       /* a base URL that the user gives in its place; NULL: none */
};

struct kv_base_url {
    char *url;          /* "http://host/v1?query", without the path of a request */
    char *socket;       /* path of a unix socket that it is reached by; NULL: none */
    bool from_document; /* the configuration gave it */
};

/* The service, with its base URL; NULL with KV_INPUT for what cannot be spoken to. */
const struct kv_service *kv_base_url_choose(
    const struct kv_choice *choice, kv_env_fn *env, struct kv_base_url *base, struct kv_err *err);
void kv_base_url_release(struct kv_base_url *base);

/* The URL that requests go to, and that of the listing of models. The caller frees them. */
char *kv_base_url_asked(
    const struct kv_base_url *base, enum kv_protocol_kind protocol, const char *model);
/* Where streams are asked for, if that is another URL; else NULL. The caller frees it. */
char *kv_base_url_streamed(
    const struct kv_base_url *base, enum kv_protocol_kind protocol, const char *model);
char *kv_base_url_models(const struct kv_base_url *base, enum kv_protocol_kind protocol);

#endif
