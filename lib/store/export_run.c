/* export_run - the exports of a run: which rows belong in them, and the files themselves. */
#include "export_run.h"

#include "io_at.h"
#include "json.h"
#include "key_index.h"
#include "rows.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* ---- the spelling of a row ---- */

/* A VerificationResult as karenina's exporter spaces it. A result of any other job is its maker's:
 * it stays as it came, but on one line. */
static enum kv_row_spelling spelling_of(
    const struct kv_export_run *e, struct kv_slice row, bool generic, bool on_a_line)
{
    if (e->info->layout == KV_LAYOUT_2)
        return KV_ROW_RESPELLED;
    return generic && (on_a_line || !memchr(row.p, '\n', row.n)) ? KV_ROW_AS_IS : KV_ROW_SPACED;
}

static void make_head(const struct kv_export_run *e, struct kv_export_head *head)
{
    *head = (struct kv_export_head){
        .export_time = e->now,
        .config = e->info->config,
        .total = e->total,
        .successful = e->successful,
        .failed = e->failed,
        .start_time = e->info->has_start ? e->info->start_text : (struct kv_slice){0},
        .has_end = true,
        .end_time = e->now,
        .is_complete = e->is_complete,
        .rubric_definition = e->rubric,
    };
}

/* The rubric stands in the results document; the JSON Lines of layout 2.0 have no place for it.
 * `object` becomes what the rubric is a part of. */
static struct kv_slice find_rubric(struct kv_slice members, struct kv_buf *object)
{
    struct kv_slice value, rubric;
    kv_buf_add_char(object, '{');
    kv_buf_add_slice(object, members);
    kv_buf_add_str(object, "\"\":0}"); /* behind the last comma */
    bool found = kv_json_check(kv_slice_of(object), KV_JSON_FOREIGN, &value, NULL) == 0 &&
                 kv_json_path(value, &rubric, "shared_data", "rubric_definition", NULL) &&
                 kv_json_type(rubric) == KV_JSON_OBJECT;
    return found ? rubric : (struct kv_slice){0};
}

/* ---- the draft ---- */

/* Rows are brought into the export while they are surveyed, behind the head that is expected. Where no
 * draft can be begun, it is said when the export is written. */
static void begin_draft(struct kv_export_run *e, int source)
{
    struct kv_export_run as_expected = *e;
    struct kv_export_head head;
    struct kv_buf object = {0};
    if (!e->draft_path ||
        kv_publish_begin_like(&e->draft, e->draft_path, e->info->paths->state, NULL) != 0)
        return;
    as_expected.rubric = find_rubric(kv_slice_of(&e->members), &object);
    as_expected.failed = e->failed_expected;
    as_expected.successful = e->expected - e->failed_expected;
    make_head(&as_expected, &head);
    kv_export_head_add(&e->draft_head, &head);
    kv_export_begin(&e->out, e->draft.fd, &head);
    kv_export_give_way(&e->out);
    kv_buf_release(&object);
    e->drafted = true;
    e->copier = kv_row_copier_open(source, e->draft.fd);
}

static void drop_draft(struct kv_export_run *e)
{
    if (!e->drafted)
        return;
    struct kv_err ignored;
    e->drafted = false;
    kv_export_end(&e->out, (struct kv_slice){0}, &ignored);
    kv_publish_abandon(&e->draft);
}

/* The rows are all there, or there is no draft: whatever was wrong is met again without one. */
static void end_copying(struct kv_export_run *e, bool whole)
{
    struct kv_err ignored;
    if (e->copier && kv_row_copier_close(e->copier, whole, &ignored) != 0)
        drop_draft(e);
    e->copier = NULL;
}

/* True if there is a draft and its head came true, or one of the same length could be put in its
 * place. */
static bool draft_holds(const struct kv_export_run *e)
{
    struct kv_export_head head;
    struct kv_buf text = {0};
    if (!e->drafted)
        return false;
    make_head(e, &head);
    kv_export_head_add(&text, &head);
    bool holds =
        kv_slice_eq(kv_slice_of(&text), kv_slice_of(&e->draft_head)) ||
        (text.n == e->draft_head.n && kv_io_pwrite(e->draft.fd, kv_slice_of(&text), 0, NULL) == 0);
    kv_buf_release(&text);
    return holds;
}

/* ---- the survey ---- */

static void set_newest(struct kv_export_run *e, size_t row)
{
    if (row / 8 >= e->room) {
        size_t room = e->room ? 2 * e->room : 1024;
        e->newest = kv_array(e->newest, room, 1);
        memset(e->newest + e->room, 0, room - e->room);
        e->room = room;
    }
    e->newest[row / 8] |= (unsigned char)(1u << row % 8);
    e->chosen++;
}

