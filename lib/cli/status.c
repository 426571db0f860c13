/* status - how far a run is, as kv-status shows it. */
#include "status.h"

#include "batch_beside.h"
#include "cli.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "status_figures.h"
#include "status_lists.h"
#include "task_json.h"
#include "usage_tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A run that is over took until its end. */
static void stop_clock(struct kv_status *st)
{
    struct kv_slice end;
    if (kv_state_member(st->state, "end_time", &end))
        kv_num_double(end, &st->now);
}

/* A growing pair has all counts in its head. Of any other the arrays are read. */
struct kv_status *kv_status_open(const char *operand, double now, struct kv_err *err)
{
    struct kv_status *st = kv_calloc(1, sizeof *st);
    st->now = now;
    st->state = kv_state_open_any(operand, err);
    if (st->state) {
        st->in = kv_state_info(st->state);
        if (st->in->finished)
            stop_clock(st);
        if (st->in->growing || kv_state_load(st->state, KV_LOAD_TASKS, err) == 0)
            return st;
    }
    kv_status_close(st);
    return NULL;
}

void kv_status_close(struct kv_status *st)
{
    if (!st)
        return;
    kv_state_close(st->state);
    free(st);
}

void kv_status_restrict(struct kv_status *st, const struct kv_shard *shard)
{
    st->shard = *shard;
}

/* True if no task of the shard is pending; false if the state cannot be read. */
static bool shard_is_complete(struct kv_status *st)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    struct kv_err ignored;
    int got;
    if (kv_state_load(st->state, KV_LOAD_TASKS, &ignored) != 0 ||
        kv_tasks_begin(&walk, st->state, KV_KEYS_MANIFEST, &ignored) != 0)
        return false;
    while ((got = kv_tasks_next(&walk, &task, &ignored)) == 1)
        if (!task.completed && kv_shard_has(&st->shard, task.key))
            break;
    kv_tasks_end(&walk);
    return got == 0;
}

bool kv_status_is_complete(struct kv_status *st)
{
    kv_status_load_rows(st);
    if (st->shard.count)
        return shard_is_complete(st);
    return st->in->pending_count == 0 && st->in->hole_count == 0;
}

/* ---- the object ---- */

/* A member of the .state that is only shown, of whatever type. */
static void add_shown(struct kv_buf *out, const struct kv_status *st, const char *name)
{
    struct kv_slice value;
    struct kv_buf text = {0};
    kv_state_member(st->state, name, &value);
    if (value.n && kv_json_type(value) != KV_JSON_STRING) {
        kv_json_out_key(out, name);
        kv_json_compact(out, value);
        return;
    }
    kv_json_unescape(value, &text);
    kv_json_out_text(out, name, kv_slice_of(&text));
    kv_buf_release(&text);
}

static void add_labels(struct kv_buf *out, const char *name, struct kv_slice config)
{
    struct kv_json_walk w;
    struct kv_slice models, model;
    struct kv_buf label = {0};
    kv_json_out_list(out, name);
    if (config.n && kv_json_get(config, name, &models)) {
        kv_json_begin(&w, models);
        while (kv_json_type(models) == KV_JSON_ARRAY && kv_json_item(&w, &model)) {
            kv_buf_clear(&label);
            kv_task_json_add_label(&label, model);
            kv_json_out_text(out, NULL, kv_slice_of(&label));
        }
    }
    kv_buf_add_char(out, ']');
    kv_buf_release(&label);
}

static void add_config(struct kv_buf *out, struct kv_slice config)
{
    struct kv_slice replicates = {"", 0};
    if (config.n)
        kv_json_get(config, "replicate_count", &replicates);
    kv_json_out_object(out, "config");
    add_labels(out, "answering_models", config);
    add_labels(out, "parsing_models", config);
    kv_json_out_key(out, "replicate_count");
    kv_json_compact(out, replicates.n ? replicates : KV_SLICE("1"));
    kv_buf_add_char(out, '}');
}

static void add_files(struct kv_buf *out, const struct kv_state_info *in)
{
    struct stat st;
    bool exists = stat(in->results_path, &st) == 0;
    kv_json_out_object(out, "files");
    kv_json_out_flag(out, "tmp_file_exists", exists);
    if (exists)
        kv_json_out_int(out, "tmp_file_size", st.st_size);
    else
        kv_json_out_null(out, "tmp_file_size");
    kv_buf_add_char(out, '}');
}

static void add_counts(struct kv_buf *out, const struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    kv_json_out_object(out, "progress");
    kv_json_out_int(out, "total_tasks", in->total_tasks);
    kv_json_out_int(out, "completed_count", in->completed_count);
    kv_json_out_int(out, "pending_count", in->pending_count);
    kv_json_out_python(out, "progress_percent", kv_status_percent(in));
    kv_buf_add_char(out, '}');
    kv_json_out_object(out, "timing");
    add_shown(out, st, "created_at");
    add_shown(out, st, "last_updated_at");
    kv_json_out_python(
        out, "elapsed_seconds", in->has_start ? st->now - in->start_time : (double)NAN);
    kv_buf_add_char(out, '}');
}

