/* sched - what may start when: concurrency, rates, retries, circuit breakers, budgets.
 *
 * Three things hold a lane back, each with one number:
 *
 * - gate: no call before this time. Set by Retry-After, or by a back-off of the lane's own while a
 *   throttling server names no time.
 * - rate: starts per second, paced evenly. 0 (unlimited) until the server first says "too fast";
 *   then nine tenths of what it had just let through, creeping up to that figure, staying there for
 *   a while, and only then trying beyond it. A server with a steady limit is therefore overrun once
 *   at the start and then about once a minute, by one call.
 * - limit: calls in flight. Starts low and trebles each clean round, so that a first burst cannot
 *   waste more than a few calls; one call at a time while a host is not answering, which makes that
 *   call the probe of a circuit breaker.
 *
 * A throttled lane is the lane's trouble and not the call's: a rate-limit retry counts against the
 * call's own budget only if the lane served others in the meantime.
 */
#include "sched.h"

#include "buf.h"
#include "call_heap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_LIMIT = 4,         /* calls in flight before the first answer, at least … */
    FIRST_PART = 16,         /* … and at least this part of what was asked for */
    ROUND_MS = 50,           /* a round takes at least so long: nearby servers answer in no time */
    SLOTS = 8,               /* of the window in which served calls are counted */
    SLOT_MS = 125,           /* 8 × 125 ms: the last second */
    CATCH_UP_MS = 50,        /* how far paced starts may lag before they are forfeited */
    HOLD_MS = 45 * 1000,     /* how long a known ceiling is respected before trying beyond it */
    GIVE_UP_MS = 10 * 60000, /* a lane that served nothing for so long is stopped */
    THROTTLED_MAX_MS = 30 * 60000, /* one call's total wait for rate limits */
    FEW_LOST = 3,      /* connections: lost in a row before that is the host's trouble */
    MAX_EXHAUSTED = 3, /* calls in a row that used up their budgets, … */
    GONE_MS = 60000,   /* … and nothing served for so long: the host is gone */
};

struct kv_lane {
    char *name, *host;
    int cap, in_flight;
    double limit;
    int round_left;   /* successes until the limit may grow */
    int round_peak;   /* calls that were in flight at once in this round */
    int64_t round_ms; /* when it began */
    bool probing, stopped, told;
    bool served; /* it answered at least once */
    uint64_t successes;
    int exhausted; /* calls in a row */
    int throttles; /* rate-limit answers in a row */
    int lost;      /* lost connections in a row */
    int64_t gate_ms, last_ok_ms, first_ms;
    int64_t episode_ms; /* since when calls have been let through without a throttle */
    double episode_served;
    double rate, ceiling; /* starts per second; 0: unlimited */
    int64_t next_start_ms, cut_ms, grown_ms;
    double credit; /* of --tpm, in tokens */
    int64_t credit_ms;
    int count[SLOTS];                /* served calls, by time */
    int64_t slot;                    /* the newest slot's number */
    double latency_low, latency_sum; /* adaptive: best round's mean, this round's sum */
    int latency_n;
    struct kv_call_heap retries, fresh;
};

struct kv_sched {
    struct kv_sched_limits limits;
    struct kv_lane **lane;
    size_t lanes, turn;
    int in_flight;
    uint64_t order, random;
    bool stopped;
};

/* ---- opening ---- */

struct kv_sched *kv_sched_open(const struct kv_sched_limits *limits)
{
    struct kv_sched *s = kv_calloc(1, sizeof *s);
    s->limits = *limits;
    if (s->limits.in_flight < 1)
        s->limits.in_flight = 1;
    s->random = limits->seed * 2 + 1;
    return s;
}

void kv_sched_close(struct kv_sched *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->lanes; i++) {
        free(s->lane[i]->name);
        free(s->lane[i]->host);
        kv_call_heap_release(&s->lane[i]->retries);
        kv_call_heap_release(&s->lane[i]->fresh);
        free(s->lane[i]);
    }
    free(s->lane);
    free(s);
}

