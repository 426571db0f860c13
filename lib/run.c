/* run - the engine: jobs in, results out, as many calls in flight as are allowed.
 *
 * A flight is a job under way: its subject, its answer, and one judgement for each judge. A call is
 * one query of a flight on its way through the scheduler, the transport and back. Flights are owned
 * by the list, calls by their flight; the scheduler and the transport only borrow calls. A flight
 * ends when its last judgement has been written.
 */
#include "run.h"

#include "json.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SAID_MAX = 5,       /* failures told one by one; the rest is counted */
    ROUND_MS = 10,      /* descriptors are looked at at least so often, however busy the network */
    REDO_MAX = 8,       /* a server that keeps wanting it put differently */
    SLEEP_MAX_MS = 250, /* for the progress display and deadlines */
};

struct flight;
struct judgement;

struct call {
    struct kv_call base;
    struct flight *flight;
    struct judgement *judgement; /* NULL: the answer, or an exec job */
    struct kv_endpoint *endpoint;
    struct kv_query query;
    struct kv_buf body;
    enum kv_step step; /* as sent */
    unsigned quirks;
    struct kv_child *child;
    bool flying;
    int redone;
    struct call *next_child, *prev_child;
};

struct judgement {
    struct kv_pipeline pipeline;
    struct call call;
};

struct flight {
    const struct kv_job *job;
    struct kv_subject *subject;
    struct kv_generation generation;
    struct call call; /* for the answer, or the exec job */
    struct judgement *judgements;
    size_t open; /* judgements not yet written */
    struct flight *next, *prev;
};

struct kv_run {
    struct kv_run_setup set;
    struct kv_run_tally tally;
    struct flight *flights;
    size_t flying_jobs;
    struct call *children;
    size_t child_count;
    size_t **queue; /* per answering model: its jobs, in order */
    size_t *queue_n, *queue_at, queues;
    struct kv_reply reply;
    struct kv_buf line;
    bool draining, broken;
    int64_t drain_deadline_ms, last_poll_ms;
    int said;
    struct pollfd *fds;
    size_t fds_room;
};

/* ---- messages ---- */

static void say(struct kv_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct kv_run *run, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    run->set.say(run->set.closure, text.p);
    kv_buf_release(&text);
}

/* ---- stopping ---- */

static void drain(struct kv_run *run, int64_t grace_ms)
{
    int64_t deadline = kv_child_now_ms() + grace_ms;
    if (!run->draining || deadline < run->drain_deadline_ms)
        run->drain_deadline_ms = deadline;
    run->draining = true;
}

/* ---- the queue of jobs ---- */

static size_t queue_of(const struct kv_run *run, const struct kv_job *job)
{
    return run->set.plan ? job->answering : 0;
}

static void fill_queues(struct kv_run *run)
{
    const struct kv_work *w = run->set.work;
    run->queues = run->set.plan ? run->set.plan->config->answering_count : 1;
    run->queue = kv_calloc(run->queues, sizeof *run->queue);
    run->queue_n = kv_calloc(run->queues, sizeof *run->queue_n);
    run->queue_at = kv_calloc(run->queues, sizeof *run->queue_at);
    for (size_t i = 0; i < w->n; i++)
        run->queue_n[queue_of(run, &w->jobs[i])]++;
    for (size_t q = 0; q < run->queues; q++) {
        run->queue[q] = kv_array(NULL, run->queue_n[q], sizeof **run->queue);
        run->queue_n[q] = 0;
    }
    for (size_t i = 0; i < w->n; i++) {
        size_t q = queue_of(run, &w->jobs[i]);
        run->queue[q][run->queue_n[q]++] = i;
    }
    run->tally.left = (int64_t)w->tasks;
}

static struct kv_lane *lane_of(const struct kv_run *run, size_t q)
{
    return run->set.exec ? run->set.exec->lane : run->set.answering[q].lane;
}

