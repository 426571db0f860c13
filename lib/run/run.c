/* run - the engine: when jobs begin, how calls go and come, and how all of it stops. */
#include "run.h"

#include "active_job.h"
#include "lock_watch.h"
#include "warming.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLEEP_MAX_MS = 250,      /* how often the loop wakes where nothing else has a time */
    ECHO_MS = 200,           /* timeout(1) signals a process, then its group: one signal */
    GRACE_MS = 30000,        /* where the user names none; */
    SIGTERM_MS = 8000,       /* grace after SIGTERM: containers are killed after ten seconds */
    LIMIT_GRACE_MS = 600000, /* … after a limit was reached, where calls in flight may finish */
    AHEAD = 48,              /* calls that may be queued, and jobs begun, beyond those in flight */
    HELD_MAX = 4 << 20,      /* bytes of results that wait for their reader before work does */
};

struct kv_run {
    struct kv_run_setup set;
    struct kv_run_tally tally;
    struct kv_job_queue queue;
    struct kv_active_jobs jobs;
    struct kv_lock_watch lock;
    bool draining, unheard;
    int64_t drain_deadline_ms, signal_ms;
};

/* ---- stopping ---- */

static void drain(struct kv_run *run, int64_t grace_ms)
{
    int64_t deadline = kv_child_now_ms() + grace_ms;
    if (!run->draining || deadline < run->drain_deadline_ms)
        run->drain_deadline_ms = deadline;
    run->draining = run->jobs.stopping = true;
}

/* The grace that was asked for, whatever the occasion. */
static int64_t grace_or(const struct kv_run *run, int64_t usual_ms)
{
    return run->set.grace_ms >= 0 ? run->set.grace_ms : usual_ms;
}

static const struct kv_endpoint *endpoint_of(const struct kv_run *run, const struct kv_lane *lane)
{
    const struct kv_config *c = run->set.exec ? NULL : run->set.shared->config;
    for (size_t i = 0; c && i < c->answering_count; i++)
        if (run->set.answering[i].lane == lane)
            return &run->set.answering[i];
    for (size_t i = 0; c && i < c->parsing_count; i++)
        if (run->set.judging[i].lane == lane)
            return &run->set.judging[i];
    return run->set.exec;
}

static void tell_stop(struct kv_run *run, const struct kv_endpoint *e)
{
    struct kv_buf text = {0};
    const char *trouble = e->trouble.n ? e->trouble.p : "refused";
    if (e != run->set.exec) /* whose trouble names the command */
        kv_buf_printf(&text, "%s: ", e->name);
    kv_buf_add_str(&text, trouble);
    if (e->key_trouble && e->provider.key_name)
        kv_buf_printf(&text, "; key from %s", e->provider.key_name);
    if (e->refusals > 1)
        kv_buf_printf(&text, "; %d %s in a row were %s", e->refusals,
            e->command ? "commands" : "requests", e->command ? "not done" : "refused");
    kv_output_say(&run->jobs.output, "stopped: %s", text.p);
    kv_buf_release(&text);
}

/* A judge that is down ends nothing while another one takes its calls. */
static bool stands_in(struct kv_run *run, const struct kv_endpoint *e)
{
    if (!e->fallback || run->draining || kv_lane_stopped(e->fallback->lane))
        return false;
    kv_output_say(&run->jobs.output, "%s is down: %s; %s judges in its place", e->name,
        e->trouble.n ? e->trouble.p : "refused", e->fallback->name);
    return true;
}

/* A lane that has stopped ends the run: what could still be had from others is finished first. */
static void look_for_stopped_lanes(struct kv_run *run)
{
    struct kv_lane *lane;
    struct kv_call *call;
    while ((lane = kv_sched_stopped(run->set.sched))) {
        const struct kv_endpoint *e = endpoint_of(run, lane);
        if (stands_in(run, e))
            continue;
        drain(run, grace_or(run, GRACE_MS));
        if (run->tally.refused) /* one message is enough: it is usually the same key or host */
            continue;
        run->tally.refused = true;
        tell_stop(run, e);
    }
    while ((call = kv_sched_take(run->set.sched))) {
        struct kv_pending_query *e = call->user;
        kv_dispatch_withhold(&run->jobs.dispatch, e, kv_slice_of(&e->endpoint->trouble));
    }
}

