/* run - the engine: jobs in, results out, as many calls in flight as are allowed.
 *
 * A flight is a job under way: its subject, its answer, and one judgement for each judge. Flights
 * own their errands; the courier only borrows them. A flight ends when its last judgement has been
 * written, or when its answer is not to be had.
 */
#include "run.h"

#include "exec_result.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLEEP_MAX_MS = 250,      /* for the progress display and deadlines */
    ECHO_MS = 200,           /* timeout(1) signals a process and then its group: that is one */
    SIGTERM_MS = 8000,       /* containers are killed after ten seconds */
    LIMIT_GRACE_MS = 600000, /* a limit that was reached is no reason to throw calls away */
    HELD_MAX = 4 << 20,      /* bytes of results that wait for their reader before work does */
};

struct judgement {
    struct kv_pipeline pipeline;
    struct kv_errand errand;
    bool written;
};

struct flight {
    const struct kv_job *job;
    struct kv_prepared_question *subject;
    struct kv_answer_stage generation;
    struct kv_errand errand; /* for the answer, or the command */
    struct judgement *judgements;
    size_t open; /* judgements not yet written */
    struct flight *next, *prev;
};

struct kv_run {
    struct kv_run_setup set;
    struct kv_run_tally tally;
    struct kv_job_queue agenda;
    struct kv_dispatch courier;
    struct flight *flights;
    size_t flying;
    struct kv_buf line;
    struct kv_output delivery;
    bool draining;
    int64_t drain_deadline_ms, signal_ms;
};

/* ---- messages, and stopping ---- */

static void tell(void *closure, const char *text)
{
    struct kv_run *run = closure;
    run->set.tell(run->set.closure, text);
}

static void tell_reuse(struct kv_run *run, const struct flight *f)
{
    struct kv_buf text = {0};
    if (!run->set.tell)
        return;
    kv_buf_printf(&text, "%s: the recorded answer of %s is used again", f->subject->question->id.p,
        f->errand.endpoint->name);
    tell(run, text.p);
    kv_buf_release(&text);
}

static void drain(struct kv_run *run, int64_t grace_ms)
{
    int64_t deadline = kv_child_now_ms() + grace_ms;
    if (!run->draining || deadline < run->drain_deadline_ms)
        run->drain_deadline_ms = deadline;
    run->draining = true;
}

/* ---- handing out results ---- */

static void put_line(struct kv_run *run)
{
    kv_output_put(&run->delivery, kv_slice_of(&run->line));
    if (run->delivery.broken)
        drain(run, 0);
}

/* Once a run is stopping, that explains it. */
static void tell_unsolved(struct kv_run *run, const struct kv_question *q, const char *what,
    const char *model, struct kv_slice why)
{
    if (!run->draining)
        kv_output_tell(&run->delivery, "%s: %s %s: %.*s", q->id.p, what, model, (int)why.n, why.p);
}

static void count_result(struct kv_run *run, const struct kv_pipeline *p)
{
    run->tally.left--;
    if (p->withheld || (p->error && p->error_category != KV_RETRY_CLASSES)) {
        run->tally.kept++;
        if (!p->withheld)
            tell_unsolved(run, p->subject->question, "not judged by", p->judge_name.p,
                kv_slice_of(&p->error_text));
        return;
    }
    switch (kv_pipeline_end(p)) {
    case KV_PIPELINE_PASSED:
        run->tally.passed++;
        break;
    case KV_PIPELINE_NOT_PASSED:
        run->tally.not_passed++;
        break;
    case KV_PIPELINE_FAILED:
        run->tally.failed++;
        run->set.budget.failures++;
        break;
    }
}

/* ---- flights ---- */

static struct flight *begin_flight(
    struct kv_run *run, const struct kv_job *job, struct kv_endpoint *endpoint)
{
    struct flight *f = kv_calloc(1, sizeof *f);
    f->job = job;
    f->errand.user = f;
    f->errand.endpoint = endpoint;
    f->next = run->flights;
    if (f->next)
        f->next->prev = f;
    run->flights = f;
    run->flying++;
    return f;
}

