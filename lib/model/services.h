/* services - the services we can speak to, one row each.
 *
 * A row holds the wire protocol (OpenAI chat completions or Anthropic messages), where the service
 * lives, which environment variables its users set, and how it deviates. Adding a service is adding
 * a row and a test; nothing else knows services by name. Source: lib/model/README.md.
 */
#ifndef KV_SERVICES_H
#define KV_SERVICES_H

#include "protocol_kind.h"

#include <stdbool.h>
#include <stddef.h>

/* How structured output is asked for, best first: the ladder (lib/model/README.md). */
enum kv_step {
    KV_STEP_SCHEMA, /* native JSON schema, strict */
    KV_STEP_TOOL,   /* a forced tool whose arguments are the object */
    KV_STEP_OBJECT, /* "some JSON object"; the schema stands in the prompt */
    KV_STEP_PLAIN,  /* nothing but the prompt */
};
const char *kv_step_name(enum kv_step s);

/* What a server refused in our usual request, learned once and kept for the run (section 1.3). */
enum kv_quirk {
    KV_QUIRK_SWAP_MAX_TOKENS = 1, /* the other spelling of max_tokens */
    KV_QUIRK_NO_TEMPERATURE = 2,
    KV_QUIRK_FOLD_SYSTEM = 4,    /* the system text goes in front of the first user message */
    KV_QUIRK_SYSTEM_SWAPPED = 8, /* "developer" instead of "system" */
    KV_QUIRK_STREAM = 0x100,     /* long calls are cut off or refused unless they are streamed */
    KV_QUIRK_NO_STREAM = 0x200,
    KV_QUIRK_NO_STREAM_OPTIONS = 0x400,
    KV_QUIRK_NO_TOP_P = 0x800,
    KV_QUIRK_NO_LOGPROBS = 0x1000,
    KV_QUIRK_EFFORT = 0x2000, /* another reasoning effort than the user's */
    KV_QUIRK_NO_REASONING = 0x4000,
    KV_QUIRK_NO_SUMMARY = 0x8000,    /* of the reasoning */
    KV_QUIRK_VERBOSITY = 0x10000,    /* another one than the user's */
    KV_QUIRK_LEAST_OUTPUT = 0x20000, /* the token limit is below what the service takes */
    KV_QUIRK_NO_TIER = 0x40000,
    KV_QUIRK_NO_STORE = 0x80000,
    KV_QUIRK_NO_CACHE_KEY = 0x200000,
    KV_QUIRK_OTHER_WIRE = 0x100000, /* Responses for chat completions, or the reverse */
};

enum kv_service_flag {
    KV_SERVICE_LOCAL = 1,          /* usually on this machine: needs no key, may be slow to load */
    KV_SERVICE_NEW_MAX = 2,        /* max_completion_tokens */
    KV_SERVICE_NO_OBJECT = 4,      /* json_object is refused */
    KV_SERVICE_NO_TOOL = 8,        /* tool_choice is ignored */
    KV_SERVICE_ROUTER = 16,        /* drops parameters silently unless told not to (OpenRouter) */
    KV_SERVICE_GOOGLE = 32,        /* errors and limits in Google's manner */
    KV_SERVICE_DAILY = 64,         /* the request window is a day, not a minute */
    KV_SERVICE_API_KEY_HDR = 128,  /* "api-key: KEY" (Azure) */
    KV_SERVICE_CACHE_VARIES = 256, /* what cached tokens cost depends on the model */
    KV_SERVICE_DEPLOYMENTS = 512,  /* a model may have a path of its own (Azure) */
};

struct kv_service {
    const char *name;
    enum kv_protocol_kind wire;
    unsigned flags;
    const char *base;          /* NULL: the configuration has to give one */
    const char *hosts[3];      /* names it is recognised by; ".x": all below x */
    const char *providers[4];  /* model_provider names */
    const char *key_env[3];    /* in order */
    const char *base_env[3];   /* in order */
    const char *prices;        /* prefix of its models in LiteLLM's price file; NULL: none */
    const char *batch;         /* shape of its batch service; NULL: it has none that we know */
    bool batch_untried;        /* … which is used only where the user says so */
    const char *batch_purpose; /* of files of requests there; NULL: "batch" */
    const char *batch_base;    /* where it is, behind the base of the others; NULL: there */
};
const struct kv_service *kv_service_find(const char *name); /* NULL if there is none */
const struct kv_service *kv_service_at(size_t i);           /* NULL behind the last */

/* The next step down that makes sense for the dialect; KV_STEP_PLAIN is the last. */
enum kv_step kv_step_below(const struct kv_service *d, enum kv_step s);

bool kv_service_lives_at(const struct kv_service *d, const char *host);
/* By host name (without port): the row of the service that lives there. By port on this machine:
 * the row of the server that usually listens there. NULL if there is none. */
const struct kv_service *kv_service_of_host(const char *host);
const struct kv_service *kv_service_of_port(const char *port);
/* By LangChain's model_provider. */
const struct kv_service *kv_service_of_provider(const char *model_provider);

#endif
