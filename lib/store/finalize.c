/* finalize - a run becomes one file: the export is written whole, then the pair is taken away.
 *
 * Two passes over the rows, under the lock of the pair. The first reads every row as a result,
 * finds which are the newest of their tasks (a bit each) and counts, because the counts stand in
 * the header; the second copies the rows whose bit is set. What is in between is the publishing of
 * whole files, so that until then nothing has changed and after it only the pair is left over.
 */
#include "finalize.h"

#include "csv.h"
#include "export.h"
#include "finished_csv.h"
#include "finished_export.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "rows.h"
#include "scenario.h"
#include "state.h"
#include "store.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct work {
    const struct kv_finalize *how;
    struct kv_finalized *done;
    struct kv_paths paths;
    struct kv_store *store;
    const struct kv_state_info *info;
    unsigned char *newest; /* a bit a row */
    size_t rows, room;
    struct kv_buf members; /* of the results document, but for its rows: an object without braces */
    struct kv_slice rubric;
    struct kv_scenarios *scenarios;
    int64_t good, bad; /* tasks, scenarios apart */
    struct kv_buf key, id;
    struct kv_csv *csv;
};

/* ---- names ---- */

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcasecmp(path + n - m, suffix) == 0;
}

/* results.json is accompanied by results.csv; results by results.csv. */
static char *csv_beside(const char *output)
{
    struct kv_buf path = {0};
    size_t n = strlen(output);
    kv_buf_add(&path, output, has_suffix(output, ".json") ? n - 5 : n);
    kv_buf_add_str(&path, ".csv");
    return kv_buf_detach(&path);
}

static void name_outputs(struct work *w)
{
    if (has_suffix(w->paths.output, ".csv")) {
        w->done->csv_path = kv_strdup(w->paths.output);
        return;
    }
    w->done->output_path = kv_strdup(w->paths.output);
    if (w->how->csv)
        w->done->csv_path = csv_beside(w->paths.output);
}

/* ---- the first pass ---- */

static void set_newest(struct work *w, size_t row)
{
    if (row / 8 >= w->room) {
        size_t room = w->room ? 2 * w->room : 1024;
        w->newest = kv_array(w->newest, room, 1);
        memset(w->newest + w->room, 0, room - w->room);
        w->room = room;
    }
    w->newest[row / 8] |= (unsigned char)(1u << row % 8);
}

static bool is_newest(const struct work *w, size_t row)
{
    return row / 8 < w->room && w->newest[row / 8] >> row % 8 & 1;
}

static int survey_row(
    struct work *w, const struct kv_row *at, const struct kv_result *row, struct kv_err *err)
{
    kv_buf_clear(&w->id);
    if (row->preview)
        return 0;
    if (!w->store) { /* an export has no others */
        set_newest(w, w->rows);
        return 0;
    }
    if (kv_store_row_key(w->store, row, &w->key, err) != 0)
        return -1;
    kv_store_row_id(kv_slice_of(&w->key), at->text, &w->id);
    if (!kv_store_is_newest(w->store, kv_slice_of(&w->id), at)) {
        w->done->superseded++;
        return 0;
    }
    set_newest(w, w->rows);
    kv_tally_add(&w->done->rows, row);
    if (!row->generic && row->scenario_id.n > 2)
        kv_scenarios_add(w->scenarios, kv_slice_of(&w->key), row);
    else if (kv_result_failed(row))
        w->bad++;
    else
        w->good++;
    return 0;
}

/* The next row, read as a result. 1, 0, -1. */
static int next_row(struct work *w, struct kv_rows *rows, struct kv_row *at, struct kv_result *row,
    struct kv_err *err)
{
    int got = kv_rows_next(rows, at, err);
    if (got != 1)
        return got;
    if (kv_result_read(at->text, KV_RESULT_CHECKED, row, err) == 0)
        return 1;
    return kv_err_context(err, "%s:%zu", w->info->results_path, at->line);
}

