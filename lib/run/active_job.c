/* active_job - the jobs under way: for each its answer, or its command, and one judgement a judge.
 */
#include "active_private.h"

#include "exec_result.h"
#include "warming.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */

static void say(void *closure, const char *text)
{
    struct kv_active_jobs *a = closure;
    kv_output_say(&a->output, "%s", text);
}

static void tell(void *closure, const char *text)
{
    struct kv_active_jobs *a = closure;
    a->set->tell(a->set->closure, text);
}

static void tell_reuse(struct kv_active_jobs *a, const struct kv_active_job *f)
{
    struct kv_buf text = {0};
    if (!a->set->tell)
        return;
    kv_buf_printf(&text, "%s: the recorded answer of %s is used again", f->prepared->question->id.p,
        f->pending.endpoint->name);
    tell(a, text.p);
    kv_buf_release(&text);
}

/* ---- handing out results ---- */

static void put_line(struct kv_active_jobs *a)
{
    kv_output_put(&a->output, kv_slice_of(&a->line));
}

/* Tells why a task has no result; not while the run is stopping, which explains it. */
static void tell_unsolved(struct kv_active_jobs *a, const char *task, const char *what,
    const char *model, struct kv_slice why)
{
    if (!a->stopping)
        kv_output_tell(&a->output, "%s: %s%s: %.*s", task, what, model, (int)why.n, why.p);
}

/* Counts the result that is written. Only errors count for --max-failures: an answer that is wrong
 * or declined is no error. */
static void count_outcome(struct kv_active_jobs *a, uint32_t code)
{
    kv_outcomes_add(&a->tally->outcomes, code, 1);
    a->budget->failures += kv_outcomes_outcome(code) == KV_RESULT_ERROR;
}

/* Counts the result of a command. */
static void count_line(struct kv_active_jobs *a)
{
    struct kv_result row;
    struct kv_slice line = kv_slice_strip(kv_slice_of(&a->line));
    if (kv_result_read(line, KV_JSON_NONFINITE | KV_RESULT_CHECKED, &row, NULL) == 0)
        count_outcome(a, kv_outcomes_code(&row));
}

/* Tells once that a trait or a check was lost; each result has its own in its warnings. */
static void tell_lost(struct kv_active_jobs *a, const struct kv_pipeline *p)
{
    for (size_t at = 0; !a->told_lost && at < p->notes.n; at += strlen(p->notes.p + at) + 1) {
        const char *note = p->notes.p + at;
        if (strncmp(note, "Rubric ", 7) != 0 && !strstr(note, " check not performed"))
            continue;
        kv_output_tell(&a->output, "%s: %s (told once: see the warnings of results)",
            p->prepared->question->id.p, note);
        a->told_lost = true;
    }
}

static void count_result(struct kv_active_jobs *a, const struct kv_pipeline *p)
{
    a->tally->left--;
    tell_lost(a, p);
    if (p->deferred) {
        a->tally->deferred++;
        return;
    }
    if (kv_pipeline_is_kept(p)) {
        a->tally->kept++;
        a->tally->refusals += p->refused;
        if (!p->withheld || p->refused)
            tell_unsolved(a, p->prepared->question->id.p, "not judged by ",
                p->judge_name->display.p, kv_slice_of(&p->error_text));
        return;
    }
    count_outcome(a, kv_pipeline_code(p));
}

/* ---- beginning, judging, ending ---- */

static struct kv_active_job *begin_job(
    struct kv_active_jobs *a, const struct kv_job *job, size_t tasks, struct kv_endpoint *endpoint)
{
    struct kv_active_job *f = a->spare ? a->spare : kv_calloc(1, sizeof *f);
    if (a->spare)
        a->spare = f->next;
    memset(f, 0, offsetof(struct kv_active_job, generation));
    f->job = *job;
    f->tasks = tasks;
    f->pending.user = f;
    f->pending.endpoint = endpoint;
    f->next = a->first;
    if (f->next)
        f->next->prev = f;
    a->first = f;
    a->n++;
    return f;
}

static void end_job(struct kv_active_jobs *a, struct kv_active_job *f)
{
    kv_dispatch_drop(&a->dispatch, &f->pending);
    for (size_t i = 0; f->judgements && i < f->tasks; i++) {
        kv_dispatch_drop(&a->dispatch, &f->judgements[i].pending);
        if (f->judgements == &f->single)
            kv_pipeline_clear(&f->single.pipeline);
        else
            kv_pipeline_release(&f->judgements[i].pipeline);
    }
    if (f->judgements != &f->single)
        free(f->judgements);
    kv_answer_stage_clear(&f->generation);
    kv_prepared_question_close(f->prepared);
    kv_given_release(&f->given);
    *(f->prev ? &f->prev->next : &a->first) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    a->n--;
    f->next = a->spare;
    a->spare = f;
}

