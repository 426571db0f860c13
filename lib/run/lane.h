/* lane - one model behind one endpoint: when its next call may start, and what each end teaches it.
 *
 * Three things hold a lane back, each with one number: a gate (no call before this time), a rate
 * (starts per second) and a limit (calls in flight). The file's head tells how they move. A lane
 * owns its queues of calls and its counters; it knows no other lane. Only sched looks into it.
 *
 *     struct kv_lane *l = kv_lane_open("m1", host, 0, &rules);
 *     if (kv_lane_opens_at(l, now) <= now)
 *         kv_lane_start(l, call, now);
 *     … and at its end one of kv_lane_served, kv_lane_throttled, kv_lane_lost …
 *     kv_lane_close(l);
 */
#ifndef KV_LANE_H
#define KV_LANE_H

#include "call.h"
#include "call_heap.h"

#include <stdbool.h>
#include <stdint.h>

enum { KV_LANE_SLOTS = 8 }; /* of the window in which served calls are counted */

/* What holds for all lanes of a run. */
struct kv_lane_rules {
    int in_flight;   /* of the whole run, at least 1 */
    bool adaptive;   /* find a smaller number by itself (-j auto); in_flight is the ceiling */
    double rpm, tpm; /* per lane; 0: no limit */
    uint64_t random; /* state of the jitter; odd */
};

struct kv_lane {
    struct kv_lane_rules *rules; /* borrowed */
    char *name, *host;
    int cap, in_flight;
    double limit;
    int round_left;   /* successes until the limit may grow */
    int round_peak;   /* calls that were in flight at once in this round */
    int64_t round_ms; /* when it began */
    bool probing, stopped, told;
    bool served; /* it answered at least once */
    uint64_t successes;
    int exhausted;   /* calls in a row that used up their budgets */
    int turned_away; /* the same, by a host that is there */
    int throttles;   /* rate-limit answers in a row */
    int lost;        /* lost connections in a row */
    int64_t gate_ms, last_ok_ms, first_ms, started_ms; /* started_ms: the newest call */
    int64_t episode_ms; /* since when calls have been let through without a throttle */
    double episode_served;
    double rate, ceiling; /* starts per second; 0: unlimited */
    int64_t next_start_ms, cut_ms, grown_ms;
    double credit; /* of tpm, in tokens */
    int64_t credit_ms;
    int count[KV_LANE_SLOTS];        /* served calls, by time */
    int64_t slot;                    /* the newest slot's number */
    double latency_low, latency_sum; /* adaptive: best round's mean, this round's sum */
    int latency_n;
    struct kv_call_heap retries, fresh;
};

/* `host` "" is no server but commands of this machine, which nothing throttles. `in_flight` caps
 * the lane below the run's number (0: no cap). Name and host are copied, the rules borrowed. */
struct kv_lane *kv_lane_open(
    const char *name, const char *host, int in_flight, struct kv_lane_rules *rules);
void kv_lane_close(struct kv_lane *l); /* calls still queued stay the caller's */

/* ---- starting ---- */

bool kv_lane_is_idle(const struct kv_lane *l); /* nothing is queued */
/* Gives the token account what time has earned. Before kv_lane_opens_at, where tpm is set. */
void kv_lane_refill(struct kv_lane *l, int64_t now);
/* When the lane lets the next call start; INT64_MAX: not before something else happens. */
int64_t kv_lane_opens_at(const struct kv_lane *l, int64_t now);
/* When the first queued call is ready; only where one is queued. */
int64_t kv_lane_ready_at(const struct kv_lane *l, int64_t now);
/* Takes the next ready call off the queues, retries first; NULL if none is ready. */
struct kv_call *kv_lane_take_ready(struct kv_lane *l, int64_t now);
/* Counts a call as in flight from now on. */
void kv_lane_start(struct kv_lane *l, struct kv_call *call, int64_t now);

/* ---- ending ---- */

void kv_lane_served(struct kv_lane *l, const struct kv_call_end *end, int64_t now);
/* A call failed, but the server had begun to answer it. */
void kv_lane_spoke(struct kv_lane *l, int64_t now);
void kv_lane_throttled(struct kv_lane *l, const struct kv_call_end *end, int64_t now);
void kv_lane_lost(struct kv_lane *l, int64_t now);
/* The server's own account of the window it grants (see kv_sched_window). */
void kv_lane_window(struct kv_lane *l, double remaining, int64_t reset_ms, int64_t now);
/* True if the lane has failed for so long, or so completely at its start, that it is of no use. */
bool kv_lane_is_hopeless(
    const struct kv_lane *l, const struct kv_retry_policy *policy, int64_t now);
/* A random wait before retry number `k` (from 0) under a rule. */
int64_t kv_lane_backoff_ms(struct kv_lane *l, const struct kv_retry_rule *rule, int k);

#endif
