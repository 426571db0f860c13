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
    SLOT_MS = 125,    /* KV_PACE_SLOTS of these: the last second */
    GROW_MS = 500,    /* a rate grows at most so often, … */
    GROW_STARTS = 4,  /* … and after so many starts */
    ENOUGH = KV_LENGTH_ENOUGH,
    SOON = 6,        /* calls that end after a cut before it is seen not to be enough */
    FEW = 8,         /* calls that prove little */
    PROVEN = 32,     /* calls without a refusal that show that a rate is good */
    HOLD_LEAST = 8,  /* calls that are served after a cut before more is tried: twice as … */
    HOLD_MOST = 48,  /* … many after each cut that followed from trying; … */
    HOLD_MS = 15000, /* … of slow calls, ENOUGH in so long */
    MEMORY = 24,     /* calls over which the part of them that is refused is a mean */
    SERIES = 3,      /* cuts that show that cuts do not help */
    BARRED = 32,     /* calls before a habit is believed in again; twice as many each time */
};
#define UNDER        0.97 /* of what a server has let through: the rate that is kept to */
#define GROWTH_LEAST 0.01 /* of a rate, beyond what was refused; it grows itself, … */
#define GROWTH_MOST  0.1  /* … to this */
#define NEARER       0.3 /* of the way back to a rate that was refused: how a rate grows below it */
#define TOO_LONG     3.0 /* times as long as usual: calls wait for each other */
#define HARDLY       1.5 /* times as long: they hardly do */

void kv_pace_begin(struct kv_pace *p, int cap, int first, bool adaptive)
{
    *p = (struct kv_pace){.cap = cap,
        .limit = first,
        .round_left = first,
        .adaptive = adaptive,
        .next_hold = HOLD_LEAST,
        .cuts = 2};
    kv_lengths_begin(&p->lengths, 0, 0);
}

/* ---- the last second ---- */

static void advance(struct kv_pace *p, int64_t now)
{
    int64_t slot = now / SLOT_MS;
    for (int64_t k = p->slot + 1; k <= slot && k <= p->slot + KV_PACE_SLOTS; k++)
        p->sent[k % KV_PACE_SLOTS] = p->refused[k % KV_PACE_SLOTS] = 0;
    p->slot = slot;
}

/* A second, of calls that were sent or of those that were let through. */
static double recent(struct kv_pace *p, bool let_through, int64_t now)
{
    int sum = 0;
    advance(p, now);
    for (int i = 0; i < KV_PACE_SLOTS; i++)
        sum += p->sent[i] - (let_through ? p->refused[i] : 0);
    return fmax(0, sum) * 1000.0 / (double)((KV_PACE_SLOTS - 1) * SLOT_MS + now % SLOT_MS);
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
    return p->rate > 0 && p->next_ms > (double)now ? (int64_t)ceil(p->next_ms) : now;
}

/* Calls keep their distance from start to start. */
static void space(struct kv_pace *p, int64_t now)
{
    p->starts++;
    p->paced += (double)now - p->next_ms < fmax(5, 250 / p->rate);
    p->next_ms = fmax(p->next_ms, (double)now) + 1000 / p->rate;
}

void kv_pace_start(struct kv_pace *p, struct kv_call *call, int64_t now)
{
    if (p->rate > 0)
        space(p, now);
    if (!p->started)
        p->cut_ms = p->round_ms = now;
    if (p->in_flight >= (int)p->limit)
        p->limit = fmin(p->cap, 2 * p->limit);
    p->started_ms = now;
    p->started_sum += (double)now;
    call->started_ms = now;
    call->number = ++p->started;
    call->place = ++p->in_flight;
    advance(p, now);
    p->sent[p->slot % KV_PACE_SLOTS]++;
    double memory = fmax(MEMORY, 2 * p->limit);
    p->sent_mean += 1 - p->sent_mean / memory;
    p->refused_mean -= p->refused_mean / memory;
    p->accepted_since++;
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
    p->cut_rate = p->rate;
    p->hold = p->next_hold;
    p->next_hold = 2 * p->next_hold < HOLD_MOST ? 2 * p->next_hold : HOLD_MOST;
    p->accepted_since = p->served_since = p->ended_since = 0;
    p->step = 1;
}

static void set_rate(struct kv_pace *p, double rate, int64_t now)
{
    p->rate = p->base_rate = rate;
    p->growth = GROWTH_LEAST;
    p->firm = true;
    p->grown_ms = now;
    p->starts = p->paced = 0;
    p->next_ms = (double)now + 1000 / rate;
}

