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
#include "pace.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_LIMIT = 4,               /* calls in flight before the first answer, at least … */
    FIRST_PART = 16,               /* … and at least this part of a number that was named */
    THROTTLED_MAX_MS = 30 * 60000, /* one call's total wait for rate limits */
    OWN_TROUBLE_MAX = 20,          /* its refusals while others are served */
};

/* A pace, and whose. */
struct server {
    char *name;
    struct kv_pace pace;
};

struct kv_sched {
    struct kv_lane_rules rules;
    int most; /* calls in flight, of the whole run */
    bool adaptive;
    struct kv_lane **lane;
    struct server **server;
    size_t lanes, servers, turn;
    int in_flight;
    uint64_t order;
    bool stopped;
};

/* ---- opening ---- */

struct kv_sched *kv_sched_open(const struct kv_sched_limits *limits)
{
    struct kv_sched *s = kv_calloc(1, sizeof *s);
    s->rules = (struct kv_lane_rules){
        .rpm = limits->rpm, .tpm = limits->tpm, .random = limits->seed * 2 + 1};
    s->most = limits->in_flight < 1 ? 1 : limits->in_flight;
    s->adaptive = limits->adaptive;
    return s;
}

void kv_sched_close(struct kv_sched *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->lanes; i++)
        kv_lane_close(s->lane[i]);
    for (size_t i = 0; i < s->servers; i++) {
        free(s->server[i]->name);
        free(s->server[i]);
    }
    free(s->server);
    free(s->lane);
    free(s);
}

/* Calls in flight before anything is known. Commands of this machine are throttled by nobody. */
static int first_limit(const struct kv_sched *s, const char *server)
{
    int first = FIRST_LIMIT;
    if (!s->adaptive)
        first = !*server ? s->most : s->most / FIRST_PART > first ? s->most / FIRST_PART : first;
    return first < s->most ? first : s->most;
}

static struct kv_pace *pace_of(struct kv_sched *s, const char *name)
{
    for (size_t i = 0; i < s->servers && *name; i++)
        if (strcmp(s->server[i]->name, name) == 0)
            return &s->server[i]->pace;
    struct server *new = kv_calloc(1, sizeof *new);
    new->name = kv_strdup(name);
    kv_pace_begin(&new->pace, s->most, first_limit(s, name), s->adaptive);
    s->server = kv_array(s->server, s->servers + 1, sizeof(struct server *));
    s->server[s->servers++] = new;
    return &new->pace;
}

struct kv_lane *kv_sched_lane(
    struct kv_sched *s, const char *name, const char *server, int in_flight)
{
    s->lane = kv_array(s->lane, s->lanes + 1, sizeof(struct kv_lane *));
    struct kv_lane *l = kv_lane_open(name, pace_of(s, server), in_flight, &s->rules);
    if (!*server)
        kv_lane_of_commands(l);
    return s->lane[s->lanes++] = l;
}

void kv_sched_narrow(struct kv_sched *s, int in_flight)
{
    if (in_flight >= 1 && in_flight < s->most)
        s->most = in_flight;
}

void kv_sched_window(
    struct kv_sched *s, struct kv_lane *lane, double remaining, int64_t reset_ms, int64_t now)
{
    (void)s;
    kv_lane_window(lane, remaining, reset_ms, now);
}

/* ---- starting ---- */

