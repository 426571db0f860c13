/* kv-run - do the tasks that are pending: results on stdout, one a line, as they are complete. */
#include "await.h"
#include "by_batches.h"
#include "cli.h"
#include "elsewhere.h"
#include "failure.h"
#include "io.h"
#include "json.h"
#include "lock_warning.h"
#include "own_append.h"
#include "preflight.h"
#include "preview.h"
#include "progress.h"
#include "run_end.h"
#include "session.h"

#include "help/kv-run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *pass_keys;
    const char *jobs, *retry_failed, *exec, *answer, *judge, *template, *share, *prices;
    const char *progress, *shard;
    const char *stream, *salvage, *traces, *replay, *judge_fallback;
    struct kv_opt_list endpoints;
    struct kv_elsewhere elsewhere;
    struct kv_by_batches batch;
    double rpm, tpm, max_cost, time_limit, grace, command_timeout, wait;
    double first_token, idle, total;
    long max_tasks, max_tokens, max_failures, give_up, among;
    bool dry_run, check, journal, warm, append, verbose, race;
} given = {.max_cost = -1,
    .grace = -1,
    .journal = true,
    .warm = true,
    .command_timeout = 600,
    .max_tasks = -1,
    .max_tokens = -1,
    .max_failures = -1,
    .among = 1};

static struct kv_progress progress;