struct kv_lane *kv_sched_lane(struct kv_sched *s, const char *name, const char *host, int in_flight)
{
    struct kv_lane *l = kv_calloc(1, sizeof *l);
    l->name = kv_strdup(name);
    l->host = kv_strdup(host);
    l->cap = in_flight > 0 && in_flight < s->limits.in_flight ? in_flight : s->limits.in_flight;
    l->limit = fmin(l->cap, fmax(FIRST_LIMIT, floor((double)l->cap / FIRST_PART)));
    if (!*host && !s->limits.adaptive)
        l->limit = l->cap;
    l->round_left = (int)l->limit;
    l->rate = s->limits.rpm / 60;
    l->credit = s->limits.tpm / 12; /* five seconds' worth */
    s->lane = kv_array(s->lane, s->lanes + 1, sizeof *s->lane);
    s->lane[s->lanes++] = l;
    return l;
}

void kv_sched_narrow(struct kv_sched *s, int in_flight)
{
    if (in_flight >= 1 && in_flight < s->limits.in_flight)
        s->limits.in_flight = in_flight;
}

const char *kv_lane_name(const struct kv_lane *lane)
{
    return lane->name;
}

static double jitter(struct kv_sched *s) /* uniform in [0, 1): xorshift64* */
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (double)(s->random * 0x2545F4914F6CDD1Du >> 11) / 9007199254740992.0;
}

/* ---- rates ---- */

static void advance_window(struct kv_lane *l, int64_t now)
{
    int64_t slot = now / SLOT_MS;
    for (int64_t k = l->slot + 1; k <= slot && k <= l->slot + SLOTS; k++)
        l->count[k % SLOTS] = 0;
    l->slot = slot;
}

static int served_last_second(struct kv_lane *l, int64_t now)
{
    int sum = 0;
    advance_window(l, now);
    for (int i = 0; i < SLOTS; i++)
        sum += l->count[i];
    return sum;
}

static double rate_cap(const struct kv_sched *s)
{
    return s->limits.rpm > 0 ? s->limits.rpm / 60 : INFINITY;
}

/* Too fast: fall below what was let through, and remember that as the ceiling. What was let through
 * is what was served in the last second and what is on its way; a long Retry-After tells of a long
 * window, in which what was served since the last one counts. */
static void cut_rate(struct kv_sched *s, struct kv_lane *l, int64_t wait, int64_t now)
{
    if (l->cut_ms && now - l->cut_ms < 1000) /* one cut an episode */
        return;
    double served = served_last_second(l, now) + l->in_flight;
    if (wait >= 3000 && l->episode_served > 0)
        served = l->episode_served * 1000 / (double)(now - l->episode_ms + wait);
    if (l->rate > 0 && l->rate < served)
        served = l->rate;
    if (served < 0.1)
        served = l->rate > 0.2 ? l->rate / 2 : 1;
    l->ceiling = fmin(served, rate_cap(s));
    l->rate = l->ceiling * 0.9;
    l->cut_ms = l->grown_ms = now;
}

/* One per cent a second up to just under the ceiling; a rest there; then beyond it, ever faster. */
static void grow_rate(struct kv_sched *s, struct kv_lane *l, int64_t now)
{
    if (l->ceiling <= 0 || now - l->grown_ms < 1000)
        return;
    l->grown_ms = now;
    if (l->rate < l->ceiling * 0.97)
        l->rate = fmin(l->rate * 1.01, l->ceiling * 0.97);
    else if (now - l->cut_ms > HOLD_MS)
        l->rate *= now - l->cut_ms > 2 * HOLD_MS ? 1.1 : 1.02;
    l->rate = fmin(l->rate, rate_cap(s));
}

static void refill(struct kv_sched *s, struct kv_lane *l, int64_t now)
{
    double per_ms = s->limits.tpm / 60000, most = s->limits.tpm / 12;
    l->credit = fmin(most, l->credit + per_ms * (double)(now - l->credit_ms));
    l->credit_ms = now;
}

static void charge_start(struct kv_sched *s, struct kv_call *call, int64_t now)
{
    struct kv_lane *l = call->lane;
    if (l->rate > 0) {
        int64_t base = l->next_start_ms > now - CATCH_UP_MS ? l->next_start_ms : now - CATCH_UP_MS;
        l->next_start_ms = base + (int64_t)ceil(1000 / l->rate);
    }
    if (s->limits.tpm > 0)
        l->credit -= call->tokens;
    l->in_flight++;
    s->in_flight++;
    if (l->in_flight > l->round_peak)
        l->round_peak = l->in_flight;
    call->started_ms = now;
    if (!l->first_ms)
        l->first_ms = l->episode_ms = l->round_ms = now;
}

