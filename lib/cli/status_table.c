/* status_table - how far a run is, for people: a table, and a line. */
#include "batch_beside.h"
#include "batch_json.h"
#include "batch_paths.h"
#include "cli.h"
#include "json.h"
#include "status.h"
#include "status_figures.h"
#include "task_json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BAR = 40 };

/* Takes the text. */
static void add_row(struct kv_buf *out, const char *name, struct kv_buf *text)
{
    kv_buf_printf(out, "%-12s", name);
    kv_buf_add_plain(out, kv_slice_of(text));
    kv_buf_add_char(out, '\n');
    kv_buf_release(text);
}

static void row(struct kv_buf *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void row(struct kv_buf *out, const char *name, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    add_row(out, name, &text);
}

static void add_duration(struct kv_buf *out, double seconds)
{
    if (seconds < 60)
        kv_buf_printf(out, "%.1fs", seconds);
    else if (seconds < 3600)
        kv_buf_printf(out, "%.1fm", seconds / 60);
    else
        kv_buf_printf(out, "%.1fh", seconds / 3600);
}

static void add_size(struct kv_buf *out, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        kv_buf_add_str(out, "missing");
    else if (st.st_size < 1024)
        kv_buf_printf(out, "%lld B", (long long)st.st_size);
    else if (st.st_size < 1 << 20)
        kv_buf_printf(out, "%.1f KB", (double)st.st_size / 1024);
    else
        kv_buf_printf(out, "%.1f MB", (double)st.st_size / 1048576);
}

static void add_bar(struct kv_buf *out, const struct kv_state_info *in)
{
    double share = kv_status_percent(in) / 100;
    int full = (int)(share * BAR);
    full = full < 0 ? 0 : full > BAR ? BAR : full;
    kv_buf_printf(out, "%-12s[", "Tasks");
    for (int i = 0; i < BAR; i++)
        kv_buf_add_char(out, i < full ? '#' : '-');
    kv_buf_printf(out, "] %3.0f%% (%lld/%lld)\n", kv_status_percent(in),
        (long long)in->completed_count, (long long)in->total_tasks);
}

static void add_models(
    struct kv_buf *out, const char *title, const char *name, struct kv_slice config)
{
    struct kv_json_walk w;
    struct kv_slice models, model;
    struct kv_buf text = {0};
    size_t n = 0;
    if (config.n && kv_json_get(config, name, &models)) {
        kv_json_begin(&w, models);
        while (kv_json_type(models) == KV_JSON_ARRAY && kv_json_item(&w, &model)) {
            kv_buf_add_str(&text, n++ ? ", " : "");
            kv_task_json_add_label(&text, model);
        }
    }
    if (!n)
        kv_buf_add_str(&text, "none");
    add_row(out, title, &text);
}

static void add_times(struct kv_buf *out, struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    struct kv_buf text = {0};
    double per_minute = kv_status_rate(st);
    if (in->has_start)
        add_duration(&text, st->now - in->start_time);
    row(out, "Started", "%s", *in->created_at ? in->created_at : "unknown");
    row(out, "Last update", "%s", *in->last_updated_at ? in->last_updated_at : "unknown");
    row(out, "Elapsed", "%s", in->has_start ? text.p : "unknown");
    kv_buf_clear(&text);
    if (per_minute > 0 && in->pending_count > 0) {
        add_duration(&text, (double)in->pending_count / per_minute * 60);
        row(out, "To go", "%s at %.1f a minute", text.p, per_minute);
    }
    kv_buf_release(&text);
}

static void add_outcomes(struct kv_buf *out, const struct kv_outcomes *o)
{
    struct kv_buf words = {0}, marks = {0};
    kv_outcomes_add_words(&words, o);
    kv_outcomes_add_marks(&marks, o);
    add_row(out, "Outcomes", &words);
    if (marks.n)
        add_row(out, "Answers", &marks);
}

static const char *stage(struct kv_status *st)
{
    if (st->in->finished)
        return "complete, finalized";
    return kv_status_is_complete(st) ? "complete, not finalized" : "in progress";
}

/* What is ordered in batches: *b, and a row. */
static void add_batches(struct kv_buf *out, struct kv_status *st, struct kv_batch_beside *b)
{
    struct kv_err err;
    struct kv_buf since = {0};
    if (kv_batch_beside_read(b, st->in->paths, &err) != 0) {
        kv_cli_warn(&err);
        return;
    }
    if (!b->there)
        return;
    kv_buf_add_str(&since, b->open ? ", since " : "");
    if (b->open)
        kv_batch_json_time_text(&since, b->oldest_ms);
    row(out, "Batches", "%lld open (%lld requests%s), %lld requests answered", (long long)b->open,
        (long long)b->requests, since.n ? since.p : "", (long long)b->answered);
    kv_buf_release(&since);
}

/* How what nobody needs any more is stopped, and paid for no further. */
static void add_stop(struct kv_buf *out, const struct kv_paths *paths)
{
    struct kv_buf word = {0};
    char *ledger = kv_batch_ledger_path(paths);
    kv_paths_add_word(&word, ledger);
    row(out, "To stop", "kv-batch cancel %s; kv-batch collect %s", word.p, word.p);
    kv_buf_release(&word);
    free(ledger);
}

/* What to type next, if anything is left to do. Only --batch goes on while batches are open. */
static void add_ways(struct kv_buf *out, struct kv_status *st, const struct kv_batch_beside *b)
{
    const struct kv_state_info *in = st->in;
    struct kv_buf word = {0};
    if (in->finished && b->open == 0)
        return;
    if (!in->finished && !kv_status_is_complete(st)) {
        row(out, "To go on", "kv-run%s%s", b->open ? " --batch" : "",
            in->paths->resume + strlen("kv-run"));
        return;
    }
    kv_paths_add_word(&word, in->finished ? in->paths->output : in->paths->state);
    if (b->open)
        add_stop(out, in->paths);
    else if (kv_status_failed_count(st) > 0 && in->outcomes.errors > 0)
        row(out, "To retry", "kv-run --retry-failed%s", in->paths->resume + strlen("kv-run"));
    row(out, "To end", "kv-finalize %s", word.p);
    kv_buf_release(&word);
}

void kv_status_add_line(struct kv_buf *out, struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    int64_t failed = kv_status_failed_count(st);
    kv_buf_printf(out, "%lld of %lld tasks, %s", (long long)in->completed_count,
        (long long)in->total_tasks, stage(st));
    if (failed >= 0) {
        kv_buf_add_str(out, ": ");
        kv_outcomes_add_words(out, &in->outcomes);
    }
    if (kv_paths_run_active(in->paths))
        kv_buf_add_str(out, "; a run is active");
}

void kv_status_add_table(struct kv_buf *out, struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    struct kv_batch_beside batches = {0};
    struct kv_buf size = {0};
    int64_t failed = kv_status_failed_count(st);
    kv_buf_add_plain(out, kv_slice(in->paths->output));
    kv_buf_printf(
        out, ": %s%s\n", stage(st), kv_paths_run_active(in->paths) ? ", a run is active" : "");
    add_bar(out, in);
    row(out, "Completed", "%lld", (long long)in->completed_count);
    row(out, "Pending", "%lld", (long long)in->pending_count);
    if (in->hole_count)
        row(out, "Holes", "%lld recorded as completed, without a result: they are done again",
            (long long)in->hole_count);
    if (failed >= 0)
        add_outcomes(out, &in->outcomes);
    add_times(out, st);
    row(out, "Benchmark", "%s", in->benchmark_path);
    add_models(out, "Answering", "answering_models", in->config);
    add_models(out, "Parsing", "parsing_models", in->config);
    add_size(&size, in->results_path);
    row(out, "Results", "%s (%s)", in->results_path, size.p);
    kv_buf_release(&size);
    add_batches(out, st, &batches);
    add_ways(out, st, &batches);
}

void kv_status_sum_add_table(struct kv_buf *out, const struct kv_status_sum *sum)
{
    const struct kv_state_info all = {.completed_count = sum->completed, .total_tasks = sum->total};
    double per_minute = kv_status_sum_rate(sum);
    struct kv_buf left = {0};
    kv_buf_printf(out, "%lld runs: %lld complete, %lld active\n", (long long)sum->states,
        (long long)sum->complete, (long long)sum->active);
    add_bar(out, &all);
    row(out, "Completed", "%lld", (long long)sum->completed);
    row(out, "Pending", "%lld", (long long)sum->pending);
    if (!sum->unknown)
        add_outcomes(out, &sum->outcomes);
    if (per_minute > 0 && sum->pending > 0) {
        add_duration(&left, (double)sum->pending / per_minute * 60);
        row(out, "To go", "%s at %.1f a minute", left.p, per_minute);
    }
    kv_buf_release(&left);
}