int64_t kv_sched_room_ms(const struct kv_sched *s, struct kv_lane *lane, int64_t now)
{
    if (s->stopped || s->in_flight >= s->most)
        return -1;
    if (lane->fresh.n || (lane->retries.n && kv_call_heap_first(&lane->retries)->ready_ms <= now))
        return -1;
    int64_t at = kv_lane_opens_at(lane, now);
    return at == INT64_MAX ? -1 : at > now ? at - now : 0;
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
    if (s->stopped || s->in_flight >= s->most)
        return NULL;
    for (size_t k = 0; k < s->lanes; k++) {
        struct kv_lane *l = s->lane[s->turn++ % s->lanes];
        if (kv_lane_is_idle(l))
            continue;
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
        struct kv_lane *l = s->lane[i];
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
    if (s->in_flight >= s->most || soonest == INT64_MAX)
        return 60000; /* a call has to end first */
    return soonest > now ? soonest - now : 0;
}

/* ---- ending ---- */

static int64_t gate_wait(const struct kv_lane *l, int64_t now)
{
    return l->gate_ms > now ? l->gate_ms - now : 0;
}

/* How long a refused call waits: as it was told, and as its lane does; where others go on and no time
 * was named, a while of its own. */
static int64_t refused_wait(
    struct kv_call *call, const struct kv_call_end *o, bool of_lane, int64_t now)
{
    static const struct kv_retry_rule own = {
        .backoff_min = 0.5, .backoff_max = 10, .backoff_multiplier = 2};
    int64_t gate = of_lane ? gate_wait(call->lane, now) : 0;
    if (o->retry_after_ms >= 0)
        return o->retry_after_ms > gate ? o->retry_after_ms : gate;
    return of_lane ? gate : kv_lane_backoff_ms(call->lane, &own, call->used[o->reason]);
}

static bool may_ask_refused_again(
    struct kv_call *call, const struct kv_call_end *o, bool of_lane, int64_t now)
{
    int64_t wait = refused_wait(call, o, of_lane, now);
    bool own_trouble = o->retry_after_ms < 0 && call->lane->last_ok_ms > call->started_ms;
    bool counts = own_trouble || !call->policy->waits;
    int64_t most =
        call->policy->waits ? OWN_TROUBLE_MAX : call->policy->rules[o->reason].max_attempts;
    call->throttled_ms += wait;
    if (call->throttled_ms > THROTTLED_MAX_MS || (counts && call->spent[o->reason]++ >= most))
        return false;
    call->ready_ms = now + wait;
    return true;
}

/* Counts a retry and says whether the budget allows it. A host that is not there yet is asked by one
 * call at a time: all others wait for that one, and it is the lane that counts. */
static bool may_retry(struct kv_call *call, const struct kv_call_end *o, bool of_lane, int64_t now)
{
    struct kv_lane *l = call->lane;
    const struct kv_retry_rule *b = &call->policy->rules[o->reason];
    if (o->reason == KV_RETRY_RATE_LIMIT) {
        if (!may_ask_refused_again(call, o, of_lane, now))
            return false;
    } else if (o->reason == KV_RETRY_CONNECTION && !l->served) {
        call->ready_ms = now + gate_wait(l, now);
    } else {
        if (call->spent[o->reason] >= b->max_attempts)
            return false;
        int64_t wait = kv_lane_backoff_ms(l, b, call->spent[o->reason]++);
        call->ready_ms = now + (o->retry_after_ms > wait ? o->retry_after_ms : wait);
    }
    call->used[o->reason]++;
    return true;
}

/* What the lane learns of a failure. True if it speaks of the lane and not of this call alone. */
static bool teach(struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    if (o->spoke)
        kv_lane_spoke(l, now);
    if (o->reason == KV_RETRY_RATE_LIMIT)
        return kv_lane_throttled(l, call, o, now);
    if (o->reason == KV_RETRY_TIMEOUT)
        kv_lane_timed_out(l, call, o, now);
    else if (o->reason == KV_RETRY_CONNECTION)
        kv_lane_lost(l, call, now);
    return false;
}

static enum kv_after finish_retryable(
    struct kv_call *call, const struct kv_call_end *o, int64_t now)
{
    struct kv_lane *l = call->lane;
    if (may_retry(call, o, teach(call, o, now), now)) {
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
    s->in_flight--;
    kv_lane_end(l, call, end, now);
    switch (end->fate) {
    case KV_FATE_RETRY:
        return finish_retryable(call, end, now);
    case KV_FATE_STOP:
        l->stopped = true;
        return KV_AFTER_DONE;
    case KV_FATE_OK:
    case KV_FATE_PERMANENT: /* the endpoint answered, though not with an answer */
        kv_lane_served(l, call, end, now);
        return KV_AFTER_DONE;
    case KV_FATE_NOT_NOW:
    case KV_FATE_CANCELLED:
        break;
    }
    return KV_AFTER_DONE;
}

void kv_sched_stop_lane(struct kv_lane *lane)
{
    lane->stopped = true;
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
        view->throttled += l->gate_ms > now || l->pace->rate.firm;
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