static void end_flight(struct kv_run *run, struct flight *f)
{
    kv_dispatch_drop(&run->courier, &f->errand);
    for (size_t i = 0; f->judgements && i < f->job->count; i++) {
        kv_dispatch_drop(&run->courier, &f->judgements[i].errand);
        kv_pipeline_release(&f->judgements[i].pipeline);
    }
    free(f->judgements);
    kv_answer_stage_release(&f->generation);
    kv_prepared_question_close(f->subject);
    *(f->prev ? &f->prev->next : &run->flights) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    run->flying--;
    free(f);
}

/* Goes on with a judgement: the next query, or the result. May end the flight. */
static void advance(struct kv_run *run, struct flight *f, struct judgement *j)
{
    if (kv_pipeline_query(&j->pipeline, &j->errand.query)) {
        kv_dispatch_submit(&run->courier, &j->errand);
        return;
    }
    kv_buf_clear(&run->line);
    kv_pipeline_write(&j->pipeline, &run->line);
    put_line(run);
    count_result(run, &j->pipeline);
    j->written = true;
    if (--f->open == 0)
        end_flight(run, f);
}

static void begin_judging(struct kv_run *run, struct flight *f)
{
    size_t n = f->job->count;
    struct judgement *all = kv_calloc(n, sizeof *all);
    f->judgements = all;
    f->open = n;
    for (size_t i = 0; i < n; i++) {
        struct judgement *j = &all[i];
        j->errand.user = f;
        j->errand.endpoint = &run->set.judging[run->set.work->judges[f->job->first + i]];
        kv_pipeline_begin(
            &j->pipeline, run->set.desk, f->subject, &f->generation, j->errand.endpoint->model);
    }
    for (size_t i = 0; i < n; i++) /* the last one may end the flight */
        advance(run, f, &all[i]);
}

/* No answer is to be had now: the tasks stay pending, and the user is told, but for what the end
 * of the run explains anyway. */
static void give_up(struct kv_run *run, struct flight *f, const struct kv_answer *r)
{
    if (r->kind == KV_ANSWER_FAILED) {
        run->tally.unanswered += (int64_t)f->job->count;
        tell_unsolved(
            run, f->subject->question, "no answer from", f->errand.endpoint->name, r->error);
    }
    end_flight(run, f);
}

static bool recall(struct kv_run *run, struct flight *f)
{
    struct kv_buf row = {0};
    struct kv_err err;
    bool recalled = f->job->row && kv_jobs_row(run->set.state, f->job, &row, &err) == 0 &&
                    kv_answer_stage_recall(&f->generation, kv_slice_of(&row));
    kv_buf_release(&row);
    return recalled;
}

static void start_question(struct kv_run *run, const struct kv_job *job)
{
    struct kv_err err;
    const struct kv_run_setup *set = &run->set;
    struct flight *f = begin_flight(run, job, &set->answering[job->answering]);
    f->subject = kv_prepared_question_open(
        set->desk->config, set->bench, job->question, set->translator, &err);
    if (!f->subject) {
        kv_output_tell(&run->delivery, "%s", err.text);
        run->tally.unusable += (int64_t)job->count;
        end_flight(run, f);
        return;
    }
    kv_answer_stage_init(
        &f->generation, set->desk, f->subject, f->errand.endpoint->model, job->replicate);
    bool recalled = recall(run, f);
    if (recalled)
        tell_reuse(run, f);
    if (recalled || kv_answer_stage_known(&f->generation)) {
        begin_judging(run, f);
        return;
    }
    kv_answer_stage_query(&f->generation, &f->errand.query);
    kv_dispatch_submit(&run->courier, &f->errand);
}

/* ---- a command a task ---- */

/* The key of a job's task. Under --exec a job of a benchmark is one task too: its judges are the
 * command's affair. */