void kv_sched_window(
    struct kv_sched *s, struct kv_lane *lane, double remaining, int64_t reset_ms, int64_t now)
{
    if (remaining < 0 || reset_ms <= 0 || reset_ms > 3600000)
        return;
    if (remaining >= 1) {
        double granted = (remaining + lane->in_flight) * 1000 / (double)reset_ms;
        if (lane->rate > 0 && granted < lane->rate)
            lane->rate = fmax(granted, 0.1);
        (void)s;
    } else if (now + reset_ms > lane->gate_ms && reset_ms <= 60000) {
        lane->gate_ms = now + reset_ms;
    }
}

/* ---- starting ---- */

/* When the lane lets the next call start; INT64_MAX: not before something else happens. */
static int64_t opens_at(const struct kv_sched *s, const struct kv_lane *l, int64_t now)
{
    int64_t at = l->gate_ms;
    if (l->stopped || l->in_flight >= (l->probing ? 1 : (int)l->limit))
        return INT64_MAX;
    if (l->rate > 0 && l->next_start_ms > at)
        at = l->next_start_ms;
    if (s->limits.tpm > 0 && l->credit < 0) {
        int64_t paid = l->credit_ms + (int64_t)(-l->credit * 60000 / s->limits.tpm) + 1;
        at = paid > at ? paid : at;
    }
    return at > now ? at : now;
}

bool kv_sched_room(struct kv_sched *s, struct kv_lane *lane, int64_t now)
{
    if (s->stopped || s->in_flight >= s->limits.in_flight)
        return false;
    if (lane->fresh.n || (lane->retries.n && kv_call_heap_first(&lane->retries)->ready_ms <= now))
        return false;
    refill(s, lane, now);
    return opens_at(s, lane, now) <= now;
}

void kv_sched_submit(struct kv_sched *s, struct kv_call *call, int64_t now)
{
    memset(call->used, 0, sizeof call->used);
    memset(call->spent, 0, sizeof call->spent);
    call->throttled_ms = 0;
    call->ready_ms = now;
    call->order = s->order++;
    kv_call_heap_push(&call->lane->fresh, call);
}

static struct kv_call *take_ready(struct kv_lane *l, int64_t now)
{
    if (l->retries.n && kv_call_heap_first(&l->retries)->ready_ms <= now)
        return kv_call_heap_pop(&l->retries);
    return kv_call_heap_pop(&l->fresh);
}

struct kv_call *kv_sched_next(struct kv_sched *s, int64_t now)
{
    if (s->stopped || s->in_flight >= s->limits.in_flight)
        return NULL;
    for (size_t k = 0; k < s->lanes; k++) {
        struct kv_lane *l = s->lane[s->turn++ % s->lanes];
        if (!l->fresh.n && !l->retries.n)
            continue;
        refill(s, l, now);
        if (opens_at(s, l, now) > now)
            continue;
        struct kv_call *call = take_ready(l, now);
        if (!call)
            continue;
        charge_start(s, call, now);
        return call;
    }
    return NULL;
}

int64_t kv_sched_wait_ms(const struct kv_sched *s, int64_t now)
{
    int64_t soonest = INT64_MAX;
    bool queued = false;
    for (size_t i = 0; i < s->lanes && !s->stopped; i++) {
        const struct kv_lane *l = s->lane[i];
        if (!l->fresh.n && !l->retries.n)
            continue;
        queued = true;
        int64_t at = opens_at(s, l, now);
        int64_t ready = l->fresh.n ? now : kv_call_heap_first(&l->retries)->ready_ms;
        if (at != INT64_MAX && ready > at)
            at = ready;
        if (at < soonest)
            soonest = at;
    }
    if (!queued)
        return -1;
    if (s->in_flight >= s->limits.in_flight || soonest == INT64_MAX)
        return 60000; /* a call has to end first */
    return soonest > now ? soonest - now : 0;
}

/* ---- ending ---- */

