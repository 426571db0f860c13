/* session - everything a run needs, opened from a state and the user's options, in one go. */
#include "session.h"

#include "feed.h"
#include "given.h"
#include "header.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "private_members.h"
#include "session_elsewhere.h"
#include "session_files.h"
#include "task.h"
#include "worked.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the configuration ---- */

static int open_config(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_config_commands by = {o->answer_command != NULL, o->judge_command != NULL};
    const struct kv_state_info *info = kv_state_info(s->state);
    struct kv_config_source from = {.traces_given = true, .stored = true};
    struct kv_problems problems = {0};
    int failed = 0;
    s->config = kv_config_open(info->config, &from, &problems, err);
    if (!s->config || kv_config_supported(s->config, &problems) != 0 ||
        (!o->exec_command && kv_config_runnable(s->config, by, &problems) != 0)) {
        if (s->config)
            kv_problems_err(&problems, err);
        failed = kv_err_context(err, "%s: config", info->paths->state);
    }
    kv_problems_release(&problems);
    return failed;
}

static void make_plan(struct kv_session *s)
{
    kv_plan_init(&s->plan, s->config, kv_bench_ids(s->bench));
    if (s->bench->n)
        kv_plan_take_questions(
            &s->plan, &s->bench->questions->id, sizeof *s->bench->questions, s->bench->n);
    kv_plan_ready(&s->plan);
}

static int open_rules(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    s->names = kv_model_names_open(s->config);
    if (!(s->prompts = kv_prompts_open(o->share, err)) ||
        !(s->verifier = kv_verdict_open(o->share, err)))
        return -1;
    if (s->config->rubric_enabled && !(s->scorer = kv_trait_score_open(o->share, err)))
        return -1;
    const char *expose = o->env("KARENINA_EXPOSE_GROUND_TRUTH");
    static const char *const yes[] = {"true", "1", "yes", "on"};
    bool show = false;
    for (size_t i = 0; expose && i < sizeof yes / sizeof *yes; i++)
        show |= strcasecmp(expose, yes[i]) == 0;
    s->shared = (struct kv_pipeline_shared){.config = s->config,
        .names = s->names,
        .prompts = s->prompts,
        .verifier = s->verifier,
        .scorer = s->scorer,
        .traces = s->traces,
        .replay = s->replay,
        .show_expected = show,
        .run_name = "kv-run"};
    return 0;
}

/* ---- any jobs ---- */

int kv_session_task(struct kv_session *s, struct kv_slice key, struct kv_buf *json)
{
    struct kv_task task;
    if (s->config && kv_plan_find(&s->plan, key, &task))
        kv_plan_add_json(&s->plan, &task, json);
    else
        kv_exec_tasks_add(&s->tasks, key, json);
    return 0;
}

/* ---- work ---- */

/* What an earlier journal has is compared with the tasks of the state, which are loaded. */
static int open_journal(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    return !o->lock || !o->journal || (s->journal = kv_journal_open(s->state, err)) ? 0 : -1;
}

/* True if only the rows tell what is pending. Where nothing seems to be left they are looked through
 * for tasks that have none (state.h). */
static bool must_read_rows(const struct kv_session *s)
{
    const struct kv_state_info *info = kv_state_info(s->state);
    return !info->growing || info->pending_count == 0 || kv_state_has_more_rows(s->state);
}

static struct kv_jobs_options jobs_options(const struct kv_session_options *o)
{
    return (struct kv_jobs_options){.retry_failed = o->retry_failed,
        .categories = o->categories,
        .shard = o->shard,
        .seed = o->seed};
}