/* Will this job begin with a call to its answering model? */
static bool needs_answer(const struct kv_run *run, const struct kv_job *job)
{
    return run->set.exec || (!job->row && !run->set.answering[job->answering].silent);
}

/* The first job in order whose lane has room; NULL if there is none. */
static const struct kv_job *next_job(struct kv_run *run, int64_t now)
{
    size_t best = SIZE_MAX, from = 0;
    for (size_t q = 0; q < run->queues; q++) {
        if (run->queue_at[q] == run->queue_n[q])
            continue;
        size_t i = run->queue[q][run->queue_at[q]];
        const struct kv_job *job = &run->set.work->jobs[i];
        if (i < best &&
            (!needs_answer(run, job) || kv_sched_room(run->set.sched, lane_of(run, q), now))) {
            best = i;
            from = q;
        }
    }
    if (best == SIZE_MAX)
        return NULL;
    run->queue_at[from]++;
    return &run->set.work->jobs[best];
}

/* ---- handing out results ---- */

static void put_line(struct kv_run *run)
{
    struct kv_err err;
    if (run->broken)
        return;
    if (run->set.put(run->set.closure, kv_slice_of(&run->line), &err) == 0) {
        run->tally.results++;
        return;
    }
    run->broken = true;
    run->tally.reader_gone = err.sys == EPIPE;
    if (!run->tally.reader_gone)
        say(run, "%s", err.text);
    drain(run, 0);
}

