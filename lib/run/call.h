/* call - one call of a model as the scheduler sees it, and what can become of it. */
#ifndef KV_CALL_H
#define KV_CALL_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kv_fate {
    KV_FATE_OK,
    KV_FATE_RETRY,     /* failed; `reason` says why it may pass */
    KV_FATE_PERMANENT, /* failed, and would fail again: this call only */
    KV_FATE_NOT_NOW,   /* a command was not done where it was sent: what comes next waits */
    KV_FATE_STOP,      /* no call on this lane can succeed: key, quota, wrong URL, certificate */
    KV_FATE_CANCELLED, /* taken back by the caller */
};

struct kv_call_end {
    enum kv_fate fate;
    enum kv_retry_class reason;
    int64_t retry_after_ms; /* named by the server; -1: not named */
    int64_t latency_ms;
    double tokens; /* what it really cost; negative: unknown */
    bool spoke;    /* it failed, but something of an answer came: the server is there */
};

enum kv_after {
    KV_AFTER_DONE,      /* it succeeded, or failed for good: the call belongs to the caller again */
    KV_AFTER_AGAIN,     /* queued again: the scheduler's */
    KV_AFTER_EXHAUSTED, /* retryable, without budget left: it belongs to the caller again */
};

struct kv_lane;

struct kv_call {
    /* set by the caller before kv_sched_submit */
    struct kv_lane *lane;
    const struct kv_retry_policy *policy; /* the model's */
    double tokens;                        /* estimate, for the token rate */
    int64_t timeout_ms;                   /* how long it may take; 0: for ever */
    void *user;
    /* the scheduler's; `used` (retries by reason) may be read */
    int used[KV_RETRY_CLASSES];
    int spent[KV_RETRY_CLASSES]; /* those that counted against the budget */
    int64_t ready_ms, started_ms, throttled_ms;
    uint64_t order;
    uint64_t number; /* of the starts at its server */
    uint64_t turn;   /* of the starts on its lane */
    int place;       /* calls in flight there when it had started */
    int slot;        /* in which it runs, of a lane of commands */
};

#endif
