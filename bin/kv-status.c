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
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *text)
{
    kv_cli_say("%s", text);
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
            kv_cli_put, err);
    int failed = 0;
    if (w->human)
        kv_status_add_table(&out, st);
    else if (w->usage)
        failed = kv_status_add_usage(&out, st, err);
    else
        failed = kv_status_add_json(&out, st, err);
    if (!w->human)
        kv_buf_add_char(&out, '\n');
    if (!failed)
        failed = kv_cli_put(kv_slice_of(&out), err);
    kv_buf_release(&out);
    return failed;
}

/* True if it is complete. */
static bool show_one(const struct work *w, const char *operand)
{
    struct kv_err err;
    struct kv_status *st = kv_status_open(operand, now(), &err);
    if (!st)
        kv_cli_fail(&err);
    if (w->verbose)
        kv_status_tell(st, say);
    if (show(w, st, &err) != 0)
        kv_cli_fail(&err);
    bool complete = kv_status_is_complete(st);
    kv_status_close(st);
    return complete;
}

static bool same_version(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Shows it again whenever the file is another one, until it is complete or gone (finalized). */
static void watch(const struct work *w, const char *operand)
{
    struct kv_err err;
    struct kv_paths p;
    struct stat shown, now_there;
    bool redraw = w->human && isatty(STDOUT_FILENO);
    if (kv_paths_find(&p, operand, &err) != 0)
        kv_cli_fail(&err);
    for (int gone = stat(p.state, &shown);; shown = now_there) {
        if (redraw && kv_cli_put(KV_SLICE("\033[H\033[2J"), &err) != 0)
            kv_cli_fail(&err);
        if (show_one(w, operand))
            break;
        while (!(gone = stat(p.state, &now_there)) && same_version(&shown, &now_there))
            nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        if (gone)
            break;
    }
    kv_paths_release(&p);
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct work w = {0};
    const struct kv_option options[] = {
        {0, "json", KV_OPT_FLAG, &w.json},
        {0, "human", KV_OPT_FLAG, &w.human},
        {0, "pending", KV_OPT_FLAG, &w.pending},
        {0, "completed", KV_OPT_FLAG, &w.completed},
        {0, "failed", KV_OPT_FLAG, &w.failed},
        {0, "usage", KV_OPT_FLAG, &w.usage},
        {'q', "quiet", KV_OPT_FLAG, &w.quiet},
        {0, "watch", KV_OPT_FLAG, &w.watch},
        {'v', "verbose", KV_OPT_FLAG, &w.verbose},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (first == argc)
        kv_cli_usage("no STATE given");
    if (w.json + w.human + w.pending + w.completed + w.failed + w.usage + w.quiet > 1)
        kv_cli_usage("--json, --human, --pending, --completed, --failed, --usage and -q exclude "
                     "one another");
    if (w.watch && argc - first > 1)
        kv_cli_usage("--watch takes one STATE");
    if (!w.json && isatty(STDOUT_FILENO))
        w.human = !w.pending && !w.completed && !w.failed && !w.usage && !w.quiet;

    for (int i = first; i < argc; i++) {
        if (w.watch)
            watch(&w, argv[i]);
        else if (!show_one(&w, argv[i]))
            w.incomplete = true;
    }
    return kv_cli_end(w.quiet && w.incomplete ? KV_NO : KV_OK);
}