static void add_task_key(const struct kv_run *run, const struct kv_job *job, struct kv_buf *key)
{
    if (!run->set.plan) {
        kv_buf_add_str(key, run->set.work->keys.p + job->key);
        return;
    }
    struct kv_task task = {
        job->question, job->answering, run->set.work->judges[job->first], job->replicate};
    kv_plan_add_key(run->set.plan, &task, key);
}

static void start_command(struct kv_run *run, const struct kv_job *job)
{
    struct flight *f = begin_flight(run, job, run->set.exec);
    struct kv_buf key = {0};
    add_task_key(run, job, &key);
    run->set.task(run->set.closure, kv_slice_of(&key), &f->errand.input);
    kv_buf_add_char(&f->errand.input, '\n');
    kv_buf_release(&key);
    kv_dispatch_submit(&run->courier, &f->errand);
}

static void finish_command(struct kv_run *run, struct flight *f, const struct kv_answer *r)
{
    struct kv_buf key = {0};
    if (r->kind == KV_ANSWER_WITHHELD) {
        end_flight(run, f);
        return;
    }
    add_task_key(run, f->job, &key);
    kv_buf_clear(&run->line);
    run->tally.left--;
    if (r->kind == KV_ANSWER_TEXT && kv_exec_result_read(&run->line, r->text, kv_slice_of(&key))) {
        run->tally.passed++;
    } else {
        run->tally.failed++;
        run->set.budget.failures++;
        kv_exec_result_failure(&run->line, kv_slice_of(&key),
            r->kind == KV_ANSWER_TEXT ? KV_SLICE("the command did not print a JSON object")
                                      : r->error);
    }
    put_line(run);
    kv_buf_release(&key);
    end_flight(run, f);
}

/* ---- responses ---- */

static struct judgement *judgement_of(struct flight *f, const struct kv_errand *e)
{
    for (size_t i = 0; f->judgements && i < f->job->count; i++)
        if (&f->judgements[i].errand == e)
            return &f->judgements[i];
    return NULL;
}

static void respond(void *closure, struct kv_errand *e, const struct kv_answer *r)
{
    struct kv_run *run = closure;
    struct flight *f = e->user;
    struct judgement *j = judgement_of(f, e);
    bool passing = r->kind == KV_ANSWER_FAILED && r->category != KV_RETRY_CLASSES && !r->text.n;
    if (j) {
        kv_pipeline_take(&j->pipeline, r);
        advance(run, f, j);
    } else if (run->set.exec) {
        finish_command(run, f, r);
    } else if (r->kind == KV_ANSWER_WITHHELD || passing) {
        give_up(run, f, r);
    } else {
        kv_answer_stage_take(&f->generation, r);
        begin_judging(run, f);
    }
}

static const struct kv_endpoint *endpoint_of(const struct kv_run *run, const struct kv_lane *lane)
{
    const struct kv_config *c = run->set.exec ? NULL : run->set.desk->config;
    for (size_t i = 0; c && i < c->answering_count; i++)
        if (run->set.answering[i].lane == lane)
            return &run->set.answering[i];
    for (size_t i = 0; c && i < c->parsing_count; i++)
        if (run->set.judging[i].lane == lane)
            return &run->set.judging[i];
    return run->set.exec;
}

/* A lane that has stopped ends the run: what could still be had from others is finished first. */
static void look_for_stopped_lanes(struct kv_run *run)
{
    struct kv_lane *lane;
    struct kv_call *call;
    while ((lane = kv_sched_stopped(run->set.sched))) {
        const struct kv_endpoint *e = endpoint_of(run, lane);
        drain(run, run->set.grace_ms);
        if (run->tally.refused) /* one message is enough: it is usually the same key or host */
            continue;
        run->tally.refused = true;
        const char *key = e->key_trouble ? e->provider.key_name : NULL;
        kv_output_say(&run->delivery, "stopped: %s: %s%s%s", e->name,
            e->trouble.n ? e->trouble.p : "refused", key ? "; key from " : "", key ? key : "");
    }
    while (run->tally.refused && (call = kv_sched_take(run->set.sched))) {
        struct kv_errand *e = call->user;
        kv_dispatch_withhold(&run->courier, e, kv_slice_of(&e->endpoint->trouble));
    }
}

