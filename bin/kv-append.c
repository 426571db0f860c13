/* kv-append - add results to a run, durably: JSON Lines or documents in, acknowledgements out.
 *
 * A batch is whatever whole lines have arrived. The pair is locked from the first line of a batch
 * to its commit, and in between nothing is waited for; acknowledgements follow the commit.
 *
 * What is in a pipe was paid for: a signal does not end us, we go on until our input ends. While we
 * wait for the lock we have what is nowhere else, and whoever sent SIGTERM may send SIGKILL next:
 * from then on it is saved to a rescue file (rescue.h), which goes when the lock was got after all.
 */
#include "help/kv-append.h"
#include "cli.h"
#include "corrections.h"
#include "feed.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "lock_warning.h"
#include "rescue.h"
#include "rows.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1 << 29,
    SIGN_BYTES = 4096, /* of an input tell whether it is a document */
    BATCH_BYTES = 4 << 20,
    TRIES = 20,         /* of a batch, where another writer does not know our lock */
    RESCUE_AFTER_S = 1, /* of waiting for the lock once SIGTERM has come */
    GIVE_UP_AFTER_S = 60,
    STOPPED = 143,
};

/* How often SIGTERM came. From the first time on there is an alarm a second, so that no wait is
 * without an end. */
static volatile sig_atomic_t terminated;

struct work {
    struct kv_store *store;
    struct kv_corrections *corrections; /* of a finished run; else NULL, and there is a store */
    bool open;                          /* a batch is */
    size_t staged;                      /* bytes of it */
    struct kv_buf answers;              /* to print when it is durable */
    FILE *rejects;
    const char *source; /* name of the input, for messages */
    bool tee, quiet, strict, verbose;
    bool stdout_closed; /* nobody reads what we print any more */
    int unprinted;      /* KV_SYSTEM if that is worth a failure */
    long kept, skipped, refused;
    struct kv_feed feed;
    struct kv_patience patience; /* with the lock, and with input */
    struct kv_lines lines;       /* of the input that is read */
    bool document;               /* is read, instead of lines */
    struct kv_buf first;         /* of the batch, while the lock is waited for */
    struct kv_buf batch;         /* the lines that are staged */
    bool waiting;                /* for the lock */
    int waited_s;                /* since SIGTERM */
    struct kv_rescue rescue;
    bool stopped;
};

/* The results are safe whether or not the answers can be printed: go on, and fail at the end. */
static void print_answers(struct work *w)
{
    struct kv_err err;
    if (w->answers.n && !w->stdout_closed && kv_cli_put(kv_slice_of(&w->answers), &err) != 0) {
        w->stdout_closed = true;
        w->unprinted = KV_SYSTEM;
        if (err.sys != EPIPE)
            kv_cli_warn(&err);
    }
    kv_buf_clear(&w->answers);
}

/* ---- waiting ---- */

/* What was read while we wait for the lock is nowhere else, but for a document: that is durable
 * where it came from. */
static void save(struct work *w)
{
    struct kv_err err;
    if (w->document)
        return;
    bool first = !w->rescue.path;
    const struct kv_paths *paths = kv_store_paths(w->store);
    if (kv_rescue_save(&w->rescue, paths->output, kv_slice_of(&w->first), &w->lines, &err) != 0)
        kv_cli_warn(&err);
    else if (first && terminated < 2 && w->waiting)
        kv_cli_say("%s: locked by another program; until that ends, what was read is in %s",
            paths->state, w->rescue.path);
}

static bool go_on(void *closure)
{
    struct work *w = closure;
    if (!terminated)
        return true;
    if (!w->waiting)
        return terminated < 2;
    bool over = terminated > 1 || w->waited_s >= GIVE_UP_AFTER_S;
    if (over || w->waited_s++ >= RESCUE_AFTER_S)
        save(w);
    return !over;
}

