/* kv-rejudge - judge recorded answers again, without a model: JSON Lines in, JSON Lines out. */
#include "help/kv-rejudge.h"
#include "cli.h"
#include "io.h"
#include "json.h"
#include "problem.h"
#include "question_templates.h"
#include "rejudge.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1 << 29,
    BATCH_BYTES = 1 << 16,
};

struct work {
    struct kv_rejudge *rejudge;
    struct kv_bench *bench;
    struct kv_question_templates *templates;
    struct kv_buf id, out;
    const char *source; /* name of the input, for messages */
    bool refused;
    long judged; /* lines, for SIGUSR1 */
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
    struct work *w, struct kv_slice row, struct kv_err *err)
{
    struct kv_slice id;
    kv_buf_clear(&w->id);
    if (!w->bench) {
        kv_err_set(err, KV_INPUT, "a result holds no template: name the benchmark with -b");
        return NULL;
    }
    if (!kv_json_path(row, &id, "metadata", "question_id", NULL) ||
        kv_json_type(id) != KV_JSON_STRING) {
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
    struct kv_slice line, metadata;
    if (kv_json_check(text, KV_JSON_NONFINITE, &line, err) != 0)
        return -1;
    if (kv_json_type(line) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "an object is expected, not %s", kv_json_type_name(line));
    if (!kv_json_get(line, "metadata", &metadata))
        return kv_rejudge_bare(w->rejudge, line, &w->out, err);
    const struct kv_rejudge_question *q = find_question(w, line, err);
    return q ? kv_rejudge_result(w->rejudge, q, line, &w->out, err) : -1;
}

static void refuse(struct work *w, size_t number, const struct kv_err *why)
{
    bool column = strncmp(why->text, "1:", 2) == 0; /* "1:17: expected …" of a single line */
    kv_cli_say("%s:%zu%s%s", w->source, number, column ? "" : ": ", why->text + column);
    w->refused = true;
}

static void take_line(struct work *w, size_t number, struct kv_slice text)
{
    struct kv_err err;
    size_t start = w->out.n;
    if (kv_slice_strip(text).n == 0)
        return;
    if (judge_line(w, text, &err) != 0) {
        kv_buf_cut(&w->out, start, w->out.n - start);
        if (err.kind != KV_INPUT)
            kv_cli_fail(&err);
        refuse(w, number, &err);
        return;
    }
    kv_buf_add_char(&w->out, '\n');
    w->judged++;
    if (kv_rejudge_trouble(w->rejudge))
        kv_cli_say("%s:%zu: %s", w->source, number, kv_rejudge_trouble(w->rejudge));
}

static void print(struct work *w)
{
    struct kv_err err;
    if (w->out.n && kv_cli_put(kv_slice_of(&w->out), &err) != 0)
        kv_cli_fail(&err);
    kv_buf_clear(&w->out);
}

static void take_all(struct work *w, int fd)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_err err;
    int got;
    kv_lines_init(&lines, fd, LINE_MAX_BYTES);
    while ((got = kv_lines_next(&lines, &line, &err)) != 0) {
        if (got < 0 && err.sys) {
            kv_err_context(&err, "%s", w->source);
            kv_cli_fail(&err);
        }
        if (got < 0)
            refuse(w, lines.number, &err);
        else
            take_line(w, lines.number, line);
        if (w->out.n >= BATCH_BYTES || !kv_lines_ready(&lines))
            print(w);
    }
    print(w);
    kv_lines_release(&lines);
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
    take_all(w, fd);
    if (!is_stdin)
        close(fd);
}

static void release(struct work *w)
{
    kv_question_templates_close(w->templates);
    kv_bench_close(w->bench);
    kv_rejudge_close(w->rejudge);
    kv_buf_release(&w->id);
    kv_buf_release(&w->out);
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    struct work w = {0};
    const char *bench = NULL, *share_given = NULL;
    const struct kv_option options[] = {
        {'b', "benchmark", KV_OPT_TEXT, &bench},
        {0, "share", KV_OPT_TEXT, &share_given},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);

    kv_cli_count("lines judged", &w.judged);
    if (bench)
        open_bench(&w, bench);
    char *share = kv_cli_share(share_given);
    struct kv_verifier *verifier = kv_verdict_open(share, &err);
    free(share);
    if (!verifier)
        kv_cli_fail(&err);
    w.rejudge = kv_rejudge_open(verifier);

    if (first == argc)
        take_file(&w, "-");
    for (int i = first; i < argc; i++)
        take_file(&w, argv[i]);

    release(&w);
    kv_verdict_close(verifier);
    return kv_cli_end(w.refused ? KV_INPUT : KV_OK);
}
