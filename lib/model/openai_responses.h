/* openai_responses - what OpenAI's Responses interface answers, without judging it.
 *
 * Takes a response object: the body of a reply, or what the last event of a stream carries. Its
 * items are walked in order: text of messages is the answer, remarks on the way to it (phase
 * "commentary") and reasoning items are reasoning, a function call gives the arguments of the tool.
 * Other items are passed over.
 */
#ifndef KV_OPENAI_RESPONSES_H
#define KV_OPENAI_RESPONSES_H

#include "protocol.h"

enum kv_openai_responses_state {
    KV_OPENAI_RESPONSES_DONE,    /* completed, or a server that does not say */
    KV_OPENAI_RESPONSES_CUT,     /* incomplete: the finish reason says why */
    KV_OPENAI_RESPONSES_FAILED,  /* `error` says why */
    KV_OPENAI_RESPONSES_STOPPED, /* cancelled */
    KV_OPENAI_RESPONSES_WAITING, /* queued or in progress */
    KV_OPENAI_RESPONSES_UNKNOWN, /* a status that is none of these; the finish reason has the word
                                  */
};

struct kv_openai_responses {
    enum kv_openai_responses_state state;
    struct kv_slice id;    /* a JSON string; n == 0: none */
    struct kv_slice error; /* of KV_OPENAI_RESPONSES_FAILED: its error object; may be empty */
    bool only_commentary;  /* no message claims to be the answer: the last remark is it */
};

/* `root` is checked JSON and stays as long as *said is read. False if it is no response object. */
bool kv_openai_responses_take(
    const struct kv_protocol *to, struct kv_slice root, struct kv_openai_responses *said);

/* The HTTP status that an error of a failed response amounts to. */
int kv_openai_responses_status(struct kv_slice error);

#endif
