/* lane - one model behind one endpoint: when its next call may start, and what each end teaches it.
 *
 * Two things hold a lane back: a gate, before which no call starts, and its pace. A lane owns its
 * queues of calls and its counters; it knows no other lane. Only sched looks into it.
 *
 *     struct kv_lane *l = kv_lane_open("m1", &pace, 0, &rules);
 *     if (kv_lane_opens_at(l, now) <= now)
 *         kv_lane_start(l, call, now);
 *     … and at its end one of kv_lane_served, kv_lane_throttled, kv_lane_lost …
 *     kv_lane_close(l);
 */
#ifndef KV_LANE_H
#define KV_LANE_H

#include "call.h"
#include "call_heap.h"
#include "pace.h"
#include "slots.h"

#include <stdbool.h>
#include <stdint.h>

/* What holds for all lanes of a run. */
struct kv_lane_rules {
    double rpm, tpm; /* per lane; 0: no limit */
    uint64_t random; /* state of the jitter; odd */
};

struct kv_lane {
    struct kv_lane_rules *rules; /* borrowed */
    struct kv_pace *pace;        /* borrowed: other lanes may share it */
    char *name;
    int cap, in_flight;
    struct kv_length length;
    bool probing; /* one call at a time, until one is served */
    bool closed;  /* the same, until one is let through */
    bool stopped, told;
    bool served;           /* it answered at least once */
    int exhausted;         /* calls in a row that used up their budgets */
    int turned_away;       /* the same, by a host that is there */
    uint64_t started;      /* calls, which are numbered by their turn */
    int refused, lost;     /* times in a row: one burst is one time, … */
    uint64_t refused_turn; /* … in which calls up to this one had started before */
    uint64_t last_refused; /* the newest call that was */
    uint64_t lost_turn;
    int64_t gate_ms, last_ok_ms, first_ms, started_ms;
    double next_ms; /* of --rpm */
    double credit;  /* of --tpm, in tokens */
    int64_t credit_ms;
    struct kv_call_heap retries, fresh;
    struct kv_slots *slots; /* NULL: no lane of commands */
};

/* `in_flight` caps the lane below its pace (0: no cap). The name is copied. */
struct kv_lane *kv_lane_open(
    const char *name, struct kv_pace *pace, int in_flight, struct kv_lane_rules *rules);
void kv_lane_of_commands(struct kv_lane *l); /* before the first call */
void kv_lane_close(struct kv_lane *l);       /* calls still queued stay the caller's */

/* ---- starting ---- */

bool kv_lane_is_idle(const struct kv_lane *l); /* nothing is queued */
/* When the lane lets the next call start; INT64_MAX: not before something else happens. */
int64_t kv_lane_opens_at(struct kv_lane *l, int64_t now);
/* When the first queued call is ready; only where one is queued. */
int64_t kv_lane_ready_at(const struct kv_lane *l, int64_t now);
/* Takes the next ready call off the queues, retries first; NULL if none is ready. */
struct kv_call *kv_lane_take_ready(struct kv_lane *l, int64_t now);
/* Counts a call as in flight from now on. */
void kv_lane_start(struct kv_lane *l, struct kv_call *call, int64_t now);

/* ---- ending ---- */

/* A call is no longer in flight. Before what follows. */
void kv_lane_end(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now);
void kv_lane_served(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now);
/* A call failed, but the server had begun to answer it. */
void kv_lane_spoke(struct kv_lane *l, int64_t now);
/* True if the refusal is the lane's; false if it is this call's alone and others go on. */
bool kv_lane_throttled(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now);
void kv_lane_timed_out(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now);
void kv_lane_lost(struct kv_lane *l, const struct kv_call *call, int64_t now);
/* The server's own account of the window it grants (see kv_sched_window). */
void kv_lane_window(struct kv_lane *l, double remaining, int64_t reset_ms, int64_t now);
/* True if the lane has failed for so long, or so completely at its start, that it is of no use. */
bool kv_lane_is_hopeless(
    const struct kv_lane *l, const struct kv_retry_policy *policy, int64_t now);
/* A random wait before retry number `k` (from 0) under a rule. */
int64_t kv_lane_backoff_ms(struct kv_lane *l, const struct kv_retry_rule *rule, int k);

#endif