static int choose(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    struct kv_buf text = {0};
    const char *name = o->tasks && strcmp(o->tasks, "-") == 0 ? "<stdin>" : o->tasks;
    int failed = o->tasks && (kv_io_read(o->tasks, 0, &text, err) != 0 ||
                                 kv_jobs_choose(&s->work, kv_slice_of(&text), name, err) != 0);
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

/* Finds what is to be done. What was loaded of the state for it goes again, before questions come,
 * unless it tells which rows are replaced. */
static int find_tasks(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_jobs_options options = jobs_options(o);
    s->rows_loaded = o->retry_failed || must_read_rows(s);
    if (choose(s, o, err) != 0 ||
        kv_state_load(s->state, s->rows_loaded ? KV_LOAD_ROWS : KV_LOAD_TASKS, err) != 0 ||
        kv_jobs_find(&s->work, s->state, &options, err) != 0 || open_journal(s, o, err) != 0)
        return -1;
    if (!s->work.again)
        kv_state_forget(s->state);
    return 0;
}

static int collect(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s->state);
    const struct kv_jobs_options options = jobs_options(o);
    /* A command does whole tasks: their judges are its own affair. */
    const struct kv_plan *plan =
        s->config && !o->exec_command && !s->requests.path ? &s->plan : NULL;
    bool answers = s->rows_loaded || (s->config && s->config->parsing_count > 1) ||
                   info->row_count != info->completed_count;
    if (kv_jobs_collect(&s->work, s->state, plan, &options, err) != 0)
        return -1;
    if (plan && answers && (s->rows_loaded || info->row_count != 0))
        return kv_jobs_recall(&s->work, s->state, plan, &options, err);
    return 0;
}

static int translate_one(struct kv_session *s, size_t question, struct kv_err *err)
{
    struct kv_question q;
    struct kv_template *t = NULL;
    if (kv_bench_read(s->bench, question, &q, err) != 0)
        return -1;
    int failed = 0;
    if (kv_translator_template(s->translator, q.template, &t, err) == KV_TEMPLATE_CODE)
        failed = kv_err_context(err, "question %s: template", q.id.p);
    kv_template_close(t);
    kv_question_release(&q);
    return failed;
}

/* Has the templates of the questions that take part translated, before anything is paid for. */
static int translate(struct kv_session *s, const char *command, struct kv_err *err)
{
    if (!command || s->by_command || s->config->evaluation_mode == KV_RUBRIC_ONLY)
        return 0;
    s->translator = kv_translator_open(command);
    for (size_t i = 0, last = SIZE_MAX; i < s->work.n; i++) {
        size_t question = kv_jobs_at(&s->work, i).question;
        if (question != last && translate_one(s, question, err) != 0)
            return -1;
        last = question;
    }
    return 0;
}

/* ---- models ---- */

static int open_pricing(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    if (kv_pricing_open(&s->pricing, o->prices, s->config, o->moves, o->env, err) != 0)
        return -1;
    for (size_t i = 0; i < s->config->answering_count; i++)
        s->pricing.answering[i].by_command = s->answer_by_command;
    for (size_t i = 0; i < s->config->parsing_count; i++)
        s->pricing.judging[i].by_command = s->judge_by_command;
    return 0;
}

static int open_models(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_models_options options = {.config = s->config,
        .work = &s->work,
        .ring = s->ring,
        .env = o->env,
        .jobs = o->jobs,
        .adaptive = o->adaptive,
        .rpm = o->rpm,
        .tpm = o->tpm,
        .seed = o->seed,
        .exec_command = o->exec_command,
        .answer_command = o->answer_command,
        .judge_command = o->judge_command,
        .judge_fallback = o->judge_fallback,
        .pricing = s->config ? &s->pricing : NULL,
        .cost_limited = o->cost_limited,
        .tokens_limited = o->tokens_limited,
        .streaming = o->streaming,
        .defer_answers = o->defer && o->defer_answers,
        .defer_judges = o->defer && o->defer_judges,
        .only_batches = o->only_batches,
        .batch_as = o->batch_as,
        .every_model = o->every_model,
        .judgeless = s->requests.path != NULL};
    return kv_models_open(&s->models, &options, err);
}

/* ---- requests as they are given ---- */

/* The option that would do nothing to requests, or NULL. */
static const char *for_questions(const struct kv_session_options *o)
{
    return o->answer_command     ? "--answer-cmd"
           : o->judge_command    ? "--judge-cmd"
           : o->judge_fallback   ? "--judge-fallback"
           : o->template_command ? "--template-cmd"
           : o->manual_traces    ? "--manual-traces"
           : o->replay           ? "--replay"
                                 : NULL;
}

static int open_requests(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const char *option = for_questions(o);
    if (option)
        return kv_err_set(err, KV_USAGE,
            "%s: its tasks are requests, which are sent as they are: %s is for questions",
            kv_state_info(s->state)->paths->state, option);
    if (open_config(s, o, err) != 0 || open_pricing(s, o, err) != 0 || find_tasks(s, o, err) != 0 ||
        kv_given_open(&s->requests, s->state, s->config, err) != 0 || collect(s, o, err) != 0)
        return -1;
    s->shared.config = s->config;
    for (size_t i = 0; i < s->work.n; i++) {
        const char *key = s->work.keys.p + kv_jobs_at(&s->work, i).key;
        const struct kv_requests_line *line = kv_requests_find(&s->requests, kv_slice(key));
        kv_jobs_set_model(&s->work, i, line ? line->model : 0);
    }
    return 0;
}