static bool is_newest(const struct kv_export_run *e, size_t row)
{
    return row / 8 < e->room && e->newest[row / 8] >> row % 8 & 1;
}

/* True of several judges: the answers then stand in the rows of each of them. */
static bool has_judges(const struct kv_export_run *e)
{
    struct kv_slice models;
    return e->info->config.n && kv_json_get(e->info->config, "parsing_models", &models) &&
           kv_json_count(models) > 1;
}

/* Hands over a row of the export. */
static void copy_row(struct kv_export_run *e, struct kv_rows *rows, const struct kv_row *at,
    const struct kv_result *row)
{
    struct kv_row_place place = {.from = at->offset,
        .text = at->text,
        .spelling = spelling_of(e, at->text, row->generic, e->alone),
        .follows = e->alone && e->alone_before};
    kv_buf_clear(&e->row);
    if (place.spelling == KV_ROW_SPACED && kv_rows_add_spaced(rows, &e->row)) {
        place.text = kv_slice_of(&e->row);
        place.spelling = KV_ROW_DONE;
    }
    kv_row_copier_add(e->copier, &place);
}

/* A row is left out because a newer one of its task is to come: it is waited for until it has. */
static int await(struct kv_export_run *e, bool chosen, struct kv_err *err)
{
    struct kv_key_index_entry entry;
    if (chosen && e->awaited == 0)
        return 0;
    if (kv_key_index_find(e->waiting, kv_digest_128(kv_slice_of(&e->id)), &entry, err) < 0)
        return -1;
    bool awaited = entry.flags & KV_KEY_INDEX_SEEN;
    if (awaited != chosen)
        return 0;
    e->awaited += chosen ? -1 : 1;
    entry.flags = chosen ? KV_KEY_INDEX_ROW : KV_KEY_INDEX_SEEN;
    return kv_key_index_put(e->waiting, &entry, err);
}

/* Adds the task of a chosen row to the sum, if it is completed; a scenario, whose turns are rows of
 * their own, with the newest of them. */
static int sum_up(
    struct kv_export_run *e, const struct kv_row *at, struct kv_task_state task, struct kv_err *err)
{
    if (!kv_slice_eq(kv_slice_of(&e->id), kv_slice_of(&e->key)) &&
        kv_store_find(e->store, kv_slice_of(&e->key), &task, err) != 0)
        return -1;
    if (task.completed && task.offset == at->offset)
        kv_store_sum(&e->sum, kv_slice_of(&e->key));
    return 0;
}

static void count(struct kv_export_run *e, const struct kv_result *row)
{
    kv_tally_add(&e->rows, row);
    if (!row->generic && kv_result_has_scenario(row))
        kv_scenarios_add(e->scenarios, kv_slice_of(&e->key), row);
    else if (kv_result_failed(row))
        e->failed++;
    else
        e->successful++;
}

/* Takes a row into the export. */
static void choose(struct kv_export_run *e, struct kv_rows *rows, const struct kv_row *at,
    const struct kv_result *row)
{
    set_newest(e, e->count);
    count(e, row);
    if (e->copier)
        copy_row(e, rows, at, row);
}

static int survey_row(struct kv_export_run *e, struct kv_rows *rows, const struct kv_row *at,
    const struct kv_result *row, struct kv_err *err)
{
    kv_buf_clear(&e->id);
    if (row->preview)
        return 0;
    if (!e->store) { /* an export has no others */
        set_newest(e, e->count);
        return 0;
    }
    if (kv_store_row_key(e->store, row, &e->key, err) != 0)
        return -1;
    if (e->one_each) {
        choose(e, rows, at, row);
        return kv_key_match_row(&e->match, kv_slice_of(&e->key), err);
    }
    kv_store_row_id(kv_slice_of(&e->key), row, &e->id);
    struct kv_task_state task;
    if (kv_store_find(e->store, kv_slice_of(&e->id), &task, err) != 0)
        return -1;
    bool newest = task.has_row && task.offset == at->offset;
    if (await(e, newest, err) != 0)
        return -1;
    if (!newest) {
        e->superseded++;
        return 0;
    }
    choose(e, rows, at, row);
    return sum_up(e, at, task, err);
}

/* The next row, read as a result. 1, 0, -1. */
static int next_row(struct kv_export_run *e, struct kv_rows *rows, struct kv_row *at,
    struct kv_result *row, struct kv_err *err)
{
    int got = kv_rows_next(rows, at, err);
    if (got != 1)
        return got;
    if (kv_rows_result(rows, at, row, err) == 0)
        return 1;
    return kv_err_context(err, "%s:%zu", e->info->results_path, at->line);
}

/* True of a row of a document that has begun its line and not ended it. */
static bool stands_alone(const struct kv_rows *rows, const struct kv_row *at)
{
    return rows->layout == KV_LAYOUT_1 && rows->reader.column == at->text.n + 1;
}