/* The judge was not asked because the run is being stopped: that is no failure of the task. */
static bool was_stopped(const struct kv_pipeline *p)
{
    return p->withheld && !p->refused;
}

/* Counts a failure of the infrastructure. True if that was enough of them for the i-th task. */
static bool note_try(struct kv_active_jobs *a, const struct kv_active_job *f, size_t i)
{
    struct kv_buf key = {0};
    if (!a->set->tries)
        return false;
    if (a->set->exec || a->set->requests) {
        kv_buf_add_str(&key, kv_active_task_key(a, &f->job));
    } else {
        const struct kv_job *job = &f->job;
        struct kv_task task = {
            job->question, job->answering, kv_jobs_judge(a->set->work, job, i), job->replicate};
        kv_plan_add_key(a->set->plan, &task, &key);
    }
    bool enough = kv_tries_note(a->set->tries, kv_slice_of(&key));
    kv_buf_release(&key);
    return enough;
}

/* Whether a row that only keeps an answer says something new. A failed task that is done again goes by
 * the name of its failed row until it is settled. */
static bool is_news(
    struct kv_active_jobs *a, const struct kv_active_job *f, const struct kv_judgement *j)
{
    return f->asked && kv_active_last_row(a, f, j) == 0;
}

/* Goes on with a judgement: the next query, or the result. May end the job. */
static void advance(struct kv_active_jobs *a, struct kv_active_job *f, struct kv_judgement *j)
{
    if (kv_pipeline_query(&j->pipeline, &j->pending.query)) {
        kv_active_ask(a, f, &j->pending);
        return;
    }
    if (kv_pipeline_is_kept(&j->pipeline) && !was_stopped(&j->pipeline) &&
        note_try(a, f, (size_t)(j - f->judgements)))
        kv_pipeline_give_up(&j->pipeline);
    if (!j->pipeline.deferred || is_news(a, f, j)) {
        kv_buf_clear(&a->line);
        kv_pipeline_write(&j->pipeline, &a->line);
        put_line(a);
    }
    count_result(a, &j->pipeline);
    j->written = true;
    if (--f->open == 0)
        end_job(a, f);
}

static void begin_judging(struct kv_active_jobs *a, struct kv_active_job *f)
{
    size_t n = f->tasks;
    struct kv_judgement *all = n == 1 ? &f->single : kv_calloc(n, sizeof *all);
    f->judgements = all;
    f->open = n;
    for (size_t i = 0; i < n; i++) {
        struct kv_judgement *j = &all[i];
        size_t judge = kv_jobs_judge(a->set->work, &f->job, i);
        j->pending = (struct kv_pending_query){.user = f, .endpoint = &a->set->judging[judge]};
        j->written = j->stood_in = false;
        kv_pipeline_begin(
            &j->pipeline, a->set->shared, f->prepared, &f->generation, j->pending.endpoint->model);
    }
    for (size_t i = 0; i < n; i++) /* the last one may end the job */
        advance(a, f, &all[i]);
}

/* True if the answer has failed so often that all tasks of the job are given up. */
static bool is_enough(struct kv_active_jobs *a, const struct kv_active_job *f)
{
    bool enough = f->tasks > 0;
    for (size_t i = 0; i < f->tasks; i++)
        enough &= note_try(a, f, i);
    return enough;
}

/* The model gave no answer: the tasks stay pending, and the user is told, unless the end of the run
 * explains it. After too many tries the tasks are given up: their result is then that there is no
 * answer. */
static void give_up(struct kv_active_jobs *a, struct kv_active_job *f, const struct kv_answer *r)
{
    int64_t tasks = (int64_t)f->tasks;
    if (r->kind == KV_ANSWER_DEFERRED) {
        a->tally->deferred += tasks;
        end_job(a, f);
        return;
    }
    if (r->kind != KV_ANSWER_WITHHELD && is_enough(a, f)) {
        struct kv_answer failed = *r;
        failed.kind = KV_ANSWER_FAILED;
        kv_answer_stage_take(&f->generation, &failed);
        begin_judging(a, f);
        return;
    }
    if (r->kind != KV_ANSWER_WITHHELD) {
        a->tally->unanswered += tasks;
        a->tally->refusals += r->kind == KV_ANSWER_REFUSED ? tasks : 0;
        tell_unsolved(
            a, f->prepared->question->id.p, "no answer from ", f->pending.endpoint->name, r->error);
    }
    end_job(a, f);
}

static bool recall(struct kv_active_jobs *a, struct kv_active_job *f)
{
    struct kv_buf row = {0};
    struct kv_err err;
    bool recalled = f->job.row && kv_jobs_row(a->set->state, &f->job, &row, &err) == 0 &&
                    kv_answer_stage_recall(&f->generation, kv_slice_of(&row));
    kv_buf_release(&row);
    return recalled;
}