static void write_result(struct kv_run *run, struct kv_pipeline *p)
{
    kv_buf_clear(&run->line);
    kv_pipeline_write(p, &run->line);
    put_line(run);
    run->tally.left--;
    if (p->withheld || (p->error && p->error_category != KV_RETRY_CLASSES)) {
        run->tally.kept++;
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

static struct flight *begin_flight(struct kv_run *run, const struct kv_job *job)
{
    struct flight *f = kv_calloc(1, sizeof *f);
    f->job = job;
    f->next = run->flights;
    if (f->next)
        f->next->prev = f;
    run->flights = f;
    run->flying_jobs++;
    return f;
}

static void release_call(struct kv_run *run, struct call *c)
{
    if (c->child) {
        kv_child_close(c->child);
        *(c->prev_child ? &c->prev_child->next_child : &run->children) = c->next_child;
        if (c->next_child)
            c->next_child->prev_child = c->prev_child;
        run->child_count--;
        c->child = NULL;
    }
    if (c->flying && run->set.http)
        kv_http_cancel(run->set.http, c);
    c->flying = false;
    kv_buf_release(&c->body);
}

static void end_flight(struct kv_run *run, struct flight *f)
{
    release_call(run, &f->call);
    for (size_t i = 0; f->judgements && i < f->job->count; i++) {
        release_call(run, &f->judgements[i].call);
        kv_pipeline_release(&f->judgements[i].pipeline);
    }
    free(f->judgements);
    kv_generation_release(&f->generation);
    kv_subject_close(f->subject);
    *(f->prev ? &f->prev->next : &run->flights) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    run->flying_jobs--;
    free(f);
}

static void submit(struct kv_run *run, struct call *c)
{
    c->base = (struct kv_call){.lane = c->endpoint->lane,
        .policy = &c->endpoint->model->retry,
        .tokens = run->set.exec ? 0 : kv_endpoint_estimate(c->endpoint, &c->query),
        .user = c};
    c->redone = 0;
    kv_sched_submit(run->set.sched, &c->base, kv_child_now_ms());
}

/* Goes on with a judgement: the next query, or the result. May end the flight. */
static void advance(struct kv_run *run, struct judgement *j)
{
    struct flight *f = j->call.flight;
    if (kv_pipeline_query(&j->pipeline, &j->call.query)) {
        submit(run, &j->call);
        return;
    }
    write_result(run, &j->pipeline);
    if (--f->open == 0)
        end_flight(run, f);
}

static void begin_judging(struct kv_run *run, struct flight *f)
{
    const struct kv_job *job = f->job;
    f->judgements = kv_calloc(job->count, sizeof *f->judgements);
    f->open = job->count;
    for (size_t i = 0; i < job->count; i++) {
        struct judgement *j = &f->judgements[i];
        size_t judge = run->set.work->judges[job->first + i];
        j->call.flight = f;
        j->call.judgement = j;
        j->call.endpoint = &run->set.judging[judge];
        kv_pipeline_begin(
            &j->pipeline, run->set.desk, f->subject, &f->generation, j->call.endpoint->model);
    }
    struct judgement *all = f->judgements;
    for (size_t i = 0, n = job->count; i < n; i++) /* the last advance may end the flight */
        advance(run, &all[i]);
}

/* No answer is to be had now: the tasks stay pending, and the user is told, but for what the end
 * of the run explains anyway. */
static void give_up(struct kv_run *run, struct flight *f, const struct kv_response *r)
{
    if (r->kind == KV_RESPONSE_FAILED) {
        run->tally.unanswered += (int64_t)f->job->count;
        if (!run->draining && run->said++ < SAID_MAX)
            say(run, "%s: no answer from %s: %.*s", f->subject->question->id.p,
                f->call.endpoint->name, (int)r->error.n, r->error.p);
    }
    end_flight(run, f);
}

static bool recall(struct kv_run *run, struct flight *f)
{
    struct kv_buf row = {0};
    struct kv_err err;
    bool recalled = f->job->row && kv_work_row(run->set.state, f->job, &row, &err) == 0 &&
                    kv_generation_recall(&f->generation, kv_slice_of(&row));
    kv_buf_release(&row);
    return recalled;
}

static void start_exec(struct kv_run *run, const struct kv_job *job);

static void start_job(struct kv_run *run, const struct kv_job *job)
{
    struct kv_err err;
    if (run->set.exec) {
        start_exec(run, job);
        return;
    }
    const struct kv_question *q = &run->set.bench->questions[job->question];
    struct flight *f = begin_flight(run, job);
    f->call.flight = f;
    f->call.endpoint = &run->set.answering[job->answering];
    f->subject = kv_subject_open(
        run->set.desk->config, run->set.bench, q, run->set.convert, run->set.convert_closure, &err);
    if (!f->subject) {
        say(run, "%s", err.text);
        run->tally.unanswered += (int64_t)job->count;
        end_flight(run, f);
        return;
    }
    kv_generation_init(
        &f->generation, run->set.desk, f->subject, f->call.endpoint->model, job->replicate);
    if (recall(run, f) || kv_generation_known(&f->generation)) {
        begin_judging(run, f);
        return;
    }
    kv_generation_query(&f->generation, &f->call.query);
    submit(run, &f->call);
}

/* ---- a command a task ---- */

static void start_exec(struct kv_run *run, const struct kv_job *job)
{
    struct flight *f = begin_flight(run, job);
    f->call.flight = f;
    f->call.endpoint = run->set.exec;
    submit(run, &f->call);
}

/* The key of an exec job's task; a job of a benchmark has as many as judges. */
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

/* What the command printed, as one line that names its task. False if it is no JSON object. */
static bool exec_result(struct kv_run *run, struct kv_slice output, struct kv_slice key)
{
    struct kv_slice object, v;
    struct kv_err err;
    if (kv_json_check(output, KV_JSON_STRICT, &object, &err) != 0 ||
        kv_json_type(object) != KV_JSON_OBJECT)
        return false;
    bool named = kv_json_get(object, "task_id", &v) || kv_json_get(object, "metadata", &v);
    if (!named) {
        kv_buf_add_str(&run->line, "{\"task_id\":");
        kv_json_quote(&run->line, key, KV_JSON_RAW);
        object = (struct kv_slice){object.p + 1, object.n - 1};
        if (kv_json_count((struct kv_slice){object.p - 1, object.n + 1}))
            kv_buf_add_char(&run->line, ',');
    }
    kv_json_compact(&run->line, object);
    kv_buf_add_char(&run->line, '\n');
    return true;
}

static void exec_failure(struct kv_run *run, struct kv_slice key, struct kv_slice why)
{
    kv_buf_clear(&run->line);
    kv_buf_add_str(&run->line, "{\"task_id\":");
    kv_json_quote(&run->line, key, KV_JSON_RAW);
    kv_buf_add_str(&run->line, ",\"failure\":{\"category\":\"unexpected_error\",\"stage\":\"exec\","
                               "\"reason\":");
    kv_json_quote(&run->line, why, KV_JSON_RAW);
    kv_buf_add_str(&run->line, ",\"details\":null,\"group\":\"system\"}}\n");
}

static void finish_exec(struct kv_run *run, struct call *c, const struct kv_response *r)
{
    struct kv_buf key = {0};
    add_task_key(run, c->flight->job, &key);
    kv_buf_clear(&run->line);
    run->tally.left--;
    if (r->kind == KV_RESPONSE_WITHHELD) {
        run->tally.left++;
    } else if (r->kind == KV_RESPONSE_TEXT && exec_result(run, r->text, kv_slice_of(&key))) {
        run->tally.passed++;
        put_line(run);
    } else {
        run->tally.failed++;
        run->set.budget.failures++;
        exec_failure(run, kv_slice_of(&key),
            r->kind == KV_RESPONSE_TEXT ? KV_SLICE("the command did not print a JSON object")
                                        : r->error);
        put_line(run);
    }
    kv_buf_release(&key);
    end_flight(run, c->flight);
}

/* ---- responses ---- */

static void respond(struct kv_run *run, struct call *c, const struct kv_response *r)
{
    struct flight *f = c->flight;
    if (c->judgement) {
        kv_pipeline_take(&c->judgement->pipeline, r);
        advance(run, c->judgement);
    } else if (run->set.exec) {
        finish_exec(run, c, r);
    } else if (r->kind == KV_RESPONSE_WITHHELD ||
               (r->kind == KV_RESPONSE_FAILED && r->category != KV_RETRY_CLASSES && !r->text.n)) {
        give_up(run, f, r);
    } else {
        kv_generation_take(&f->generation, r);
        begin_judging(run, f);
    }
}

static void withhold(struct kv_run *run, struct call *c, struct kv_slice why)
{
    struct kv_response r = {.kind = KV_RESPONSE_WITHHELD,
        .input = -1,
        .output = -1,
        .category = KV_RETRY_CLASSES,
        .error_type = KV_SLICE("Stopped"),
        .error = why};
    respond(run, c, &r);
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
        say(run, "stopped: %s: %s%s%s", e->name, e->trouble.n ? e->trouble.p : "refused",
            e->provider.key_name ? "; key from " : "",
            e->provider.key_name ? e->provider.key_name : "");
    }
    if (!run->tally.refused)
        return;
    while ((call = kv_sched_take(run->set.sched))) {
        struct call *c = call->user;
        withhold(run, c, kv_slice_of(&c->endpoint->trouble));
    }
}

static void conclude(
    struct kv_run *run, struct call *c, struct kv_call_end *end, struct kv_response *response)
{
    int64_t now = kv_child_now_ms();
    end->latency_ms = now - c->base.started_ms;
    enum kv_after verdict = kv_sched_finish(run->set.sched, &c->base, end, now);
    if (verdict == KV_AFTER_AGAIN)
        return;
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        response->retries[i] = c->base.used[i];
    if (kv_lane_stopped(c->base.lane) && response->kind == KV_RESPONSE_FAILED &&
        response->category != KV_RETRY_CLASSES)
        response->kind = KV_RESPONSE_WITHHELD;
    respond(run, c, response);
}

/* ---- transport ---- */

static void send_http(struct kv_run *run, struct call *c)
{
    struct kv_err err;
    struct kv_http_request request = {
        .peer = c->endpoint->provider.chat,
        .body = kv_slice_of(&c->body),
        .timeout_ms = kv_endpoint_timeout_ms(c->endpoint, &c->base),
        .fresh = c->base.used[KV_RETRY_CONNECTION] > 0,
        .user = c,
    };
    c->flying = true;
    if (kv_http_start(run->set.http, &request, &err) == 0)
        return;
    c->flying = false;
    struct kv_call_end end = {
        .fate = KV_FATE_RETRY, .reason = KV_RETRY_CONNECTION, .retry_after_ms = -1, .tokens = -1};
    struct kv_response r = {.kind = KV_RESPONSE_FAILED,
        .category = KV_RETRY_CONNECTION,
        .error_type = KV_SLICE("ConnectionError"),
        .error = kv_slice(err.text)};
    conclude(run, c, &end, &r);
}

static int start_child(struct kv_run *run, struct call *c, struct kv_err *err)
{
    struct kv_child_options options = {.timeout_ms = run->set.command_timeout_ms};
    c->child = kv_child_start(
        c->endpoint->command, kv_slice_of(&c->body), &options, kv_child_now_ms(), err);
    if (!c->child)
        return -1;
    c->prev_child = NULL;
    c->next_child = run->children;
    if (c->next_child)
        c->next_child->prev_child = c;
    run->children = c;
    run->child_count++;
    return 0;
}

static void send_to_command(struct kv_run *run, struct call *c)
{
    struct kv_err err;
    if (start_child(run, c, &err) == 0)
        return;
    struct kv_call_end end = {.fate = KV_FATE_PERMANENT, .retry_after_ms = -1, .tokens = -1};
    struct kv_response r = {.kind = KV_RESPONSE_FAILED,
        .category = KV_RETRY_CLASSES,
        .error_type = KV_SLICE("CommandError"),
        .error = kv_slice(err.text)};
    conclude(run, c, &end, &r);
}

static void send_call(struct kv_run *run, struct call *c)
{
    kv_buf_clear(&c->body);
    if (run->set.exec) {
        struct kv_buf key = {0};
        add_task_key(run, c->flight->job, &key);
        run->set.task(run->set.closure, kv_slice_of(&key), &c->body);
        kv_buf_add_char(&c->body, '\n');
        kv_buf_release(&key);
        send_to_command(run, c);
        return;
    }
    kv_endpoint_write(c->endpoint, &c->query, &c->body);
    c->step = c->endpoint->step;
    c->quirks = c->endpoint->quirks;
    if (c->endpoint->command)
        send_to_command(run, c);
    else
        send_http(run, c);
}

static void hear_http(struct kv_run *run, const struct kv_http_done *done)
{
    struct call *c = done->user;
    struct kv_endpoint *e = c->endpoint;
    struct kv_call_end end;
    struct kv_response response;
    const struct kv_reply_to to = {.dialect = e->provider.dialect,
        .schema_name = c->query.schema_name,
        .step = c->step,
        .quirks = c->quirks,
        .ring = run->set.ring};
    c->flying = false;
    kv_reply_read(&run->reply, &to, done);
    enum kv_heard heard =
        kv_endpoint_hear(e, &c->query, &run->reply, c->step, c->quirks, &end, &response);
    if (heard == KV_HEARD_AGAIN && c->redone++ < REDO_MAX) {
        send_call(run, c); /* it still holds its place in the scheduler */
        return;
    }
    if (heard == KV_HEARD_AGAIN) {
        end = (struct kv_call_end){.fate = KV_FATE_PERMANENT, .retry_after_ms = -1, .tokens = -1};
        response = (struct kv_response){.kind = KV_RESPONSE_FAILED,
            .category = KV_RETRY_CLASSES,
            .error_type = KV_SLICE("BadRequestError"),
            .error = kv_slice_of(&run->reply.error)};
    }
    const struct kv_ratelimit_window *w = &run->reply.limits.window[KV_RATELIMIT_REQUESTS];
    if (w->remaining >= 0 && w->reset_ms > 0 && !(e->provider.dialect->flags & KV_DIALECT_DAILY))
        kv_sched_window(
            run->set.sched, e->lane, (double)w->remaining, w->reset_ms, kv_child_now_ms());
    conclude(run, c, &end, &response);
}

static void hear_children(struct kv_run *run)
{
    int64_t now = kv_child_now_ms();
    for (struct call *c = run->children, *next; c; c = next) {
        next = c->next_child;
        if (!kv_child_turn(c->child, now))
            continue;
        struct kv_call_end end;
        struct kv_response response;
        kv_endpoint_collect(c->endpoint, c->child, &end, &response);
        struct kv_child *child = c->child; /* the response borrows from it */
        *(c->prev_child ? &c->prev_child->next_child : &run->children) = c->next_child;
        if (c->next_child)
            c->next_child->prev_child = c->prev_child;
        run->child_count--;
        c->child = NULL;
        conclude(run, c, &end, &response);
        kv_child_close(child);
    }
}

/* ---- one round ---- */

static void check_limits(struct kv_run *run, int64_t now)
{
    struct kv_run_budget *b = &run->set.budget;
    kv_run_tally(run, &run->tally);
    b->tokens = run->tally.input + run->tally.output;
    b->cost = run->tally.cost;
    const char *limit = kv_run_budget_spent(b, now);
    if (limit && !run->draining) {
        run->tally.limit = limit;
        drain(run, run->set.grace_ms > 600000 ? run->set.grace_ms : 600000);
    }
}

static void start_what_may_start(struct kv_run *run)
{
    struct kv_call *call;
    struct kv_sched_view view;
    for (;;) {
        int64_t now = kv_child_now_ms();
        while ((call = kv_sched_next(run->set.sched, now)))
            send_call(run, call->user);
        if (run->draining)
            return;
        kv_sched_look(run->set.sched, now, &view);
        if (view.queued >= run->set.in_flight ||
            run->flying_jobs >= 2 * (size_t)run->set.in_flight + 16)
            return;
        const struct kv_job *job = next_job(run, now);
        if (!job)
            return;
        run->set.budget.tasks += (double)job->count;
        start_job(run, job);
        if (run->set.budget.max_tasks >= 0)
            check_limits(run, now);
    }
}

/* Gives up every call: those in flight, those queued, and with them what they would have led to. */
static void abandon(struct kv_run *run)
{
    struct kv_call *call;
    static const char why[] = "the run was stopped";
    kv_sched_stop(run->set.sched);
    while ((call = kv_sched_take(run->set.sched)))
        withhold(run, call->user, KV_SLICE(why));
    for (struct flight *f = run->flights, *next; f; f = next) {
        next = f->next;
        if (!f->judgements) {
            end_flight(run, f);
            continue;
        }
        for (size_t i = f->job->count, open = f->open; i-- > 0 && open;) {
            struct judgement *j = &f->judgements[i];
            if (j->pipeline.stage == KV_STAGE_END && !j->call.flying && !j->call.child)
                continue;
            release_call(run, &j->call);
            open--;
            withhold(run, &j->call, KV_SLICE(why));
        }
    }
}

static void take_signal(struct kv_run *run)
{
    unsigned char number;
    while (read(run->set.signal_fd, &number, 1) == 1) {
        if (run->tally.signal) { /* the second one */
            drain(run, 0);
            continue;
        }
        run->tally.signal = number;
        int64_t grace = run->set.grace_ms;
        if (number == SIGTERM && grace > 8000)
            grace = 8000; /* containers are killed after ten seconds */
        drain(run, grace);
        if (run->flying_jobs)
            say(run, "stopping: %zu answer%s under way, up to %lld s; again to abort",
                run->flying_jobs, run->flying_jobs == 1 ? "" : "s", (long long)(grace / 1000));
    }
}

static size_t gather_fds(struct kv_run *run)
{
    size_t n = 0, most = 2 + 2 * run->child_count;
    if (most > run->fds_room) {
        run->fds_room = 2 * most;
        run->fds = kv_array(run->fds, run->fds_room, sizeof *run->fds);
    }
    run->fds[n++] = (struct pollfd){.fd = run->set.signal_fd, .events = POLLIN};
    run->fds[n++] = (struct pollfd){.fd = run->set.reader_fd, .events = 0};
    for (struct call *c = run->children; c; c = c->next_child)
        n += kv_child_fds(c->child, run->fds + n);
    return n;
}

static int64_t time_to_wait(struct kv_run *run, int64_t now)
{
    int64_t wait = kv_sched_wait_ms(run->set.sched, now);
    if (wait < 0 || wait > SLEEP_MAX_MS)
        wait = SLEEP_MAX_MS;
    if (run->draining && run->drain_deadline_ms - now < wait)
        wait = run->drain_deadline_ms - now;
    for (struct call *c = run->children; c; c = c->next_child)
        if (kv_child_deadline(c->child) - now < wait)
            wait = kv_child_deadline(c->child) - now;
    return wait > 0 ? wait : 0;
}

static int wait_for_events(struct kv_run *run, int64_t now, struct kv_err *err)
{
    size_t n = gather_fds(run);
    int wait = (int)time_to_wait(run, now);
    if (run->set.http) {
        if (kv_http_poll(run->set.http, run->fds, n, wait, err) != 0)
            return -1;
    } else if (poll(run->fds, n, wait) < 0 && errno != EINTR) {
        return kv_err_sys(err, "poll");
    }
    run->last_poll_ms = kv_child_now_ms();
    if (run->fds[0].revents)
        take_signal(run);
    if (run->fds[1].revents & (POLLERR | POLLNVAL)) {
        run->broken = run->tally.reader_gone = true;
        drain(run, 0);
    }
    return 0;
}

static bool jobs_are_left(const struct kv_run *run)
{
    for (size_t q = 0; q < run->queues; q++)
        if (run->queue_at[q] < run->queue_n[q])
            return true;
    return false;
}

int kv_run_turn(struct kv_run *run, struct kv_err *err)
{
    struct kv_http_done done;
    int64_t now = kv_child_now_ms();
    check_limits(run, now);
    if (run->draining && now >= run->drain_deadline_ms)
        abandon(run);
    start_what_may_start(run);
    if (!run->flights && (run->draining || !jobs_are_left(run)))
        return run->broken ? -1 : 0;
    if (wait_for_events(run, kv_child_now_ms(), err) != 0)
        return -1;
    while (run->set.http && kv_http_next(run->set.http, &done))
        hear_http(run, &done);
    if (run->children)
        hear_children(run);
    look_for_stopped_lanes(run);
    run->set.look(run->set.closure, kv_child_now_ms());
    return 1;
}

/* ---- opening, closing, looking ---- */

struct kv_run *kv_run_open(const struct kv_run_setup *setup)
{
    struct kv_run *run = kv_calloc(1, sizeof *run);
    run->set = *setup;
    fill_queues(run);
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
    t.input = t.output = t.cost = 0;
    for (size_t i = 0; !run->set.exec && i < run->set.desk->config->answering_count; i++)
        add_account(&t, &run->set.answering[i]);
    for (size_t i = 0; !run->set.exec && i < run->set.desk->config->parsing_count; i++)
        add_account(&t, &run->set.judging[i]);
    kv_sched_look(run->set.sched, kv_child_now_ms(), &view);
    t.in_flight = view.in_flight;
    t.throttled = view.throttled;
    *tally = t;
}

void kv_run_close(struct kv_run *run)
{
    if (!run)
        return;
    while (run->flights)
        end_flight(run, run->flights);
    for (size_t q = 0; q < run->queues; q++)
        free(run->queue[q]);
    free(run->queue);
    free(run->queue_n);
    free(run->queue_at);
    kv_reply_release(&run->reply);
    kv_buf_release(&run->line);
    free(run->fds);
    free(run);
}
