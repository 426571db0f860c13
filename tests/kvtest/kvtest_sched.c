/* kvtest_sched - the scheduler against simulated servers, in virtual time.
 *
 *     kvtest sched [NAME=NUMBER...]
 *
 * Runs `calls` calls (0: as many as there is time for) for at most `seconds` with `jobs` in flight
 * (0: auto), on `lanes` lanes of one host: a call that was served on one makes a call on the next,
 * as an answer does for its judge. With `apart` 1 the scheduler takes them for lanes of two servers.
 * Figures are counted from second `from` on. `rpm`, `tpm`, `tokens` and `guess` (what a call uses,
 * and what is thought of it before), `seed`; `draw`, the seed of a server that is drawn. All other
 * names are those of struct sim_server. Prints one object:
 *     {"ok","exhausted","refused","timeouts","sent","seconds","peak","stopped": of the whole run,
 *      "per_s","part","tokens_per_min": served a second, refused of all, tokens, since `from`,
 *      "possible": the most a second that the server can serve, "kind": what limits it, "noise"}
 */
#include "kvtest.h"
#include "sim_server.h"

#include "cli.h"
#include "sched.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUTO = 512, LANES_MAX = 4, START_MS = 1000000 };

struct sim_call {
    struct kv_call base;
    int lane;
    int64_t due;
    bool accepted;
    struct kv_call_end end;
};

struct tally {
    long ok, refused, timeouts, sent, exhausted;
};

static struct {
    double calls, seconds, jobs, lanes, apart, from, rpm, tpm, tokens, guess, seed, draw;
    struct sim_server server;
} sim;

static const struct {
    const char *name;
    double *value;
} settings[] = {
    {"calls", &sim.calls},
    {"seconds", &sim.seconds},
    {"jobs", &sim.jobs},
    {"lanes", &sim.lanes},
    {"apart", &sim.apart},
    {"from", &sim.from},
    {"rpm", &sim.rpm},
    {"tpm", &sim.tpm},
    {"tokens", &sim.tokens},
    {"guess", &sim.guess},
    {"seed", &sim.seed},
    {"draw", &sim.draw},
    {"service_ms", &sim.server.service_ms},
    {"spread", &sim.server.spread},
    {"tail", &sim.server.tail},
    {"grow_ms", &sim.server.grow_ms},
    {"rate", &sim.server.rate},
    {"burst", &sim.server.burst},
    {"delay", &sim.server.delay},
    {"counted", &sim.server.counted},
    {"sliding", &sim.server.sliding},
    {"sliding_ms", &sim.server.sliding_ms},
    {"sliding_all", &sim.server.sliding_all},
    {"conns", &sim.server.conns},
    {"slots", &sim.server.slots},
    {"queue_ms", &sim.server.queue_ms},
    {"window_ms", &sim.server.window_ms},
    {"count", &sim.server.count},
    {"noise", &sim.server.noise},
    {"refuse_ms", &sim.server.refuse_ms},
    {"wait_ms", &sim.server.wait_ms},
    {"jitter", &sim.server.jitter},
    {"true_wait", &sim.server.true_wait},
    {"timeout_ms", &sim.server.timeout_ms},
    {"change_ms", &sim.server.change_ms},
    {"change", &sim.server.change},
    {"slow", &sim.server.slow},
    {"down_ms", &sim.server.down_ms},
    {"down_for_ms", &sim.server.down_for_ms},
    {"lost_ms", &sim.server.lost_ms},
};

static struct {
    struct kv_sched *sched;
    struct kv_lane *lane[LANES_MAX];
    struct sim_call **flying;
    size_t flying_n, flying_cap;
    long submitted, over, peak;
    int64_t now;
    struct tally all, late;
} me;

/* The place of the setting that the first n characters of an argument name; NULL: none. */
static double *find_setting(const char *name, size_t n)
{
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        if (strncmp(settings[k].name, name, n) == 0 && strlen(settings[k].name) == n)
            return settings[k].value;
    return NULL;
}

static void read_settings(int argc, char **argv)
{
    sim.server.wait_ms = -1;
    sim.seconds = 3600;
    sim.lanes = 1;
    sim.seed = 7;
    for (int i = 1; i < argc; i++) {
        size_t n = strcspn(argv[i], "=");
        double *value = find_setting(argv[i], n);
        if (!value || !argv[i][n])
            kv_cli_usage("'%s' is no setting", argv[i]);
        *value = strtod(argv[i] + n + 1, NULL);
    }
    if (sim.draw > 0)
        sim_server_draw(&sim.server, (uint64_t)sim.draw);
    sim.server.change_ms += START_MS;
    sim.server.down_ms += START_MS;
    sim.server.random = (uint64_t)sim.seed;
}

static struct tally *count(void)
{
    static struct tally early;
    return (double)(me.now - START_MS) >= sim.from * 1000 ? &me.late : &early;
}

static void submit(int lane)
{
    static const struct kv_retry_policy policy = {
        .rules = {{3, 1, 10, 2}, {3, 5, 30, 2}, {5, 5, 30, 2}, {2, 2, 15, 2}}, .waits = true};
    struct sim_call *c = kv_calloc(1, sizeof *c);
    c->base = (struct kv_call){.lane = me.lane[lane],
        .policy = &policy,
        .tokens = sim.guess > 0 ? sim.guess : sim.tokens,
        .timeout_ms = (int64_t)sim.server.timeout_ms,
        .user = c};
    c->lane = lane;
    kv_sched_submit(me.sched, &c->base, me.now);
}

