/* by_batches - kv-run --batch: one step of a run whose calls go through batches. */
#include "by_batches.h"

#include "batch_beside.h"
#include "batch_checks.h"
#include "batch_json.h"
#include "batch_paths.h"
#include "batch_rest.h"
#include "cli.h"
#include "io.h"
#include "own_program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LOOK_MS = 20, PAUSE_MS = 60000, PAUSES_MOST = 10, IDLE_MOST = 3 };

struct steps {
    const struct kv_by_batches *how;
    struct kv_paths paths;
    char *directory, *replies; /* of deferred calls, and of what came of calls */
    int signal_fd, signal;     /* signal: that ends it; 0: none came */
    /* of several steps */
    bool last;       /* batches have nothing more to bring */
    bool over;       /* what they have left was asked at once, or cannot be had now */
    int idle;        /* steps in a row after which nothing was ordered, and nothing was done */
    int64_t pending; /* tasks, before the last of them */
};

/* ---- programs ---- */

struct words {
    char **items;
    size_t n;
};

static void add(struct words *w, const char *text)
{
    w->items = kv_grow(w->items, w->n, sizeof *w->items);
    w->items[w->n++] = text ? kv_strdup(text) : NULL;
}

static void release(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->items[i]);
    free(w->items);
}

/* A signal goes on to the program that runs; SIGUSR1 and SIGUSR2 end nothing. */
static void pass_signal(struct steps *s, pid_t child, int wait_ms)
{
    unsigned char number;
    struct pollfd fd = {.fd = s->signal_fd, .events = POLLIN};
    if (poll(&fd, 1, wait_ms) <= 0 || read(s->signal_fd, &number, 1) != 1)
        return;
    if (number != SIGUSR1 && number != SIGUSR2)
        s->signal = number;
    if (child > 0)
        kill(child, number);
}