/* ---- one round ---- */

static void check_limits(struct kv_run *run, int64_t now)
{
    struct kv_run_budget *b = &run->set.budget;
    kv_run_tally(run, &run->tally);
    b->tokens = run->set.tokens_before + run->tally.tokens;
    b->cost = run->set.cost_before + run->tally.cost;
    b->reserved = run->tally.reserved;
    if (run->set.defer) { /* what is written down is as good as spent */
        b->cost += b->reserved;
        b->tokens += run->tally.put_off;
    }
    b->unpriced = run->tally.unpriced > 0;
    const char *limit = kv_run_budget_spent(b, now);
    bool late = b->deadline_ms && now >= b->deadline_ms; /* also for what has begun */
    if (limit && !run->draining && (late || !kv_job_queue_empty(&run->queue))) {
        run->tally.limit = limit;
        drain(run, grace_or(run, LIMIT_GRACE_MS));
    }
}

static bool is_metered(const struct kv_run_budget *b)
{
    return b->max_cost >= 0 || b->max_tokens >= 0;
}

/* New work only where it would not wait: not while many calls are queued, nor with too much begun. A
 * few may wait, so that the time that was named to one call does not stop all others at -j 1. */
static bool has_room(struct kv_run *run, int64_t now)
{
    struct kv_sched_view view;
    kv_sched_look(run->set.sched, now, &view);
    if (kv_run_budget_pledged(&run->set.budget) && run->jobs.n)
        return false;
    if (run->set.defer && is_metered(&run->set.budget) && run->jobs.n)
        return false; /* each is counted before the next */
    return !run->draining && kv_output_held(&run->jobs.output) < HELD_MAX &&
           view.queued < run->set.in_flight + AHEAD &&
           run->jobs.n < 2 * (size_t)run->set.in_flight + AHEAD;
}

/* How many of a job's tasks --max-tasks leaves room for: at least one, or it would not be begun. */
static size_t tasks_allowed(const struct kv_run_budget *b, const struct kv_job *job)
{
    double left = b->max_tasks - b->tasks;
    return b->max_tasks >= 0 && left < (double)job->count ? (size_t)left : job->count;
}

static void start_what_may_start(struct kv_run *run)
{
    struct kv_job job;
    int64_t now = kv_child_now_ms();
    kv_dispatch_send(&run->jobs.dispatch);
    while (has_room(run, now) && kv_job_queue_next(&run->queue, run->set.sched, now, &job)) {
        size_t tasks = tasks_allowed(&run->set.budget, &job);
        run->set.budget.tasks += (double)tasks;
        kv_active_job_begin(&run->jobs, &job, tasks);
        kv_dispatch_send(&run->jobs.dispatch);
        if (run->set.budget.max_tasks >= 0 || is_metered(&run->set.budget))
            check_limits(run, now);
    }
}

static void take_signal(struct kv_run *run)
{
    unsigned char number;
    while (read(run->set.signal_fd, &number, 1) == 1) {
        if (number == SIGUSR1 || number == SIGUSR2) {
            run->set.status(run->set.closure);
            continue;
        }
        if (run->tally.signal && kv_child_now_ms() - run->signal_ms < ECHO_MS)
            continue;
        if (run->tally.signal) { /* the second one */
            run->jobs.output.forsaken = true;
            drain(run, 0);
            continue;
        }
        int64_t grace = grace_or(run, number == SIGTERM ? SIGTERM_MS : GRACE_MS);
        run->tally.signal = number;
        run->signal_ms = kv_child_now_ms();
        drain(run, grace);
        if (run->jobs.n)
            kv_output_say(&run->jobs.output,
                "stopping: %zu under way, up to %lld s; again to abort", run->jobs.n,
                (long long)(grace / 1000));
        else if (kv_output_waits(&run->jobs.output))
            kv_output_say(
                &run->jobs.output, "stopping: waiting for the reader of stdout; again to abort");
    }
}