/* Calls keep at least this distance once a server has refused some that came together. */
static void keep_distance(struct kv_pace *p)
{
    double mean = kv_lengths_mean(&p->lengths);
    if (p->rate > 0 || p->step == 0 || mean <= 0 || p->habit > 0)
        return;
    p->rate = 1.25 * p->limit * 1000 / mean;
    p->growth = GROWTH_MOST;
    p->firm = false;
}

/* ---- refusals that are a habit ---- */

static double refused_part(const struct kv_pace *p)
{
    return p->sent_mean > 0 ? fmin(1, p->refused_mean / p->sent_mean) : 0;
}

/* True if cut after cut has halved what is let through, and refusals do not end: a server with a
 * limit would let through as much as before. What was let through at once at first, a burst, does
 * not count. */
static bool cuts_do_not_help(struct kv_pace *p, double load, int64_t now)
{
    bool burst = load < 0.3 * p->last_load;
    p->last_load = load;
    if (p->series_load <= 0 || !holds(p, now) || burst || load > p->series_load) {
        p->series_load = load;
        p->series_limit = p->limit;
        p->series = 0;
        return false;
    }
    p->series++;
    double part = refused_part(p);
    return p->series >= SERIES && load <= 0.5 * p->series_load && part > 0.04 && part < 0.5;
}

/* A refusal of a call that was sent since the last cut. True if such refusals are the server's habit:
 * the cuts are undone. */
static bool is_habit(struct kv_pace *p, int64_t now)
{
    double load = p->rate * p->served_since / fmax(1, p->ended_since);
    if (!p->firm || p->ended_since <= SOON || !cuts_do_not_help(p, load, now) ||
        p->served < p->barred)
        return false;
    p->habit = refused_part(p);
    p->habit_ms = now;
    p->habit_load = load;
    p->habit_served = p->served;
    p->kept_limit = p->limit;
    p->kept_rate = p->rate;
    p->limit = fmin(p->cap, fmax(p->limit, p->series_limit));
    p->rate = p->series_load = p->last_load = 0;
    p->step = 0;
    p->firm = false;
    return true;
}

/* True if a habit is known and this is no more than that. If much more is refused, or ignoring it
 * brought nothing, it was none: the cuts are made again. */
static bool is_usual(struct kv_pace *p, int64_t now)
{
    double part = refused_part(p), n = (double)(p->served - p->habit_served);
    if (p->habit <= 0)
        return false;
    double gained = n * 1000 / fmax(1, (double)(now - p->habit_ms));
    bool in_vain = n >= MEMORY && n < 2 * MEMORY && gained < 1.25 * p->habit_load;
    p->habit += (part - p->habit) / MEMORY;
    if (!in_vain && 1 - part > 0.6 * (1 - p->habit))
        return true;
    p->habit = 0;
    p->barred = p->served + BARRED * (uint64_t)(1 << p->doubts);
    p->doubts += p->doubts < 6;
    begin_cut(p, now);
    p->limit = p->kept_limit;
    set_rate(p, fmax(p->kept_rate, in_vain ? 0 : gained), now);
    return true;
}

/* ---- refusals ---- */

/* How much of a rate is kept at least. Few calls prove little, least of all before any rate has held;
 * and one that did is not given up for one refusal. */
static double kept_part(const struct kv_pace *p, bool exact, double last)
{
    if (exact)
        return 0.5;
    if (p->cuts == 0)
        return 0.9;
    if (last >= FEW)
        return 0;
    return p->held ? 0.7 : 0.5;
}

/* To what is let through. Between two times at which a server had no more to give it is what it gave
 * since the first, which is exact; of a short time, what it gave in the last second. */
static void cut_rate(struct kv_pace *p, int accepted, int64_t since_ms, int64_t now)
{
    double last = recent(p, true, now), since = accepted * 1000.0 / fmax(1000, (double)since_ms);
    bool exact = accepted >= FEW && since_ms >= 2000;
    double granted = exact ? since : last, least = 0;
    if (p->rate > 0)
        granted = fmin(p->rate, fmax(granted, p->rate * kept_part(p, exact, last)));
    else
        granted = fmax(granted, since);
    if (p->firm && accepted >= PROVEN)
        least = p->base_rate;
    p->cuts++;
    if (granted > 0)
        set_rate(p, fmax(UNDER * granted, least), now);
}

/* Calls of one burst come back one by one: less was let through than it seemed. */
static void correct_rate(struct kv_pace *p, int64_t now)
{
    double last = recent(p, true, now);
    if (p->cuts > 1 && last > 0)
        p->rate = fmin(p->rate, UNDER * last);
}