/* With -j auto: a round whose calls took twice as long as in the best round gained nothing. */
static bool latency_rose(const struct kv_sched *s, struct kv_lane *l)
{
    double mean = l->latency_n ? l->latency_sum / l->latency_n : 0;
    l->latency_sum = 0;
    l->latency_n = 0;
    if (!s->limits.adaptive || mean <= 0)
        return false;
    if (l->latency_low <= 0 || mean < l->latency_low)
        l->latency_low = fmax(mean, 1);
    return mean > 2 * l->latency_low;
}

static void grow_limit(const struct kv_sched *s, struct kv_lane *l, int64_t now)
{
    if (--l->round_left > 0 || now - l->round_ms < ROUND_MS)
        return;
    l->round_ms = now;
    bool was_full = l->round_peak >= 0.8 * floor(l->limit);
    if (latency_rose(s, l))
        l->limit = fmax(1, floor(l->limit * 0.9));
    else if (was_full && l->ceiling <= 0)
        l->limit = fmin(l->cap, l->limit * 3);
    else if (was_full)
        l->limit = fmin(l->cap, l->limit + fmax(1, l->limit / 20));
    l->round_left = (int)l->limit;
    l->round_peak = l->in_flight;
}

static void note_success(
    struct kv_sched *s, struct kv_lane *l, const struct kv_call_end *o, int64_t now)
{
    advance_window(l, now);
    l->count[l->slot % SLOTS]++;
    l->successes++;
    l->served = true;
    l->probing = false;
    l->exhausted = l->throttles = l->lost = 0;
    l->last_ok_ms = now;
    l->episode_served++;
    l->latency_sum += (double)o->latency_ms;
    l->latency_n++;
    grow_rate(s, l, now);
    grow_limit(s, l, now);
}

static void note_throttle(
    struct kv_sched *s, struct kv_lane *l, const struct kv_call_end *o, int64_t now)
{
    int64_t wait = o->retry_after_ms;
    cut_rate(s, l, wait, now);
    if (wait < 0) { /* no time named: back off as a lane, 1 s doubling to 30 s */
        double most = fmin(30000, 1000 * pow(2, l->throttles));
        wait = (int64_t)(most / 2 + most / 2 * jitter(s));
    }
    l->throttles++;
    if (now + wait > l->gate_ms)
        l->gate_ms = now + wait;
    l->next_start_ms = l->episode_ms = l->gate_ms;
    l->episode_served = 0;
    if (s->limits.adaptive)
        l->limit = fmax(1, floor(l->limit * 0.8));
    for (size_t i = 0; i < s->lanes; i++) { /* the same host may count all its models together */
        struct kv_lane *other = s->lane[i];
        if (other != l && strcmp(other->host, l->host) == 0 && other->ceiling <= 0)
            other->probing = true; /* one call tells */
    }
}

/* A host that does not answer is asked by one call at a time, ever more rarely, until it does. */
static void note_lost(struct kv_sched *s, struct kv_lane *l, int64_t now)
{
    l->lost++;
    if (l->served && l->lost < FEW_LOST)
        return;
    double most = fmin(10000, 250 * pow(2, l->lost > 12 ? 6 : l->lost / 2.0));
    l->probing = true;
    if (l->gate_ms <= now)
        l->gate_ms = now + (int64_t)(most / 2 + most / 2 * jitter(s));
}

static int64_t backoff_ms(struct kv_sched *s, const struct kv_retry_rule *b, int k)
{
    double most = fmin(b->backoff_min * pow(b->backoff_multiplier, k), b->backoff_max);
    return (int64_t)(1000 * most * jitter(s));
}

static bool lane_given_up(
    const struct kv_lane *l, const struct kv_retry_policy *policy, int64_t now)
{
    int64_t since = l->last_ok_ms ? l->last_ok_ms : l->first_ms;
    bool never_there = !l->served && l->lost > policy->rules[KV_RETRY_CONNECTION].max_attempts;
    return never_there || (!l->served && l->exhausted > 0) ||
           (l->exhausted >= MAX_EXHAUSTED && now - since > GONE_MS) || now - since > GIVE_UP_MS;
}

