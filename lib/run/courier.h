/* courier - carries queries to their endpoints and responses back, at the scheduler's pace.
 *
 * An errand is one query of a task: submitted, held until the scheduler lets it go, sent over HTTP
 * or to a command, put differently if the server wants that, retried if that makes sense, and in
 * the end answered through the courier's `respond`. Errands belong to the caller and must stay
 * until they are answered or dropped.
 *
 *     kv_courier_submit(c, errand);
 *     kv_courier_send(c);                    whatever may go now
 *     kv_courier_wait(c, fds, n, ms, &err);  for the network, commands and the caller's descriptors
 *     kv_courier_receive(c);                 `respond` is called for what came back
 */
#ifndef KV_COURIER_H
#define KV_COURIER_H

#include "endpoint.h"

#include <poll.h>

struct kv_errand {
    struct kv_endpoint *endpoint; /* set by the caller */
    struct kv_query query;        /* likewise, for a model */
    struct kv_buf input;          /* likewise, for a command that is given no query (--exec) */
    void *user;
    /* private */
    struct kv_call call;
    struct kv_buf body;
    enum kv_step step; /* as sent */
    unsigned quirks;
    int redone;
    bool flying;
    struct kv_child *child;
    struct kv_errand *next, *prev; /* those with a child */
};

struct kv_courier {
    /* set by the caller */
    struct kv_sched *sched;
    struct kv_http *http; /* NULL if no endpoint needs it */
    const struct kv_secrets *ring;
    int64_t command_timeout_ms;
    void *closure;
    void (*respond)(void *closure, struct kv_errand *e, const struct kv_response *r);
    void (*tell)(void *closure, const char *text); /* of retries and waits; NULL: nobody asks */
    /* private: zero */
    struct kv_errand *children;
    size_t child_count;
    struct kv_reply reply;
    struct pollfd *fds;
    size_t fds_room;
};

void kv_courier_release(struct kv_courier *c);

void kv_courier_submit(struct kv_courier *c, struct kv_errand *e);
void kv_courier_send(struct kv_courier *c);

/* Waits at most `ms` for something to happen. The caller's own descriptors come back as from
 * poll(2). KV_SYSTEM if waiting itself fails. */
int kv_courier_wait(
    struct kv_courier *c, struct pollfd *own, size_t n, int64_t ms, struct kv_err *err);
void kv_courier_receive(struct kv_courier *c);

/* Answers an errand that will not be made: withheld. It must not be in flight. */
void kv_courier_withhold(struct kv_courier *c, struct kv_errand *e, struct kv_slice why);
/* Is it on its way? */
bool kv_courier_flying(const struct kv_errand *e);
/* Takes it back from wherever it is, and releases what it holds. Twice is fine. */
void kv_courier_drop(struct kv_courier *c, struct kv_errand *e);

#endif
