/* kv-rejudge - judge recorded answers again, without a model: JSON Lines in, JSON Lines out. */
#include "help/kv-rejudge.h"
#include "cli.h"
#include "io.h"
#include "json.h"
#include "paths.h"
#include "problem.h"
#include "question_templates.h"
#include "rejudge.h"
#include "workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1 << 29,
    PIECE_BYTES = 1 << 17,
};

/* A part of a text. */
struct part {
    size_t from, to;
};

/* What became of a piece, before its output and its messages. */
struct outcome {
    size_t out_n, said_n;
    long judged;
    long templateless; /* results that need a benchmark, and what is said of the first of them */
    struct part first_templateless;
    bool refused, failed;
    struct kv_err err; /* where it failed */
};

struct work {
    struct kv_rejudge *rejudge;
    struct kv_bench *bench;
    struct kv_question_templates *templates;
    struct kv_buf id;
    struct kv_buf *out;         /* the answer to the piece at hand: its outcome, lines, messages */
    struct kv_buf said;         /* messages, a line each, for standard error */
    struct kv_workers *workers; /* NULL: all is done in this process */
    struct kv_buf piece;        /* lines that are to be judged, behind their place */
    struct kv_buf answer;       /* to a piece that is judged in this process */
    struct outcome now;         /* of the piece at hand */
    bool any_refused;           /* in all */
    long all_judged;            /* lines, for SIGUSR1 */
    long all_templateless;      /* the first of them is told */
};

/* Where the lines of a piece stand. The name is one of argv: a worker has it at the same address. */
struct place {
    const char *source;
    size_t number; /* of the first line */
};

/* ---- the benchmark ---- */

static void open_bench(struct work *w, const char *path)
{
    struct kv_problems problems = {0};
    struct kv_err err;
    w->bench = kv_bench_open(path, &problems, &err);
    if (!w->bench)
        kv_cli_fail(&err);
    kv_problems_release(&problems);
    w->templates = kv_question_templates_open(w->bench, NULL);
}

/* NULL, and why, if the row's question has no template that can be used. */
static const struct kv_rejudge_question *find_question(
    struct work *w, struct kv_slice id, struct kv_err *err)
{
    kv_buf_clear(&w->id);
    if (kv_json_type(id) != KV_JSON_STRING) {
        kv_err_set(err, KV_INPUT, "metadata.question_id: must be a string");
        return NULL;
    }
    kv_json_unescape(id, &w->id);
    const struct kv_question_template *q =
        kv_question_templates_find(w->templates, kv_slice_of(&w->id), err);
    if (q && !q->now.template)
        kv_err_set(err, KV_INPUT, "%s", q->why.p);
    return q && q->now.template ? &q->now : NULL;
}

/* ---- the lines ---- */

static int judge_line(struct work *w, struct kv_slice text, struct kv_err *err)
{
    struct kv_slice line, id;
    if (kv_json_check(text, KV_JSON_NONFINITE, &line, err) != 0)
        return -1;
    if (kv_json_type(line) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "an object is expected, not %s", kv_json_type_name(line));
    if (!kv_rejudge_begin(w->rejudge, line, &id))
        return kv_rejudge_bare(w->rejudge, line, w->out, err);
    if (!w->bench) {
        w->now.templateless++;
        return kv_err_set(err, KV_INPUT,
            "a result holds no template: name the benchmark, as by kv-rejudge -b bench.jsonl");
    }
    const struct kv_rejudge_question *q = find_question(w, id, err);
    return q ? kv_rejudge_result(w->rejudge, q, w->out, err) : -1;
}

/* Of the results that hold no template only the first of a piece has a line. */
static void refuse(
    struct work *w, const char *source, size_t number, const struct kv_err *why, bool templateless)
{
    size_t before = w->said.n;
    w->now.refused = true;
    if (templateless && w->now.templateless > 1)
        return;
    bool column = strncmp(why->text, "1:", 2) == 0; /* "1:17: expected …" of a single line */
    kv_buf_printf(&w->said, "%s:%zu%s%s\n", source, number, column ? "" : ": ", why->text + column);
    if (templateless)
        w->now.first_templateless = (struct part){before, w->said.n};
}

