/* pace - how many calls may be in flight at a server and how many may start in a second.
 *
 * A cut is an experiment. It cures what it was made for, or it is undone: refusals that are as
 * frequent at half the load are the server's habit, calls that are as long with fewer in flight have
 * become longer by themselves. So nothing needs to be known of the kind of limit a server has.
 */
#include "pace.h"

#include <math.h>

enum {
    ROUND_MS = 50,    /* a round takes at least so long: nearby servers answer in no time */
    SILENCE_MS = 500, /* that is no answer, good or bad */
    LATE_MS = 50,     /* by which a refusal may be later than twice what is usual */
    SHUT_LONG = 2,    /* times in a row at which nothing was let through: no chance */
    ENOUGH = KV_LENGTH_ENOUGH,
    HOLD_LEAST = 8,  /* calls that are served after a cut before more is tried: twice as … */
    HOLD_MOST = 48,  /* … many after each cut that followed from trying, … */
    HOLD_EACH = 16,  /* … and so many more for each call of one event that was refused, … */
    HOLD_ALL = 192,  /* … this many in all; … */
    HOLD_MS = 15000, /* … of slow calls, ENOUGH in so long */
    BARRED = 32,     /* calls before a habit is believed in again; twice as many each time */
    TRIAL = 24,      /* calls that show whether to ignore refusals has brought anything, … */
    TRIAL_MS = 2000, /* … in at least so long */
};
#define TOO_LONG    3.0  /* times as long as usual: calls wait for each other */
#define HARDLY      1.5  /* times as long: they hardly do */
#define GAINED      1.25 /* times as much as was let through before: enough to ignore refusals */
#define APART_FIRST 2.0  /* times the starts a second by Little's law: calls are kept apart, … */
#define APART_LATER 1.5  /* … more so once a server has refused some that came together */

void kv_pace_begin(struct kv_pace *p, int cap, int first, bool adaptive)
{
    *p = (struct kv_pace){.cap = cap,
        .limit = first,
        .round_left = first,
        .adaptive = adaptive,
        .next_hold = HOLD_LEAST};
    kv_lengths_begin(&p->lengths, 0, 0);
}

/* ---- starting ---- */

/* A number that was named is asked for also while nothing has come back, good or bad: a server that
 * is slow to answer refuses at once what it refuses. */
static bool is_unheard(const struct kv_pace *p)
{
    return !p->adaptive && !p->served && !p->cut_number && p->in_flight < p->cap;
}

int64_t kv_pace_opens_at(const struct kv_pace *p, int64_t now)
{
    if (p->in_flight >= (int)p->limit)
        return is_unheard(p) ? p->started_ms + SILENCE_MS : INT64_MAX;
    return kv_rate_opens_at(&p->rate, now);
}

void kv_pace_start(struct kv_pace *p, struct kv_call *call, int64_t now)
{
    if (!p->started)
        p->cut_ms = p->round_ms = now;
    if (p->in_flight >= (int)p->limit)
        p->limit = fmin(p->cap, 2 * p->limit);
    p->started_ms = now;
    p->started_sum += (double)now;
    call->started_ms = now;
    call->number = ++p->started;
    call->place = ++p->in_flight;
    kv_rate_start(&p->rate, now);
    bool borne = kv_rate_is_borne(&p->rate, now);
    kv_habit_is_exceeded(&p->habit, false, borne); /* until it is refused */
    if (borne)
        kv_habit_appears(&p->habit, false);
    if (p->in_flight > p->round_peak)
        p->round_peak = p->in_flight;
}

void kv_pace_end(struct kv_pace *p, const struct kv_call *call)
{
    p->in_flight--;
    p->started_sum -= (double)call->started_ms;
    kv_lengths_end(&p->lengths, call);
}

/* ---- what a cut begins with ---- */

/* True of a call that was sent before the last cut: one burst is one event. */
static bool is_old(const struct kv_pace *p, const struct kv_call *call)
{
    return call->number <= p->cut_number;
}

/* Not yet: what was tried last was refused. */
static bool holds(const struct kv_pace *p, int64_t now)
{
    return p->served_since < p->hold && (p->served_since < ENOUGH || now - p->cut_ms < HOLD_MS);
}

static void begin_cut(struct kv_pace *p, int64_t now)
{
    p->cut_number = p->started;
    p->cut_ms = now;
    p->cut_limit = p->limit;
    p->cut_per_s = p->rate.per_s;
    p->hold = p->next_hold;
    p->next_hold = 2 * p->next_hold < HOLD_MOST ? 2 * p->next_hold : HOLD_MOST;
    p->served_since = 0;
    p->step = 1;
    kv_habit_forgive(&p->habit);
}

/* Calls keep a distance also where no rate is known, so that the first refusal is heard before all
 * that may be in flight have started. */
static void keep_distance(struct kv_pace *p)
{
    double mean = kv_lengths_mean(&p->lengths);
    if (mean > 0)
        kv_rate_loosely(&p->rate, (p->step ? APART_LATER : APART_FIRST) * p->limit * 1000 / mean);
}