/* ---- opening and closing ---- */

static void note_begin(const struct kv_session *s)
{
    const struct kv_state_info *in = kv_state_info(s->state);
    int64_t last = 0;
    kv_header_read_time(kv_slice(in->last_updated_at), &last);
    kv_worked_begin(s->run_lock, in->paths, in->completed_count, last);
}

/* The state as it is once the lock is ours, and the results of the run that held it are in. */
static int open_state(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    s->state = kv_state_open(o->state, err);
    if (!s->state)
        return -1;
    if (o->lock) {
        const struct kv_paths *paths = kv_state_info(s->state)->paths;
        if (kv_paths_run_lock(paths, &s->run_lock, err) != 0 ||
            kv_feed_await(paths, STDOUT_FILENO, err) != 0)
            return -1;
        kv_state_close(s->state);
        if (!(s->state = kv_state_open(o->state, err)))
            return -1;
        note_begin(s);
    }
    return kv_state_check(s->state, err);
}

static bool has_failed(void *closure, const struct kv_job *job)
{
    const struct kv_session *s = closure;
    struct kv_buf key = {0};
    if (s->by_command || s->requests.path) {
        kv_buf_add_str(&key, s->work.keys.p + job->key);
    } else {
        struct kv_task task = {
            job->question, job->answering, kv_jobs_judge(&s->work, job, 0), job->replicate};
        kv_plan_add_key(&s->plan, &task, &key);
    }
    bool any = kv_tries_any(s->tries, kv_slice_of(&key));
    kv_buf_release(&key);
    return any;
}

/* What failed before comes last, so that it keeps nothing else from being done. */
static int open_tries(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    if (!o->lock)
        return 0;
    s->tries = kv_tries_open(kv_state_info(s->state)->paths->output, o->give_up, err);
    if (!s->tries)
        return -1;
    kv_jobs_put_last(&s->work, has_failed, s);
    return 0;
}

/* Finds out whether nothing is left to do. Then the benchmark may be gone, and no model is needed. */
static int find_idle(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s->state);
    if (o->retry_failed || o->tasks || o->every_model)
        return 0;
    bool rows = must_read_rows(s);
    if (kv_state_load(s->state, rows ? KV_LOAD_ROWS : KV_LOAD_TASKS, err) != 0)
        return -1;
    s->idle = info->pending_count == info->adopted_pending && !info->hole_count;
    return 0;
}

static void find_known(struct kv_session *s)
{
    struct kv_buf model = {0};
    for (size_t i = 0; s->replay && i < s->work.n; i++) {
        const struct kv_job job = kv_jobs_at(&s->work, i);
        kv_buf_clear(&model);
        kv_answer_stage_display(&model, &s->config->answering[job.answering], false);
        if (kv_recorded_strict(s->replay) ||
            kv_recorded_find(s->replay, kv_plan_question(&s->plan, job.question),
                kv_slice_of(&model), job.replicate))
            kv_jobs_set_known(&s->work, i);
    }
    kv_buf_release(&model);
}

static int open_questions(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    if (open_config(s, o, err) != 0 || find_tasks(s, o, err) != 0 ||
        kv_session_files_bench(s, err) != 0)
        return -1;
    make_plan(s);
    if (open_pricing(s, o, err) != 0)
        return -1;
    if (!o->exec_command &&
        (kv_session_files_recorded(s, o, err) != 0 || open_rules(s, o, err) != 0))
        return -1;
    if (collect(s, o, err) != 0)
        return -1;
    find_known(s);
    return o->exec_command
               ? 0
               : kv_session_files_check_traces(s, o, err) || translate(s, o->template_command, err);
}