static void send(struct sim_call *c)
{
    c->due = sim_server_take(&sim.server, me.now, &c->end, &c->accepted);
    me.all.sent++;
    count()->sent++;
    if (me.flying_n == me.flying_cap) {
        me.flying_cap = me.flying_cap ? 2 * me.flying_cap : 64;
        me.flying = kv_array(me.flying, me.flying_cap, sizeof(struct sim_call *));
    }
    me.flying[me.flying_n++] = c;
    if ((long)me.flying_n > me.peak)
        me.peak = (long)me.flying_n;
}

static void finish(struct sim_call *c)
{
    bool ok = c->end.fate == KV_FATE_OK;
    if (c->accepted)
        sim_server_end(&sim.server);
    c->end.latency_ms = c->due - c->base.started_ms;
    c->end.tokens = ok && sim.tokens > 0 ? sim.tokens : -1;
    me.all.ok += ok;
    count()->ok += ok;
    bool refused = !ok && c->end.reason == KV_RETRY_RATE_LIMIT;
    me.all.refused += refused;
    count()->refused += refused;
    me.all.timeouts += !ok && c->end.reason == KV_RETRY_TIMEOUT;
    enum kv_after after = kv_sched_finish(me.sched, &c->base, &c->end, me.now);
    if (after == KV_AFTER_AGAIN)
        return;
    me.all.exhausted += after == KV_AFTER_EXHAUSTED;
    if (ok && c->lane + 1 < (int)sim.lanes)
        submit(c->lane + 1);
    else
        me.over++;
    free(c);
}

static void land(void)
{
    for (size_t i = 0; i < me.flying_n;) {
        struct sim_call *c = me.flying[i];
        if (c->due > me.now) {
            i++;
            continue;
        }
        memmove(&me.flying[i], &me.flying[i + 1], (--me.flying_n - i) * sizeof(struct sim_call *));
        finish(c);
    }
}

/* As the engine does it (has_room in lib/run/run.c). */
static bool more_to_do(void)
{
    struct kv_sched_view view;
    long jobs = sim.jobs > 0 ? (long)sim.jobs : AUTO;
    kv_sched_look(me.sched, me.now, &view);
    return view.queued < jobs + 48 && me.submitted - me.over < 2 * jobs + 48 &&
           (sim.calls <= 0 || me.submitted < (long)sim.calls);
}

static void start(void)
{
    struct kv_call *call;
    do {
        while ((call = kv_sched_next(me.sched, me.now)))
            send(call->user);
        if (!more_to_do() || kv_sched_room_ms(me.sched, me.lane[0], me.now) != 0)
            return;
        me.submitted++;
        submit(0);
    } while (true);
}

static int64_t next_event(int64_t end)
{
    int64_t next = end, wait = kv_sched_wait_ms(me.sched, me.now);
    int64_t room = more_to_do() ? kv_sched_room_ms(me.sched, me.lane[0], me.now) : -1;
    for (size_t i = 0; i < me.flying_n; i++)
        if (me.flying[i]->due < next)
            next = me.flying[i]->due;
    if (wait >= 0 && me.now + wait < next)
        next = me.now + wait;
    if (room >= 0 && me.now + room < next)
        next = me.now + room;
    return next > me.now ? next : me.now + 1;
}

static void print(void)
{
    double s = (double)(me.now - START_MS) / 1000, counted = fmax(s - sim.from, 0.001);
    const struct tally *t = &me.all, *l = &me.late;
    bool stopped = false;
    for (int i = 0; i < (int)sim.lanes; i++)
        stopped |= kv_lane_stopped(me.lane[i]);
    printf("{\"ok\":%ld,\"exhausted\":%ld,\"refused\":%ld,\"timeouts\":%ld,\"sent\":%ld,"
           "\"seconds\":%.2f,\"peak\":%ld,\"stopped\":%s,\"per_s\":%.3f,\"part\":%.4f,"
           "\"tokens_per_min\":%.0f,\"possible\":%.3f,\"kind\":\"%s\",\"noise\":%.3f}\n",
        t->ok, t->exhausted, t->refused, t->timeouts, t->sent, s, me.peak,
        stopped ? "true" : "false", (double)l->ok / counted,
        l->sent ? (double)l->refused / (double)l->sent : 0,
        60 * (double)l->ok * sim.tokens / counted, fmin(sim_server_possible(&sim.server), 1e6),
        sim_server_kind(&sim.server), sim.server.noise);
}

int kvtest_sched(int argc, char **argv)
{
    struct kv_call *call;
    read_settings(argc, argv);
    struct kv_sched_limits limits = {.in_flight = sim.jobs > 0 ? (int)sim.jobs : AUTO,
        .adaptive = sim.jobs <= 0,
        .rpm = sim.rpm,
        .tpm = sim.tpm,
        .seed = (uint64_t)sim.seed};
    int64_t end = START_MS + (int64_t)(sim.seconds * 1000);
    me.sched = kv_sched_open(&limits);
    me.now = START_MS;
    for (int i = 0; i < (int)sim.lanes && i < LANES_MAX; i++)
        me.lane[i] = kv_sched_lane(me.sched, "lane", sim.apart > 0 && i ? "other" : "host", 0);
    while (me.now < end) {
        land();
        if (kv_lane_stopped(me.lane[0]) || (sim.calls > 0 && me.over >= (long)sim.calls))
            break;
        start();
        me.now = next_event(end);
    }
    print();
    kv_sched_stop(me.sched);
    while ((call = kv_sched_take(me.sched)))
        free(call->user);
    while (me.flying_n)
        free(me.flying[--me.flying_n]);
    free(me.flying);
    kv_sched_close(me.sched);
    return kv_cli_end(KV_OK);
}