/* ---- refusals that are a habit ---- */

/* The cuts of this series have cured nothing: they are undone. */
static void ignore_habit(struct kv_pace *p, int64_t now)
{
    p->habit_ms = now;
    p->habit_granted = p->rate.granted;
    p->habit_served = p->served;
    p->habit_started = p->started;
    p->on_trial = true;
    p->kept_limit = p->limit;
    p->kept_per_s = p->rate.per_s;
    p->limit = fmin(p->cap, fmax(p->limit, p->series_limit));
    p->step = 0;
    p->hold = 0;
    kv_rate_undo(&p->rate, now);
    keep_distance(p);
}

/* If it brought nothing to ignore refusals, though more was asked, they were for the load, and the cuts
 * are made again. */
static void judge_habit(struct kv_pace *p, int64_t now)
{
    double ms = (double)(now - p->habit_ms), served = (double)(p->served - p->habit_served);
    double sent = (double)(p->started - p->habit_started) - p->in_flight;
    if (!p->on_trial || served < TRIAL || ms < TRIAL_MS)
        return;
    p->on_trial = false;
    bool gained = served * 1000 >= GAINED * p->habit_granted * ms;
    if (gained || sent * (1 - p->habit.part) < GAINED * served)
        return;
    kv_habit_give_up(&p->habit);
    p->barred = p->served + BARRED * (uint64_t)(1 << p->doubts);
    p->doubts += p->doubts < 6;
    begin_cut(p, now);
    p->limit = p->kept_limit;
    kv_rate_set(&p->rate, p->kept_per_s, now);
}

/* ---- refusals ---- */

int kv_pace_row(const struct kv_pace *p)
{
    return kv_habit_row(&p->habit);
}

void kv_pace_closed(struct kv_pace *p)
{
    p->closed++;
}

void kv_pace_reopened(struct kv_pace *p, int64_t now)
{
    if (p->closed && (p->habit.part <= 0 || p->closed >= SHUT_LONG))
        kv_rate_reopened(&p->rate, p->closed >= SHUT_LONG, now);
    p->closed = 0;
}

int64_t kv_pace_refusal_ms(const struct kv_pace *p)
{
    return (int64_t)(2 * p->refusal_ms) + LATE_MS;
}

/* One more call of an event that is known. */
static bool refused_again(struct kv_pace *p, bool by_number, double served, int64_t now)
{
    p->hold = (int)fmin(HOLD_ALL, p->hold + HOLD_EACH);
    if (by_number)
        p->limit = fmin(p->limit, served);
    else
        kv_rate_correct(&p->rate, now);
    return !by_number && p->habit.part <= 0;
}

/* True of a refusal at a pace that the server bears, if the call before was let through. */
static bool is_unexplained(struct kv_pace *p, const struct kv_call *call, int64_t now)
{
    bool first = call->number > p->refused_number + 1;
    p->refused_number = call->number;
    return first && kv_rate_is_borne(&p->rate, now) && p->served >= p->barred;
}

static void note_refusal(struct kv_pace *p, const struct kv_call *call, bool anew, int64_t now)
{
    double ms = (double)(now - call->started_ms);
    p->refusal_ms += (ms - p->refusal_ms) * (p->refusal_ms > 0 ? 0.2 : 1);
    kv_rate_note_refused(&p->rate, anew, now);
}

bool kv_pace_refused(struct kv_pace *p, const struct kv_call *call, int64_t now)
{
    double served = fmax(1, fmax(p->in_flight, round(p->place))); /* so many at once are */
    bool old = is_old(p, call), by_number = call->place >= p->place + 1 && served < p->limit;
    note_refusal(p, call, !old, now);
    if (old)
        return refused_again(p, by_number, served, now);
    bool exceeded = kv_habit_is_exceeded(&p->habit, true, kv_rate_is_borne(&p->rate, now));
    if (is_unexplained(p, call, now) && kv_habit_appears(&p->habit, true)) {
        ignore_habit(p, now);
        return false;
    }
    if (!exceeded || p->closed)
        return p->habit.part <= 0;
    if (p->rate.cuts == 0)
        p->series_limit = p->limit;
    begin_cut(p, now);
    if (by_number) {
        p->limit = served;
        kv_rate_mark(&p->rate, now);
        keep_distance(p);
    } else
        kv_rate_cut(&p->rate, now);
    return !by_number;
}

void kv_pace_timed_out(
    struct kv_pace *p, const struct kv_call *call, int64_t latency_ms, int64_t now)
{
    double mean = kv_lengths_mean(&p->lengths);
    if (is_old(p, call) || (p->served && mean < (double)latency_ms / 3))
        return; /* others are short: it is this call's own matter */
    begin_cut(p, now);
    p->limit = fmax(1, floor(p->limit / 2));
}

