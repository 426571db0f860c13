/* pace - how many calls may be in flight at a server and how many may start in a second.
 *
 * Both numbers are found by trying and learn from how calls end; lib/run/README.md has the rules.
 * Lanes whose models a server may count together share a pace. It owns no call, holds no queue and
 * reads no clock: times are milliseconds, handed in.
 *
 *     kv_pace_begin(&p, cap, first, adaptive);
 *     if (kv_pace_opens_at(&p, now) <= now)
 *         kv_pace_start(&p, call, now);
 *     … and at the call's end
 *     kv_pace_end(&p, call);
 *     … and one of, if it tells something
 *     kv_pace_served(&p, call, &length, latency_ms, now);
 *     kv_pace_refused(&p, call, now);
 *     kv_pace_timed_out(&p, call, latency_ms, now);
 */
#ifndef KV_PACE_H
#define KV_PACE_H

#include "habit.h"
#include "length.h"
#include "rate.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_pace {
    int cap;       /* the most that may be in flight */
    bool adaptive; /* -j auto: also look for the number beyond which calls only wait */
    int in_flight;
    double limit; /* calls in flight now */
    struct kv_rate rate;
    struct kv_habit habit;

    /* private: counts since the beginning, and rounds, in which the limit grows */
    uint64_t started, served;
    int64_t started_ms; /* the newest call */
    double started_sum; /* over those in flight */
    double place;       /* in flight when calls were sent that were served: a mean of late */
    int step;           /* what the limit grows by; 0: it doubles, until something has cut it */
    int round_left, round_peak;
    int64_t round_ms;
    /* the last cut; calls up to this number were sent before it and tell nothing new */
    uint64_t cut_number, refused_number;
    int64_t cut_ms;
    double cut_limit, cut_per_s; /* as they were before it */
    int served_since, hold, next_hold;
    /* a habit that is ignored on trial: what was before, and when that began */
    double series_limit, kept_limit, kept_per_s, habit_granted;
    uint64_t habit_served, habit_started, barred;
    int64_t habit_ms;
    bool on_trial;
    int doubts;
    /* calls that wait for each other */
    struct kv_lengths lengths;
    double long_stretch, long_limit; /* as they were before a cut that may not help */
    bool too_long, in_time;
    /* times at which nothing is let through */
    int closed; /* such times in a row */
    double refusal_ms;
};

/* `first`: calls in flight before anything is known, at most `cap`. */
void kv_pace_begin(struct kv_pace *p, int cap, int first, bool adaptive);

/* When the next call may start; INT64_MAX: not before one has ended. */
int64_t kv_pace_opens_at(const struct kv_pace *p, int64_t now);
void kv_pace_start(struct kv_pace *p, struct kv_call *call, int64_t now);
void kv_pace_end(struct kv_pace *p, const struct kv_call *call);

void kv_pace_served(struct kv_pace *p, const struct kv_call *call, struct kv_length *own,
    int64_t latency_ms, int64_t now);
/* A refusal for being too fast or too many. True if it speaks of the load, so that a time to wait
 * that it names is for all; false if other calls may go on. */
bool kv_pace_refused(struct kv_pace *p, const struct kv_call *call, int64_t now);
void kv_pace_timed_out(
    struct kv_pace *p, const struct kv_call *call, int64_t latency_ms, int64_t now);
/* So many refusals in a row, each of a call that was sent after the one before had come back, mean
 * that nothing is let through at present. The lane that sees it says so, and when it has ended. */
int kv_pace_row(const struct kv_pace *p);
void kv_pace_closed(struct kv_pace *p);
void kv_pace_reopened(struct kv_pace *p, int64_t now);
/* A call that is in flight for so long has been let through: refusals are quick. */
int64_t kv_pace_refusal_ms(const struct kv_pace *p);
/* The server says what it grants a second. Lowers a rate, never raises it. */
void kv_pace_window(struct kv_pace *p, double granted_per_s);

#endif