static void note_term(int number)
{
    terminated += number == SIGTERM;
    alarm(1);
}

/* SIGTERM, SIGINT and SIGHUP reach the whole pipeline, and what is in it is to be kept. */
static void outlive_signals(void)
{
    struct sigaction note = {.sa_handler = note_term}; /* without SA_RESTART: waits are asked */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigaction(SIGTERM, &note, NULL);
    sigaction(SIGALRM, &note, NULL);
}

/* Ends us with what was read saved, and how to add it. */
static _Noreturn void give_up(struct work *w, const struct kv_err *why)
{
    bool busy = why->kind == KV_BUSY;
    if (!w->rescue.path)
        kv_cli_fail(why);
    kv_cli_say("%s; what was read and not kept is in %s", why->text, w->rescue.path);
    if (busy)
        kv_cli_say("add it with kv-append %s %s", kv_store_paths(w->store)->state, w->rescue.path);
    exit(busy ? STOPPED : (int)why->kind);
}

/* Begins one, if none is open, and answers where the line is then. */
static struct kv_slice begin_batch(struct work *w, struct kv_slice line)
{
    struct kv_err err;
    if (w->open)
        return line;
    kv_buf_clear(&w->first);
    kv_buf_add_slice(&w->first, line);
    w->waiting = true;
    int failed = kv_store_begin(w->store, &err);
    w->waiting = false;
    if (failed && kv_store_is_other(w->store)) {
        save(w);
        give_up(w, &err);
    }
    if (failed && err.kind == KV_BUSY && terminated)
        give_up(w, &err);
    if (failed)
        kv_cli_fail(&err);
    w->open = true;
    return kv_slice_of(&w->first);
}

/* ---- a batch ---- */

/* Stages the lines of the batch once more; what is there by now is skipped. */
static int stage_again(struct work *w, struct kv_err *err)
{
    struct kv_slice rest = kv_slice_of(&w->batch), key;
    enum kv_added added;
    int failed = kv_store_begin(w->store, err);
    while (!failed && rest.n) {
        size_t n = (size_t)((const char *)memchr(rest.p, '\n', rest.n) - rest.p);
        failed = kv_store_add(w->store, (struct kv_slice){rest.p, n}, &added, &key, err);
        rest = (struct kv_slice){rest.p + n + 1, rest.n - n - 1};
    }
    return failed;
}

/* Another writer who does not know our lock (another mount, another host) may have been quicker. */
static void commit(struct work *w)
{
    struct kv_err err;
    int failed = kv_store_commit(w->store, &err);
    for (int i = 1; failed && err.sys == ESTALE && i < TRIES; i++)
        failed = stage_again(w, &err) != 0 || kv_store_commit(w->store, &err) != 0;
    if (failed)
        kv_cli_fail(&err);
}

static void end_batch(struct work *w)
{
    if (w->open)
        commit(w);
    w->open = false;
    w->staged = 0;
    kv_buf_clear(&w->batch);
    if (!w->corrections) /* which are durable at the end */
        print_answers(w);
}

/* "<stdin>:3:17: …" where the failure has a column, else "<stdin>:3: …". A row of a document may
 * begin anywhere in its line. */
static void refuse(struct work *w, size_t number, struct kv_slice line, const struct kv_err *why)
{
    bool column = strncmp(why->text, "1:", 2) == 0;
    const char *text = column ? why->text + 1 : why->text;
    if (column && w->document)
        text = strchr(text, ' ') ? strchr(text, ' ') + 1 : text;
    kv_cli_say("%s:%zu%s%s", w->source, number, column && !w->document ? "" : ": ", text);
    w->refused++;
    if (w->rejects) { /* a failure sticks to the stream and is told at the end */
        fwrite(line.p, 1, line.n, w->rejects);
        putc('\n', w->rejects);
    }
}

