/* kvtest sched - the scheduler against simulated servers, in virtual time.
 *
 *     kvtest sched CALLS IN_FLIGHT LATENCY_MS RATE [retry-after|silent|down-ms N|dead]
 *
 * The server answers after LATENCY_MS; RATE (requests a second, 0: unlimited) is enforced over a
 * sliding second, beyond which it answers 429 at once, with Retry-After: 1 or without. "down-ms N":
 * refuses connections for the first N milliseconds after the first hundred answers; "dead": always.
 * Prints {"ok","exhausted","cancelled","wasted","seconds","peak","stopped"}.
 */
#include "kvtest.h"

#include "cli.h"
#include "sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 1 << 20 };

struct sim_call {
    struct kv_call base;
    int64_t due;
    struct kv_call_end end;
};

struct sim {
    int64_t now, latency, down_from, down_until;
    double rate;
    bool named, dead;
    int64_t *accepted; /* times, ring */
    size_t accepted_n;
    struct sim_call **flying;
    size_t flying_n;
    long ok, exhausted, cancelled, wasted, sent, peak, last_done;
    long down_ms;
};

static bool over_rate(struct sim *s)
{
    size_t n = 0;
    if (s->rate <= 0)
        return false;
    for (size_t i = s->accepted_n; i > 0 && s->accepted[i - 1] > s->now - 1000; i--)
        n++;
    return (double)n >= s->rate;
}

static void serve(struct sim *s, struct sim_call *c)
{
    c->end = (struct kv_call_end){.fate = KV_FATE_OK, .retry_after_ms = -1, .tokens = -1};
    c->due = s->now + s->latency;
    s->sent++;
    if (s->dead || (s->now >= s->down_from && s->now < s->down_until)) {
        c->end.fate = KV_FATE_RETRY;
        c->end.reason = KV_RETRY_CONNECTION;
        c->due = s->now + 1;
    } else if (over_rate(s)) {
        c->end.fate = KV_FATE_RETRY;
        c->end.reason = KV_RETRY_RATE_LIMIT;
        c->end.retry_after_ms = s->named ? 1000 : -1;
        c->due = s->now + 1;
        s->wasted++;
    } else {
        s->accepted[s->accepted_n++] = s->now;
    }
    s->flying[s->flying_n++] = c;
    if ((long)s->flying_n > s->peak)
        s->peak = (long)s->flying_n;
}

static void land(struct sim *s, struct kv_sched *sched)
{
    for (size_t i = 0; i < s->flying_n;) {
        struct sim_call *c = s->flying[i];
        if (c->due > s->now) {
            i++;
            continue;
        }
        s->flying[i] = s->flying[--s->flying_n];
        c->end.latency_ms = c->due - c->base.started_ms;
        bool ok = c->end.fate == KV_FATE_OK;
        enum kv_after after = kv_sched_finish(sched, &c->base, &c->end, s->now);
        if (after == KV_AFTER_EXHAUSTED)
            s->exhausted++;
        else if (after == KV_AFTER_DONE && ok)
            s->ok++;
        if (ok && s->ok == 100 && s->down_ms) {
            s->down_from = s->now;
            s->down_until = s->now + s->down_ms;
        }
        s->last_done = (long)s->now;
    }
}

int kvtest_sched(int argc, char **argv)
{
    struct kv_cli cli;
    const struct kv_option none[] = {{0}};
    int at =
        kv_cli_begin(&cli, argc, argv, none, "usage: kvtest sched CALLS IN_FLIGHT LATENCY RATE\n");
    if (argc - at < 4)
        kv_cli_usage("four numbers are needed");
    long calls = strtol(argv[at], NULL, 10), submitted = 0;
    struct kv_sched_limits limits = {.in_flight = (int)strtol(argv[at + 1], NULL, 10), .seed = 7};
    struct sim s = {.latency = strtol(argv[at + 2], NULL, 10),
        .rate = strtod(argv[at + 3], NULL),
        .now = 1000000};
    const char *mode = argc - at > 4 ? argv[at + 4] : "";
    s.named = strcmp(mode, "silent") != 0;
    s.dead = strcmp(mode, "dead") == 0;
    if (strcmp(mode, "down-ms") == 0)
        s.down_ms = strtol(argv[at + 5], NULL, 10);
    static const struct kv_retry_policy policy = {
        .rules = {{3, 1, 10, 2}, {3, 5, 30, 2}, {5, 5, 30, 2}, {2, 2, 15, 2}}, .waits = true};
    struct kv_sched *sched = kv_sched_open(&limits);
    struct kv_lane *lane = kv_sched_lane(sched, "lane", "host", 0);
    struct sim_call *all = kv_calloc((size_t)calls, sizeof *all);
    s.accepted = kv_calloc(KINDS_MAX, sizeof *s.accepted);
    s.flying = kv_calloc((size_t)calls + 1, sizeof *s.flying);
    int64_t start = s.now, deadline = s.now + 3600 * 1000;
    struct kv_call *call;
    while (s.ok + s.exhausted < calls && !kv_lane_stopped(lane) && s.now < deadline) {
        land(&s, sched);
        do {
            while ((call = kv_sched_next(sched, s.now)))
                serve(&s, (struct sim_call *)(void *)call);
            if (submitted < calls && kv_sched_room(sched, lane, s.now)) {
                struct sim_call *c = &all[submitted++];
                c->base = (struct kv_call){.lane = lane, .policy = &policy, .user = c};
                kv_sched_submit(sched, &c->base, s.now);
                continue;
            }
        } while ((call = NULL));
        if (!(submitted < calls && kv_sched_room(sched, lane, s.now)))
            s.now++;
    }
    printf(
        "{\"ok\":%ld,\"exhausted\":%ld,\"wasted\":%ld,\"sent\":%ld,\"seconds\":%.1f,\"peak\":%ld,"
        "\"stopped\":%s}\n",
        s.ok, s.exhausted, s.wasted, s.sent, (double)(s.now - start) / 1000, s.peak,
        kv_lane_stopped(lane) ? "true" : "false");
    kv_sched_close(sched);
    free(all);
    free(s.accepted);
    free(s.flying);
    return kv_cli_end(KV_OK);
}