static int take_line(
    struct work *w, const char *source, size_t number, struct kv_slice text, struct kv_err *err)
{
    size_t start = w->out->n;
    long before = w->now.templateless;
    if (kv_slice_strip(text).n == 0)
        return 0;
    if (judge_line(w, text, err) != 0) {
        kv_buf_cut(w->out, start, w->out->n - start);
        if (err->kind != KV_INPUT)
            return -1;
        refuse(w, source, number, err, w->now.templateless - before);
        return 0;
    }
    kv_buf_add_char(w->out, '\n');
    w->now.judged++;
    if (kv_rejudge_trouble(w->rejudge))
        kv_buf_printf(&w->said, "%s:%zu: %s\n", source, number, kv_rejudge_trouble(w->rejudge));
    return 0;
}

/* A piece, in whatever process. */
static void judge_piece(void *closure, struct kv_slice piece, struct kv_buf *answer)
{
    struct work *w = closure;
    struct outcome *o = &w->now;
    struct place at;
    memcpy(&at, piece.p, sizeof at);
    struct kv_slice rest = {piece.p + sizeof at, piece.n - sizeof at};
    w->out = answer;
    kv_buf_clear(&w->said);
    *o = (struct outcome){0};
    kv_buf_add(answer, o, sizeof *o);
    for (; rest.n && !o->failed; at.number++) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        struct kv_slice line = {rest.p, (size_t)(lf - rest.p)};
        o->failed = take_line(w, at.source, at.number, line, &o->err) != 0;
        rest = (struct kv_slice){lf + 1, rest.n - line.n - 1};
    }
    o->out_n = answer->n - sizeof *o;
    o->said_n = w->said.n;
    memcpy(answer->p, o, sizeof *o);
    kv_buf_add_slice(answer, kv_slice_of(&w->said));
}

/* ---- what comes back ---- */

static void say_lines(struct kv_slice said)
{
    while (said.n) {
        const char *lf = memchr(said.p, '\n', said.n);
        size_t n = (size_t)(lf - said.p);
        kv_cli_say("%.*s", (int)n, said.p);
        said = (struct kv_slice){lf + 1, said.n - n - 1};
    }
}

static void show(struct work *w, struct kv_slice answer)
{
    struct outcome o;
    struct kv_err err;
    memcpy(&o, answer.p, sizeof o);
    const char *out = answer.p + sizeof o;
    const char *said = out + o.out_n;
    struct part told = w->all_templateless ? o.first_templateless : (struct part){0, 0};
    say_lines((struct kv_slice){said, told.from});
    say_lines((struct kv_slice){said + told.to, o.said_n - told.to});
    w->all_templateless += o.templateless;
    if (o.out_n && kv_cli_put((struct kv_slice){out, o.out_n}, &err) != 0)
        kv_cli_fail(&err);
    if (o.failed)
        kv_cli_fail(&o.err);
    w->all_judged += o.judged;
    w->any_refused = w->any_refused || o.refused;
}

/* Shows the answers that have come; all of them, or until a worker is free. */
static void show_answers(struct work *w, bool all, bool until_free)
{
    struct kv_slice answer;
    struct kv_err err;
    for (;;) {
        bool wait = all || (until_free && !kv_workers_free(w->workers));
        int got = kv_workers_take(w->workers, wait, &answer, &err);
        if (got < 0)
            kv_cli_fail(&err);
        if (got == 0)
            break;
        show(w, answer);
    }
}

/* ---- pieces ---- */

static void begin_piece(struct work *w, const char *source, size_t number)
{
    const struct place at = {source, number};
    kv_buf_clear(&w->piece);
    kv_buf_add(&w->piece, &at, sizeof at);
}

static void end_piece(struct work *w)
{
    struct kv_err err;
    if (w->piece.n <= sizeof(struct place))
        return;
    if (w->workers) {
        show_answers(w, false, true);
        if (kv_workers_give(w->workers, kv_slice_of(&w->piece), &err) != 0)
            kv_cli_fail(&err);
        show_answers(w, false, false);
    } else {
        kv_buf_clear(&w->answer);
        judge_piece(w, kv_slice_of(&w->piece), &w->answer);
        show(w, kv_slice_of(&w->answer));
    }
    kv_buf_clear(&w->piece);
}

/* What has come in is judged before more is waited for, and what was judged is shown. */
static void await_line(struct work *w, struct kv_lines *lines)
{
    if (kv_lines_poll(lines))
        return;
    end_piece(w);
    while (w->workers && kv_workers_busy(w->workers) && !lines->eof && !kv_lines_poll(lines)) {
        kv_workers_await(w->workers, lines->fd);
        show_answers(w, false, false);
    }
}

