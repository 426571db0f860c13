/* ask - the body of a request to a model, in any dialect, from neutral input.
 *
 * The same input gives the same bytes: servers cache prompts and compiled schemas by them. Requests
 * are complete, not streamed. A prompt that wants an object must carry the schema itself, as the
 * prompts of pipeline.md, section 6, do: the lower steps of the ladder rely on it.
 */
#ifndef KV_ASK_H
#define KV_ASK_H

#include "buf.h"
#include "dialect.h"

#include <stdint.h>

enum kv_speaker { KV_SPEAKER_SYSTEM, KV_SPEAKER_USER, KV_SPEAKER_ASSISTANT };

struct kv_message {
    enum kv_speaker role;
    struct kv_slice text;
};

struct kv_ask {
    struct kv_slice model;
    const struct kv_message *messages;
    size_t count;
    double temperature;      /* NAN: not sent */
    int64_t max_tokens;      /* 0: not sent (Anthropic demands one: 8192) */
    const char *schema_name; /* [A-Za-z0-9_-], at most 64; NULL: free text is wanted */
    struct kv_slice schema;  /* JSON */
    enum kv_step step;       /* read only when schema_name is set */
    unsigned quirks;         /* enum kv_quirk */
    struct kv_slice extra;   /* extra_kwargs, a checked JSON object, or empty */
};

/* Appends the body. Members of extra_kwargs win over ours; those that configure a client library
 * rather than the request (base_url, timeout, api_key …) are left out, and so is anything that
 * would turn streaming on. */
void kv_ask_write(struct kv_buf *out, const struct kv_dialect *d, const struct kv_ask *ask);

/* Tokens of the prompt, roughly (a token is three and a half bytes): for rates and --dry-run. */
int64_t kv_ask_estimate(const struct kv_ask *ask);

#endif
