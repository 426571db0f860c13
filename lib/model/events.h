/* events - what the events of a streamed reply have said so far, in any protocol.
 *
 * Cuts the bytes into events, adds what they say to the texts of a reply through `protocol`, and
 * tells progress from signs of life: progress is an event that carries something of the answer
 * (text, reasoning, a refusal, tool arguments, a finish reason, the begin or end of a block or
 * item); a comment, a ping or an empty delta only shows that the server lives. It knows no clock
 * and does not judge what the whole amounts to: that is `response`.
 */
#ifndef KV_EVENTS_H
#define KV_EVENTS_H

#include "protocol.h"
#include "sse.h"

struct kv_events {
    enum kv_protocol_kind wire; /* set by the caller, the rest zero */
    bool finished;              /* a finish reason was given */
    bool ended;                 /* the end marker came; nothing of the answer follows */
    bool garbled;               /* an event was no JSON, and what it said is lost */
    bool too_large;             /* an event beyond what is taken */
    bool text_begun;            /* text of the answer, or arguments of its tool, have come */
    bool thinking;              /* a block or item of reasoning is open */
    struct kv_buf error;        /* the error object an event carried: JSON; n == 0: none */
    struct kv_buf whole;        /* Responses: the response as the last event has it, JSON */
    size_t progress;            /* events that were progress */
    /* private */
    struct kv_sse sse;
    bool commentary;
    struct kv_buf late; /* what was said behind the finish */
};
void kv_events_release(struct kv_events *e);

enum kv_news {
    KV_NEWS_LIFE,     /* bytes came */
    KV_NEWS_PROGRESS, /* something of the answer came */
    KV_NEWS_END,      /* nothing more is to be expected: ended, error, garbled or too_large */
};
/* Takes all the bytes in and answers with the most that was in them. After KV_NEWS_END it takes
 * nothing more. */
enum kv_news kv_events_take(
    struct kv_events *e, const struct kv_protocol *to, struct kv_slice bytes);

/* True while the answer is being written, rather than thought about. */
bool kv_events_answering(const struct kv_events *e);

#endif