static int walk_rows(struct kv_export_run *e, struct kv_rows *rows, struct kv_err *err)
{
    struct kv_row at;
    struct kv_result row;
    int got;
    for (; (got = next_row(e, rows, &at, &row, err)) == 1; e->count++) {
        if (e->count == 0 && e->store)
            begin_draft(e, rows->reader.fd);
        e->alone_before = e->alone;
        e->alone = stands_alone(rows, &at);
        if (survey_row(e, rows, &at, &row, err) != 0)
            return -1;
    }
    return got;
}

static int walk(struct kv_export_run *e, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_file before, after;
    if (kv_rows_begin(&rows, e->info->results_path, e->info->layout, err) != 0)
        return -1;
    rows.members = &e->members;
    e->rows.usage.shared = has_judges(e);
    bool known = kv_io_stat(rows.reader.fd, &before) == 0;
    int got = walk_rows(e, &rows, err);
    end_copying(e, got == 0);
    /* What was copied is what was surveyed. */
    if (e->drafted &&
        !(known && kv_io_stat(rows.reader.fd, &after) == 0 && kv_file_same(&before.id, &after.id)))
        drop_draft(e);
    kv_rows_end(&rows);
    return got;
}

/* 1 if the rows chosen add up, 0 if not; -1. */
static int adds_up(struct kv_export_run *e, struct kv_err *err)
{
    struct kv_digest128 completed = {0};
    if (e->one_each)
        return kv_key_match_end(&e->match, err);
    if (e->store && kv_store_sum_completed(e->store, &completed, err) != 0)
        return -1;
    return e->awaited == 0 && e->sum.hi == completed.hi && e->sum.lo == completed.lo;
}

static int begin_match(struct kv_export_run *e, struct kv_err *err)
{
    const struct kv_state *s = e->one_each ? kv_store_state(e->store, err) : NULL;
    if (!e->one_each)
        return 0;
    return s ? kv_key_match_begin(&e->match, kv_state_file(s), err) : -1;
}

int kv_export_run_survey(struct kv_export_run *e, struct kv_err *err)
{
    e->scenarios = kv_scenarios_open();
    e->waiting = kv_key_index_memory(0);
    if (begin_match(e, err) != 0 || walk(e, err) != 0)
        return -1;
    struct kv_buf object = {0};
    e->rubric = find_rubric(kv_slice_of(&e->members), &object);
    kv_buf_release(&e->members);
    e->members = object;
    int64_t scenarios = (int64_t)kv_scenarios_count(e->scenarios);
    int64_t unfinished = (int64_t)kv_scenarios_failed(e->scenarios);
    e->successful += scenarios - unfinished;
    e->failed += unfinished;
    return adds_up(e, err);
}

/* ---- writing ---- */

/* The rows chosen must all be met again. */
static int refuse_changed(const struct kv_export_run *e, struct kv_err *err)
{
    return kv_err_set(err, KV_SYSTEM, "%s: changed while it was read; nothing was removed",
        e->info->results_path);
}

static bool is_generic(struct kv_slice row)
{
    struct kv_slice task;
    return kv_json_get(row, "task_id", &task) && kv_json_type(task) == KV_JSON_STRING;
}

static int write_rows(struct kv_export_run *e, struct kv_export *out, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row at;
    int got;
    if (kv_rows_begin(&rows, e->info->results_path, e->info->layout, err) != 0)
        return -1;
    size_t written = 0;
    for (size_t i = 0; (got = kv_rows_next(&rows, &at, err)) == 1; i++) {
        if (!is_newest(e, i))
            continue;
        written++;
        kv_buf_clear(&e->row);
        kv_row_spell(&e->row, at.text, spelling_of(e, at.text, is_generic(at.text), false));
        kv_export_row(out, kv_slice_of(&e->row));
    }
    kv_rows_end(&rows);
    return got == 0 && written != e->chosen ? refuse_changed(e, err) : got;
}

static int end_json(
    struct kv_export_run *e, struct kv_export *out, const char *path, struct kv_err *err)
{
    struct kv_buf line = {0};
    kv_scenarios_write(e->scenarios, &line);
    int failed = kv_export_end(out, kv_slice_of(&line), err);
    kv_buf_release(&line);
    return failed ? kv_err_context(err, "%s", path) : 0;
}

static int write_json(struct kv_export_run *e, const char *path, int fd, struct kv_err *err)
{
    struct kv_export_head head;
    struct kv_export out;
    struct kv_err late;
    make_head(e, &head);
    kv_export_begin(&out, fd, &head);
    int got = write_rows(e, &out, err);
    if (end_json(e, &out, path, &late) != 0 && got == 0) {
        *err = late;
        got = -1;
    }
    return got;
}