void kv_pace_window(struct kv_pace *p, double granted_per_s)
{
    if (p->rate.firm && granted_per_s < p->rate.per_s)
        p->rate.per_s = fmax(granted_per_s, 0.1);
}

/* ---- calls that wait for each other ---- */

/* How many times longer than usual calls may take before they wait for each other: so that two thirds
 * of the time limit are left; half of it where a number was named, which is kept to. */
static double longest(const struct kv_pace *p, double timeout_ms)
{
    double half = timeout_ms > 0 ? kv_lengths_times(&p->lengths, timeout_ms / 2) : INFINITY;
    if (p->adaptive)
        return fmax(HARDLY, fmin(TOO_LONG, half * 2 / 3));
    return fmax(TOO_LONG, half);
}

/* Calls took `stretch` times as long as usual, and `most` is allowed. By Little's law fewer would not
 * have to wait; if a good deal fewer took as long, it is not their number: that cut is undone. */
static void cut_number(struct kv_pace *p, double stretch, double most)
{
    if (p->long_stretch <= 0) {
        p->long_stretch = stretch;
        p->long_limit = p->limit;
    }
    if (p->limit <= 0.6 * p->long_limit && stretch > 0.9 * p->long_stretch) {
        kv_lengths_forget(&p->lengths);
        p->limit = p->long_limit;
        p->long_stretch = 0;
        return;
    }
    p->limit = fmax(1, floor(p->limit * most / stretch));
}

/* True if the calls that were looked at last waited for each other. */
static bool wait_for_each_other(struct kv_pace *p, double timeout_ms)
{
    if (!kv_lengths_are_complete(&p->lengths))
        return p->too_long;
    if (!kv_lengths_are_known(&p->lengths)) { /* none was served: the next ones will tell */
        kv_lengths_begin(&p->lengths, p->started, p->limit);
        return p->too_long;
    }
    double stretch = kv_lengths_stretch(&p->lengths), most = longest(p, timeout_ms);
    kv_lengths_keep(&p->lengths);
    p->too_long = stretch > most;
    p->in_time = stretch < HARDLY;
    if (p->too_long) {
        p->step = p->step ? p->step : 1;
        cut_number(p, stretch, most);
    } else
        p->long_stretch = 0;
    kv_lengths_begin(&p->lengths, p->started, p->limit);
    return p->too_long;
}

/* ---- growing ---- */

/* What was tried has proved good: the next trial need not wait long. */
static void note_growth(struct kv_pace *p)
{
    if (p->limit > 1.15 * p->cut_limit + 1 ||
        (p->rate.firm && p->cut_per_s > 0 && p->rate.per_s > 2 * p->cut_per_s))
        p->next_hold = HOLD_LEAST;
}

/* Calls come back a while after the number has doubled. True if it may double again: those that were
 * sent since have come back in time; or those in flight are not older than calls become, and twice
 * as long would be in time. */
static bool may_double(const struct kv_pace *p, double timeout_ms, int64_t now)
{
    double age = p->in_flight ? (double)now - p->started_sum / p->in_flight : 0;
    double mean = kv_lengths_mean(&p->lengths), round = (double)(now - p->round_ms);
    bool young = p->served < ENOUGH || age < 1.2 * p->lengths.first;
    bool far = timeout_ms <= 0 || 4 * fmax(mean, round) < timeout_ms;
    return p->in_time || ((young || !p->adaptive) && far);
}

static void double_number(struct kv_pace *p)
{
    p->limit = fmin(p->cap, p->limit * 2);
    p->in_time = false;
    if (p->served >= ENOUGH)
        kv_lengths_begin(&p->lengths, p->started, p->limit);
}

/* After as many calls as may be in flight. */
static void end_round(struct kv_pace *p, double timeout_ms, int64_t now)
{
    bool full = p->round_peak >= 0.8 * floor(p->limit);
    bool too_long = wait_for_each_other(p, timeout_ms);
    if (!too_long && full && p->step == 0) {
        if (may_double(p, timeout_ms, now))
            double_number(p);
    } else if (!too_long && full && !holds(p, now)) {
        p->limit = fmin(p->cap, p->limit + p->step);
        p->step = (int)fmax(1, fmin(2 * p->step, p->limit / 4));
        note_growth(p);
    }
    keep_distance(p);
    p->round_ms = now;
    p->round_left = (int)p->limit;
    p->round_peak = 0;
}

void kv_pace_served(struct kv_pace *p, const struct kv_call *call, struct kv_length *own,
    int64_t latency_ms, int64_t now)
{
    p->served++;
    p->served_since += !is_old(p, call);
    judge_habit(p, now);
    p->place += (call->place - p->place) / (p->served > 1 ? 8 : 1);
    kv_lengths_add(&p->lengths, own, call, latency_ms);
    if (kv_rate_grow(&p->rate, !holds(p, now), now))
        note_growth(p);
    if (--p->round_left <= 0 && now - p->round_ms >= ROUND_MS)
        end_round(p, (double)call->timeout_ms, now);
}