/* Stops the run because its results are no longer read. Calls in flight are paid for: where replies
 * are kept they may finish within the grace period, but nothing more is asked. */
static void stop_unheard(struct kv_run *run)
{
    struct kv_call *call;
    bool kept = run->set.journal && !run->jobs.unkept;
    if (!run->unheard && kept && run->jobs.n && run->jobs.output.reader_gone)
        kv_output_say(&run->jobs.output,
            "stdout is not read any more: replies under way are kept in %s, up to %lld s",
            kv_journal_path(run->set.journal), (long long)(grace_or(run, GRACE_MS) / 1000));
    if (!run->unheard)
        drain(run, kept ? grace_or(run, GRACE_MS) : 0);
    run->unheard = true;
    kv_sched_stop(run->set.sched);
    kv_warming_stop(&run->jobs.dispatch);
    while ((call = kv_sched_take(run->set.sched)))
        kv_dispatch_withhold(&run->jobs.dispatch, call->user, KV_SLICE("nobody takes the results"));
}

static int wait_for_events(struct kv_run *run, int64_t now, struct kv_err *err)
{
    struct pollfd fds[2] = {{.fd = run->set.signal_fd, .events = POLLIN}};
    int64_t wait = SLEEP_MAX_MS;
    int64_t job = has_room(run, now) ? kv_job_queue_wait_ms(&run->queue, run->set.sched, now) : -1;
    if (job >= 0 && job < wait)
        wait = job;
    if (run->draining && run->jobs.n && run->drain_deadline_ms - now < wait)
        wait = run->drain_deadline_ms - now;
    kv_output_poll(&run->jobs.output, &fds[1]);
    if (kv_dispatch_wait(&run->jobs.dispatch, fds, 2, wait, err) != 0)
        return -1;
    if (fds[0].revents)
        take_signal(run);
    kv_output_polled(&run->jobs.output, &fds[1]);
    if (run->jobs.output.broken)
        stop_unheard(run);
    return 0;
}

/* When stopping: true if every call that is left would start only after the end of the run. */
static bool waits_in_vain(struct kv_run *run, int64_t now)
{
    struct kv_sched_view view;
    int64_t wait = kv_sched_wait_ms(run->set.sched, now);
    kv_sched_look(run->set.sched, now, &view);
    size_t ordered = run->jobs.dispatch.background.n;
    if (ordered && (size_t)view.in_flight == ordered) /* the next run fetches them */
        return true;
    return view.in_flight == 0 && wait > 0 && now + wait >= run->drain_deadline_ms;
}

static bool is_over(const struct kv_run *run)
{
    return !run->jobs.n && (run->draining || kv_job_queue_empty(&run->queue)) &&
           !kv_output_waits(&run->jobs.output);
}

static void tend_journal(struct kv_run *run)
{
    struct kv_journal *j = run->set.journal;
    struct kv_err err;
    if (j && kv_journal_sync(j, kv_child_now_ms(), &err) != 0)
        kv_output_say(&run->jobs.output, "%s", err.text);
    if (j && kv_journal_is_long(j))
        kv_journal_shrink(j);
}

static void tend_lock(struct kv_run *run)
{
    struct kv_err err;
    if (kv_lock_watch_tend(&run->lock, kv_child_now_ms(), &err) == 0)
        return;
    kv_output_say(&run->jobs.output,
        "stopping: the lock of this run was lost, and another host may have it (%s)", err.text);
    run->tally.lock_lost = true;
    drain(run, grace_or(run, SIGTERM_MS));
}

