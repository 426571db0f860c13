/* finalize - a run becomes one file: the life cycle, from the pair to the export that is left.
 *
 * Nothing has changed until the export is published (export_run.h), and after that only the pair is
 * left over.
 */
#include "finalize.h"

#include "export_run.h"
#include "feed.h"
#include "finished_csv.h"
#include "finished_export.h"
#include "io.h"
#include "json.h"
#include "num.h"
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
    struct kv_buf key;
    int64_t failed; /* tasks whose newest row is a failure, as the index or the .state has it */
    bool indexed;   /* the index is asked what belongs in the export */
    int run_lock, feed_lock; /* -1: not held */
};

/* ---- names ---- */

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcasecmp(path + n - m, suffix) == 0;
}

/* results.json is accompanied by results.csv; results by results.csv. */
static char *beside(const char *output, const char *suffix)
{
    struct kv_buf path = {0};
    size_t n = strlen(output);
    kv_buf_add(&path, output, has_suffix(output, ".json") ? n - 5 : n);
    kv_buf_add_str(&path, suffix);
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
        w->done->csv_path = beside(w->paths.output, ".csv");
    if (w->how->jsonl)
        w->done->jsonl_path = beside(w->paths.output, ".jsonl");
}

/* ---- before and after: a run that was finalized has no pair, or one file of it ---- */

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

static bool is_same_start(struct kv_slice a, struct kv_slice b)
{
    double x = NAN, y = NAN;
    return kv_num_double(a, &x) && kv_num_double(b, &y) && !isless(x, y) && !isgreater(x, y);
}

/* 1 if the file at the output path is a finished export, 0 if not; -1 where it cannot be read. With
 * `start`, only one of a run that began then. What it tells about the run goes to *done. */
static int find_finished(struct work *w, const struct kv_slice *start, struct kv_err *err)
{
    struct kv_buf metadata = {0};
    struct kv_slice summary, begun;
    int found = kv_io_exists(w->paths.output, err);
    if (found == 1 && kv_finished_export_read(w->paths.output, &metadata, &summary, err) != 0)
        found = err->kind == KV_INPUT ? 0 : -1;
    if (found == 1 && start) {
        kv_json_get(summary, "start_time", &begun);
        found = is_same_start(*start, begun);
    }
    if (found == 1)
        tell_from_header(w->done, summary);
    kv_buf_release(&metadata);
    return found;
}