static void refuse_long(struct work *w, const char *source, size_t number, const struct kv_err *why)
{
    end_piece(w);
    if (w->workers)
        show_answers(w, true, false);
    kv_buf_clear(&w->said);
    refuse(w, source, number, why, false);
    say_lines(kv_slice_of(&w->said));
    w->any_refused = true;
}

/* True of the first line of an export, in a line or printed over several. */
static bool is_document(struct kv_slice line)
{
    struct kv_slice rest = kv_slice_strip(line);
    if (kv_slice_is(rest, "{"))
        return true;
    if (!kv_slice_starts(rest, "{"))
        return false;
    rest = kv_slice_strip((struct kv_slice){rest.p + 1, rest.n - 1});
    return kv_slice_starts(rest, "\"format_version\"");
}

static void refuse_document(struct work *w, const char *source)
{
    struct kv_buf file = {0};
    if (strcmp(source, "<stdin>") == 0)
        kv_buf_add_str(&file, "results.json");
    else
        kv_paths_add_word(&file, source);
    kv_cli_say("%s: is one document, not a result a line: jq -c '.results[]' %s | kv-rejudge -b "
               "bench.jsonl",
        source, file.p);
    kv_buf_release(&file);
    w->any_refused = true;
}

static void take_all(struct work *w, const char *source, int fd)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_err err;
    bool begun = false;
    int got;
    kv_lines_init(&lines, fd, LINE_MAX_BYTES);
    while (await_line(w, &lines), (got = kv_lines_next(&lines, &line, &err)) != 0) {
        if (got < 0 && err.sys) {
            kv_err_context(&err, "%s", source);
            kv_cli_fail(&err);
        }
        if (got < 0) {
            refuse_long(w, source, lines.number, &err);
            continue;
        }
        if (!begun && is_document(line)) {
            refuse_document(w, source);
            break;
        }
        begun = begun || kv_slice_strip(line).n;
        if (!w->piece.n)
            begin_piece(w, source, lines.number);
        kv_buf_add_slice(&w->piece, line);
        kv_buf_add_char(&w->piece, '\n');
        if (w->piece.n >= PIECE_BYTES)
            end_piece(w);
    }
    end_piece(w);
    kv_lines_release(&lines);
}

static void take_file(struct work *w, const char *path)
{
    struct kv_err err;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        kv_err_sys(&err, "%s", path);
        kv_cli_fail(&err);
    }
    take_all(w, is_stdin ? "<stdin>" : path, fd);
    if (!is_stdin)
        close(fd);
}

static void release(struct work *w)
{
    kv_question_templates_close(w->templates);
    kv_bench_close(w->bench);
    kv_rejudge_close(w->rejudge);
    kv_buf_release(&w->id);
    kv_buf_release(&w->said);
    kv_buf_release(&w->piece);
    kv_buf_release(&w->answer);
}

static struct kv_verifier *open_verifier(const char *share_given)
{
    struct kv_err err;
    char *share = kv_cli_share(share_given);
    struct kv_verifier *verifier = kv_verdict_open(share, &err);
    free(share);
    if (!verifier)
        kv_cli_fail(&err);
    return verifier;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct work w = {0};
    const char *bench = NULL, *share = NULL;
    long jobs = (long)kv_workers_processors();
    const struct kv_option options[] = {
        {'b', "benchmark", KV_OPT_TEXT, &bench},
        {'j', "jobs", KV_OPT_SOME, &jobs},
        {0, "share", KV_OPT_TEXT, &share},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);

    kv_cli_count("lines judged", &w.all_judged);
    if (bench)
        open_bench(&w, bench);
    struct kv_verifier *verifier = open_verifier(share);
    w.rejudge = kv_rejudge_open(verifier);
    if (jobs > 1)
        w.workers = kv_workers_open((size_t)jobs, judge_piece, &w);

    if (first == argc)
        take_file(&w, "-");
    for (int i = first; i < argc; i++)
        take_file(&w, argv[i]);
    if (w.workers)
        show_answers(&w, true, false);
    if (w.all_templateless > 1)
        kv_cli_say("%ld results hold no template", w.all_templateless);

    kv_workers_close(w.workers);
    release(&w);
    kv_verdict_close(verifier);
    return kv_cli_end(w.any_refused ? KV_INPUT : KV_OK);
}