static void start_question(struct kv_active_jobs *a, const struct kv_job *job, size_t tasks)
{
    struct kv_err err;
    const struct kv_run_setup *set = a->set;
    struct kv_active_job *f = begin_job(a, job, tasks, &set->answering[job->answering]);
    f->prepared = kv_prepared_question_open(
        set->shared->config, set->bench, job->question, set->translator, &a->compiled, &err);
    if (!f->prepared) {
        kv_output_tell(&a->output, "%s", err.text);
        a->tally->unusable += (int64_t)tasks;
        end_job(a, f);
        return;
    }
    kv_answer_stage_init(
        &f->generation, set->shared, f->prepared, f->pending.endpoint->model, job->replicate);
    bool recalled = recall(a, f);
    if (recalled)
        tell_reuse(a, f);
    if (recalled || kv_answer_stage_known(&f->generation)) {
        begin_judging(a, f);
        return;
    }
    kv_answer_stage_query(&f->generation, &f->pending.query);
    f->asked = true;
    kv_active_ask(a, f, &f->pending);
}

/* ---- a command a task ---- */

static void start_command(struct kv_active_jobs *a, const struct kv_job *job)
{
    struct kv_active_job *f = begin_job(a, job, 1, a->set->exec);
    a->set->task(a->set->closure, kv_slice(kv_active_task_key(a, job)), &f->pending.input);
    kv_buf_add_char(&f->pending.input, '\n');
    kv_active_ask(a, f, &f->pending);
}

/* The command's result, or the fact that it failed, as a line. */
static void write_command_result(
    struct kv_active_jobs *a, struct kv_slice key, const struct kv_answer *r)
{
    struct kv_buf why = {0};
    kv_buf_clear(&a->line);
    a->tally->left--;
    if (r->kind != KV_ANSWER_TEXT || !kv_exec_result_read(&a->line, r->text, key, &why))
        kv_exec_result_failure(&a->line, key, why.n ? kv_slice_of(&why) : r->error);
    count_line(a);
    put_line(a);
    kv_buf_release(&why);
}

static void finish_command(
    struct kv_active_jobs *a, struct kv_active_job *f, const struct kv_answer *r)
{
    const char *key = kv_active_task_key(a, &f->job);
    if (r->kind == KV_ANSWER_REFUSED && !note_try(a, f, 0)) {
        a->tally->unanswered++;
        tell_unsolved(a, key, "not done", "", r->error);
    } else if (r->kind != KV_ANSWER_WITHHELD) {
        write_command_result(a, kv_slice(key), r);
    }
    end_job(a, f);
}

/* ---- requests as they are given ---- */

static void start_request(struct kv_active_jobs *a, const struct kv_job *job)
{
    const char *key = kv_active_task_key(a, job);
    struct kv_active_job *f = begin_job(a, job, 1, &a->set->answering[job->answering]);
    const struct kv_requests_line *line = kv_requests_find(a->set->requests, kv_slice(key));
    struct kv_request_line request;
    struct kv_err err;
    if (!line || kv_requests_read(a->set->requests, line, &request, &err) != 0) {
        kv_output_tell(&a->output, "%s: %s", key, line ? err.text : "its request is gone");
        a->tally->unusable++;
        end_job(a, f);
        return;
    }
    kv_given_begin(&f->given, f->pending.endpoint, &request, &f->pending.query);
    kv_active_ask(a, f, &f->pending);
}

/* What is no answer leaves the request pending, until it is given up; but a prompt that a filter
 * rejects says something about the request. */
static void finish_request(
    struct kv_active_jobs *a, struct kv_active_job *f, const struct kv_answer *r)
{
    struct kv_slice key = kv_slice(kv_active_task_key(a, &f->job));
    bool passing = r->kind == KV_ANSWER_REFUSED ||
                   (r->kind == KV_ANSWER_FAILED && r->category != KV_RETRY_NEVER);
    if (r->kind == KV_ANSWER_DEFERRED) {
        a->tally->deferred++;
    } else if (passing && !note_try(a, f, 0)) {
        a->tally->unanswered++;
        a->tally->refusals += r->kind == KV_ANSWER_REFUSED;
        tell_unsolved(a, key.p, "no answer from ", f->pending.endpoint->name, r->error);
    } else if (r->kind != KV_ANSWER_WITHHELD) {
        kv_buf_clear(&a->line);
        a->tally->left--;
        if (r->kind == KV_ANSWER_TEXT)
            kv_given_add_result(&a->line, key, r->text, &r->used);
        else
            kv_given_add_failure(&a->line, key, r->error);
        count_line(a);
        put_line(a);
    }
    end_job(a, f);
}

/* ---- responses ---- */