/* What was not asked for when the run was finalized, or is asked for again. */
static int others_of_export(struct work *w, struct kv_err *err)
{
    struct kv_state *s = kv_state_open_any(w->paths.output, err);
    if (!s)
        return -1;
    struct kv_export_run e = {.info = kv_state_info(s),
        .now = w->how->now,
        .total = w->done->total,
        .is_complete = w->done->is_complete};
    w->done->csv_path = w->how->csv ? beside(w->paths.output, ".csv") : NULL;
    w->done->jsonl_path = w->how->jsonl ? beside(w->paths.output, ".jsonl") : NULL;
    int failed = kv_export_run_survey(&e, err) != 1 ||
                 (w->how->csv && kv_export_run_csv(&e, w->done->csv_path, err) != 0) ||
                 (w->how->jsonl && kv_export_run_jsonl(&e, w->done->jsonl_path, err) != 0);
    kv_export_run_release(&e);
    kv_state_close(s);
    return failed ? -1 : 0;
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
static int tell_from_csv(struct work *w, struct kv_err *err)
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

/* There is no .state: the run was finalized before, or never begun. */
static int without_state(struct work *w, struct kv_err *err)
{
    int csv = kv_finished_csv_stands(&w->paths, err);
    if (csv)
        return csv < 0 ? -1 : tell_from_csv(w, err);
    bool named = strcmp(w->paths.state, w->paths.output) == 0;
    int found = named ? 1 : kv_paths_settled(&w->paths, err);
    if (found == 1)
        found = find_finished(w, NULL, err);
    if (found < 0)
        return -1;
    if (!found) {
        w->store = kv_store_open(w->paths.state, KV_STORE_DEFAULT, err); /* says what there is */
        return w->store ? kv_err_set(err, KV_INPUT, "%s: no such file", w->paths.state) : -1;
    }
    w->done->output_path = kv_strdup(w->paths.output);
    kv_store_remove_private(&w->paths);
    return w->how->csv || w->how->jsonl ? others_of_export(w, err) : 0;
}

/* 1 if the .state is what an interrupted removal has left, 0 if not; -1. */
static int is_left_over(struct work *w, const struct kv_state_info *info, struct kv_err *err)
{
    int there = kv_io_exists(info->results_path, err), found = 0;
    if (there != 0)
        return there < 0 ? -1 : 0;
    if (info->has_start)
        found = find_finished(w, &info->start_text, err);
    if (found == 0) /* a CSV does not say of what run it is, our own record does */
        found = kv_store_gave_up(&w->paths, err);
    if (found == 1)
        found = kv_io_exists(w->paths.output, err);
    return found;
}

/* A .state without its results is what a removal that was interrupted leaves: 1 if it is now gone,
 * 0 if the pair is whole, -1. */
static int finish_removal(struct work *w, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(w->paths.state, err);
    if (!s)
        return -1;
    int rc = is_left_over(w, kv_state_info(s), err);
    kv_state_close(s);
    if (rc != 1)
        return rc;
    w->done->removed = true;
    if (unlink(w->paths.state) != 0)
        return kv_err_sys(err, "%s: cannot be removed", w->paths.state);
    kv_store_remove_private(&w->paths);
    return without_state(w, err) == 0 ? 1 : -1;
}

/* True if, by the counts, each completed task has one row: nothing was done twice. */
static bool has_one_each(const struct kv_state_info *info, const struct kv_store_counts *counts)
{
    return info->growing && info->layout == KV_LAYOUT_1 && counts->rows == counts->completed &&
           info->completed_count == counts->completed;
}

/* 1: ready; 0: a hole, by a private file's word; -1. */
static int check_ready(struct work *w, struct kv_err *err)
{
    struct kv_store_counts counts;
    struct kv_finalized *done = w->done;
    int64_t holes;
    kv_store_counts(w->store, &counts);
    done->total = counts.total;
    done->completed = counts.completed;
    done->pending = counts.pending;
    done->is_complete = counts.pending == 0;
    if (counts.pending && !w->how->partial)
        return kv_err_set(err, KV_NO,
            "%s: %" PRId64 " of %" PRId64 " tasks have no result yet; go on with %s",
            w->paths.state, counts.pending, counts.total, w->paths.resume);
    kv_buf_clear(&w->key);
    w->indexed = w->indexed || !has_one_each(w->info, &counts);
    const struct kv_outcomes *ended = &w->info->outcomes;
    w->failed = ended->wrong + ended->declined + ended->errors;
    if (!w->indexed)
        return 1;
    if (kv_store_holes(w->store, &holes, &w->key, &w->failed, err) != 0)
        return -1;
    return holes ? 0 : 1;
}

static int refuse_hole(const struct work *w, struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT,
        "%s: '%s' is completed, but %s has no row for it; do it again with %s", w->paths.state,
        w->key.p, w->info->results_path, w->paths.resume);
}

/* Takes the figures; the tally changes hands. */
static void take_figures(struct kv_finalized *done, struct kv_export_run *e)
{
    kv_tally_release(&done->rows);
    done->superseded = e->superseded;
    done->successful = e->successful;
    done->failed = e->failed;
    done->rows = e->rows;
    e->rows = (struct kv_tally){0};
}

/* 1: written; 0: the rows do not add up, by a private file's word, and nothing was; -1. */
static int write_exports(struct work *w, struct kv_err *err)
{
    struct kv_finalized *done = w->done;
    double start = 0;
    struct kv_export_run e = {.store = w->store,
        .info = w->info,
        .now = w->how->now,
        .total = done->total,
        .is_complete = done->is_complete};
    done->has_duration = w->info->has_start && kv_num_double(w->info->start_text, &start);
    done->duration = w->how->now - start;
    e.draft_path = done->output_path;
    e.failed_expected = w->failed;
    e.one_each = !w->indexed;
    e.expected = done->completed;
    int got = kv_export_run_survey(&e, err);
    if (got == 1 && ((done->csv_path && kv_export_run_csv(&e, done->csv_path, err) != 0) ||
                        (done->jsonl_path && kv_export_run_jsonl(&e, done->jsonl_path, err) != 0) ||
                        (done->output_path && kv_export_run_json(&e, done->output_path, err) != 0)))
        got = -1;
    take_figures(done, &e);
    kv_export_run_release(&e);
    return got;
}

