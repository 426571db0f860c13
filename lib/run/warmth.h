/* warmth - calls whose prompts begin alike: one goes first, alone, so that the others find the
 * beginning in the server's cache.
 *
 * A beginning can be read from a cache only after the first reply to a prompt with it has begun;
 * what is sent before pays for writing it as well. So of the calls that share one, the first leads,
 * and the others are held until it is answered, or its first byte has come, or it has kept them
 * waiting for ten seconds. If it fails, the next one leads.
 *
 *     if (kv_warmth_admit(&w, &call, id, now)) … send …          else it is held
 *     for (go = kv_warmth_end(&w, &call, warm, now); go; go = …next)   … send go->user …
 *     while ((go = kv_warmth_expired(&w, now))) …                      likewise
 *
 * Calls are the caller's, and stay until they have ended. It reads no clock and sends nothing.
 */
#ifndef KV_WARMTH_H
#define KV_WARMTH_H

#include "digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KV_WARMTH_BEGINNINGS = 64, /* that are known at once; calls of others are not held */
    KV_WARMTH_WAIT_MS = 10000,
    KV_WARMTH_KEPT_MS = 240000, /* unused; caches live for five minutes */
};

struct kv_warmth_call {
    void *user;
    /* private: zero */
    struct kv_beginning *of; /* the one it leads, or is held for; NULL: neither */
    struct kv_warmth_call *next;
};

struct kv_beginning {
    struct kv_digest128 id;
    struct kv_warmth_call *leader, *held, *last;
    int64_t since_ms; /* the leader leads; or it was last used */
    bool known;
};

struct kv_warmth { /* zero: nothing is known */
    struct kv_beginning all[KV_WARMTH_BEGINNINGS];
    size_t leaders;
};

/* True if the call may go now; else it is held, and comes back from one of the others. */
bool kv_warmth_admit(
    struct kv_warmth *w, struct kv_warmth_call *call, struct kv_digest128 id, int64_t now_ms);

/* The call has ended, or (`warm`) its reply has begun: returns those that may go now, a list. Of a
 * call that does not lead: it is held no longer, NULL. */
struct kv_warmth_call *kv_warmth_end(
    struct kv_warmth *w, struct kv_warmth_call *call, bool warm, int64_t now_ms);

/* Those that have been held long enough, a list; NULL: none. */
struct kv_warmth_call *kv_warmth_expired(struct kv_warmth *w, int64_t now_ms);
/* When the next ones will have been; INT64_MAX: none is held. */
int64_t kv_warmth_due_ms(const struct kv_warmth *w);

#endif
