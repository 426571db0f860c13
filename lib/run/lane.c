/* lane - one model behind one endpoint: when its next call may start, and what each end teaches it.
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
 *   waste more than a few calls, and where a number was named also each half second in which nothing
 *   is heard, so that slow servers are not mistaken for small ones; one call at a time while a host is not answering, which makes that
 *   call the probe of a circuit breaker.
 */
#include "lane.h"

#include "buf.h"

#include <math.h>
#include <stdlib.h>

enum {
    FIRST_LIMIT = 4,         /* calls in flight before the first answer, at least … */
    FIRST_PART = 16,         /* … and at least this part of what was asked for */
    SILENCE_MS = 500,        /* a server that is slow to answer refuses at once what it refuses */
    ROUND_MS = 50,           /* a round takes at least so long: nearby servers answer in no time */
    SLOT_MS = 125,           /* KV_LANE_SLOTS of these: the last second */
    CATCH_UP_MS = 50,        /* how far paced starts may lag before they are forfeited */
    HOLD_MS = 45 * 1000,     /* how long a known ceiling is respected before trying beyond it */
    GIVE_UP_MS = 10 * 60000, /* a lane that served nothing for so long is hopeless */
    FEW_LOST = 3,            /* connections lost in a row before the host counts as down */
    MAX_EXHAUSTED = 3,       /* calls in a row that used up their budgets, … */
    TURNED_AWAY_MAX = 5,     /* … by a host that is there and has served none */
    GONE_MS = 60000,         /* … and nothing served for so long: the host is gone */
};

/* ---- opening ---- */

struct kv_lane *kv_lane_open(
    const char *name, const char *host, int in_flight, struct kv_lane_rules *rules)
{
    struct kv_lane *l = kv_calloc(1, sizeof *l);
    l->rules = rules;
    l->name = kv_strdup(name);
    l->host = kv_strdup(host);
    l->cap = in_flight > 0 && in_flight < rules->in_flight ? in_flight : rules->in_flight;
    l->limit = fmin(l->cap, fmax(FIRST_LIMIT, floor((double)l->cap / FIRST_PART)));
    if (!*host && !rules->adaptive)
        l->limit = l->cap;
    l->round_left = (int)l->limit;
    l->rate = rules->rpm / 60;
    l->credit = rules->tpm / 12; /* five seconds' worth */
    return l;
}

void kv_lane_close(struct kv_lane *l)
{
    free(l->name);
    free(l->host);
    kv_call_heap_release(&l->retries);
    kv_call_heap_release(&l->fresh);
    free(l);
}

static double jitter(struct kv_lane *l) /* uniform in [0, 1): xorshift64* */
{
    uint64_t *r = &l->rules->random;
    *r ^= *r >> 12;
    *r ^= *r << 25;
    *r ^= *r >> 27;
    return (double)(*r * 0x2545F4914F6CDD1Du >> 11) / 9007199254740992.0;
}

/* ---- rates ---- */

static void advance_window(struct kv_lane *l, int64_t now)
{
    int64_t slot = now / SLOT_MS;
    for (int64_t k = l->slot + 1; k <= slot && k <= l->slot + KV_LANE_SLOTS; k++)
        l->count[k % KV_LANE_SLOTS] = 0;
    l->slot = slot;
}

static int served_last_second(struct kv_lane *l, int64_t now)
{
    int sum = 0;
    advance_window(l, now);
    for (int i = 0; i < KV_LANE_SLOTS; i++)
        sum += l->count[i];
    return sum;
}

static double rate_cap(const struct kv_lane *l)
{
    return l->rules->rpm > 0 ? l->rules->rpm / 60 : INFINITY;
}

/* Too fast: fall below what was let through, and remember that as the ceiling. What was let through
 * is what was served in the last second and what is on its way; a long Retry-After tells of a long
 * window, in which what was served since the last one counts. */
static void cut_rate(struct kv_lane *l, int64_t wait, int64_t now)
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
    l->ceiling = fmin(served, rate_cap(l));
    l->rate = l->ceiling * 0.9;
    l->cut_ms = l->grown_ms = now;
}

