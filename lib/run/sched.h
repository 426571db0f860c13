/* sched - what may start when: concurrency, rates, retries, circuit breakers, budgets.
 *
 * A scheduler holds lanes; a lane is one model behind one endpoint, with its own limits and its own
 * trouble. Calls belong to the caller and are queued, started and finished by it:
 *
 *     kv_sched_submit(s, call, now);
 *     while ((call = kv_sched_next(s, now)))
 *         … send it …
 *     … and when its answer or error is there:
 *     switch (kv_sched_finish(s, call, &outcome, now)) { … }
 *     … wait at most kv_sched_wait_ms(s, now) for the next event …
 *
 * There is one retry loop, and it is here: a call that failed for a reason that may pass is queued
 * again by kv_sched_finish, after a back-off with full jitter or the time the server named, within
 * the budgets of its retry policy (karenina's: kv-config(5)).
 *
 * It does no I/O, reads no clock (times are milliseconds of any monotonic clock, handed in) and
 * knows nothing of HTTP or JSON, so its behaviour is tested without either.
 */
#ifndef KV_SCHED_H
#define KV_SCHED_H

#include "call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the scheduler and its lanes ---- */

struct kv_sched_limits {
    int in_flight;   /* of the whole run, at least 1 */
    bool adaptive;   /* find a smaller number by itself (-j auto); in_flight is the ceiling */
    double rpm, tpm; /* per lane; 0: no limit */
    uint64_t seed;   /* of the jitter */
};
struct kv_sched *kv_sched_open(const struct kv_sched_limits *limits);
void kv_sched_close(struct kv_sched *s); /* calls still queued stay the caller's */

/* `name` is for messages and is copied; `in_flight` caps this lane below the run's number (0: no
 * cap). `server` names what counts the lane's calls: lanes of the same one share a pace. "" is no
 * server but commands of this machine, which nothing throttles: they start at their full number at
 * once. */
struct kv_lane *kv_sched_lane(
    struct kv_sched *s, const char *name, const char *server, int in_flight);

/* Lowers the run's number, before the first call. */
void kv_sched_narrow(struct kv_sched *s, int in_flight);

/* ---- the cycle ---- */

/* Queues a call that may start at once. Calls on a lane that has stopped are queued too, and come
 * back only through kv_sched_take. */
void kv_sched_submit(struct kv_sched *s, struct kv_call *call, int64_t now);

/* The next call that may start now, which counts as in flight from here; NULL if there is none.
 * Retries go first, then calls in the order of their submission; lanes take turns. */
struct kv_call *kv_sched_next(struct kv_sched *s, int64_t now);

/* How long a new call submitted to the lane would wait; 0: it would start at once, -1: not before
 * something else has happened. Ask before making new work, so that nothing is prepared that has to
 * wait. */
int64_t kv_sched_room_ms(const struct kv_sched *s, struct kv_lane *lane, int64_t now);

/* Tells how a call ended. Corrects the rates and the lane's health, and returns whether the call is
 * the scheduler's (queued again) or the caller's. */
enum kv_after kv_sched_finish(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *end, int64_t now);

/* The server's own account of the window it grants: `remaining` requests until `reset_ms` from now.
 * Lowers the rate, never raises it above --rpm. */
void kv_sched_window(
    struct kv_sched *s, struct kv_lane *lane, double remaining, int64_t reset_ms, int64_t now);

/* How long nothing can start; 0: something can now, -1: nothing is queued. */
int64_t kv_sched_wait_ms(const struct kv_sched *s, int64_t now);

/* No call starts any more. kv_sched_take hands back the queued ones, one by one, then NULL. */
void kv_sched_stop(struct kv_sched *s);
struct kv_call *kv_sched_take(struct kv_sched *s);

/* ---- looking ---- */
struct kv_sched_view {
    int in_flight, queued;
    int throttled; /* lanes that wait for a rate limit */
};
void kv_sched_look(const struct kv_sched *s, int64_t now, struct kv_sched_view *view);

/* Stops it for what was heard elsewhere of its endpoint. */
void kv_sched_stop_lane(struct kv_lane *lane);
/* A lane stops for good on KV_FATE_STOP, when it never answered and its first calls used up their
 * budgets, or when it has not answered for too long. */
bool kv_lane_stopped(const struct kv_lane *lane);
/* The next lane that has stopped since the last time this was asked, or NULL. */
struct kv_lane *kv_sched_stopped(struct kv_sched *s);

#endif