static int publish_draft(struct kv_export_run *e, const char *path, struct kv_err *err)
{
    e->drafted = false;
    if (end_json(e, &e->out, path, err) == 0 && kv_publish_end(&e->draft, err) == 0)
        return 0;
    kv_publish_abandon(&e->draft);
    return -1;
}

static struct kv_csv *open_csv(const struct kv_export_run *e)
{
    struct kv_buf stamp = {0}, job = {0};
    struct kv_export_head head;
    make_head(e, &head);
    kv_export_stamp_add(&stamp, head.export_time);
    kv_export_job_add(&job, &head);
    struct kv_csv_meta meta = {
        kv_slice_of(&stamp), KV_SLICE(KV_EXPORT_KARENINA), kv_slice_of(&job), e->rubric};
    struct kv_csv *csv = kv_csv_open(&meta);
    kv_buf_release(&stamp);
    kv_buf_release(&job);
    return csv;
}

static void add_line(struct kv_export_run *e, const struct kv_row *at, const struct kv_result *row,
    struct kv_buf *out)
{
    if (e->csv) {
        kv_csv_row(e->csv, row, out);
        return;
    }
    kv_json_compact(out, at->text);
    kv_buf_add_char(out, '\n');
}

/* Shows the rows that count to the survey of columns (fd < 0), or writes them as lines. */
static int walk_lines(struct kv_export_run *e, const char *path, int fd, struct kv_err *err)
{
    enum { FLUSH_AT = 256 * 1024 };
    struct kv_rows rows;
    struct kv_row at;
    struct kv_result row;
    struct kv_buf out = {0};
    size_t met = 0;
    int got;
    if (kv_rows_begin(&rows, e->info->results_path, e->info->layout, err) != 0)
        return -1;
    if (fd >= 0 && e->csv)
        kv_csv_head(e->csv, &out);
    for (size_t i = 0; (got = next_row(e, &rows, &at, &row, err)) == 1; i++) {
        if (!is_newest(e, i))
            continue;
        met++;
        if (fd < 0)
            kv_csv_survey(e->csv, &row);
        else
            add_line(e, &at, &row, &out);
        if (out.n < FLUSH_AT)
            continue;
        if (kv_io_write(fd, kv_slice_of(&out), err) != 0) {
            got = kv_err_context(err, "%s", path);
            break;
        }
        kv_buf_clear(&out);
    }
    kv_rows_end(&rows);
    if (got == 0 && met != e->chosen)
        got = refuse_changed(e, err);
    if (got == 0 && fd >= 0 && kv_io_write(fd, kv_slice_of(&out), err) != 0)
        got = kv_err_context(err, "%s", path);
    kv_buf_release(&out);
    return got;
}

/* Which trait columns there are needs the rubric, which may stand behind the rows: a pass of its
 * own. */
static int write_csv(struct kv_export_run *e, const char *path, int fd, struct kv_err *err)
{
    e->csv = open_csv(e);
    int rc = walk_lines(e, path, -1, err);
    if (rc == 0)
        rc = walk_lines(e, path, fd, err);
    kv_csv_close(e->csv);
    e->csv = NULL;
    return rc;
}

static int publish(struct kv_export_run *e, const char *path,
    int (*write)(struct kv_export_run *, const char *, int, struct kv_err *), struct kv_err *err)
{
    struct kv_publish p;
    if (kv_publish_begin_like(
            &p, path, e->store ? e->info->paths->state : e->info->results_path, err) != 0)
        return -1;
    if (write(e, path, p.fd, err) == 0 && kv_publish_end(&p, err) == 0)
        return 0;
    kv_publish_abandon(&p);
    return -1;
}

int kv_export_run_json(struct kv_export_run *e, const char *path, struct kv_err *err)
{
    if (draft_holds(e))
        return publish_draft(e, path, err);
    drop_draft(e);
    return publish(e, path, write_json, err);
}

int kv_export_run_jsonl(struct kv_export_run *e, const char *path, struct kv_err *err)
{
    return publish(e, path, walk_lines, err);
}

int kv_export_run_csv(struct kv_export_run *e, const char *path, struct kv_err *err)
{
    return publish(e, path, write_csv, err);
}

void kv_export_run_release(struct kv_export_run *e)
{
    end_copying(e, false);
    drop_draft(e);
    kv_tally_release(&e->rows);
    kv_scenarios_close(e->scenarios);
    kv_buf_release(&e->members);
    kv_buf_release(&e->key);
    kv_buf_release(&e->id);
    kv_buf_release(&e->row);
    kv_buf_release(&e->draft_head);
    kv_key_match_release(&e->match);
    kv_key_index_close(e->waiting);
    free(e->newest);
}
