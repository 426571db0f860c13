/* protocol - what the bodies of the protocols say, without judging it.
 *
 * Takes a whole body, or one event of a streamed one: a delta has the members of a message, and
 * what is text appends. It writes into the buffers of its caller and knows nothing of success and
 * failure beyond where an error hides. Source: lib/model/README.md.
 */
#ifndef KV_PROTOCOL_H
#define KV_PROTOCOL_H

#include "buf.h"
#include "services.h"
#include "usage.h"

#include <stdbool.h>

struct kv_protocol {
    struct kv_buf *text, *reasoning, *refusal, *finish, *model, *provider, *fingerprint, *tier, *id;
    struct kv_buf *arguments; /* of the tool that was called */
    struct kv_buf *unread;    /* the type of a part of the content that is not known */
    struct kv_usage *usage;
};

/* `root` is checked JSON, of chat completions or messages (Responses: openai_responses). False if
 * there is no answer in it (an event may well have none). */
bool kv_protocol_take(
    const struct kv_protocol *to, enum kv_protocol_kind kind, struct kv_slice root);

/* Puts the text of a member in place of what was said before, if the member is a string: streams
 * repeat themselves, and the last one counts. */
void kv_protocol_replace(struct kv_buf *out, struct kv_slice object, const char *name);

/* The error a body or event of status 200 carries, if it does. */
bool kv_protocol_error(struct kv_slice root, struct kv_slice *error);

#endif
