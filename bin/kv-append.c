/* kv-append - add results to a run, durably: JSON Lines in, acknowledgements out.
 *
 * A batch is whatever whole lines have arrived. The pair is locked from the first line of a batch
 * to its commit, and in between nothing is waited for; acknowledgements follow the commit.
 */
#include "help/kv-append.h"
#include "cli.h"
#include "corrections.h"
#include "io.h"
#include "json.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1 << 29,
    BATCH_BYTES = 4 << 20,
    TERM_GRACE_S = 12, /* more than kv-run takes */
};

struct work {
    struct kv_store *store;
    struct kv_corrections *corrections; /* of a finished run; else NULL, and there is a store */
    bool open;                          /* a batch is */
    size_t staged;                      /* bytes of it */
    struct kv_buf answers;              /* to print when it is durable */
    FILE *rejects;
    const char *source; /* name of the input, for messages */
    bool tee, quiet, strict, verbose;
    bool deaf;     /* nobody reads what we print any more */
    int unprinted; /* KV_SYSTEM if that is worth a failure */
    long kept, skipped, refused;
};

static void say_note(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

/* The results are safe whether or not the answers can be printed: go on, and fail at the end. */
static void print_answers(struct work *w)
{
    struct kv_err err;
    if (w->answers.n && !w->deaf && kv_cli_put(kv_slice_of(&w->answers), &err) != 0) {
        w->deaf = true;
        w->unprinted = KV_SYSTEM;
        if (err.sys != EPIPE)
            kv_cli_warn(&err);
    }
    kv_buf_clear(&w->answers);
}

static void end_batch(struct work *w)
{
    struct kv_err err;
    if (w->open && kv_store_commit(w->store, &err) != 0)
        kv_cli_fail(&err);
    w->open = false;
    w->staged = 0;
    if (!w->corrections) /* which are durable at the end */
        print_answers(w);
}

/* "<stdin>:3:17: …" where the failure has a column, else "<stdin>:3: …" */
static void refuse(struct work *w, size_t number, struct kv_slice line, const struct kv_err *why)
{
    bool column = strncmp(why->text, "1:", 2) == 0;
    kv_cli_say("%s:%zu%s%s", w->source, number, column ? "" : ": ", why->text + column);
    w->refused++;
    if (w->rejects) { /* a failure sticks to the stream and is told at the end */
        fwrite(line.p, 1, line.n, w->rejects);
        putc('\n', w->rejects);
    }
}

static void answer(struct work *w, struct kv_slice key, struct kv_slice line)
{
    struct kv_store_counts c;
    if (w->quiet || w->deaf)
        return;
    if (w->tee) {
        kv_buf_add_slice(&w->answers, kv_slice_strip(line));
    } else {
        if (w->corrections)
            c.completed = c.total = kv_corrections_total(w->corrections);
        else
            kv_store_counts(w->store, &c);
        kv_buf_add_str(&w->answers, "{\"task_id\":");
        kv_json_quote(&w->answers, key, KV_JSON_RAW);
        kv_buf_printf(&w->answers, ",\"completed_count\":%lld,\"total_tasks\":%lld}",
            (long long)c.completed, (long long)c.total);
    }
    kv_buf_add_char(&w->answers, '\n');
}

/* A row for a finished run: it is written at the end. */
static void correct(struct work *w, size_t number, struct kv_slice line)
{
    struct kv_err err;
    struct kv_slice key;
    if (kv_corrections_add(w->corrections, line, &key, &err) == 0) {
        w->kept++;
        answer(w, key, line);
    } else if (err.kind == KV_INPUT) {
        refuse(w, number, line, &err);
    } else {
        kv_cli_fail(&err);
    }
}

static void take_line(struct work *w, size_t number, struct kv_slice line)
{
    struct kv_err err;
    if (w->corrections) {
        correct(w, number, line);
        return;
    }
    enum kv_added added;
    struct kv_slice key;
    if (!w->open && kv_store_begin(w->store, &err) != 0)
        kv_cli_fail(&err);
    w->open = true;
    if (kv_store_add(w->store, line, &added, &key, &err) != 0) {
        if (!kv_store_begun(w->store) || err.kind != KV_INPUT)
            kv_cli_fail(&err);
        refuse(w, number, line, &err);
        return;
    }
    if (added == KV_ADDED_NOT || added == KV_ADDED_PREVIEW) {
        w->skipped++;
        return;
    }
    w->kept++;
    w->staged += line.n;
    answer(w, key, line);
}

static bool must_stop(const struct work *w)
{
    return w->strict && w->refused;
}

static void take_all(struct work *w, int fd)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_err err;
    int got;
    kv_lines_init(&lines, fd, LINE_MAX_BYTES);
    kv_lines_widen(&lines);
    while (!must_stop(w) && (got = kv_lines_next(&lines, &line, &err)) != 0) {
        if (got < 0 && err.sys) {
            end_batch(w);
            kv_err_context(&err, "%s", w->source);
            kv_cli_fail(&err);
        }
        if (got < 0)
            refuse(w, lines.number, KV_SLICE(""), &err);
        else if (kv_slice_strip(line).n)
            take_line(w, lines.number, line);
        if (w->staged >= BATCH_BYTES || !kv_lines_poll(&lines))
            end_batch(w);
    }
    end_batch(w);
    kv_lines_release(&lines);
}