/* One per cent a second up to just under the ceiling; a rest there; then beyond it, ever faster. */
static void grow_rate(struct kv_lane *l, int64_t now)
{
    if (l->ceiling <= 0 || now - l->grown_ms < 1000)
        return;
    l->grown_ms = now;
    if (l->rate < l->ceiling * 0.97)
        l->rate = fmin(l->rate * 1.01, l->ceiling * 0.97);
    else if (now - l->cut_ms > HOLD_MS)
        l->rate *= now - l->cut_ms > 2 * HOLD_MS ? 1.1 : 1.02;
    l->rate = fmin(l->rate, rate_cap(l));
}

void kv_lane_refill(struct kv_lane *l, int64_t now)
{
    double per_ms = l->rules->tpm / 60000, most = l->rules->tpm / 12;
    l->credit = fmin(most, l->credit + per_ms * (double)(now - l->credit_ms));
    l->credit_ms = now;
}

void kv_lane_window(struct kv_lane *l, double remaining, int64_t reset_ms, int64_t now)
{
    if (remaining < 0 || reset_ms <= 0 || reset_ms > 3600000)
        return;
    if (remaining >= 1) {
        double granted = (remaining + l->in_flight) * 1000 / (double)reset_ms;
        if (l->rate > 0 && granted < l->rate)
            l->rate = fmax(granted, 0.1);
    } else if (now + reset_ms > l->gate_ms && reset_ms <= 60000) {
        l->gate_ms = now + reset_ms;
    }
}

/* ---- starting ---- */

bool kv_lane_is_idle(const struct kv_lane *l)
{
    return !l->fresh.n && !l->retries.n;
}

/* True while nothing has come back of the first calls, good or bad. */
static bool is_unheard(const struct kv_lane *l)
{
    return !l->served && !l->throttles && !l->lost && !l->exhausted && !l->probing;
}

int64_t kv_lane_opens_at(const struct kv_lane *l, int64_t now)
{
    int64_t at = l->gate_ms;
    if (l->stopped)
        return INT64_MAX;
    if (l->in_flight >= (l->probing ? 1 : (int)l->limit)) {
        if (l->rules->adaptive || l->in_flight >= l->cap || !is_unheard(l))
            return INT64_MAX;
        at = l->started_ms + SILENCE_MS;
    }
    if (l->rate > 0 && l->next_start_ms > at)
        at = l->next_start_ms;
    if (l->rules->tpm > 0 && l->credit < 0) {
        int64_t paid = l->credit_ms + (int64_t)(-l->credit * 60000 / l->rules->tpm) + 1;
        at = paid > at ? paid : at;
    }
    return at > now ? at : now;
}

int64_t kv_lane_ready_at(const struct kv_lane *l, int64_t now)
{
    return l->fresh.n ? now : kv_call_heap_first(&l->retries)->ready_ms;
}

struct kv_call *kv_lane_take_ready(struct kv_lane *l, int64_t now)
{
    if (l->retries.n && kv_call_heap_first(&l->retries)->ready_ms <= now)
        return kv_call_heap_pop(&l->retries);
    return kv_call_heap_pop(&l->fresh);
}

void kv_lane_start(struct kv_lane *l, struct kv_call *call, int64_t now)
{
    if (l->rate > 0) {
        int64_t base = l->next_start_ms > now - CATCH_UP_MS ? l->next_start_ms : now - CATCH_UP_MS;
        l->next_start_ms = base + (int64_t)ceil(1000 / l->rate);
    }
    if (l->rules->tpm > 0)
        l->credit -= call->tokens;
    l->in_flight++;
    if (l->in_flight > (int)l->limit && is_unheard(l))
        l->limit = fmin(l->cap, l->limit * 3);
    l->started_ms = now;
    if (l->in_flight > l->round_peak)
        l->round_peak = l->in_flight;
    call->started_ms = now;
    if (!l->first_ms)
        l->first_ms = l->episode_ms = l->round_ms = now;
}

/* ---- ending ---- */