static void answer(struct work *w, struct kv_slice key, struct kv_slice line)
{
    struct kv_store_counts c;
    if (w->quiet || w->stdout_closed)
        return;
    if (w->tee) {
        kv_buf_add_slice(&w->answers, kv_slice_strip(line));
    } else {
        if (w->corrections)
            c.completed = c.total = kv_corrections_total(w->corrections);
        else
            kv_store_counts(w->store, &c);
        kv_json_out_object(&w->answers, NULL);
        kv_json_out_text(&w->answers, "task_id", key);
        kv_json_out_int(&w->answers, "completed_count", c.completed);
        kv_json_out_int(&w->answers, "total_tasks", c.total);
        kv_buf_add_char(&w->answers, '}');
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
    line = begin_batch(w, line);
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
    kv_buf_add_slice(&w->batch, line);
    kv_buf_add_char(&w->batch, '\n');
    answer(w, key, line);
}

static bool must_stop(const struct work *w)
{
    return w->strict && w->refused;
}

/* Lets go of the pair, and waits for a line or the end. False if we are to stop before. */
static bool await_line(struct work *w)
{
    while (!kv_lines_poll(&w->lines) && !w->lines.eof) {
        end_batch(w);
        kv_rescue_drop(&w->rescue);
        kv_feed_busy(&w->feed, false);
        if (!kv_io_wait_readable(w->lines.fd, &w->patience))
            return false;
        kv_feed_busy(&w->feed, true);
    }
    return true;
}

static void take_lines(struct work *w)
{
    struct kv_slice line;
    struct kv_err err;
    int got;
    while (!must_stop(w) && (w->stopped = !await_line(w), !w->stopped) &&
           (got = kv_lines_next(&w->lines, &line, &err)) != 0) {
        if (got < 0 && err.sys) {
            end_batch(w);
            kv_err_context(&err, "%s", w->source);
            kv_cli_fail(&err);
        }
        if (got < 0)
            refuse(w, w->lines.number, KV_SLICE(""), &err);
        else if (kv_slice_strip(line).n)
            take_line(w, w->lines.number, line);
        if (w->staged >= BATCH_BYTES)
            end_batch(w);
    }
}

/* ---- documents ---- */

/* Before more of the input is read: lets go of the pair if that has to be waited for. */
static bool await_more(void *closure)
{
    struct work *w = closure;
    if (kv_io_readable(w->lines.fd))
        return true;
    end_batch(w);
    kv_feed_busy(&w->feed, false);
    w->stopped = !kv_io_wait_readable(w->lines.fd, &w->patience);
    kv_feed_busy(&w->feed, true);
    return !w->stopped;
}

/* Waits for as much as tells what the input goes on with. */
static bool is_document(struct work *w)
{
    for (size_t before = SIGN_BYTES;;) {
        struct kv_slice text = kv_lines_peek(&w->lines, SIGN_BYTES);
        int document = kv_rows_is_document(text);
        if (document >= 0)
            return document;
        bool stuck = text.n == before; /* reading failed, which taking lines tells */
        if (w->lines.eof || text.n >= SIGN_BYTES || stuck || !await_more(w))
            return false;
        before = text.n;
    }
}

/* A row as a line: only one that is spread over several loses its white space. */
static void take_row(struct work *w, const struct kv_row *row, struct kv_buf *line)
{
    if (!memchr(row->text.p, '\n', row->text.n)) {
        take_line(w, row->line, row->text);
        return;
    }
    kv_buf_clear(line);
    kv_json_compact(line, row->text);
    take_line(w, row->line, kv_slice_of(line));
}

/* Takes one document. False if it is torn: what stands behind that cannot be told. */
static bool take_document(struct work *w)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_err err;
    struct kv_buf line = {0};
    int got =
        kv_rows_begin_stream(&rows, w->source, w->lines.fd, &w->lines.held, await_more, w, &err);
    w->document = true;
    while (got >= 0 && !must_stop(w) && (got = kv_rows_next(&rows, &row, &err)) == 1) {
        take_row(w, &row, &line);
        if (w->staged >= BATCH_BYTES)
            end_batch(w);
    }
    if (got < 0 && err.sys) {
        end_batch(w);
        kv_cli_fail(&err);
    }
    if (got == 0 && !rows.found)
        got = kv_err_set(&err, KV_INPUT, "%s: a document without results", w->source);
    if (got < 0 && !w->stopped) {
        kv_cli_warn(&err);
        w->refused++;
    }
    if (got == 0)
        kv_rows_leave(&rows, &w->lines.held);
    else
        kv_rows_end(&rows);
    w->document = false;
    kv_buf_release(&line);
    return got == 0;
}

