/* dispatch - carries queries to their endpoints and responses back, at the scheduler's pace.
 *
 * A pending query is one query of a task: submitted, held until the scheduler lets it go, sent over
 * HTTP or to a command, put differently if the server wants that, retried if that makes sense, and
 * in the end answered through `respond`. It belongs to the caller and must stay until it is answered
 * or dropped.
 *
 *     kv_dispatch_submit(c, pending);
 *     kv_dispatch_send(c);                    whatever may go now
 *     kv_dispatch_wait(c, fds, n, ms, &err);  for the network, commands and the caller's descriptors
 *     kv_dispatch_receive(c);                 `respond` is called for what came back
 */
#ifndef KV_DISPATCH_H
#define KV_DISPATCH_H

#include "background.h"
#include "call_id.h"
#include "endpoint.h"
#include "ledger.h"
#include "streamed.h"
#include "warmth.h"

#include <poll.h>

struct kv_pending_query {
    struct kv_endpoint *endpoint; /* set by the caller */
    struct kv_query query;        /* likewise, for a model */
    struct kv_buf input;          /* likewise, for a command that is given no query (--exec) */
    void *user;
    struct kv_digest128 id; /* likewise, of the query in the journal */
    /* private */
    struct kv_call call;
    struct kv_buf body;
    enum kv_step step; /* as sent */
    enum kv_protocol_kind wire;
    unsigned quirks;
    int redone, attempts;
    struct kv_buf kept; /* the longest text that failed attempts have left */
    struct kv_streamed *streamed;
    struct kv_background_call background; /* `response` may be set by the caller: ordered before */
    char call_id[KV_CALL_ID + 1];         /* set by the caller, where a ledger is kept */
    struct kv_usage used;                 /* by all requests of the call so far */
    double reserved;                      /* what it may cost, while it is under way */
    bool flying, noted, recalled;
    bool elsewhere; /* the caller's: `recall` gives what came of it there */
    struct kv_child *child;
    struct kv_warmth_call warming;
    struct kv_pending_query *next, *prev; /* those with a child, or noted */
};

struct kv_dispatch {
    /* set by the caller */
    struct kv_sched *sched;
    struct kv_http *http; /* NULL if no endpoint needs it */
    const struct kv_secrets *ring;
    int64_t command_timeout_ms;
    void *closure;
    void (*respond)(void *closure, struct kv_pending_query *e, const struct kv_answer *r);
    void (*say)(void *closure, const char *text);  /* what everybody should know, once */
    void (*tell)(void *closure, const char *text); /* of retries and waits; NULL: nobody is told */
    struct kv_ledger *ledger; /* NULL: nothing is worked on in the background */
    bool warm;                /* calls that begin alike wait for the first of them (warmth.h) */
    bool salvage_any;         /* keep a partial answer also when the cause was not a time limit */
    /* Replies that are to be written down before they are acted on (journal.h); NULL: none are. keep
     * answers whether it could; recall gives the reply back, once, in any later round; false: it has
     * to be asked for. */
    bool (*keep)(void *closure, const struct kv_pending_query *e, const struct kv_answer *r);
    bool (*recall)(void *closure, struct kv_pending_query *e, struct kv_answer *r);
    /* private: zero */
    struct kv_pending_query *noted, *noted_last;
    struct kv_pending_query *children;
    size_t child_count;
    struct kv_response reply;
    struct kv_background background;
    struct kv_streams streams;
    struct kv_warmth warmth;
    struct pollfd *fds;
    size_t fds_room;
};

void kv_dispatch_release(struct kv_dispatch *c);

void kv_dispatch_submit(struct kv_dispatch *c, struct kv_pending_query *e);
void kv_dispatch_send(struct kv_dispatch *c);
/* Answers a pending query, in the next round, with a reply that an earlier run has kept; or, if it is
 * marked so, with what came of it elsewhere. */
void kv_dispatch_recall(struct kv_dispatch *c, struct kv_pending_query *e);

/* Waits at most `ms` for something to happen. The caller's own descriptors come back as from
 * poll(2). KV_SYSTEM if waiting itself fails. */
int kv_dispatch_wait(
    struct kv_dispatch *c, struct pollfd *own, size_t n, int64_t ms, struct kv_err *err);
void kv_dispatch_receive(struct kv_dispatch *c);

/* Acts on all replies that are kept. */
void kv_dispatch_settle(struct kv_dispatch *c);

/* Answers a pending query that will not be made: withheld. It must not be in flight. */
void kv_dispatch_withhold(struct kv_dispatch *c, struct kv_pending_query *e, struct kv_slice why);
/* Takes it back from wherever it is, and releases what it holds. Twice is fine. */
void kv_dispatch_drop(struct kv_dispatch *c, struct kv_pending_query *e);

#endif