/* Counts a retry and says whether the budget allows it. */
static bool may_retry(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    const struct kv_retry_rule *b = &call->policy->rules[o->reason];
    if (o->reason == KV_RETRY_RATE_LIMIT) {
        int64_t wait = l->gate_ms > now ? l->gate_ms - now : 0;
        bool own_trouble = o->retry_after_ms < 0 && l->last_ok_ms > call->started_ms;
        call->throttled_ms += wait;
        if (call->throttled_ms > THROTTLED_MAX_MS)
            return false;
        if (own_trouble && call->spent[o->reason]++ >= b->max_attempts)
            return false;
        call->ready_ms = now + wait;
    } else {
        if (call->spent[o->reason] >= b->max_attempts)
            return false;
        int64_t wait = backoff_ms(s, b, call->spent[o->reason]++);
        call->ready_ms = now + (o->retry_after_ms > wait ? o->retry_after_ms : wait);
    }
    call->used[o->reason]++;
    return true;
}

static enum kv_after finish_retryable(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    if (o->reason == KV_RETRY_RATE_LIMIT)
        note_throttle(s, l, o, now);
    else if (o->reason == KV_RETRY_CONNECTION)
        note_lost(s, l, now);
    if (may_retry(s, call, o, now)) {
        if (!lane_given_up(l, call->policy, now)) {
            kv_call_heap_push(&l->retries, call);
            return KV_AFTER_AGAIN;
        }
    } else if (o->reason != KV_RETRY_SERVER_ERROR) {
        l->exhausted++;
    }
    if (lane_given_up(l, call->policy, now))
        l->stopped = true;
    return KV_AFTER_EXHAUSTED;
}

enum kv_after kv_sched_finish(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    struct kv_lane *l = call->lane;
    l->in_flight--;
    s->in_flight--;
    if (s->limits.tpm > 0 && end->tokens >= 0)
        l->credit += call->tokens - end->tokens;
    switch (end->fate) {
    case KV_FATE_RETRY:
        return finish_retryable(s, call, end, now);
    case KV_FATE_STOP:
        l->stopped = true;
        return KV_AFTER_DONE;
    case KV_FATE_OK:
    case KV_FATE_PERMANENT: /* the endpoint answered, if not as wished */
        note_success(s, l, end, now);
        return KV_AFTER_DONE;
    case KV_FATE_CANCELLED:
        break;
    }
    return KV_AFTER_DONE;
}

void kv_sched_stop(struct kv_sched *s)
{
    s->stopped = true;
}

struct kv_call *kv_sched_take(struct kv_sched *s)
{
    for (size_t i = 0; i < s->lanes; i++) {
        struct kv_lane *l = s->lane[i];
        if (!s->stopped && !l->stopped)
            continue;
        struct kv_call *call = kv_call_heap_pop(&l->retries);
        if (!call)
            call = kv_call_heap_pop(&l->fresh);
        if (call)
            return call;
    }
    return NULL;
}

void kv_sched_look(const struct kv_sched *s, int64_t now, struct kv_sched_view *view)
{
    *view = (struct kv_sched_view){.in_flight = s->in_flight};
    for (size_t i = 0; i < s->lanes; i++) {
        const struct kv_lane *l = s->lane[i];
        view->queued += (int)(l->fresh.n + l->retries.n);
        view->limit += (int)l->limit;
        view->throttled += l->gate_ms > now || l->ceiling > 0;
    }
}

bool kv_lane_stopped(const struct kv_lane *lane)
{
    return lane->stopped;
}

struct kv_lane *kv_sched_stopped(struct kv_sched *s)
{
    for (size_t i = 0; i < s->lanes; i++) {
        struct kv_lane *l = s->lane[i];
        if (l->stopped && !l->told) {
            l->told = true;
            return l;
        }
    }
    return NULL;
}

const char *kv_run_budget_spent(const struct kv_run_budget *b, int64_t now)
{
    if (b->max_tasks >= 0 && b->tasks >= b->max_tasks)
        return "--max-tasks";
    if (b->max_tokens >= 0 && b->tokens >= b->max_tokens)
        return "--max-tokens";
    if (b->max_cost >= 0 && b->cost >= b->max_cost)
        return "--max-cost";
    if (b->max_failures >= 0 && b->failures >= b->max_failures)
        return "--max-failures";
    if (b->deadline_ms && now >= b->deadline_ms)
        return "--time-limit";
    return NULL;
}
