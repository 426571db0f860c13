/* replay - what came back of a call that was asked elsewhere, taken in like a direct response.
 *
 * All its lines are taken in the order they came: refusals teach how the endpoint wants to be asked,
 * failures that may pass count as tries, and an answer ends it.
 */
#ifndef KV_REPLAY_H
#define KV_REPLAY_H

#include "endpoint.h"
#include "replies.h"

struct kv_replay {
    struct kv_replies *replies; /* set by the caller */
    const struct kv_secrets *ring;
    struct kv_err trouble; /* of KV_REPLAY_BROKEN */
    /* private: zero */
    struct kv_response reply;
    struct kv_reply_line line;
};
void kv_replay_release(struct kv_replay *r);

enum kv_replay_next {
    KV_REPLAY_NONE,     /* there is none, or it has to be asked again */
    KV_REPLAY_ANSWERED, /* *answer says what came; it borrows from *r until the next call of it */
    KV_REPLAY_BROKEN,   /* a line that was read before cannot be read: r->trouble */
};
/* Takes in what came of the call `id`. Of a deferred endpoint, failures that may pass end it when
 * they have used up their budget. */
enum kv_replay_next kv_replay_take(struct kv_replay *r, struct kv_endpoint *e,
    const struct kv_query *q, const char *id, struct kv_answer *answer);

#endif