/* At SIGTERM what writes to us is stopping too, and may need its own grace for that. */
static void end_soon(int number)
{
    (void)number;
    alarm(TERM_GRACE_S); /* and then SIGALRM ends us: what was acknowledged is safe */
}

static void take_file(struct work *w, const char *path)
{
    struct kv_err err;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    w->source = is_stdin ? "<stdin>" : path;
    if (fd < 0) {
        kv_err_sys(&err, "%s", path);
        kv_cli_fail(&err);
    }
    if (is_stdin && !isatty(fd)) { /* what is in the pipe is paid for: drain it */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, end_soon);
    }
    take_all(w, fd);
    if (!is_stdin)
        close(fd);
}

static void open_rejects(struct work *w, const char *path)
{
    struct kv_err err;
    w->rejects = fopen(path, "w");
    if (w->rejects)
        return;
    kv_err_sys(&err, "%s", path);
    kv_cli_fail(&err);
}

static void close_rejects(struct work *w, const char *path)
{
    struct kv_err err;
    bool failed = ferror(w->rejects); /* errno is of a write long ago */
    if (fclose(w->rejects) != 0)
        kv_err_sys(&err, "%s", path);
    else if (failed)
        kv_err_set(&err, KV_SYSTEM, "%s: not all of it could be written", path);
    else
        return;
    kv_cli_fail(&err);
}

static void open_run(struct work *w, const char *operand, bool extend, bool replace)
{
    struct kv_err err;
    if (replace && kv_state_is_finished(operand)) {
        w->corrections = kv_corrections_open(operand, &err);
    } else {
        unsigned flags = (extend ? KV_STORE_EXTEND : 0) | (replace ? KV_STORE_REPLACE : 0);
        w->store = kv_store_open(operand, flags, &err);
    }
    if (!w->corrections && !w->store)
        kv_cli_fail(&err);
    if (w->verbose && w->store)
        kv_store_on_note(w->store, say_note, NULL);
}

/* The export is written once, with all that was given. */
static void end_corrections(struct work *w)
{
    struct kv_err err;
    if (kv_corrections_commit(w->corrections, &err) != 0)
        kv_cli_fail(&err);
    print_answers(w);
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct work w = {0};
    bool extend = false, replace = false;
    const char *rejects = NULL;
    const struct kv_option options[] = {
        {0, "extend", KV_OPT_FLAG, &extend},
        {0, "rejects", KV_OPT_TEXT, &rejects},
        {0, "replace", KV_OPT_FLAG, &replace},
        {0, "strict", KV_OPT_FLAG, &w.strict},
        {0, "tee", KV_OPT_FLAG, &w.tee},
        {'q', "quiet", KV_OPT_FLAG, &w.quiet},
        {'v', "verbose", KV_OPT_FLAG, &w.verbose},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (first == argc)
        kv_cli_usage("no STATE given");
    kv_cli_count("results kept", &w.kept);
    if (w.tee && w.quiet)
        kv_cli_usage("--tee and --quiet exclude each other");

    open_run(&w, argv[first], extend, replace);
    if (rejects)
        open_rejects(&w, rejects);

    if (first + 1 == argc)
        take_file(&w, "-");
    for (int i = first + 1; i < argc && !must_stop(&w); i++)
        take_file(&w, argv[i]);

    if (w.corrections)
        end_corrections(&w);
    if (w.verbose)
        kv_cli_say("%ld kept, %ld skipped, %ld refused", w.kept, w.skipped, w.refused);
    if (w.rejects)
        close_rejects(&w, rejects);
    kv_corrections_close(w.corrections);
    kv_store_close(w.store);
    kv_buf_release(&w.answers);
    int status = kv_cli_end(w.refused ? KV_INPUT : KV_OK);
    return w.unprinted ? w.unprinted : status;
}