bool kv_pace_refused(struct kv_pace *p, const struct kv_call *call, int64_t now)
{
    double served = fmax(1, fmax(p->in_flight, round(p->place))); /* so many at once are */
    bool old = is_old(p, call), by_number = call->place >= p->place + 1 && served < p->limit;
    int accepted = p->accepted_since;
    int64_t since_ms = now - p->cut_ms;
    advance(p, now);
    p->refused[p->slot % KV_PACE_SLOTS]++;
    p->refused_mean++;
    p->accepted_since -= !old;
    p->ended_since += !old;
    if (is_usual(p, now) || (!old && !by_number && p->ended_since <= SOON))
        return false;
    if (!old && is_habit(p, now))
        return false;
    if (!old)
        begin_cut(p, now);
    if (by_number) {
        p->limit = served;
        keep_distance(p);
    } else if (old)
        correct_rate(p, now);
    else
        cut_rate(p, accepted, since_ms, now);
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

void kv_pace_closed(struct kv_pace *p, int64_t now)
{
    double n = (double)(p->served - p->closed_served);
    if (p->closed_ms && n > 0) {
        double rate = UNDER * n * 1000 / (double)(now - p->closed_ms);
        p->cut_rate = p->rate > 0 ? fmin(p->rate, rate) : rate;
        set_rate(p, p->cut_rate, now);
    }
    if (!p->closed_ms || n > 0) {
        p->closed_ms = now;
        p->closed_served = p->served;
    }
}

void kv_pace_window(struct kv_pace *p, double granted_per_s)
{
    if (p->rate > 0 && granted_per_s < p->rate)
        p->rate = fmax(granted_per_s, 0.1);
}

/* ---- calls that wait for each other ---- */

/* How many times longer than usual calls may take before they wait for each other. A number that
 * was named is kept to as long as half of the time limit is left. */
static double longest(const struct kv_pace *p, double timeout_ms)
{
    double half = timeout_ms > 0 ? kv_lengths_times(&p->lengths, timeout_ms / 2) : INFINITY;
    return p->adaptive && half > 1.5 ? fmin(TOO_LONG, half) : fmax(TOO_LONG, half);
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
    if (p->limit > 1.15 * p->cut_limit + 1 || (p->cut_rate > 0 && p->rate > 2 * p->cut_rate))
        p->next_hold = HOLD_LEAST;
}

/* A rate grows while it is what holds calls back: most of them started as soon as it let them. */
static void grow_rate(struct kv_pace *p, int64_t now)
{
    if (p->rate <= 0 || p->starts < GROW_STARTS || now - p->grown_ms < GROW_MS)
        return;
    bool binds = 2 * p->paced >= p->starts;
    p->starts = p->paced = 0;
    p->grown_ms = now;
    if (!binds || (p->firm && holds(p, now)))
        return;
    if (p->firm) {
        p->cuts = 0;
        p->held = true;
    }
    if (p->rate < 0.95 * p->cut_rate)
        p->rate += NEARER * (p->cut_rate - p->rate);
    else {
        p->rate *= 1 + p->growth;
        p->growth = fmin(GROWTH_MOST, 1.5 * p->growth);
    }
    note_growth(p);
}

/* Calls come back a while after the number has doubled. True if it may double again: those that were
 * sent since have come back in time; or those in flight are not older than calls become, and twice
 * as long would be in time. */
static bool may_double(const struct kv_pace *p, double timeout_ms, int64_t now)
{
    double age = p->in_flight ? (double)now - p->started_sum / p->in_flight : 0;
    double mean = kv_lengths_mean(&p->lengths);
    bool young = p->served < ENOUGH || age < 1.2 * p->lengths.first;
    return !p->adaptive || p->in_time || (young && (timeout_ms <= 0 || 4 * mean < timeout_ms));
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
    p->round_ms = now;
    if (!too_long && full && p->step == 0) {
        if (may_double(p, timeout_ms, now))
            double_number(p);
    } else if (!too_long && full && !holds(p, now)) {
        p->limit = fmin(p->cap, p->limit + p->step);
        p->step = (int)fmax(1, fmin(2 * p->step, p->limit / 4));
        note_growth(p);
    }
    keep_distance(p);
    p->round_left = (int)p->limit;
    p->round_peak = 0;
}

void kv_pace_served(struct kv_pace *p, const struct kv_call *call, struct kv_length *own,
    int64_t latency_ms, int64_t now)
{
    p->served++;
    if (!is_old(p, call)) {
        p->served_since++;
        p->ended_since++;
    }
    p->place += (call->place - p->place) / (p->served > 1 ? 8 : 1);
    kv_lengths_add(&p->lengths, own, call, latency_ms);
    grow_rate(p, now);
    if (--p->round_left <= 0 && now - p->round_ms >= ROUND_MS)
        end_round(p, (double)call->timeout_ms, now);
}