/* Ours: the counts of failures before the list of orphans, and what stands behind it. */
static void add_failures(struct kv_buf *out, struct kv_status *st)
{
    int64_t failed = kv_status_failed_count(st);
    if (failed < 0) {
        kv_json_out_null(out, "failed_count");
    } else {
        kv_json_out_int(out, "failed_count", failed);
        kv_outcomes_add_json(out, &st->in->outcomes);
    }
}

static void add_rest(struct kv_buf *out, struct kv_status *st)
{
    struct kv_batch_beside batches;
    struct kv_err err;
    kv_json_out_int(out, "hole_count", st->in->hole_count);
    kv_status_add_pace(out, kv_status_rate(st), st->in->pending_count);
    kv_json_out_flag(out, "active", kv_paths_run_active(st->in->paths));
    kv_json_out_flag(out, "complete", kv_status_is_complete(st));
    kv_json_out_flag(out, "finalized", st->in->finished);
    if (kv_batch_beside_read(&batches, st->in->paths, &err) == 0)
        kv_batch_beside_add(&batches, out);
    else
        kv_cli_warn(&err);
    kv_buf_add_char(out, '}');
}

/* ---- what it cost ---- */

static int tally_rows(struct kv_usage_tally *t, const struct kv_state_info *in, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_result result;
    int got;
    if (kv_rows_begin(&rows, in->results_path, in->layout, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if (kv_result_read(row.text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, NULL) == 0)
            kv_usage_tally_add(t, &result);
    kv_rows_end(&rows);
    return got;
}

int kv_status_add_usage(struct kv_buf *out, struct kv_status *st, struct kv_err *err)
{
    /* With one judge too: a row whose judge failed has the answer of the row that came after it. */
    struct kv_usage_tally t = {.shared = true};
    int failed = tally_rows(&t, st->in, err);
    kv_buf_add_char(out, '{');
    kv_usage_tally_add_json(out, &t);
    kv_buf_add_char(out, '}');
    kv_usage_tally_release(&t);
    return failed;
}

/* ---- the object as a whole ---- */

static void add_head(struct kv_buf *out, const struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "state_file", in->paths->state);
    kv_json_out_str(out, "output_path", in->paths->output);
    add_shown(out, st, "benchmark_path");
    add_counts(out, st);
    add_config(out, in->config);
    add_files(out, in);
}

void kv_status_add_counts(struct kv_buf *out, struct kv_status *st)
{
    add_head(out, st);
    add_failures(out, st);
    add_rest(out, st);
}

int kv_status_print_json(struct kv_status *st, struct kv_err *err)
{
    struct kv_buf out = {0};
    if (kv_state_load(st->state, KV_LOAD_TASKS, err) != 0)
        return -1;
    add_head(&out, st);
    int failed = kv_status_print_lists(&out, st, err);
    if (!failed) {
        add_failures(&out, st);
        failed = kv_status_print_orphans(&out, st, err);
    }
    if (!failed) {
        add_rest(&out, st);
        kv_buf_add_char(&out, '\n');
        failed = kv_cli_put(kv_slice_of(&out), err);
    }
    kv_buf_release(&out);
    return failed;
}

/* ---- oddities ---- */

static void tell(const char *path, const char *what, int64_t n)
{
    kv_cli_say("%s: %s: %lld", path, what, (long long)n);
}

/* Completed tasks that are not in the manifest, and those without a result. */
static int count(struct kv_status *st, int64_t *orphans, int64_t *holes, struct kv_err *err)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    int got;
    *orphans = *holes = 0;
    if (kv_tasks_begin(&walk, st->state, KV_KEYS_COMPLETED, err) != 0)
        return -1;
    while ((got = kv_tasks_next(&walk, &task, err)) == 1) {
        *orphans += !task.in_manifest;
        *holes += !task.has_row;
    }
    kv_tasks_end(&walk);
    return got;
}

void kv_status_tell(struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    struct kv_err err;
    int64_t orphans, holes;
    if (kv_state_load(st->state, KV_LOAD_ROWS, &err) != 0 ||
        count(st, &orphans, &holes, &err) != 0) {
        kv_cli_warn(&err);
        return;
    }
    if (in->adopted_count)
        tell(in->paths->state, "results whose key is not recorded", in->adopted_count);
    if (orphans)
        tell(in->paths->state, "completed tasks that are not in the manifest", orphans);
    if (holes)
        tell(in->results_path, "completed tasks without a result", holes);
    if (in->recorded_count != in->completed_count)
        tell(in->paths->state, "completed_count is wrong, counted", in->recorded_count);
    if (in->manifest_length != in->total_tasks)
        tell(in->paths->state, "total_tasks is wrong, counted", in->manifest_length);
}