int kv_run_turn(struct kv_run *run, struct kv_err *err)
{
    int64_t now = kv_child_now_ms();
    check_limits(run, now);
    if (run->draining && (now >= run->drain_deadline_ms || waits_in_vain(run, now)))
        kv_active_jobs_abandon(&run->jobs);
    start_what_may_start(run);
    if (is_over(run)) {
        kv_output_end(&run->jobs.output);
        return 0;
    }
    run->set.look(run->set.closure, kv_child_now_ms()); /* with the calls that have begun */
    if (wait_for_events(run, kv_child_now_ms(), err) != 0)
        return -1;
    kv_dispatch_receive(&run->jobs.dispatch);
    look_for_stopped_lanes(run);
    tend_journal(run);
    tend_lock(run);
    return 1;
}

/* ---- opening, closing, looking ---- */

/* What is asked once in a whole run begins like nothing else in it. A judge may be asked several
 * things about one answer, but each of them begins in its own way. */
static void count_jobs(const struct kv_run_setup *set)
{
    const struct kv_jobs *work = set->work;
    for (size_t i = 0; set->plan && !set->exec && i < work->n; i++) {
        const struct kv_job job = kv_jobs_at(work, i);
        set->answering[job.answering].jobs += !job.known && !job.row;
        for (size_t k = 0; k < job.count; k++)
            set->judging[kv_jobs_judge(work, &job, k)].jobs++;
    }
}

struct kv_run *kv_run_open(const struct kv_run_setup *setup)
{
    struct kv_run *run = kv_calloc(1, sizeof *run);
    run->set = *setup;
    count_jobs(setup);
    kv_lock_watch_init(&run->lock, setup->lock);
    kv_active_jobs_init(&run->jobs, &run->set, &run->tally, &run->set.budget);
    kv_job_queue_init(&run->queue, setup->work, setup->exec ? setup->exec : setup->answering,
        setup->exec ? 1 : setup->shared->config->answering_count, setup->exec != NULL);
    run->tally.left = (int64_t)setup->work->tasks;
    if (setup->journal)
        run->jobs.output.kept_in = kv_journal_path(setup->journal);
    return run;
}

/* What the calls under way may cost: as was thought when they began, or as calls have cost since. */
static double set_aside(const struct kv_endpoint *e)
{
    int64_t replies = e->account.calls + e->account.guessed;
    double mean = replies > 0 ? kv_account_spent(&e->account) / (double)replies : 0;
    return fmax(e->reserved, mean * e->reserving);
}

static void add_account(struct kv_run_tally *t, const struct kv_endpoint *e)
{
    const struct kv_account *a = &e->account;
    t->tokens += kv_account_tokens(a);
    t->cost += kv_account_spent(a);
    t->reserved += set_aside(e);
    t->put_off += e->put_off;
    t->replies += a->calls + a->guessed;
    t->guessed += a->guessed;
    t->unpriced += a->unpriced;
    t->lost_calls += a->lost;
    t->possible += a->possible;
}

void kv_run_tally(const struct kv_run *run, struct kv_run_tally *tally)
{
    struct kv_sched_view view;
    struct kv_run_tally t = run->tally;
    const struct kv_config *c = run->set.exec ? NULL : run->set.shared->config;
    t.tokens = t.cost = t.reserved = t.put_off = t.possible = 0;
    t.replies = t.guessed = t.unpriced = t.lost_calls = 0;
    for (size_t i = 0; c && i < c->answering_count; i++)
        add_account(&t, &run->set.answering[i]);
    for (size_t i = 0; c && i < c->parsing_count; i++)
        add_account(&t, &run->set.judging[i]);
    kv_sched_look(run->set.sched, kv_child_now_ms(), &view);
    t.in_flight = view.in_flight;
    t.throttled = view.throttled;
    t.results = run->jobs.output.results;
    t.reader_gone = run->jobs.output.reader_gone;
    t.broken = run->jobs.output.broken && !t.reader_gone;
    t.lost = run->jobs.output.lost;
    *tally = t;
}

void kv_run_close(struct kv_run *run)
{
    if (!run)
        return;
    kv_active_jobs_release(&run->jobs);
    kv_job_queue_release(&run->queue);
    kv_lock_watch_release(&run->lock);
    free(run);
}