/* ---- one round ---- */

static void check_limits(struct kv_run *run, int64_t now)
{
    struct kv_run_budget *b = &run->set.budget;
    kv_run_tally(run, &run->tally);
    b->tokens = run->set.tokens_before + run->tally.input + run->tally.output;
    b->cost = run->set.cost_before + run->tally.cost;
    const char *limit = kv_run_budget_spent(b, now);
    if (limit && !run->draining && !kv_job_queue_empty(&run->agenda)) {
        run->tally.limit = limit;
        drain(run, run->set.grace_ms > LIMIT_GRACE_MS ? run->set.grace_ms : LIMIT_GRACE_MS);
    }
}

/* New work only where it would not wait: not while calls are queued, nor with too much begun. */
static bool has_room(struct kv_run *run, int64_t now)
{
    struct kv_sched_view view;
    kv_sched_look(run->set.sched, now, &view);
    return !run->draining && kv_output_held(&run->delivery) < HELD_MAX &&
           view.queued < run->set.in_flight && run->flying < 2 * (size_t)run->set.in_flight + 16;
}

static void start_what_may_start(struct kv_run *run)
{
    const struct kv_job *job;
    int64_t now = kv_child_now_ms();
    kv_dispatch_send(&run->courier);
    while (has_room(run, now) && (job = kv_job_queue_next(&run->agenda, run->set.sched, now))) {
        run->set.budget.tasks += (double)job->count;
        if (run->set.exec)
            start_command(run, job);
        else
            start_question(run, job);
        kv_dispatch_send(&run->courier);
        if (run->set.budget.max_tasks >= 0)
            check_limits(run, now);
    }
}

/* Gives up every call, in flight or queued. Answers that are there are handed out all the same. */
static void abandon(struct kv_run *run)
{
    static const char why[] = "the run was stopped";
    struct kv_call *call;
    kv_sched_stop(run->set.sched);
    while ((call = kv_sched_take(run->set.sched)))
        kv_dispatch_withhold(&run->courier, call->user, KV_SLICE(why));
    for (struct flight *f = run->flights, *next; f; f = next) {
        next = f->next;
        if (!f->judgements) {
            end_flight(run, f);
            continue;
        }
        for (size_t i = 0, open = f->open; open > 0; i++) { /* the last one ends the flight */
            struct judgement *j = &f->judgements[i];
            if (j->written)
                continue;
            kv_dispatch_drop(&run->courier, &j->errand);
            open--;
            kv_dispatch_withhold(&run->courier, &j->errand, KV_SLICE(why));
        }
    }
}

static void take_signal(struct kv_run *run)
{
    unsigned char number;
    while (read(run->set.signal_fd, &number, 1) == 1) {
        if (run->tally.signal && kv_child_now_ms() - run->signal_ms < ECHO_MS)
            continue;
        if (run->tally.signal) { /* the second one */
            run->delivery.forsaken = true;
            drain(run, 0);
            continue;
        }
        int64_t grace = run->set.grace_ms;
        if (number == SIGTERM && grace > SIGTERM_MS)
            grace = SIGTERM_MS;
        run->tally.signal = number;
        run->signal_ms = kv_child_now_ms();
        drain(run, grace);
        if (run->flying)
            kv_output_say(&run->delivery,
                "stopping: %zu job%s under way, up to %lld s; again to abort", run->flying,
                run->flying == 1 ? "" : "s", (long long)(grace / 1000));
        else if (kv_output_waits(&run->delivery))
            kv_output_say(
                &run->delivery, "stopping: waiting for the reader of stdout; again to abort");
    }
}

