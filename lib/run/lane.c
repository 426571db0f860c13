/* lane - one model behind one endpoint: when its next call may start, and what each end teaches it.
 *
 * A gate is set by Retry-After, or by a back-off of the lane's own while nothing is served and no
 * time is named. While a host is not answering one call is in flight at a time, which makes that
 * call the probe of a circuit breaker. --rpm and --tpm are accounts of the lane. How many calls may
 * start otherwise is pace's to say.
 */
#include "lane.h"

#include "buf.h"

#include <math.h>
#include <stdlib.h>

enum {
    CATCH_UP_MS = 250,       /* how far starts may lag behind --rpm before they are forfeited */
    CREDIT_S = 1,            /* what --tpm saves up at most */
    GIVE_UP_MS = 10 * 60000, /* a lane that served nothing for so long is hopeless */
    FEW_LOST = 3,            /* losses in a row before the host counts as down */
    SHUT_FIRST_MS = 250,  /* nothing is tried for a while after refusals in a row, at first … */
    SHUT_MOST_MS = 10000, /* … and at most so long, or as long as is named */
    MAX_EXHAUSTED = 3,    /* calls in a row that used up their budgets, … */
    TURNED_AWAY_MAX = 5,  /* … by a host that is there and has served none */
    GONE_LOST = 8,        /* losses in a row, … */
    GONE_MS = 120000,     /* … and nothing served for so long: the host is gone */
};

#define SHUT_POWER 0.6 /* of two, by which such a while grows each time */

/* ---- opening ---- */

struct kv_lane *kv_lane_open(
    const char *name, struct kv_pace *pace, int in_flight, struct kv_lane_rules *rules)
{
    struct kv_lane *l = kv_calloc(1, sizeof *l);
    l->rules = rules;
    l->pace = pace;
    l->name = kv_strdup(name);
    l->cap = in_flight > 0 && in_flight < pace->cap ? in_flight : pace->cap;
    return l;
}

void kv_lane_of_commands(struct kv_lane *l)
{
    l->slots = kv_slots_open(l->cap);
}