static void take_all(struct work *w, int fd)
{
    bool going = true;
    kv_lines_init(&w->lines, fd, LINE_MAX_BYTES);
    kv_lines_widen(&w->lines);
    while (going && is_document(w)) /* several may follow one another */
        going = take_document(w);
    if (going && !w->stopped)
        take_lines(w);
    end_batch(w);
    kv_rescue_drop(&w->rescue);
    kv_lines_release(&w->lines);
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
        outlive_signals();
    }
    take_all(w, fd);
    if (!is_stdin)
        close(fd);
}

static bool is_over(const struct work *w)
{
    return must_stop(w) || w->stopped;
}

/* Takes the files, or standard input, seen by those who must not be too early (feed.h). */
static void feed(struct work *w, char **files)
{
    struct kv_err err;
    bool from_stdin = !*files;
    for (char **f = files; *f; f++)
        from_stdin = from_stdin || strcmp(*f, "-") == 0;
    w->feed.fd = -1;
    w->patience = (struct kv_patience){go_on, w};
    if (w->store)
        kv_store_be_patient(w->store, &w->patience);
    if (w->store && !kv_store_is_finished(w->store) &&
        kv_feed_open(
            &w->feed, kv_store_paths(w->store), from_stdin ? STDIN_FILENO : -1, NULL, &err) != 0)
        kv_cli_fail(&err);
    if (!*files)
        take_file(w, "-");
    for (; *files && !is_over(w); files++)
        take_file(w, *files);
    kv_feed_close(&w->feed);
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
    int finished = replace ? kv_state_is_finished(operand, &err) : 0;
    if (finished < 0)
        kv_cli_fail(&err);
    if (finished) {
        w->corrections = kv_corrections_open(operand, &err);
    } else {
        unsigned flags = (extend ? KV_STORE_EXTEND : 0) | (replace ? KV_STORE_REPLACE : 0);
        w->store = kv_store_open(operand, flags, &err);
    }
    if (!w->corrections && !w->store)
        kv_cli_fail(&err);
    if (w->store)
        kv_lock_warning(kv_store_paths(w->store));
    if (w->verbose && w->store)
        kv_store_on_note(w->store, &kv_cli_notes);
}

/* The export is written once, with all that was given. */
static void end_corrections(struct work *w)
{
    struct kv_err err;
    if (kv_corrections_commit(w->corrections, &err) != 0)
        kv_cli_fail(&err);
    print_answers(w);
}

static void end(struct work *w, const char *rejects)
{
    if (w->corrections)
        end_corrections(w);
    if (w->verbose)
        kv_cli_say("%ld kept, %ld skipped, %ld refused", w->kept, w->skipped, w->refused);
    if (w->rejects)
        close_rejects(w, rejects);
    kv_corrections_close(w->corrections);
    kv_store_close(w->store);
    kv_buf_release(&w->answers);
    kv_buf_release(&w->first);
    kv_buf_release(&w->batch);
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

    feed(&w, argv + first + 1);

    end(&w, rejects);
    int status = kv_cli_end(w.refused ? KV_INPUT : KV_OK);
    return w.unprinted ? w.unprinted : w.stopped ? STOPPED : status;
}
