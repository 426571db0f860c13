/* request - what a model is asked: messages, a schema, settings.
 *
 * Neutral input: request_body.h writes it in the protocol of a service.
 */
#ifndef KV_REQUEST_H
#define KV_REQUEST_H

#include "buf.h"
#include "services.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_speaker { KV_SPEAKER_SYSTEM, KV_SPEAKER_USER, KV_SPEAKER_ASSISTANT };

struct kv_message {
    enum kv_speaker role;
    struct kv_slice text;
};

struct kv_request {
    enum kv_protocol_kind wire;
    struct kv_slice model;
    const struct kv_message *messages;
    size_t count;
    double temperature;             /* NAN: not sent */
    int64_t max_tokens;             /* 0: not sent (Anthropic demands one: 8192) */
    const char *schema_name;        /* [A-Za-z0-9_-], at most 64; NULL: free text is wanted */
    struct kv_slice schema;         /* JSON */
    enum kv_step step;              /* read only when schema_name is set */
    unsigned quirks;                /* enum kv_quirk */
    bool stream;                    /* the reply is wanted as events */
    bool background;                /* Responses: the answer is to be fetched later */
    bool once;                      /* no other call begins alike: nothing is put into a cache */
    unsigned cache_keys;            /* calls that begin alike have so many keys; 0, 1: the same */
    const char *effort, *verbosity; /* those a server takes, in the place of the user's; or NULL */
    struct kv_slice extra;          /* extra_kwargs, a checked JSON object, or empty */
};

/* True if this member of extra_kwargs (a JSON string) is for a client library, not for the server. */
bool kv_request_steers_client(struct kv_slice key);
/* True if extra_kwargs, or one of the objects in them that are meant as members of the request, have
 * the name; *value is what it has: in extra_body, else in model_kwargs, else outside of both. */
bool kv_request_extra(struct kv_slice extra, const char *name, struct kv_slice *value);
/* Adds the names of members of extra_kwargs that have no place in the request, "stop, seed": left
 * out. */
void kv_request_left_out(const struct kv_request *ask, struct kv_buf *names);

/* Tokens of the prompt, roughly (a token is three and a half bytes): for rates and --dry-run. */
int64_t kv_request_estimate(const struct kv_request *ask);

#endif