void kv_lane_close(struct kv_lane *l)
{
    free(l->name);
    kv_call_heap_release(&l->retries);
    kv_call_heap_release(&l->fresh);
    kv_slots_close(l->slots);
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

/* ---- starting ---- */

bool kv_lane_is_idle(const struct kv_lane *l)
{
    return !l->fresh.n && !l->retries.n;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What time has earned is saved up for a second only: --tpm is no stock. */
static void refill(struct kv_lane *l, int64_t now)
{
    double per_ms = l->rules->tpm / 60000, most = per_ms * 1000 * CREDIT_S;
    if (l->credit_ms && l->credit < most)
        l->credit = fmin(most, l->credit + per_ms * (double)(now - l->credit_ms));
    l->credit_ms = now;
}

/* True if nothing was let through, and one call is under way that finds out whether it still is so. */
static bool has_knocked(const struct kv_lane *l)
{
    return l->closed && l->started > l->refused_turn;
}

int64_t kv_lane_opens_at(struct kv_lane *l, int64_t now)
{
    int64_t at = l->gate_ms;
    if (l->stopped || l->in_flight >= (l->probing ? 1 : l->cap))
        return INT64_MAX;
    if (has_knocked(l))
        at = later(at, l->started_ms + kv_pace_refusal_ms(l->pace));
    if (l->rules->rpm > 0)
        at = later(at, (int64_t)ceil(l->next_ms));
    if (l->rules->tpm > 0) {
        refill(l, now);
        if (l->credit < 0)
            at = later(at, now + (int64_t)(-l->credit * 60000 / l->rules->tpm) + 1);
    }
    if (l->slots)
        at = later(at, kv_slots_free_at(l->slots));
    return later(at, kv_pace_opens_at(l->pace, now));
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

/* Calls are let through again. */
static void reopen(struct kv_lane *l, int64_t now)
{
    l->closed = false;
    l->refused = 0;
    kv_pace_reopened(l->pace, now);
}

void kv_lane_start(struct kv_lane *l, struct kv_call *call, int64_t now)
{
    if (has_knocked(l))
        reopen(l, now); /* the call before this one has been let through */
    l->in_flight++;
    call->slot = l->slots ? kv_slots_take(l->slots) : -1;
    kv_pace_start(l->pace, call, now);
    call->turn = ++l->started;
    l->started_ms = now;
    if (l->rules->rpm > 0)
        l->next_ms = fmax(l->next_ms, (double)now - CATCH_UP_MS) + 60000 / l->rules->rpm;
    if (l->rules->tpm > 0)
        l->credit -= call->tokens;
    if (!l->first_ms)
        l->first_ms = now;
}

/* ---- ending ---- */

void kv_lane_end(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    l->in_flight--;
    kv_pace_end(l->pace, call);
    if (l->rules->tpm > 0 && end->tokens >= 0)
        l->credit += call->tokens - end->tokens;
    if (l->slots && end->fate == KV_FATE_CANCELLED)
        kv_slots_give_unused(l->slots, call->slot);
    else if (l->slots)
        kv_slots_give(l->slots, call->slot, end->fate != KV_FATE_NOT_NOW, now);
}

void kv_lane_served(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    l->served = true;
    l->probing = false;
    l->exhausted = l->turned_away = l->lost = 0;
    if (call->turn > l->last_refused)
        reopen(l, now);
    l->last_ok_ms = now;
    kv_pace_served(l->pace, call, &l->length, end->latency_ms, now);
}

void kv_lane_spoke(struct kv_lane *l, int64_t now)
{
    l->served = true;
    l->exhausted = l->lost = 0;
    l->last_ok_ms = now;
}

static void shut(struct kv_lane *l, int64_t wait, int64_t now)
{
    l->gate_ms = later(l->gate_ms, now + wait);
}

/* A wait between half of the most and all of it; the most doubles each time. */
static int64_t back_off(struct kv_lane *l, double first, double longest, double times)
{
    double most = fmin(longest, first * pow(2, fmin(times, 20)));
    return (int64_t)(most / 2 + most / 2 * jitter(l));
}

/* Counts what happened to calls in a row. False of one that had started before the last of them: it
 * belongs to the same event. */
static bool again(const struct kv_lane *l, const struct kv_call *call, int *times, uint64_t *last)
{
    if (call->turn <= *last)
        return false;
    *last = l->started;
    ++*times;
    return true;
}

bool kv_lane_throttled(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    if (call->turn > l->last_refused + 1)
        l->refused = 0; /* the one before has been let through */
    if (call->turn > l->last_refused)
        l->last_refused = call->turn;
    bool anew = again(l, call, &l->refused, &l->refused_turn);
    bool of_load = kv_pace_refused(l->pace, call, now);
    int most = kv_pace_row(l->pace), more = l->refused - most;
    if (more < 0)
        return of_load;
    if (anew) {
        int64_t wait = back_off(l, SHUT_FIRST_MS, SHUT_MOST_MS, SHUT_POWER * more);
        l->closed = true;
        shut(l, wait, now);
        kv_pace_closed(l->pace);
    }
    shut(l, end->retry_after_ms, now);
    return true;
}

void kv_lane_timed_out(
    struct kv_lane *l, const struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    kv_pace_timed_out(l->pace, call, end->latency_ms, now);
}

void kv_lane_window(struct kv_lane *l, double remaining, int64_t reset_ms, int64_t now)
{
    if (remaining < 0 || reset_ms <= 0 || reset_ms > 3600000)
        return;
    if (remaining >= 1)
        kv_pace_window(l->pace, (remaining + l->in_flight) * 1000 / (double)reset_ms);
    else if (reset_ms <= 60000)
        shut(l, reset_ms, now);
}

/* A host that does not answer is asked by one call at a time, ever more rarely, until it does: one
 * that never did, as often as the configuration says. */
void kv_lane_lost(struct kv_lane *l, const struct kv_call *call, int64_t now)
{
    if (!again(l, call, &l->lost, &l->lost_turn) || (l->served && l->lost < FEW_LOST))
        return;
    l->probing = true;
    if (l->served)
        shut(l, back_off(l, 250, 10000, l->lost / 2.0), now);
    else
        shut(l, kv_lane_backoff_ms(l, &call->policy->rules[KV_RETRY_CONNECTION], l->lost - 1), now);
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
    bool gone = (l->exhausted >= MAX_EXHAUSTED || l->lost >= GONE_LOST) && now - since > GONE_MS;
    return never_there || never_let_in || (!l->served && l->exhausted > 0) || gone ||
           now - since > GIVE_UP_MS;
}
