/* kv-status - how far a run is: reads, never waits. */
#include "help/kv-status.h"
#include "cli.h"
#include "status.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct work {
    bool json, human, pending, completed, failed, usage, quiet, watch, verbose;
    bool incomplete; /* one of those shown is */
    struct kv_shard shard;
    bool sum;
    struct kv_status_sum all;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int show(const struct work *w, struct kv_status *st, struct kv_err *err)
{
    struct kv_buf out = {0};
    if (w->quiet)
        return 0;
    if (w->pending || w->completed || w->failed)
        return kv_status_list(st,
            w->pending     ? KV_STATUS_PENDING
            : w->completed ? KV_STATUS_COMPLETED
                           : KV_STATUS_FAILED,
            err);
    if (w->json)
        return kv_status_print_json(st, err);
    int failed = 0;
    if (w->human)
        kv_status_add_table(&out, st);
    else if (w->usage)
        failed = kv_status_add_usage(&out, st, err);
    else
        kv_status_add_counts(&out, st);
    if (!w->human)
        kv_buf_add_char(&out, '\n');
    if (!failed)
        failed = kv_cli_put(kv_slice_of(&out), err);
    kv_buf_release(&out);
    return failed;
}

/* True if it is complete. */
static bool show_one(struct work *w, const char *operand)
{
    struct kv_err err;
    struct kv_status *st = kv_status_open(operand, now(), &err);
    if (!st)
        kv_cli_fail(&err);
    kv_status_restrict(st, &w->shard);
    if (w->verbose)
        kv_status_tell(st);
    if (w->sum)
        kv_status_sum_add(&w->all, st);
    else if (show(w, st, &err) != 0)
        kv_cli_fail(&err);
    bool complete = kv_status_is_complete(st);
    kv_status_close(st);
    return complete;
}

static void show_sum(const struct work *w)
{
    struct kv_err err;
    struct kv_buf out = {0};
    if (w->human) {
        kv_status_sum_add_table(&out, &w->all);
    } else {
        kv_status_sum_add_json(&out, &w->all);
        kv_buf_add_char(&out, '\n');
    }
    if (kv_cli_put(kv_slice_of(&out), &err) != 0)
        kv_cli_fail(&err);
    kv_buf_release(&out);
}

static bool same_version(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Waits until the files may tell something else. */
static void await_change(const struct kv_paths *p, const struct stat *shown, bool active)
{
    struct stat now_there;
    while (stat(p->state, &now_there) == 0 && same_version(shown, &now_there) &&
           kv_paths_run_active(p) == active)
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
}

/* "14:03:59  22 of 50 tasks, …" */
static int put_line(struct kv_slice line, struct kv_err *err)
{
    struct kv_buf out = {0};
    char clock[16] = "";
    struct tm at;
    time_t t = time(NULL);
    if (localtime_r(&t, &at))
        strftime(clock, sizeof clock, "%H:%M:%S", &at);
    kv_buf_printf(&out, "%s  ", clock);
    kv_buf_add_slice(&out, line);
    kv_buf_add_char(&out, '\n');
    int failed = kv_cli_put(kv_slice_of(&out), err);
    kv_buf_release(&out);
    return failed;
}

/* Shows what has changed; a table only where it can take the place of the last one. */
static int show_change(
    const struct work *w, struct kv_status *st, struct kv_slice line, struct kv_err *err)
{
    bool redraw = w->human && kv_cli_redraws(STDOUT_FILENO);
    if (w->human && !redraw)
        return put_line(line, err);
    if (redraw && kv_cli_put(KV_SLICE("\033[H\033[2J"), err) != 0)
        return -1;
    return show(w, st, err);
}

/* Looks once, and shows it if it is not what was shown. True if the run is complete. */
static bool look(const struct work *w, const char *operand, struct kv_buf *shown)
{
    struct kv_err err, ignored;
    struct kv_buf line = {0};
    struct kv_status *st = kv_status_open(operand, now(), &err);
    if (!st && kv_state_is_finished(operand, &ignored) == 1)
        return true; /* by kv-finalize --csv: nothing else is known of it */
    if (!st)
        kv_cli_fail(&err);
    kv_status_restrict(st, &w->shard);
    if (w->verbose && !shown->n)
        kv_status_tell(st);
    kv_status_add_line(&line, st);
    if (!kv_slice_eq(kv_slice_of(&line), kv_slice_of(shown)) &&
        show_change(w, st, kv_slice_of(&line), &err) != 0)
        kv_cli_fail(&err);
    bool complete = kv_status_is_complete(st);
    kv_status_close(st);
    kv_buf_release(shown);
    *shown = line;
    return complete;
}

static void watch(struct work *w, const char *operand)
{
    struct kv_err err;
    struct kv_paths p;
    struct stat before = {0};
    struct kv_buf shown = {0};
    if (kv_paths_find(&p, operand, &err) != 0)
        kv_cli_fail(&err);
    for (;;) {
        stat(p.state, &before); /* one that is not there is told by look */
        bool active = kv_paths_run_active(&p);
        if (look(w, operand, &shown))
            break;
        await_change(&p, &before, active);
    }
    kv_buf_release(&shown);
    kv_paths_release(&p);
}

static void check_usage(const struct work *w, const char *shard, int operands)
{
    if (!operands)
        kv_cli_usage("no STATE given");
    if (w->json + w->human + w->pending + w->completed + w->failed + w->usage + w->quiet > 1)
        kv_cli_usage("--json, --human, --pending, --completed, --failed, --usage and -q exclude "
                     "one another");
    if (shard && !w->pending && !w->completed && !w->failed && !w->quiet)
        kv_cli_usage("--shard goes with --pending, --completed, --failed and -q");
    if (w->sum && (w->pending || w->completed || w->failed || w->usage || w->quiet || w->watch))
        kv_cli_usage("--sum is one object or table: only --json, --human and -v go with it");
    if (w->watch && operands > 1)
        kv_cli_usage("--watch takes one STATE");
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct work w = {0};
    struct kv_err err;
    const char *shard = NULL;
    const struct kv_option options[] = {
        {0, "json", KV_OPT_FLAG, &w.json},
        {0, "human", KV_OPT_FLAG, &w.human},
        {0, "pending", KV_OPT_FLAG, &w.pending},
        {0, "completed", KV_OPT_FLAG, &w.completed},
        {0, "failed", KV_OPT_FLAG, &w.failed},
        {0, "usage", KV_OPT_FLAG, &w.usage},
        {0, "shard", KV_OPT_TEXT, &shard},
        {0, "sum", KV_OPT_FLAG, &w.sum},
        {'q', "quiet", KV_OPT_FLAG, &w.quiet},
        {0, "watch", KV_OPT_FLAG, &w.watch},
        {'v', "verbose", KV_OPT_FLAG, &w.verbose},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    check_usage(&w, shard, argc - first);
    if (shard && kv_shard_parse(shard, kv_cli_env, &w.shard, &err) != 0)
        kv_cli_fail(&err);
    if (!w.json && isatty(STDOUT_FILENO))
        w.human = !w.pending && !w.completed && !w.failed && !w.usage && !w.quiet;

    for (int i = first; i < argc; i++) {
        if (w.watch)
            watch(&w, argv[i]);
        else if (!show_one(&w, argv[i]))
            w.incomplete = true;
    }
    if (w.sum)
        show_sum(&w);
    return kv_cli_end(w.quiet && w.incomplete ? KV_NO : KV_OK);
}