static int open_parts(struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    if (open_state(s, o, err) != 0)
        return -1;
    const struct kv_state_info *info = kv_state_info(s->state);
    bool jobs = !*info->benchmark_path;
    struct kv_slice requests;
    bool given =
        jobs && !o->exec_command && kv_state_member(s->state, KV_MEMBER_REQUESTS, &requests);
    if (jobs && !given && !o->exec_command)
        return kv_err_set(err, KV_USAGE,
            "%s: its tasks are no questions: say with --exec how to run them", info->paths->state);
    if (find_idle(s, o, err) != 0)
        return -1;
    if (s->idle) /* what the journal has is in the pair by now */
        return open_journal(s, o, err);
    int failed = given  ? open_requests(s, o, err) != 0
                 : jobs ? find_tasks(s, o, err) != 0 || kv_session_files_tasks(s, err) != 0 ||
                              collect(s, o, err) != 0
                        : open_questions(s, o, err) != 0;
    if (failed || (s->journal && s->work.n && kv_journal_begin(s->journal, err) != 0))
        return -1;
    if (o->give_up > 0 && open_tries(s, o, err) != 0)
        return -1;
    if (o->offline)
        return 0;
    return open_models(s, o, err) != 0 ? -1 : kv_session_open_elsewhere(s, o, err);
}

int kv_session_open(
    struct kv_session *s, const struct kv_session_options *options, struct kv_err *err)
{
    *s = (struct kv_session){.run_lock = -1,
        .env = options->env,
        .by_command = options->exec_command != NULL,
        .answer_by_command = options->answer_command != NULL,
        .judge_by_command = options->judge_command != NULL};
    s->ring = kv_secret_open();
    kv_secret_pass(s->ring, options->pass_keys);
    if (!options->offline)
        kv_provider_gather_keys(s->ring, &s->withheld);
    if (open_parts(s, options, err) == 0)
        return 0;
    kv_session_close(s);
    return -1;
}

void kv_session_close(struct kv_session *s)
{
    kv_defer_close(s->defer);
    kv_replies_close(s->replies);
    kv_batch_ids_close(s->held);
    kv_models_close(&s->models);
    kv_ledger_close(s->ledger);
    kv_pricing_close(&s->pricing);
    kv_jobs_release(&s->work);
    kv_translator_close(s->translator);
    kv_recorded_close(s->replay);
    kv_traces_close(s->traces);
    kv_trait_score_close(s->scorer);
    kv_verdict_close(s->verifier);
    kv_prompts_close(s->prompts);
    kv_model_names_close(s->names);
    if (s->plan.config)
        kv_plan_release(&s->plan);
    kv_bench_close(s->bench);
    kv_config_close(s->config);
    kv_journal_close(s->journal);
    kv_state_close(s->state);
    kv_secret_close(s->ring);
    kv_buf_release(&s->withheld);
    kv_exec_tasks_release(&s->tasks);
    kv_requests_release(&s->requests);
    kv_tries_close(s->tries);
    if (s->run_lock >= 0)
        close(s->run_lock);
    *s = (struct kv_session){.run_lock = -1};
}

int kv_session_spent(struct kv_session *s, struct kv_spending *spent, struct kv_err *err)
{
    *spent = (struct kv_spending){0};
    if (!s->config || !s->models.answering)
        return 0; /* commands' tasks have no account */
    if (s->requests.path) {
        kv_spending_begin(spent, &s->pricing, NULL);
        return kv_given_spent(spent, &s->requests, &s->pricing, s->state, err);
    }
    kv_spending_begin(spent, &s->pricing, &s->plan);
    return kv_spending_read(spent, s->state, err);
}

void kv_session_setup(struct kv_session *s, struct kv_run_setup *setup)
{
    setup->shared = &s->shared;
    setup->bench = s->bench;
    setup->plan = s->config && !s->requests.path ? &s->plan : NULL;
    setup->requests = s->requests.path ? &s->requests : NULL;
    setup->state = s->state;
    setup->work = &s->work;
    setup->answering = s->models.answering;
    setup->judging = s->models.judging;
    setup->exec = s->models.exec;
    setup->sched = s->models.sched;
    setup->http = s->models.http;
    setup->ledger = s->ledger;
    setup->replies = s->replies;
    setup->held = s->held;
    setup->defer = s->defer;
    setup->nonce = s->nonce;
    setup->ring = s->ring;
    setup->journal = s->journal;
    setup->in_flight = s->models.in_flight;
    setup->tries = s->tries;
    setup->lock = s->run_lock >= 0 && !kv_io_has_leases(s->run_lock) ? s->run_lock : -1;
    setup->translator = s->translator;
}