static int survey(struct work *w, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row at;
    struct kv_result row;
    int got;
    if (kv_rows_begin(&rows, w->info->results_path, w->info->layout, err) != 0)
        return -1;
    rows.members = &w->members;
    for (; (got = next_row(w, &rows, &at, &row, err)) == 1; w->rows++)
        if (survey_row(w, &at, &row, err) != 0) {
            got = -1;
            break;
        }
    kv_rows_end(&rows);
    return got;
}

/* The rubric stands in the results document; the JSON Lines of layout 2.0 have no place for it. */
static void find_rubric(struct work *w)
{
    struct kv_buf object = {0};
    struct kv_slice value;
    struct kv_err never;
    kv_buf_add_char(&object, '{');
    kv_buf_add_slice(&object, kv_slice_of(&w->members));
    kv_buf_add_str(&object, "\"\":0}"); /* behind the last comma */
    kv_buf_release(&w->members);
    w->members = object;
    if (kv_json_check(kv_slice_of(&w->members), KV_JSON_FOREIGN, &value, &never) != 0 ||
        !kv_json_path(value, &w->rubric, "shared_data", "rubric_definition", NULL) ||
        kv_json_type(w->rubric) != KV_JSON_OBJECT)
        w->rubric = (struct kv_slice){0};
}

/* ---- the second pass ---- */

static void make_head(const struct work *w, struct kv_export_head *head)
{
    const struct kv_finalized *done = w->done;
    *head = (struct kv_export_head){
        .export_time = w->how->now,
        .config = w->info->config,
        .total = done->total,
        .successful = done->successful,
        .failed = done->failed,
        .start_time = w->info->has_start ? w->info->start_text : (struct kv_slice){0},
        .has_end = true,
        .end_time = w->how->now,
        .is_complete = done->is_complete,
        .rubric_definition = w->rubric,
    };
}

/* A VerificationResult as karenina's exporter spaces it. A result of any other job is its maker's:
 * it stays as it came, but on one line. */
static void add_row(struct kv_buf *line, struct kv_slice row, enum kv_layout layout)
{
    struct kv_slice task;
    if (layout == KV_LAYOUT_2)
        kv_reformat_export(line, row);
    else if (kv_json_get(row, "task_id", &task) && !memchr(row.p, '\n', row.n))
        kv_buf_add_slice(line, row);
    else
        kv_reformat_space(line, row);
}

static int write_json(struct work *w, int fd, struct kv_err *err)
{
    struct kv_export_head head;
    struct kv_export e;
    struct kv_rows rows;
    struct kv_row at;
    struct kv_buf line = {0};
    int got;
    make_head(w, &head);
    if (kv_rows_begin(&rows, w->info->results_path, w->info->layout, err) != 0)
        return -1;
    kv_export_begin(&e, fd, &head);
    for (size_t i = 0; (got = kv_rows_next(&rows, &at, err)) == 1; i++) {
        if (!is_newest(w, i))
            continue;
        kv_buf_clear(&line);
        add_row(&line, at.text, w->info->layout);
        kv_export_row(&e, kv_slice_of(&line));
    }
    kv_rows_end(&rows);
    kv_buf_clear(&line);
    kv_scenarios_write(w->scenarios, &line);
    struct kv_err late;
    if (kv_export_end(&e, kv_slice_of(&line), &late) != 0 && got == 0) {
        *err = late;
        got = kv_err_context(err, "%s", w->done->output_path);
    }
    kv_buf_release(&line);
    return got;
}

static struct kv_csv *open_csv(const struct work *w)
{
    struct kv_buf stamp = {0}, job = {0};
    struct kv_export_head head;
    make_head(w, &head);
    kv_export_stamp_add(&stamp, head.export_time);
    kv_export_job_add(&job, &head);
    struct kv_csv_meta meta = {
        kv_slice_of(&stamp), KV_SLICE(KV_EXPORT_KARENINA), kv_slice_of(&job), w->rubric};
    struct kv_csv *csv = kv_csv_open(&meta);
    kv_buf_release(&stamp);
    kv_buf_release(&job);
    return csv;
}