static int wait_for_events(struct kv_run *run, int64_t now, struct kv_err *err)
{
    struct pollfd fds[2] = {{.fd = run->set.signal_fd, .events = POLLIN}};
    int64_t wait = SLEEP_MAX_MS;
    if (run->draining && run->flying && run->drain_deadline_ms - now < wait)
        wait = run->drain_deadline_ms - now;
    kv_output_poll(&run->delivery, &fds[1]);
    if (kv_dispatch_wait(&run->courier, fds, 2, wait, err) != 0)
        return -1;
    if (fds[0].revents)
        take_signal(run);
    kv_output_polled(&run->delivery, &fds[1]);
    if (run->delivery.broken)
        drain(run, 0);
    return 0;
}

/* When stopping: is all that is left waiting for a time that will not come? */
static bool waits_in_vain(struct kv_run *run, int64_t now)
{
    struct kv_sched_view view;
    int64_t wait = kv_sched_wait_ms(run->set.sched, now);
    kv_sched_look(run->set.sched, now, &view);
    return view.in_flight == 0 && wait > 0 && now + wait >= run->drain_deadline_ms;
}

static bool is_over(const struct kv_run *run)
{
    return !run->flights && (run->draining || kv_job_queue_empty(&run->agenda)) &&
           !kv_output_waits(&run->delivery);
}

int kv_run_turn(struct kv_run *run, struct kv_err *err)
{
    int64_t now = kv_child_now_ms();
    check_limits(run, now);
    if (run->draining && (now >= run->drain_deadline_ms || waits_in_vain(run, now)))
        abandon(run);
    start_what_may_start(run);
    if (is_over(run)) {
        kv_output_end(&run->delivery);
        return 0;
    }
    if (wait_for_events(run, kv_child_now_ms(), err) != 0)
        return -1;
    kv_dispatch_receive(&run->courier);
    look_for_stopped_lanes(run);
    run->set.look(run->set.closure, kv_child_now_ms());
    return 1;
}

/* ---- opening, closing, looking ---- */

struct kv_run *kv_run_open(const struct kv_run_setup *setup)
{
    struct kv_run *run = kv_calloc(1, sizeof *run);
    run->set = *setup;
    run->delivery =
        (struct kv_output){.out = setup->out, .closure = setup->closure, .say = setup->say};
    run->courier = (struct kv_dispatch){.sched = setup->sched,
        .http = setup->http,
        .ring = setup->ring,
        .command_timeout_ms = setup->command_timeout_ms,
        .closure = run,
        .respond = respond,
        .tell = setup->tell ? tell : NULL};
    kv_job_queue_init(&run->agenda, setup->work, setup->exec ? setup->exec : setup->answering,
        setup->exec ? 1 : setup->plan->config->answering_count, setup->exec != NULL);
    run->tally.left = (int64_t)setup->work->tasks;
    return run;
}

static void add_account(struct kv_run_tally *t, const struct kv_endpoint *e)
{
    t->input += e->input;
    t->output += e->output;
    t->cost += e->cost;
}

void kv_run_tally(const struct kv_run *run, struct kv_run_tally *tally)
{
    struct kv_sched_view view;
    struct kv_run_tally t = run->tally;
    const struct kv_config *c = run->set.exec ? NULL : run->set.desk->config;
    t.input = t.output = t.cost = 0;
    for (size_t i = 0; c && i < c->answering_count; i++)
        add_account(&t, &run->set.answering[i]);
    for (size_t i = 0; c && i < c->parsing_count; i++)
        add_account(&t, &run->set.judging[i]);
    kv_sched_look(run->set.sched, kv_child_now_ms(), &view);
    t.in_flight = view.in_flight;
    t.throttled = view.throttled;
    t.results = run->delivery.results;
    t.reader_gone = run->delivery.reader_gone;
    t.broken = run->delivery.broken && !t.reader_gone;
    t.lost = run->delivery.lost;
    *tally = t;
}

void kv_run_close(struct kv_run *run)
{
    if (!run)
        return;
    while (run->flights)
        end_flight(run, run->flights);
    kv_job_queue_release(&run->agenda);
    kv_dispatch_release(&run->courier);
    kv_buf_release(&run->line);
    free(run);
}
