/* provider - who is asked, where, and in which dialect: a table of the services we can speak to.
 *
 * A dialect is one row: the wire protocol it speaks (OpenAI chat completions or Anthropic
 * messages), where it lives, which environment variables its users set, and how it deviates. Adding
 * one is adding a row and a test. `ask` and `reply` read the row; this module turns a model's
 * configuration (config.md, section 8) into a provider: a row, URLs, and a key from the
 * environment.
 *
 *     kv_provider_open(&p, &choice, kv_cli_env, ring, err);   no network yet
 *     … kv_http_start with p.chat or p.models …
 *     kv_provider_close(&p);
 *
 * Only the base URL and the names of variables come from documents; a key is sent to the service it
 * belongs to and to no other: OPENAI_API_KEY goes to api.openai.com, to the host of OPENAI_BASE_URL
 * and to loopback, not to wherever a state file points. For any endpoint of your own there is
 * KV_API_KEY_<MODEL ID> (upper case, other characters as '_') and KV_API_KEY.
 */
#ifndef KV_PROVIDER_H
#define KV_PROVIDER_H

#include "http.h"
#include "secret.h"

enum kv_wire { KV_WIRE_OPENAI, KV_WIRE_ANTHROPIC };

/* How structured output is asked for, best first: the ladder (providers.md, section 5.4). */
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
};

enum kv_dialect_flag {
    KV_DIALECT_LOCAL = 1,         /* usually on this machine: needs no key, may be slow to load */
    KV_DIALECT_NEW_MAX = 2,       /* max_completion_tokens */
    KV_DIALECT_NO_OBJECT = 4,     /* json_object is refused */
    KV_DIALECT_NO_TOOL = 8,       /* tool_choice is ignored */
    KV_DIALECT_ROUTER = 16,       /* drops parameters silently unless told not to (OpenRouter) */
    KV_DIALECT_GOOGLE = 32,       /* errors and limits in Google's manner */
    KV_DIALECT_DAILY = 64,        /* the request window is a day, not a minute */
    KV_DIALECT_API_KEY_HDR = 128, /* "api-key: KEY" (Azure) */
};

struct kv_dialect {
    const char *name;
    enum kv_wire wire;
    unsigned flags;
    const char *base;         /* NULL: the configuration has to give one */
    const char *host;         /* part of a host name it is recognised by; NULL: none */
    const char *providers[4]; /* model_provider names */
    const char *key_env[3];   /* in order */
    const char *base_env[3];  /* in order */
};
const struct kv_dialect *kv_dialect_find(const char *name); /* NULL if there is none */
const struct kv_dialect *kv_dialect_at(size_t i);           /* NULL behind the last */

/* What the configuration says of a model. NULL where it says nothing. */
struct kv_choice {
    const char *id;             /* the model's id: names KV_API_KEY_<ID> */
    const char *interface;      /* "langchain", "openrouter", "openai_endpoint", "claude_tool" */
    const char *model_provider; /* for langchain */
    const char *base_url;       /* endpoint_base_url or anthropic_base_url */
    const char *base_url_mode;  /* extra_kwargs.endpoint_base_url_mode: "auto_v1" or "raw" */
    const char *dialect;        /* an explicit name, wins */
};

struct kv_provider {
    const struct kv_dialect *dialect;
    char *name;                         /* "openai at api.openai.com": for messages */
    char *key_name;                     /* the variable the key came from; NULL if there is none */
    struct kv_http_peer *chat, *models; /* models: GET answers the listing */
};

/* Fails with KV_INPUT for what cannot be spoken to (interface, provider, URL: the text says which),
 * with KV_PROVIDER when no key is found where one is needed (the text names the variables). */
int kv_provider_open(struct kv_provider *p, const struct kv_choice *choice, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err);
void kv_provider_close(struct kv_provider *p);

/* The pure half of it, for tests and for --dry-run: which dialect, which URL. Caller frees *url. */
const struct kv_dialect *kv_provider_choose(
    const struct kv_choice *choice, kv_env_fn *env, char **url, struct kv_err *err);

/* Does the body of a model listing name `model`? 1 yes, 0 no (*near gets the nearest ids, ", "
 * between them), -1 if it is no listing. */
int kv_provider_lists(
    const struct kv_dialect *d, struct kv_slice body, struct kv_slice model, struct kv_buf *near);

#endif