/* Hands the query of a judge that is down to the fallback judge. Not while the run is stopping: the
 * next run asks the judge itself. */
static bool stand_in(struct kv_active_jobs *a, struct kv_judgement *j, const struct kv_answer *r)
{
    struct kv_endpoint *e = j->pending.endpoint, *other = e->fallback;
    bool down = (r->kind == KV_ANSWER_FAILED && r->category != KV_RETRY_NEVER) ||
                (r->kind == KV_ANSWER_WITHHELD && kv_lane_stopped(e->lane));
    if (!down || !other || e->deferred || a->stopping || kv_lane_stopped(other->lane))
        return false;
    kv_pipeline_stand_in(&j->pipeline, other->model, other->name, r->error);
    j->pending.endpoint = other;
    j->stood_in = true;
    kv_dispatch_submit(&a->dispatch, &j->pending);
    return true;
}

static void respond(void *closure, struct kv_pending_query *e, const struct kv_answer *r)
{
    struct kv_active_jobs *a = closure;
    struct kv_active_job *f = e->user;
    struct kv_judgement *j = kv_active_judgement(f, e);
    bool passing = r->kind == KV_ANSWER_FAILED && r->category != KV_RETRY_NEVER && !r->partial;
    bool had_none = passing || r->kind == KV_ANSWER_REFUSED || r->kind == KV_ANSWER_WITHHELD ||
                    r->kind == KV_ANSWER_DEFERRED;
    if (j && stand_in(a, j, r))
        return;
    if (j) {
        kv_pipeline_take(&j->pipeline, r);
        advance(a, f, j);
    } else if (a->set->exec) {
        finish_command(a, f, r);
    } else if (a->set->requests) {
        finish_request(a, f, r);
    } else if (had_none) {
        give_up(a, f, r);
    } else {
        kv_answer_stage_take(&f->generation, r);
        begin_judging(a, f);
    }
}

void kv_active_jobs_abandon(struct kv_active_jobs *a)
{
    static const char why[] = "the run was stopped";
    struct kv_call *call;
    kv_sched_stop(a->set->sched);
    kv_warming_stop(&a->dispatch);
    kv_dispatch_settle(&a->dispatch);
    while ((call = kv_sched_take(a->set->sched)))
        kv_dispatch_withhold(&a->dispatch, call->user, KV_SLICE(why));
    for (struct kv_active_job *f = a->first, *next; f; f = next) {
        next = f->next;
        if (!f->judgements) {
            end_job(a, f);
            continue;
        }
        for (size_t i = 0, open = f->open; open > 0; i++) { /* the last one ends the job */
            struct kv_judgement *j = &f->judgements[i];
            if (j->written)
                continue;
            kv_dispatch_drop(&a->dispatch, &j->pending);
            open--;
            kv_dispatch_withhold(&a->dispatch, &j->pending, KV_SLICE(why));
        }
    }
}

/* ---- opening and closing ---- */

void kv_active_jobs_init(struct kv_active_jobs *a, const struct kv_run_setup *set,
    struct kv_run_tally *tally, struct kv_run_budget *budget)
{
    *a = (struct kv_active_jobs){.set = set, .tally = tally, .budget = budget};
    a->output = (struct kv_output){.out = set->out, .closure = set->closure, .say = set->say};
    a->dispatch = (struct kv_dispatch){.sched = set->sched,
        .http = set->http,
        .ring = set->ring,
        .command_timeout_ms = set->command_timeout_ms,
        .closure = a,
        .respond = respond,
        .tell = set->tell ? tell : NULL,
        .say = say,
        .warm = set->warm,
        .salvage_any = set->salvage_any,
        .keep = set->journal ? kv_active_keep : NULL,
        .recall = kv_active_recall,
        .ledger = set->ledger};
    a->replay = (struct kv_replay){.replies = set->replies, .ring = set->ring};
}

void kv_active_jobs_release(struct kv_active_jobs *a)
{
    kv_warming_stop(&a->dispatch);
    while (a->first)
        end_job(a, a->first);
    while (a->spare) {
        struct kv_active_job *f = a->spare;
        a->spare = f->next;
        kv_answer_stage_release(&f->generation);
        kv_pipeline_release(&f->single.pipeline);
        free(f);
    }
    kv_compiled_template_close(a->compiled);
    kv_dispatch_release(&a->dispatch);
    kv_buf_release(&a->line);
    kv_buf_release(&a->key);
    kv_paid_tasks_release(&a->tasks);
    kv_kept_answer_release(&a->kept);
    kv_replay_release(&a->replay);
}

void kv_active_job_begin(struct kv_active_jobs *a, const struct kv_job *job, size_t tasks)
{
    if (a->set->exec)
        start_command(a, job);
    else if (a->set->requests)
        start_request(a, job);
    else
        start_question(a, job, tasks);
}