/* Runs a program to its end: its exit status, or -1. Of a quiet one stdout is not wanted. */
static int run(struct steps *s, struct words *w, bool quiet, struct kv_err *err)
{
    posix_spawn_file_actions_t files;
    pid_t child;
    int ended = 0;
    add(w, NULL);
    char *path = kv_own_program(w->items[0]);
    posix_spawn_file_actions_init(&files);
    if (quiet)
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int number = posix_spawnp(&child, path, &files, NULL, w->items, environ);
    posix_spawn_file_actions_destroy(&files);
    free(path);
    if (number) {
        errno = number;
        return kv_err_sys(err, "%s", w->items[0]);
    }
    pid_t got;
    while ((got = waitpid(child, &ended, WNOHANG)) == 0 || (got < 0 && errno == EINTR))
        pass_signal(s, child, LOOK_MS);
    if (got < 0)
        return kv_err_sys(err, "%s", w->items[0]);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

static int run_batch(struct steps *s, const char *verb, struct kv_err *err)
{
    struct words w = {0};
    struct kv_buf endpoints = {0};
    bool submits = strcmp(verb, "submit") == 0;
    add(&w, "kv-batch");
    if (submits && s->how->size) {
        add(&w, "--batch-size");
        add(&w, s->how->size);
    }
    if (submits && s->how->shape) {
        add(&w, "--batch-as");
        add(&w, s->how->shape);
    }
    if (submits) {
        kv_buf_printf(&endpoints, "%s/endpoints.json", s->directory);
        add(&w, "-e");
        add(&w, endpoints.p);
    }
    add(&w, verb);
    add(&w, "--");
    add(&w, s->how->argv[s->how->first]);
    int status = run(s, &w, true, err);
    kv_buf_release(&endpoints);
    release(&w);
    return status;
}

/* As getopt_long(3) has it, a name may be cut short. */
static bool is_append(const char *arg)
{
    return strncmp(arg, "--ap", 4) == 0 && strncmp(arg, "--append", strlen(arg)) == 0;
}

/* How many of our own words an argument takes, which the run is not given. Names may be cut short, as
 * getopt_long(3) has it. */
static int own_words(const char *arg)
{
    static const char *const with[] = {"--batch-s", "--batch-a"}; /* ize, s */
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        if (strncmp(arg, with[i], strlen(with[i])) == 0)
            return strchr(arg, '=') ? 1 : 2;
    bool tidy = strncmp(arg, "--tid", 5) == 0 && strncmp(arg, "--tidy", strlen(arg)) == 0;
    return tidy || strncmp(arg, "--batch", 7) == 0 || strncmp(arg, "--no-p", 6) == 0;
}

/* Where the run puts its calls, and which. */
static void add_deferral(struct words *w, const struct steps *s)
{
    struct kv_buf list = {0};
    kv_buf_printf(&list, "%s,batches", *s->how->list ? s->how->list : "answers,judges");
    add(w, "--defer");
    add(w, s->directory);
    add(w, "--defer-for");
    add(w, list.p);
    if (s->how->shape) {
        add(w, "--batch-as");
        add(w, s->how->shape);
    }
    kv_buf_release(&list);
}

/* The words of the run that are not ours. A probe keeps nothing itself. */
static void add_own(struct words *w, const struct kv_by_batches *how, bool probe)
{
    for (int i = 1; i < how->first; i++) {
        int own = own_words(how->argv[i]);
        if (own)
            i += own - 1;
        else if (strcmp(how->argv[i], "--") != 0 && !(probe && is_append(how->argv[i])))
            add(w, how->argv[i]);
    }
}

static int end_run(struct steps *s, struct words *w, struct kv_err *err)
{
    add(w, "--");
    for (int i = s->how->first; i < s->how->argc; i++)
        add(w, s->how->argv[i]);
    int status = run(s, w, false, err);
    release(w);
    return status;
}

/* One task, in the ordinary way. Its replies are in the journal, from which the run that follows makes
 * the result: printed by both it would be there twice. KV_PROBE names the process that says so: a run
 * that only inherits it, or finds another's, prints its results. */
static int run_probe(struct steps *s, struct kv_err *err)
{
    struct words w = {0};
    struct kv_buf how = {0};
    add(&w, "kv-run");
    add_own(&w, s->how, s->how->journal);
    add(&w, "--race"); /* nothing is out yet, or it would not be probed */
    add(&w, "--max-tasks=1");
    kv_buf_printf(&how, "%ld %s", (long)getpid(), s->how->journal ? "quiet" : "printed");
    setenv("KV_PROBE", how.p, 1);
    int status = end_run(s, &w, err);
    unsetenv("KV_PROBE");
    kv_buf_release(&how);
    return status;
}

/* The run as it was asked for, with other words in the place of ours. */
static int run_run(struct steps *s, struct kv_err *err)
{
    struct words w = {0};
    int replied = kv_io_exists(s->replies, err);
    if (replied < 0)
        return -1;
    add(&w, "kv-run");
    add_own(&w, s->how, false);
    add_deferral(&w, s);
    if (replied) {
        add(&w, "--replies");
        add(&w, s->replies);
    }
    return end_run(s, &w, err);
}

/* ---- a step ---- */

static void remove_deferred(const struct steps *s)
{
    DIR *d = opendir(s->directory);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(s->directory);
}

/* A wrong key or model shows in a second here, and hours later in a batch. */
static int probe(struct steps *s, struct kv_err *err)
{
    struct kv_batch_beside b;
    if (s->how->no_probe)
        return KV_NO;
    if (kv_batch_beside_read(&b, &s->paths, err) != 0)
        return -1;
    return b.there ? KV_NO : run_probe(s, err);
}

static bool goes_on(const struct steps *s, int status)
{
    return !s->signal && (status == KV_OK || status == KV_NO);
}

/* Fetches what has ended, if anything was ever ordered. A batch that failed as a whole for its requests
 * ends the step in which that is found; the next one orders them again. */
static int collect(struct steps *s, struct kv_err *err)
{
    struct kv_batch_beside before, after;
    if (kv_batch_beside_read(&before, &s->paths, err) != 0)
        return -1;
    int status = before.there ? run_batch(s, "collect", err) : KV_OK;
    if (status == KV_INPUT && kv_batch_beside_read(&after, &s->paths, NULL) == 0 &&
        after.faulty == before.faulty)
        status = KV_NO;
    if (s->how->tidy && before.there && goes_on(s, status) && run_batch(s, "tidy", err) < 0)
        return -1; /* what could not be deleted is told, and tried again by the next step */
    return status;
}

/* Asks the tasks that are left at once: nobody wants to wait a day for a few. */
static int run_last(struct steps *s, struct kv_err *err)
{
    struct words w = {0};
    s->over = true;
    add(&w, "kv-run");
    add_own(&w, s->how, false);
    return end_run(s, &w, err);
}

/* Looks at what a step has left, before it is ordered. True if it is not to be ordered: the next step asks
 * at once what was not answered in two batches, if that is little. */
static bool is_last(struct steps *s)
{
    struct kv_batch_rest r;
    struct kv_err ignored;
    int64_t pending = 0;
    if (!s->how->wait || kv_batch_rest_read(&r, &s->paths, s->directory, s->replies, &ignored) != 0)
        return false;
    int small = kv_batch_rest_is_small(&s->paths, &pending, &ignored);
    if (small < 0)
        return false;
    bool idle = r.open == 0 && r.deferred == 0 && pending == s->pending;
    s->idle = idle ? s->idle + 1 : 0;
    s->pending = pending;
    s->over = s->idle >= IDLE_MOST;
    s->last = small == 1 && kv_batch_rest_is_last(&r);
    return s->last;
}

/* What a step comes to: 0, 1, or what one of its programs has ended with. */
static int take_step(struct steps *s, struct kv_err *err)
{
    int status = probe(s, err), refused = 0;
    if (!goes_on(s, status))
        return status;
    status = collect(s, err);
    if (status == KV_PROVIDER || status == KV_INPUT) /* told; what was collected counts */
        refused = status;
    else if (!goes_on(s, status))
        return status;
    status = s->last ? run_last(s, err) : run_run(s, err);
    bool orders = goes_on(s, status) && status == KV_NO && !refused && !s->over;
    if (orders && !is_last(s))
        status = run_batch(s, "submit", err);
    remove_deferred(s);
    return orders && goes_on(s, status) ? KV_NO : refused ? refused : status;
}

static void tell(const struct steps *s)
{
    struct kv_batch_beside b;
    if (s->over)
        kv_cli_say(
            "%s: no batch is open, and none would bring more; kv-run without --batch asks at "
            "once what is pending",
            s->paths.state);
    else if (kv_batch_beside_read(&b, &s->paths, NULL) == 0 && b.open > 0)
        kv_cli_say("%s: %lld request%s in %lld batch%s; run again later", s->paths.state,
            (long long)b.requests, b.requests == 1 ? " is" : "s are", (long long)b.open,
            b.open == 1 ? "" : "es");
}

/* How this run prints if it is the probe of the process that started it; else NULL. */
static const char *probe_word(void)
{
    const char *text = kv_cli_env("KV_PROBE");
    char *end;
    return text && strtol(text, &end, 10) == (long)getppid() && *end == ' ' ? end + 1 : NULL;
}

bool kv_by_batches_probes(void)
{
    return probe_word() != NULL;
}

bool kv_by_batches_quiet(void)
{
    const char *word = probe_word();
    return word && strcmp(word, "quiet") == 0;
}

double kv_by_batches_pace(void)
{
    const char *text = kv_cli_env("KV_BATCH_SPEED");
    double pace = text ? strtod(text, NULL) : 1;
    return pace >= 1 && pace <= 1e6 ? pace : 1;
}

/* Waits between steps, longer from one to the next. False: a signal came, or the time is over. */
static bool pause_between(struct steps *s, int steps, int64_t end_ms)
{
    int64_t until =
        kv_batch_now_ms() +
        (int64_t)(PAUSE_MS * (steps < PAUSES_MOST ? steps : PAUSES_MOST) / kv_by_batches_pace());
    for (int64_t now = kv_batch_now_ms(); now < until && !s->signal; now = kv_batch_now_ms()) {
        if (end_ms && now >= end_ms)
            return false;
        int64_t left = end_ms && end_ms < until ? end_ms - now : until - now;
        pass_signal(s, 0, left < 1000 ? (int)left : 1000);
    }
    return !s->signal;
}

static int take_steps(const struct kv_by_batches *how, struct kv_err *err)
{
    struct steps s = {.how = how, .signal_fd = kv_cli_signals()};
    double wait_s = 0;
    if (how->wait && *how->wait && !(kv_cli_seconds(how->wait, &wait_s) && wait_s > 0))
        kv_cli_usage("--batch-wait: expected a time above 0 as 90s or 2h, not '%s'", how->wait);
    if (kv_paths_find(&s.paths, how->argv[how->first], err) != 0)
        return -1;
    s.directory = kv_paths_private(&s.paths, "deferred");
    s.replies = kv_batch_replies_path(&s.paths);
    setenv("KV_NO_HINTS", "1", 1); /* what is to be typed next is this */
    signal(SIGCHLD, SIG_DFL);      /* where it is ignored, nobody is told how a program has ended */
    int64_t end_ms = wait_s > 0 ? kv_batch_now_ms() + (int64_t)(wait_s * 1000) : 0;
    int status, n = 1;
    while ((status = take_step(&s, err)) == KV_NO && how->wait && !s.over &&
           (s.last || pause_between(&s, n++, end_ms)))
        ;
    if (status == KV_NO)
        tell(&s);
    kv_paths_release(&s.paths);
    free(s.directory);
    free(s.replies);
    return s.signal ? 128 + s.signal : status;
}

/* ---- what kv-run asks ---- */

/* What is given to the run is read by each of its two: standard input once only. */
static void check_inputs(const struct kv_elsewhere *e, const char *tasks)
{
    if (tasks && strcmp(tasks, "-") == 0)
        kv_cli_usage("--batch reads TASKS more than once: give a file");
    for (size_t i = 0; i < e->replies.n; i++)
        if (strcmp(e->replies.items[i], "-") == 0)
            kv_cli_usage("--batch reads --replies more than once: give a file");
}

void kv_by_batches_check(struct kv_by_batches *how, const struct kv_elsewhere *e,
    const char *another, const struct kv_elsewhere_others *others)
{
    struct kv_batch_limits limits = {0};
    if (!how->list && (how->wait || how->size || how->no_probe || how->tidy))
        kv_cli_usage("--batch-wait, --batch-size, --no-probe and --tidy go with --batch");
    if (how->shape && !how->list && !e->directory)
        kv_cli_usage("--batch-as goes with --batch or --defer");
    kv_batch_checks_shape(how->shape);
    if (!how->list)
        return;
    another = e->directory ? "--defer" : e->only ? "--defer-for" : another;
    if (another)
        kv_cli_usage("--batch asks in its own way: %s has no place in it", another);
    how->elsewhere = (struct kv_elsewhere){
        .directory = ".", .only = *how->list ? how->list : NULL, .list = "--batch"};
    kv_elsewhere_check(&how->elsewhere, others);
    check_inputs(e, others->tasks);
    kv_batch_checks_size(how->size, &limits);
}

int kv_by_batches_check_run(
    const struct kv_by_batches *how, const struct kv_session_options *run, struct kv_err *err)
{
    struct kv_session session;
    struct kv_session_options o = *run;
    o.lock = false;
    o.offline = true;
    if (kv_session_open(&session, &o, err) != 0)
        return -1;
    int failed = session.idle || !session.config
                     ? 0
                     : kv_batch_checks_services(&session, &o, &how->elsewhere, how->shape, err);
    kv_session_close(&session);
    return failed;
}

int kv_by_batches(struct kv_by_batches *how, int argc, char **argv, int first)
{
    struct kv_err err;
    bool keeps = false; /* kv-append is behind the run */
    how->argv = argv;
    how->argc = argc;
    how->first = first;
    for (int i = 1; i < first; i++)
        keeps |= is_append(argv[i]);
    if (isatty(STDOUT_FILENO) && !keeps)
        kv_cli_usage(
            "--batch: a terminal keeps no results: pipe them into kv-append, or give --append");
    int status = take_steps(how, &err);
    if (status < 0)
        kv_cli_fail(&err);
    return kv_cli_end((enum kv_kind)status);
}

bool kv_by_batches_hold(const char *operand)
{
    struct kv_paths paths;
    struct kv_batch_beside b;
    struct kv_err err;
    if (kv_paths_find(&paths, operand, &err) != 0 || kv_batch_beside_read(&b, &paths, &err) != 0)
        kv_cli_fail(&err);
    if (b.open > 0)
        kv_cli_say(
            "%s: %lld request%s in batches; --batch looks after them, --race asks all the same",
            paths.state, (long long)b.requests, b.requests == 1 ? " is" : "s are");
    kv_paths_release(&paths);
    return b.open > 0;
}