/* Shows the rows that count to the survey of columns (fd < 0), or writes them. */
static int walk_csv(struct work *w, int fd, struct kv_err *err)
{
    enum { FLUSH_AT = 256 * 1024 };
    struct kv_rows rows;
    struct kv_row at;
    struct kv_result row;
    struct kv_buf out = {0};
    int got;
    if (kv_rows_begin(&rows, w->info->results_path, w->info->layout, err) != 0)
        return -1;
    if (fd >= 0)
        kv_csv_head(w->csv, &out);
    for (size_t i = 0; (got = next_row(w, &rows, &at, &row, err)) == 1; i++) {
        if (!is_newest(w, i))
            continue;
        if (fd < 0)
            kv_csv_survey(w->csv, &row);
        else
            kv_csv_row(w->csv, &row, &out);
        if (out.n < FLUSH_AT)
            continue;
        if (kv_io_write(fd, kv_slice_of(&out), err) != 0) {
            got = kv_err_context(err, "%s", w->done->csv_path);
            break;
        }
        kv_buf_clear(&out);
    }
    kv_rows_end(&rows);
    if (got == 0 && fd >= 0 && kv_io_write(fd, kv_slice_of(&out), err) != 0)
        got = kv_err_context(err, "%s", w->done->csv_path);
    kv_buf_release(&out);
    return got;
}

/* Which trait columns there are needs the rubric, which may stand behind the rows: a pass of its
 * own. */
static int write_csv(struct work *w, int fd, struct kv_err *err)
{
    w->csv = open_csv(w);
    int rc = walk_csv(w, -1, err);
    if (rc == 0)
        rc = walk_csv(w, fd, err);
    kv_csv_close(w->csv);
    w->csv = NULL;
    return rc;
}

static int publish(struct work *w, const char *path,
    int (*write)(struct work *, int, struct kv_err *), struct kv_err *err)
{
    struct kv_publish p;
    if (kv_publish_begin(&p, path, err) != 0)
        return -1;
    if (write(w, p.fd, err) == 0 && kv_publish_end(&p, err) == 0)
        return 0;
    kv_publish_abandon(&p);
    return -1;
}

/* ---- before and after: a run that was finalized has no pair, or half of one ---- */

static int64_t number_in(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    int64_t n = 0;
    if (kv_json_get(object, name, &value))
        kv_num_int64(value, &n);
    return n;
}

static void tell_from_header(struct kv_finalized *done, struct kv_slice summary)
{
    struct kv_slice value;
    done->already = true;
    done->is_complete = true;
    done->total = done->completed = number_in(summary, "total_questions");
    done->successful = number_in(summary, "successful_count");
    done->failed = number_in(summary, "failed_count");
    done->rows.results = done->total;
    kv_json_get(summary, "total_duration", &value);
    done->has_duration = kv_num_double(value, &done->duration);
}

/* Is the file at the output path a finished export? With `start`, only one of a run that began
 * then. What it tells about the run goes to *done. */
static bool find_finished(struct work *w, const struct kv_slice *start)
{
    struct kv_buf metadata = {0};
    struct kv_slice summary, begun;
    struct kv_err never;
    double a = NAN, b = NAN;
    bool found = exists(w->paths.output) &&
                 kv_finished_export_read(w->paths.output, &metadata, &summary, &never) == 0;
    if (found && start) {
        kv_json_get(summary, "start_time", &begun);
        found = kv_num_double(*start, &a) && kv_num_double(begun, &b) && !isless(a, b) &&
                !isgreater(a, b);
    }
    if (found)
        tell_from_header(w->done, summary);
    kv_buf_release(&metadata);
    return found;
}

