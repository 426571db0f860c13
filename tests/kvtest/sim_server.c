/* sim_server - a server of the scheduler's simulation, with the limits that real ones have. */
#include "sim_server.h"

#include <math.h>

static double draw(struct sim_server *s) /* uniform in [0, 1) */
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(s->random >> 11) / 9007199254740992.0;
}

static double factor(const struct sim_server *s, int64_t now)
{
    return s->change > 0 && (double)now >= s->change_ms ? s->change : 1;
}

/* Of a reply, beside what is usual. */
static double length(struct sim_server *s)
{
    double even = 1 + s->spread * (2 * draw(s) - 1);
    if (s->tail <= 0)
        return even;
    double normal = sqrt(-2 * log(1 - draw(s))) * cos(2 * M_PI * draw(s));
    return even * exp(s->tail * normal - s->tail * s->tail / 2);
}

/* nginx's limit_req. True if it lets the request pass, *held later. */
static bool passes_rate(struct sim_server *s, int64_t now, double *held)
{
    double rate = s->rate * factor(s, now) / 1000;
    if (s->rate <= 0)
        return true;
    double excess = fmax(0, s->excess - rate * ((double)now - s->seen_ms) + (s->seen_ms > 0));
    if (excess > s->burst)
        return false;
    s->excess = excess;
    s->seen_ms = (double)now;
    *held = s->delay > 0 ? excess / rate : 0;
    return true;
}

/* haproxy's http_req_rate(1s): what is left of the second before counts in part. */
static bool passes_counted(struct sim_server *s, int64_t now)
{
    double second = floor((double)now / 1000), part = (double)(now % 1000) / 1000;
    if (second > s->second) {
        s->last_second = second > s->second + 1 ? 0 : s->this_second;
        s->this_second = 0;
    }
    s->second = second;
    s->this_second++;
    return s->counted <= 0 ||
           s->this_second + s->last_second * (1 - part) <= s->counted * factor(s, now);
}

static bool passes_window(struct sim_server *s, int64_t now)
{
    if (s->window_ms <= 0)
        return true;
    double window = floor((double)now / s->window_ms);
    if (window > s->window)
        s->left = s->count;
    s->window = window;
    s->hint_ms = (window + 1) * s->window_ms - (double)now;
    return s->left-- > 0;
}

static bool passes_sliding(struct sim_server *s, int64_t now)
{
    if (s->sliding <= 0)
        return true;
    uint64_t back = (uint64_t)(s->sliding * factor(s, now));
    int64_t then = s->passed_ms[(s->passed - back) % SIM_SERVER_PASSED];
    bool passes = s->passed < back || (double)(now - then) >= s->sliding_ms;
    s->hint_ms = s->sliding_ms - (double)(now - then);
    if (passes || s->sliding_all > 0)
        s->passed_ms[s->passed++ % SIM_SERVER_PASSED] = now;
    return passes;
}

/* When a slot has served the request, that had to wait for it; -1: it would wait too long. */
static double through_slots(struct sim_server *s, int64_t now, double service)
{
    int slots = (int)(s->slots * factor(s, now)), best = 0;
    for (int i = 1; i < slots && i < 64; i++)
        if (s->slot_free_ms[i] < s->slot_free_ms[best])
            best = i;
    double start = fmax((double)now, s->slot_free_ms[best]);
    if (s->queue_ms > 0 && start - (double)now > s->queue_ms)
        return -1;
    return s->slot_free_ms[best] = start + service;
}

static int64_t refuse(struct sim_server *s, double at, struct kv_call_end *end)
{
    end->fate = KV_FATE_RETRY;
    end->reason = KV_RETRY_RATE_LIMIT;
    if (s->wait_ms >= 0)
        end->retry_after_ms = (int64_t)(s->wait_ms * (1 + s->jitter * draw(s)));
    if (s->true_wait > 0 && s->hint_ms > 0)
        end->retry_after_ms = 1000 * (int64_t)ceil(s->hint_ms / 1000);
    return (int64_t)(at + fmax(1, s->refuse_ms));
}

int64_t sim_server_take(struct sim_server *s, int64_t now, struct kv_call_end *end, bool *accepted)
{
    bool later = s->slow > 0 && (double)now >= s->change_ms;
    double held = 0, service = s->service_ms * (later ? s->slow : 1) * length(s);
    if (s->timeout_ms > 0) /* a call that cannot be in time is nobody's fault */
        service = fmin(service, s->timeout_ms / 2);
    *end = (struct kv_call_end){.fate = KV_FATE_OK, .retry_after_ms = -1, .tokens = -1};
    *accepted = false;
    s->hint_ms = 0;
    if ((double)now >= s->down_ms && (double)now < s->down_ms + s->down_for_ms) {
        end->fate = KV_FATE_RETRY;
        end->reason = KV_RETRY_CONNECTION;
        return now + (int64_t)fmax(1, s->lost_ms);
    }
    if (draw(s) < s->noise || (s->conns > 0 && (double)s->busy >= s->conns * factor(s, now)) ||
        !passes_counted(s, now) || !passes_window(s, now) || !passes_sliding(s, now) ||
        !passes_rate(s, now, &held))
        return refuse(s, (double)now, end);
    double due = (double)now + held + service + s->grow_ms * (double)s->busy;
    if (s->slots > 0 && (due = through_slots(s, now, service)) < 0)
        return refuse(s, (double)now + s->queue_ms, end);
    if (s->timeout_ms > 0 && due > (double)now + s->timeout_ms) {
        end->fate = KV_FATE_RETRY;
        end->reason = KV_RETRY_TIMEOUT;
        due = (double)now + s->timeout_ms;
    }
    *accepted = true;
    s->busy++;
    return (int64_t)ceil(due);
}

void sim_server_end(struct sim_server *s)
{
    s->busy--;
}