/* Exports what the batch that was begun shows. 1, 0, -1 as above. */
static int export_batch(struct work *w, struct kv_err *err)
{
    const struct kv_state *s = kv_store_state(w->store, err);
    if (!s)
        return -1;
    w->info = kv_state_info(s);
    int got = check_ready(w, err);
    if (got == 1)
        got = write_exports(w, err);
    return got < 0 && kv_store_in_doubt(w->store) ? 0 : got;
}

/* 1: what did not add up can be tried in another way; 0: not; -1. */
static int try_again(struct work *w, struct kv_err *err)
{
    bool had_index = w->indexed;
    w->indexed = true;
    return had_index ? kv_store_read_again(w->store, err) : 1;
}

/* Nothing is removed unless what was exported adds up to what the .state says is completed. What
 * does not is read again, first with the private files and then without; if it still does not, it is
 * refused. */
static int export_surely(struct work *w, struct kv_err *err)
{
    int got, again = 0;
    while ((got = export_batch(w, err)) == 0 && (again = try_again(w, err)) == 1)
        continue;
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (again < 0)
        return -1;
    if (w->key.n)
        return refuse_hole(w, err);
    return kv_err_set(err, KV_SYSTEM,
        "%s: its results do not add up to its completed tasks; nothing was removed",
        w->paths.state);
}

static int with_pair(struct work *w, struct kv_err *err)
{
    bool keep = w->how->keep;
    name_outputs(w);
    if (export_surely(w, err) != 0) {
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

/* Locks out runs and feeds of the pair that is to be removed, so that no result is on its way into
 * it. */
static int exclude_others(struct work *w, struct kv_err *err)
{
    if (w->how->partial || w->how->keep)
        return 0;
    if (kv_paths_run_lock(&w->paths, &w->run_lock, err) != 0)
        return err->kind == KV_BUSY ? kv_err_set(err, KV_BUSY, "%s: a run holds it", w->paths.state)
                                    : -1;
    return kv_feed_exclude(&w->paths, &w->feed_lock, err);
}

static int open_pair(struct work *w, struct kv_err *err)
{
    if (exclude_others(w, err) != 0)
        return -1;
    w->store = kv_store_open(w->paths.state, KV_STORE_DEFAULT, err);
    if (!w->store)
        return -1;
    kv_store_on_note(w->store, w->how->notes);
    return kv_store_begin(w->store, err);
}

static void close_all(struct work *w)
{
    kv_store_close(w->store);
    kv_paths_run_unlock(&w->paths, w->run_lock);
    if (w->feed_lock >= 0)
        close(w->feed_lock);
    kv_paths_release(&w->paths);
    kv_buf_release(&w->key);
}

int kv_finalize(const char *operand, const struct kv_finalize *how, struct kv_finalized *done,
    struct kv_err *err)
{
    struct work w = {.how = how, .done = done, .run_lock = -1, .feed_lock = -1};
    *done = (struct kv_finalized){0};
    int rc = kv_paths_find(&w.paths, operand, err);
    int there = rc == 0 ? kv_io_exists(w.paths.state, err) : -1;
    if (there < 0)
        rc = -1;
    else if (!there || strcmp(w.paths.state, w.paths.output) == 0)
        rc = without_state(&w, err); /* or only the export was found under the name given */
    else {
        rc = finish_removal(&w, err);
        if (rc == 0)
            rc = open_pair(&w, err) == 0 ? with_pair(&w, err) : -1;
        rc = rc < 0 ? -1 : 0;
    }
    close_all(&w);
    return rc;
}