/* The CSV was not asked for when the run was finalized, or is asked for again. */
static int csv_of_export(struct work *w, struct kv_err *err)
{
    struct kv_state *s = kv_state_open_any(w->paths.output, err);
    if (!s)
        return -1;
    w->info = kv_state_info(s);
    int rc = survey(w, err);
    if (rc == 0) {
        find_rubric(w);
        w->done->csv_path = csv_beside(w->paths.output);
        rc = publish(w, w->done->csv_path, write_csv, err);
    }
    w->info = NULL;
    kv_state_close(s);
    return rc;
}

static int count_row(void *closure, const struct kv_finished_csv_row *row)
{
    struct kv_finalized *done = closure;
    done->rows.results++;
    *(kv_slice_is(row->success, "True") ? &done->successful : &done->failed) += 1;
    return 0;
}

/* Only a CSV was written, which cannot say that it is complete: one that is not stays with its
 * pair. */
static int tell_from_sheet(struct work *w, struct kv_err *err)
{
    struct kv_finalized *done = w->done;
    done->already = done->is_complete = true;
    done->csv_path = kv_strdup(w->paths.output);
    kv_store_remove_private(&w->paths);
    if (kv_finished_csv_read(done->csv_path, count_row, done, err) != 0)
        return -1;
    done->total = done->completed = done->rows.results;
    return 0;
}

/* No .state: finalized before, or never there. */
static int without_state(struct work *w, struct kv_err *err)
{
    if (kv_finished_csv_stands(&w->paths))
        return tell_from_sheet(w, err);
    bool named = strcmp(w->paths.state, w->paths.output) == 0;
    if ((!named && !kv_paths_settled(&w->paths)) || !find_finished(w, NULL)) {
        w->store = kv_store_open(w->paths.state, KV_STORE_DEFAULT, err); /* says what there is */
        return w->store ? kv_err_set(err, KV_INPUT, "%s: no such file", w->paths.state) : -1;
    }
    w->done->output_path = kv_strdup(w->paths.output);
    kv_store_remove_private(&w->paths);
    return w->how->csv ? csv_of_export(w, err) : 0;
}

/* A .state without its results is what a removal that was interrupted leaves: 1 if it is now gone,
 * 0 if the pair is whole, -1. */
static int finish_removal(struct work *w, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(w->paths.state, err);
    if (!s)
        return -1;
    const struct kv_state_info *info = kv_state_info(s);
    int rc = 0;
    if (!exists(info->results_path) && info->has_start && find_finished(w, &info->start_text)) {
        rc = 1;
        w->done->output_path = kv_strdup(w->paths.output);
        w->done->removed = true;
        if (unlink(w->paths.state) != 0)
            rc = kv_err_sys(err, "%s: cannot be removed", w->paths.state);
        else
            kv_store_remove_private(&w->paths);
    }
    kv_state_close(s);
    return rc;
}

static int check_ready(struct work *w, struct kv_err *err)
{
    struct kv_store_counts counts;
    struct kv_finalized *done = w->done;
    kv_store_counts(w->store, &counts);
    done->total = counts.total;
    done->completed = counts.completed;
    done->pending = counts.pending;
    done->is_complete = counts.pending == 0;
    if (counts.pending && !w->how->partial)
        return kv_err_set(err, KV_NO,
            "%s: %" PRId64 " of %" PRId64 " tasks have no result yet; go on with %s",
            w->paths.state, counts.pending, counts.total, w->paths.resume);
    int got = kv_store_hole(w->store, &w->key, err);
    if (got <= 0)
        return got;
    return kv_err_set(err, KV_INPUT, "%s: '%s' is completed, but %s has no row for it",
        w->paths.state, w->key.p, w->info->results_path);
}

static int write_exports(struct work *w, struct kv_err *err)
{
    struct kv_finalized *done = w->done;
    double start = 0;
    if (survey(w, err) != 0)
        return -1;
    find_rubric(w);
    done->successful =
        w->good + (int64_t)(kv_scenarios_count(w->scenarios) - kv_scenarios_failed(w->scenarios));
    done->failed = w->bad + (int64_t)kv_scenarios_failed(w->scenarios);
    done->has_duration = w->info->has_start && kv_num_double(w->info->start_text, &start);
    done->duration = w->how->now - start;
    name_outputs(w);
    if (done->csv_path && publish(w, done->csv_path, write_csv, err) != 0)
        return -1;
    if (done->output_path && publish(w, done->output_path, write_json, err) != 0)
        return -1;
    return 0;
}