static void say(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

static void look(void *closure, int64_t now_ms)
{
    struct kv_run_tally tally;
    struct kv_buf line = {0};
    bool bar = progress.mode == KV_PROGRESS_BAR;
    if (!kv_progress_due(&progress, now_ms))
        return;
    kv_run_tally(*(struct kv_run **)closure, &tally);
    kv_progress_line(&progress, &tally, now_ms, bar ? kv_cli_progress_columns() : 0, &line);
    if (bar)
        kv_cli_progress(line.p);
    else
        kv_cli_say("%s", line.p);
    kv_buf_release(&line);
}

static void tell_status(void *closure)
{
    struct kv_run_tally tally;
    struct kv_buf line = {0};
    kv_run_tally(*(struct kv_run **)closure, &tally);
    kv_progress_line(&progress, &tally, kv_child_now_ms(), 0, &line);
    kv_cli_say("%s", line.p);
    kv_buf_release(&line);
}

static int task(void *closure, struct kv_slice key, struct kv_buf *json)
{
    (void)closure;
    return kv_session_task(progress.session, key, json);
}

static void read_jobs(struct kv_session_options *o)
{
    char *end;
    if (!given.jobs)
        return;
    if (strcmp(given.jobs, "auto") == 0) {
        o->adaptive = true;
        return;
    }
    long n = strtol(given.jobs, &end, 10);
    if (!strchr("123456789", *given.jobs) || *end || n < 1 || n > 100000)
        kv_cli_usage("--jobs: expected a number from 1 to 100000, or auto, not '%s'", given.jobs);
    o->jobs = (int)n;
}

/* The bar needs a terminal that can take a line back. */
static enum kv_progress_mode read_progress(void)
{
    static const char *const words[] = {"auto", "line", "none", NULL};
    switch (given.progress ? kv_cli_choose("progress", given.progress, words) : 0) {
    case 0:
        return kv_cli_redraws(STDERR_FILENO) ? KV_PROGRESS_BAR : KV_PROGRESS_LINES;
    case 1:
        return KV_PROGRESS_LINES;
    default:
        return KV_PROGRESS_NONE;
    }
}

static struct kv_streaming read_streaming(void)
{
    static const char *const when[] = {"auto", "always", "never", NULL};
    struct kv_streaming s = {
        .first_s = given.first_token, .idle_s = given.idle, .total_s = given.total};
    if (given.stream)
        s.when = (enum kv_stream_when)kv_cli_choose(
            "stream", *given.stream ? given.stream : "always", when);
    return s;
}

static bool salvages_any(void)
{
    static const char *const classes[] = {"timeout", "any", NULL};
    return given.salvage && kv_cli_choose("salvage", given.salvage, classes) == 1;
}

static void check_categories(const char *list)
{
    while (*list) {
        struct kv_slice name = {list, strcspn(list, ",")};
        bool known = kv_failure_find(name) != KV_FAIL_NONE || kv_slice_is(name, "truncated") ||
                     kv_slice_is(name, "partial");
        if (name.n && !known)
            kv_cli_usage("--retry-failed: expected categories of kv-results(5), truncated or "
                         "partial, not '%.*s'",
                (int)name.n, name.p);
        list += name.n + (list[name.n] == ',');
    }
}

/* What asks nobody, or in a way of its own; NULL: nothing of that is given. */
static const char *another_way(void)
{
    return given.dry_run ? "--dry-run"
           : given.check ? "--check"
           : given.exec  ? "--exec"
           : given.race  ? "--race"
                         : NULL;
}

static void check_elsewhere(const char *tasks)
{
    const struct kv_elsewhere_others others = {.tasks = tasks,
        .exec = given.exec,
        .answer = given.answer,
        .judge = given.judge,
        .fallback = given.judge_fallback};
    given.elsewhere.batch_as = given.batch.shape;
    kv_by_batches_check(&given.batch, &given.elsewhere, another_way(), &others);
    kv_elsewhere_check(&given.elsewhere, &others);
    given.batch.no_probe |= given.max_tasks == 0;
    given.batch.journal = given.journal;
}

static void check_options(int operands)
{
    if (operands < 1 || operands > 2)
        kv_cli_usage(
            operands < 1 ? "no STATE given" : "too many operands: STATE and TASKS at most");
    if (given.exec && (given.answer || given.judge))
        kv_cli_usage(
            "--exec replaces the pipeline: --answer-cmd and --judge-cmd have no place in it");
    if (given.exec && (given.max_tokens >= 0 || given.max_cost >= 0 || given.tpm > 0))
        kv_cli_usage(
            "--exec: what its commands use is not known to --max-tokens, --max-cost and --tpm");
    if (given.dry_run && given.check)
        kv_cli_usage("--dry-run sends nothing, --check does: choose one");
    if ((given.dry_run || given.check) && (given.elsewhere.directory || given.elsewhere.replies.n))
        kv_cli_usage("--%s asks nobody elsewhere: --defer and --replies have no place beside it",
            given.check ? "check" : "dry-run");
    if (given.race && given.elsewhere.directory)
        kv_cli_usage("--race: --defer asks nobody");
    if (given.append && (given.dry_run || given.check))
        kv_cli_usage("--append: there are no results to keep without a run");
    if (given.retry_failed)
        check_categories(given.retry_failed);
    if (given.max_cost >= 0 && !given.prices)
        kv_cli_usage("--max-cost needs --prices");
    salvages_any();
    read_progress();
}

/* True if a last line says how the run went, also when all is well: at a terminal, and in a log
 * that was told for minutes how far the run is. */
static bool is_followed(void)
{
    return progress.mode != KV_PROGRESS_NONE &&
           (kv_cli_watched() || progress.shown ||
               (given.progress && strcmp(given.progress, "line") == 0));
}

/* Leaves an N-th of each limit to this run. A limit of failures is never rounded to none. */
static void share_limits(void)
{
    double n = (double)given.among;
    given.rpm /= n;
    given.tpm /= n;
    if (given.max_cost >= 0)
        given.max_cost /= n;
    if (given.max_tokens >= 0)
        given.max_tokens /= given.among;
    if (given.max_failures >= 0)
        given.max_failures = (given.max_failures + given.among - 1) / given.among;
}

static void warn_of_exposed(const struct kv_endpoint *all, size_t n)
{
    for (size_t i = 0; all && i < n; i++) {
        const struct kv_provider *p = &all[i].provider;
        if (p->exposed)
            kv_cli_say("%s: the key from %s goes to %s unencrypted", all[i].name, p->key_name,
                p->chat->host);
        else if (p->withheld && !p->key_name)
            kv_cli_say("%s: asked without a key: %s is not for %s; if one is needed there, set "
                       "KV_API_KEY, and KV_API_HOST=%s",
                all[i].name, p->withheld, p->chat->host, p->chat->host);
    }
}

static void warn_of_exposed_keys(const struct kv_session *s)
{
    warn_of_exposed(s->models.answering, s->models.answering ? s->config->answering_count : 0);
    warn_of_exposed(s->models.judging, s->models.judging ? s->config->parsing_count : 0);
}

/* A command that needs a key finds out from this line, not from a refusal. */
static void warn_of_withheld_keys(const struct kv_session *s)
{
    if (s->withheld.n && (given.exec || given.answer || given.judge || given.template))
        kv_cli_say("not in the environment of commands: %s (--pass-key)", s->withheld.p);
}

static void warn_of_few_descriptors(const struct kv_session *s)
{
    if (s->models.in_flight < s->models.in_flight_wanted)
        kv_cli_say("%d in flight instead of %d: more need more descriptors (ulimit -n)",
            s->models.in_flight, s->models.in_flight_wanted);
}

/* What earlier runs of the state used: limits go on where they stopped. */
static int count_spent(struct kv_session *session, double *tokens, double *cost, struct kv_err *err)
{
    struct kv_spending spent;
    int failed = kv_session_spent(session, &spent, err);
    *tokens = spent.tokens;
    *cost = spent.cost;
    if (!failed && given.max_cost >= 0 && spent.unpriced)
        failed = kv_err_set(err, KV_INPUT,
            "%s has no price for the tier of %lld earlier call%s: --max-cost could not limit "
            "anything",
            given.prices, (long long)spent.unpriced, spent.unpriced == 1 ? "" : "s");
    if (!failed && given.max_cost >= 0 && spent.undetailed)
        kv_cli_say("%lld earlier call%s not say what was cached: priced as if nothing was",
            (long long)spent.undetailed, spent.undetailed == 1 ? " does" : "s do");
    if (!failed && given.max_cost >= 0)
        kv_models_tell_prices(&session->models, say, NULL);
    kv_spending_release(&spent);
    return failed;
}

/* What the options say of a run; what the session says is added by kv_session_setup. */
static struct kv_run_setup setup_of_options(struct kv_out_queue *out, struct kv_run **run)
{
    return (struct kv_run_setup){
        .command_timeout_ms = (int64_t)(given.command_timeout * 1000),
        .grace_ms = given.grace < 0 ? -1 : (int64_t)(given.grace * 1000),
        .warm = given.warm,
        .salvage_any = salvages_any(),
        .budget = {.max_tasks = (double)given.max_tasks,
            .max_tokens = (double)given.max_tokens,
            .max_cost = given.max_cost,
            .max_failures = (double)given.max_failures,
            .deadline_ms =
                given.time_limit > 0 ? kv_child_now_ms() + (int64_t)(given.time_limit * 1000) : 0},
        .signal_fd = kv_cli_signals(),
        .out = out,
        .closure = run,
        .say = say,
        .tell = given.verbose ? say : NULL,
        .look = look,
        .status = tell_status,
        .task = task,
    };
}

static void warn_of_all(const struct kv_session *session)
{
    warn_of_exposed_keys(session);
    warn_of_withheld_keys(session);
    warn_of_few_descriptors(session);
    kv_lock_warning(kv_state_info(session->state)->paths);
}

/* Says what became of the run that ended with `got`. Returns the status, -1 for a failure. */
static int tell_end(
    const struct kv_session *session, const char *again, int got, const struct kv_run_tally *tally)
{
    struct kv_run_end end = {.progress = &progress,
        .paths = kv_state_info(session->state)->paths,
        .again = again,
        .append = given.append,
        .followed = is_followed()};
    if (got == 0 && end.followed)
        kv_run_end_tell(&end, tally);
    if (given.prices && got == 0 && tally->replies + tally->lost_calls)
        kv_run_end_tell_cost(tally);
    kv_run_end_tell_outcomes(&tally->outcomes, got == 0 && end.followed);
    int status = got < 0 ? -1 : (int)kv_run_end_conclude(tally, given.give_up > 0);
    if (got == 0)
        kv_run_end_tell_next(&end, tally);
    return status;
}

/* Where results go. stdout stays what it is: kv-append behind it knows the run by it. */
static int open_out(struct kv_out_queue *out, struct kv_err *err)
{
    int fd = kv_by_batches_quiet() ? open("/dev/null", O_WRONLY | O_CLOEXEC) : STDOUT_FILENO;
    return fd < 0 ? kv_err_sys(err, "/dev/null") : kv_out_queue_open(out, fd, "stdout", err);
}

/* What these answer is the exit status, or -1 for a failure. */
static int run_all(struct kv_session *session, const char *again, struct kv_err *err)
{
    struct kv_run *run = NULL;
    struct kv_run_tally tally;
    struct kv_out_queue out;
    double tokens_before = 0, cost_before = 0;
    if ((given.max_tokens >= 0 || given.max_cost >= 0) &&
        count_spent(session, &tokens_before, &cost_before, err) != 0)
        return -1;
    if (given.wait > 0 &&
        kv_await(&session->models, (int64_t)(given.wait * 1000), say, NULL, err) != 0)
        return -1;
    if (open_out(&out, err) != 0)
        return -1;
    struct kv_run_setup setup = setup_of_options(&out, &run);
    setup.tokens_before = tokens_before;
    setup.cost_before = cost_before;
    kv_session_setup(session, &setup);
    warn_of_all(session);
    kv_progress_init(&progress, session, read_progress());
    run = kv_run_open(&setup);
    int got;
    while ((got = kv_run_turn(run, err)) == 1)
        ;
    kv_cli_progress("");
    kv_run_tally(run, &tally);
    if (got == 0 && kv_elsewhere_end(session, &tally, err) != 0)
        got = -1;
    kv_run_close(run);
    kv_out_queue_close(&out);
    return tell_end(session, again, got, &tally);
}

/* Nothing is pending, which somebody who typed this wants to know. */
static int tell_idle(const struct kv_session *session, const char *tasks)
{
    struct kv_buf word = {0};
    kv_paths_add_word(&word, kv_state_info(session->state)->paths->state);
    if (kv_cli_watched() && !kv_cli_env("KV_NO_HINTS")) {
        if (tasks)
            kv_cli_say("none of these tasks is pending");
        else
            kv_cli_say("nothing is pending; to end: kv-finalize %s", word.p);
    }
    kv_buf_release(&word);
    return KV_OK;
}

/* A terminal keeps nothing, and shows it among the messages: what was paid for would be lost. */
static int refuse_terminal(const struct kv_session *session, const char *again)
{
    struct kv_buf ways = {0};
    kv_run_end_add_ways(&ways, again, kv_state_info(session->state)->paths);
    kv_cli_say("a terminal keeps no results; type: %s", ways.p);
    kv_buf_release(&ways);
    return KV_USAGE;
}

/* There has to be a state before somebody waits for its results. */
static void start_append(const char *operand)
{
    struct kv_err err;
    struct kv_state *state = kv_state_open(operand, &err);
    if (!state || kv_own_append_start(operand, &err) != 0)
        kv_cli_fail(&err);
    kv_state_close(state);
}

static int check_models(struct kv_session *session, struct kv_err *err)
{
    size_t unusable;
    warn_of_exposed_keys(session);
    if (kv_preflight(session, (int64_t)(given.wait * 1000), &unusable, err) != 0)
        return -1;
    if (unusable)
        kv_cli_say("%zu model%s cannot be used", unusable, unusable == 1 ? "" : "s");
    return unusable ? KV_PROVIDER : KV_OK;
}

static const struct kv_option options[] = {
    {'j', "jobs", KV_OPT_TEXT, &given.jobs},
    {0, "rpm", KV_OPT_RATE, &given.rpm},
    {0, "tpm", KV_OPT_RATE, &given.tpm},
    {0, "max-tasks", KV_OPT_COUNT, &given.max_tasks},
    {0, "max-tokens", KV_OPT_COUNT, &given.max_tokens},
    {0, "max-cost", KV_OPT_NUMBER, &given.max_cost},
    {0, "prices", KV_OPT_TEXT, &given.prices},
    {0, "endpoint", KV_OPT_LIST, &given.endpoints},
    {0, "wait", KV_OPT_SECONDS, &given.wait},
    {0, "judge-fallback", KV_OPT_TEXT, &given.judge_fallback},
    {0, "defer", KV_OPT_TEXT, &given.elsewhere.directory},
    {0, "defer-for", KV_OPT_TEXT, &given.elsewhere.only},
    {0, "replies", KV_OPT_LIST, &given.elsewhere.replies},
    {0, "batch", KV_OPT_MAYBE, &given.batch.list},
    {0, "batch-wait", KV_OPT_MAYBE, &given.batch.wait},
    {0, "batch-size", KV_OPT_TEXT, &given.batch.size},
    {0, "batch-as", KV_OPT_TEXT, &given.batch.shape},
    {0, "no-probe", KV_OPT_FLAG, &given.batch.no_probe},
    {0, "tidy", KV_OPT_FLAG, &given.batch.tidy},
    {0, "race", KV_OPT_FLAG, &given.race},
    {0, "max-failures", KV_OPT_SOME, &given.max_failures},
    {0, "give-up", KV_OPT_SOME, &given.give_up},
    {0, "time-limit", KV_OPT_LIMIT, &given.time_limit},
    {0, "grace", KV_OPT_SECONDS, &given.grace},
    {0, "stream", KV_OPT_MAYBE, &given.stream},
    {0, "first-token", KV_OPT_LIMIT, &given.first_token},
    {0, "idle", KV_OPT_LIMIT, &given.idle},
    {0, "total", KV_OPT_LIMIT, &given.total},
    {0, "salvage", KV_OPT_TEXT, &given.salvage},
    {0, "retry-failed", KV_OPT_MAYBE, &given.retry_failed},
    {0, "shard", KV_OPT_TEXT, &given.shard},
    {0, "among", KV_OPT_SOME, &given.among},
    {0, "exec", KV_OPT_TEXT, &given.exec},
    {0, "answer-cmd", KV_OPT_TEXT, &given.answer},
    {0, "judge-cmd", KV_OPT_TEXT, &given.judge},
    {0, "cmd-timeout", KV_OPT_LIMIT, &given.command_timeout},
    {0, "pass-key", KV_OPT_TEXT, &given.pass_keys},
    {0, "template-cmd", KV_OPT_TEXT, &given.template},
    {0, "manual-traces", KV_OPT_TEXT, &given.traces},
    {0, "replay", KV_OPT_TEXT, &given.replay},
    {0, "no-journal", KV_OPT_NEGATE, &given.journal},
    {0, "no-warm", KV_OPT_NEGATE, &given.warm},
    {0, "dry-run", KV_OPT_FLAG, &given.dry_run},
    {0, "check", KV_OPT_FLAG, &given.check},
    {0, "append", KV_OPT_FLAG, &given.append},
    {0, "progress", KV_OPT_TEXT, &given.progress},
    {0, "share", KV_OPT_TEXT, &given.share},
    {'v', "verbose", KV_OPT_FLAG, &given.verbose},
    {0},
};

/* What the session is opened with; `operands` are STATE and TASKS or NULL. */
static struct kv_session_options session_options(char **operands, const char *share)
{
    struct kv_err err;
    struct kv_session_options o = {.state = operands[0],
        .tasks = operands[1],
        .share = share,
        .rpm = given.rpm,
        .tpm = given.tpm,
        .retry_failed = given.retry_failed != NULL,
        .categories = given.retry_failed,
        .exec_command = given.exec,
        .answer_command = given.answer,
        .judge_command = given.judge,
        .judge_fallback = given.judge_fallback,
        .template_command = given.template,
        .give_up = given.give_up,
        .manual_traces = given.traces,
        .replay = given.replay,
        .prices = given.prices,
        .moves = {given.endpoints.items, given.endpoints.n},
        .cost_limited = given.max_cost >= 0,
        .tokens_limited = given.max_tokens >= 0,
        .streaming = read_streaming(),
        .lock = !given.dry_run && !given.check,
        .journal = given.journal,
        .offline = given.dry_run,
        .every_model = given.check,
        /* What is deferred is the same each time. */
        .seed = given.elsewhere.directory ? 1 : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32,
        .pass_keys = given.pass_keys,
        .env = kv_cli_env};
    read_jobs(&o);
    if (!given.dry_run && !given.check)
        kv_elsewhere_options(&given.elsewhere, &o);
    o.heed_batches = !given.elsewhere.directory && !given.dry_run && !given.check && !given.exec;
    o.race = given.race;
    if (given.shard && kv_shard_parse(given.shard, kv_cli_env, &o.shard, &err) != 0)
        kv_cli_fail(&err);
    return o;
}

/* Does what was asked for; the exit status, or -1. */
static int act(struct kv_session *session, const char *tasks, const char *again, struct kv_err *err)
{
    if (tasks && !session->work.chosen_count)
        kv_cli_say("%s: no task is named there: nothing is to be done", kv_io_name(tasks));
    if (session->idle)
        return kv_elsewhere_empty(&given.elsewhere, err) != 0 ? -1 : tell_idle(session, tasks);
    if (given.dry_run && session->requests.path)
        return kv_err_set(err, KV_USAGE,
            "%s: its tasks are requests, which are sent as they are: --dry-run is for questions",
            kv_state_info(session->state)->paths->state);
    if (given.dry_run)
        return kv_preview(session, err);
    if (given.check)
        return check_models(session, err);
    if (isatty(STDOUT_FILENO) && !kv_by_batches_quiet())
        return refuse_terminal(session, again);
    return run_all(session, again, err);
}

/* What is refused is refused before anything is asked. */
static void check_batches(char **operands)
{
    struct kv_err err;
    char *share = kv_cli_share(given.share);
    struct kv_session_options o = session_options(operands, share);
    if (kv_by_batches_check_run(&given.batch, &o, &err) != 0)
        kv_cli_fail(&err);
    free(share);
}

static int take_steps(int argc, char **argv, int first)
{
    check_batches(argv + first);
    return kv_by_batches(&given.batch, argc, argv, first);
}

/* True, and *status, if the run is finished, or if batches do it. */
static bool ended_elsewhere(int argc, char **argv, int first, int *status)
{
    struct kv_err err;
    const char *operand = argv[first];
    int finished = given.check ? 0 : kv_state_is_finished(operand, &err);
    if (finished < 0)
        kv_cli_fail(&err);
    if (finished)
        *status = kv_cli_end(given.retry_failed ? kv_run_end_tell_finished(operand) : KV_OK);
    else if (given.batch.list)
        *status = take_steps(argc, argv, first);
    else if (given.exec && !given.race && kv_by_batches_hold(operand))
        *status = kv_cli_end(KV_NO);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    struct kv_session session;
    int status;
    struct kv_buf again = {0};
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    check_options(argc - first);
    check_elsewhere(argv[first + 1]);
    share_limits();
    if (ended_elsewhere(argc, argv, first, &status))
        return status;
    kv_run_end_add_words(&again, argc, argv);
    char *share = kv_cli_share(given.share);
    struct kv_session_options o = session_options(argv + first, share);
    if (given.append)
        start_append(argv[first]);
    kv_secret_harden();

    if (kv_session_open(&session, &o, &err) != 0)
        kv_cli_fail(&err);
    status = act(&session, argv[first + 1], again.p, &err);
    kv_session_close(&session);
    kv_buf_release(&again);
    free(given.endpoints.items);
    free(given.elsewhere.replies.items);
    free(share);
    if (status < 0)
        kv_cli_fail(&err);
    status = (int)kv_cli_end((enum kv_kind)status);
    int appended = kv_own_append_wait(); /* as a pipeline ends: what failed last counts */
    return appended ? appended : status;
}