/* With -j auto: a round whose calls took twice as long as in the best round gained nothing. */
static bool latency_rose(struct kv_lane *l)
{
    double mean = l->latency_n ? l->latency_sum / l->latency_n : 0;
    l->latency_sum = 0;
    l->latency_n = 0;
    if (!l->rules->adaptive || mean <= 0)
        return false;
    if (l->latency_low <= 0 || mean < l->latency_low)
        l->latency_low = fmax(mean, 1);
    return mean > 2 * l->latency_low;
}

static void grow_limit(struct kv_lane *l, int64_t now)
{
    if (--l->round_left > 0 || now - l->round_ms < ROUND_MS)
        return;
    l->round_ms = now;
    bool was_full = l->round_peak >= 0.8 * floor(l->limit);
    if (latency_rose(l))
        l->limit = fmax(1, floor(l->limit * 0.9));
    else if (was_full && l->ceiling <= 0)
        l->limit = fmin(l->cap, l->limit * 3);
    else if (was_full)
        l->limit = fmin(l->cap, l->limit + fmax(1, l->limit / 20));
    l->round_left = (int)l->limit;
    l->round_peak = l->in_flight;
}

void kv_lane_served(struct kv_lane *l, const struct kv_call_end *o, int64_t now)
{
    advance_window(l, now);
    l->count[l->slot % KV_LANE_SLOTS]++;
    l->successes++;
    l->served = true;
    l->probing = false;
    l->exhausted = l->turned_away = l->throttles = l->lost = 0;
    l->last_ok_ms = now;
    l->episode_served++;
    l->latency_sum += (double)o->latency_ms;
    l->latency_n++;
    grow_rate(l, now);
    grow_limit(l, now);
}

void kv_lane_spoke(struct kv_lane *l, int64_t now)
{
    l->served = true;
    l->exhausted = l->lost = 0;
    l->last_ok_ms = now;
}

void kv_lane_throttled(struct kv_lane *l, const struct kv_call_end *o, int64_t now)
{
    int64_t wait = o->retry_after_ms;
    cut_rate(l, wait, now);
    if (wait < 0) { /* no time named: back off as a lane, 1 s doubling to 30 s */
        double most = fmin(30000, 1000 * pow(2, l->throttles));
        wait = (int64_t)(most / 2 + most / 2 * jitter(l));
    }
    l->throttles++;
    if (now + wait > l->gate_ms)
        l->gate_ms = now + wait;
    l->next_start_ms = l->episode_ms = l->gate_ms;
    l->episode_served = 0;
    if (l->rules->adaptive)
        l->limit = fmax(1, floor(l->limit * 0.8));
}

/* A host that does not answer is asked by one call at a time, ever more rarely, until it does. */
void kv_lane_lost(struct kv_lane *l, int64_t now)
{
    l->lost++;
    if (l->served && l->lost < FEW_LOST)
        return;
    double most = fmin(10000, 250 * pow(2, l->lost > 12 ? 6 : l->lost / 2.0));
    l->probing = true;
    if (l->gate_ms <= now)
        l->gate_ms = now + (int64_t)(most / 2 + most / 2 * jitter(l));
}

int64_t kv_lane_backoff_ms(struct kv_lane *l, const struct kv_retry_rule *rule, int k)
{
    double most = fmin(rule->backoff_min * pow(rule->backoff_multiplier, k), rule->backoff_max);
    return (int64_t)(1000 * most * jitter(l));
}

bool kv_lane_is_hopeless(const struct kv_lane *l, const struct kv_retry_policy *policy, int64_t now)
{
    int64_t since = l->last_ok_ms ? l->last_ok_ms : l->first_ms;
    bool never_there = !l->served && l->lost > policy->rules[KV_RETRY_CONNECTION].max_attempts;
    bool never_let_in = !l->served && l->turned_away >= TURNED_AWAY_MAX;
    return never_there || never_let_in || (!l->served && l->exhausted > 0) ||
           (l->exhausted >= MAX_EXHAUSTED && now - since > GONE_MS) || now - since > GIVE_UP_MS;
}
