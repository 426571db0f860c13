/* ratelimit - what a reply says about how fast one may go on.
 *
 * Headers are noted one by one, in any order and of any provider, and settled into neutral figures
 * at the end: what the windows hold, when they are full again, and how long to wait after a refusal
 * (lib/model/README.md). Pure; -1 stands for "not said" everywhere.
 *
 *     struct kv_ratelimit r;
 *     kv_ratelimit_begin(&r);
 *     while (…) kv_ratelimit_note(&r, name, value);
 *     kv_ratelimit_settle(&r, now_ms);
 */
#ifndef KV_RATELIMIT_H
#define KV_RATELIMIT_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_ratelimit_window {
    int64_t limit, remaining; /* -1 unknown; never 0 for a limit */
    int64_t reset_ms;         /* until the window is full again, from now */
};

enum kv_ratelimit_kind {
    KV_RATELIMIT_REQUESTS,
    KV_RATELIMIT_TOKENS,
    KV_RATELIMIT_INPUT_TOKENS,
    KV_RATELIMIT_OUTPUT_TOKENS,
    KV_RATELIMIT_KINDS
};

struct kv_ratelimit {
    struct kv_ratelimit_window window[KV_RATELIMIT_KINDS];
    int64_t retry_after_ms; /* what the headers ask for after a refusal */
    int64_t refill_ms;      /* until the last empty window is full again, at most 60 s */
    int should_retry;       /* x-should-retry: 1 yes, 0 no, -1 not said */
    /* private, until settled */
    int64_t hint_ms, hint_s_ms, hint_at_ms, reset_at_ms[KV_RATELIMIT_KINDS];
    struct kv_slice date;
};

void kv_ratelimit_begin(struct kv_ratelimit *r);
/* The slices are looked at until settled. */
void kv_ratelimit_note(struct kv_ratelimit *r, struct kv_slice name, struct kv_slice value);
void kv_ratelimit_settle(struct kv_ratelimit *r, int64_t now_ms); /* now: wall clock, epoch */

/* "1.5s", "6m0s", "12ms", "7": a duration in milliseconds, or -1 if it is none, or beyond 30 days.
 */
int64_t kv_ratelimit_duration(struct kv_slice text);
/* An HTTP date or RFC 3339 time, or seconds or milliseconds since the epoch; -1 if it is none. */
int64_t kv_ratelimit_time(struct kv_slice text);
/* The wait a message asks for in prose ("Please try again in 1.5s"), or -1. */
int64_t kv_ratelimit_prose(struct kv_slice message);

#endif