static int with_pair(struct work *w, struct kv_err *err)
{
    bool keep = w->how->keep;
    const struct kv_state *s = kv_store_state(w->store, err);
    w->info = s ? kv_state_info(s) : NULL;
    if (!s || check_ready(w, err) != 0 || write_exports(w, err) != 0) {
        kv_store_abort(w->store);
        return -1;
    }
    if (keep || !w->done->is_complete) {
        kv_store_abort(w->store);
        return 0;
    }
    if (kv_store_remove(w->store, err) != 0)
        return -1;
    w->done->removed = true;
    return 0;
}

static int open_pair(struct work *w, struct kv_err *err)
{
    if (!w->how->partial && !w->how->keep && kv_paths_run_active(&w->paths))
        return kv_err_set(err, KV_BUSY, "%s: a run holds it", w->paths.state);
    w->store = kv_store_open(w->paths.state, KV_STORE_DEFAULT, err);
    if (!w->store)
        return -1;
    if (w->how->say)
        kv_store_on_note(w->store, w->how->say, w->how->closure);
    return kv_store_begin(w->store, err);
}

int kv_finalize(const char *operand, const struct kv_finalize *how, struct kv_finalized *done,
    struct kv_err *err)
{
    struct work w = {.how = how, .done = done};
    int rc = -1;
    *done = (struct kv_finalized){0};
    w.scenarios = kv_scenarios_open();
    if (kv_paths_find(&w.paths, operand, err) != 0)
        rc = -1;
    else if (!exists(w.paths.state) || strcmp(w.paths.state, w.paths.output) == 0)
        rc = without_state(&w, err); /* or only the export was found under the name given */
    else {
        rc = finish_removal(&w, err);
        if (rc == 0)
            rc = open_pair(&w, err) == 0 ? with_pair(&w, err) : -1;
        rc = rc < 0 ? -1 : 0;
    }
    kv_store_close(w.store);
    kv_paths_release(&w.paths);
    kv_scenarios_close(w.scenarios);
    kv_buf_release(&w.members);
    kv_buf_release(&w.key);
    kv_buf_release(&w.id);
    free(w.newest);
    return rc;
}

/* ---- the summary ---- */

void kv_finalized_add_json(struct kv_buf *out, const struct kv_finalized *done)
{
    kv_buf_add_str(out, "{\"output_path\":");
    kv_json_quote_str(out, done->output_path);
    kv_buf_add_str(out, ",\"csv_path\":");
    kv_json_quote_str(out, done->csv_path);
    kv_buf_printf(out,
        ",\"is_complete\":%s,\"already_finalized\":%s,\"total_tasks\":%" PRId64
        ",\"completed_count\":%" PRId64 ",\"pending_count\":%" PRId64 ",\"result_count\":%" PRId64
        ",\"superseded_count\":%" PRId64 ",\"successful_count\":%" PRId64
        ",\"failed_count\":%" PRId64,
        done->is_complete ? "true" : "false", done->already ? "true" : "false", done->total,
        done->completed, done->pending, done->rows.results, done->superseded, done->successful,
        done->failed);
    if (!done->already) {
        kv_buf_add_char(out, ',');
        kv_tally_add_json(out, &done->rows);
    }
    kv_buf_add_str(out, ",\"duration_seconds\":");
    kv_num_add_double(out, done->has_duration ? done->duration : NAN, KV_NUM_COMPACT);
    kv_buf_add_char(out, '}');
}

void kv_finalized_release(struct kv_finalized *done)
{
    kv_tally_release(&done->rows);
    free(done->output_path);
    free(done->csv_path);
    *done = (struct kv_finalized){0};
}
