/* sched - what may start when, over all lanes: the queue, the retry loop, the stop.
 *
 * How one lane is paced is lane.c. Here lanes take turns, a call that failed for a reason that may
 * pass is queued again within its budgets, and lanes of one host warn each other.
 *
 * Where the policy names no budget for rate limits, a throttled lane is the lane's trouble and not
 * the call's: a retry counts against the call's own budget only if the lane served others in the
 * meantime. A budget that is named is the budget: every retry counts.
 */
#include "sched.h"

#include "buf.h"
#include "lane.h"

#include <stdlib.h>
#include <string.h>

enum { THROTTLED_MAX_MS = 30 * 60000 }; /* one call's total wait for rate limits */

struct kv_sched {
    struct kv_lane_rules rules;
    struct kv_lane **lane;
    size_t lanes, turn;
    int in_flight;
    uint64_t order;
    bool stopped;
};

/* ---- opening ---- */

struct kv_sched *kv_sched_open(const struct kv_sched_limits *limits)
{
    struct kv_sched *s = kv_calloc(1, sizeof *s);
    s->rules = (struct kv_lane_rules){.in_flight = limits->in_flight < 1 ? 1 : limits->in_flight,
        .adaptive = limits->adaptive,
        .rpm = limits->rpm,
        .tpm = limits->tpm,
        .random = limits->seed * 2 + 1};
    return s;
}

void kv_sched_close(struct kv_sched *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->lanes; i++)
        kv_lane_close(s->lane[i]);
    free(s->lane);
    free(s);
}

struct kv_lane *kv_sched_lane(struct kv_sched *s, const char *name, const char *host, int in_flight)
{
    s->lane = kv_array(s->lane, s->lanes + 1, sizeof *s->lane);
    return s->lane[s->lanes++] = kv_lane_open(name, host, in_flight, &s->rules);
}

void kv_sched_narrow(struct kv_sched *s, int in_flight)
{
    if (in_flight >= 1 && in_flight < s->rules.in_flight)
        s->rules.in_flight = in_flight;
}

void kv_sched_window(
    struct kv_sched *s, struct kv_lane *lane, double remaining, int64_t reset_ms, int64_t now)
{
    (void)s;
    kv_lane_window(lane, remaining, reset_ms, now);
}

/* ---- starting ---- */

bool kv_sched_room(struct kv_sched *s, struct kv_lane *lane, int64_t now)
{
    if (s->stopped || s->in_flight >= s->rules.in_flight)
        return false;
    if (lane->fresh.n || (lane->retries.n && kv_call_heap_first(&lane->retries)->ready_ms <= now))
        return false;
    kv_lane_refill(lane, now);
    return kv_lane_opens_at(lane, now) <= now;
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

struct kv_call *kv_sched_next(struct kv_sched *s, int64_t now)
{
    if (s->stopped || s->in_flight >= s->rules.in_flight)
        return NULL;
    for (size_t k = 0; k < s->lanes; k++) {
        struct kv_lane *l = s->lane[s->turn++ % s->lanes];
        if (kv_lane_is_idle(l))
            continue;
        kv_lane_refill(l, now);
        if (kv_lane_opens_at(l, now) > now)
            continue;
        struct kv_call *call = kv_lane_take_ready(l, now);
        if (!call)
            continue;
        kv_lane_start(l, call, now);
        s->in_flight++;
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
        if (kv_lane_is_idle(l))
            continue;
        queued = true;
        int64_t at = kv_lane_opens_at(l, now), ready = kv_lane_ready_at(l, now);
        if (at != INT64_MAX && ready > at)
            at = ready;
        if (at < soonest)
            soonest = at;
    }
    if (!queued)
        return -1;
    if (s->in_flight >= s->rules.in_flight || soonest == INT64_MAX)
        return 60000; /* a call has to end first */
    return soonest > now ? soonest - now : 0;
}

/* ---- ending ---- */

/* Tells the other lanes of the host of a throttle: it may count all its models together. */
static void warn_neighbours(struct kv_sched *s, const struct kv_lane *l)
{
    for (size_t i = 0; i < s->lanes; i++) {
        struct kv_lane *other = s->lane[i];
        if (other != l && strcmp(other->host, l->host) == 0 && other->ceiling <= 0)
            other->probing = true;
    }
}

/* Counts a retry and says whether the budget allows it. */
static bool may_retry(struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    const struct kv_retry_rule *b = &call->policy->rules[o->reason];
    if (o->reason == KV_RETRY_RATE_LIMIT) {
        int64_t wait = l->gate_ms > now ? l->gate_ms - now : 0;
        bool own_trouble = o->retry_after_ms < 0 && l->last_ok_ms > call->started_ms;
        call->throttled_ms += wait;
        if (call->throttled_ms > THROTTLED_MAX_MS)
            return false;
        if ((own_trouble || !call->policy->waits) && call->spent[o->reason]++ >= b->max_attempts)
            return false;
        call->ready_ms = now + wait;
    } else {
        if (call->spent[o->reason] >= b->max_attempts)
            return false;
        int64_t wait = kv_lane_backoff_ms(l, b, call->spent[o->reason]++);
        call->ready_ms = now + (o->retry_after_ms > wait ? o->retry_after_ms : wait);
    }
    call->used[o->reason]++;
    return true;
}

static enum kv_after finish_retryable(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    if (o->spoke)
        kv_lane_spoke(l, now);
    if (o->reason == KV_RETRY_RATE_LIMIT) {
        kv_lane_throttled(l, o, now);
        warn_neighbours(s, l);
    } else if (o->reason == KV_RETRY_CONNECTION) {
        kv_lane_lost(l, now);
    }
    if (may_retry(call, o, now)) {
        if (!kv_lane_is_hopeless(l, call->policy, now)) {
            kv_call_heap_push(&l->retries, call);
            return KV_AFTER_AGAIN;
        }
    } else if (o->reason == KV_RETRY_RATE_LIMIT || o->reason == KV_RETRY_SERVER_ERROR) {
        l->turned_away += !o->spoke; /* the host is there */
    } else {
        l->exhausted += !o->spoke;
    }
    if (kv_lane_is_hopeless(l, call->policy, now))
        l->stopped = true;
    return KV_AFTER_EXHAUSTED;
}

enum kv_after kv_sched_finish(
    struct kv_sched *s, struct kv_call *call, const struct kv_call_end *end, int64_t now)
{
    struct kv_lane *l = call->lane;
    l->in_flight--;
    s->in_flight--;
    if (s->rules.tpm > 0 && end->tokens >= 0)
        l->credit += call->tokens - end->tokens;
    switch (end->fate) {
    case KV_FATE_RETRY:
        return finish_retryable(s, call, end, now);
    case KV_FATE_STOP:
        l->stopped = true;
        return KV_AFTER_DONE;
    case KV_FATE_OK:
    case KV_FATE_PERMANENT: /* the endpoint answered, though not with an answer */
        kv_lane_served(l, end, now);
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
