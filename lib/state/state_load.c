/* state_load - who is done: the arrays of an opened state and the rows beside it, in one table.
 *
 * Loading walks the arrays of the open file into a table in memory, one entry a key, and then the
 * rows of the results file. A walk over the keys reads the file again and looks each of them up.
 */
#include "state_private.h"

#include "result.h"
#include "rows.h"

#include <sys/stat.h>

/* ---- walking the keys ---- */

int kv_tasks_begin(
    struct kv_tasks *t, const struct kv_state *s, enum kv_keys_of which, struct kv_err *err)
{
    *t = (struct kv_tasks){.state = s};
    if (kv_keys_begin(&t->keys, s->file.fd, which, err) != 0)
        return kv_err_context(err, "%s", s->paths.state);
    if ((which == KV_KEYS_MANIFEST && s->distinct_manifest < s->manifest_length) ||
        (which == KV_KEYS_COMPLETED && s->distinct_completed < s->completed_length) ||
        which == KV_KEYS_FAILED)
        t->seen = kv_key_index_memory(0);
    return 0;
}

/* True if the walk meets this key for the first time. */
static bool is_new(struct kv_tasks *t)
{
    struct kv_key_index_entry e;
    if (!t->seen)
        return true;
    if (kv_key_index_find(t->seen, kv_digest_128(kv_slice_of(&t->keys.key)), &e, NULL) == 1)
        return false;
    e.flags = KV_KEY_INDEX_SEEN;
    kv_key_index_put(t->seen, &e, NULL);
    return true;
}

int kv_tasks_next(struct kv_tasks *t, struct kv_task_state *task, struct kv_err *err)
{
    int got;
    do
        got = kv_keys_next(&t->keys, err);
    while (got == 1 && !is_new(t));
    if (got == 1)
        kv_state_find(t->state, kv_slice_of(&t->keys.key), task);
    return got < 0 ? kv_err_context(err, "%s", t->state->paths.state) : got;
}

void kv_tasks_end(struct kv_tasks *t)
{
    kv_keys_end(&t->keys);
    kv_key_index_close(t->seen);
    t->seen = NULL;
}

void kv_state_find(const struct kv_state *s, struct kv_slice key, struct kv_task_state *task)
{
    struct kv_key_index_entry e = {0};
    if (s->index)
        kv_key_index_find(s->index, kv_digest_128(key), &e, NULL);
    *task = (struct kv_task_state){
        .key = key,
        .in_manifest = e.flags & KV_KEY_INDEX_MANIFEST,
        .completed = (e.flags & (KV_KEY_INDEX_COMPLETED | KV_KEY_INDEX_ADOPTED)) &&
                     !(e.flags & KV_KEY_INDEX_LOST),
        .recorded = e.flags & KV_KEY_INDEX_COMPLETED,
        .failed = e.flags & KV_KEY_INDEX_FAILED,
        .has_row = e.flags & KV_KEY_INDEX_ROW,
        .offset = e.offset,
    };
}

/* ---- loading ---- */

/* Puts the keys of one array into the table under a flag. */
static int load_keys(struct kv_state *s, enum kv_keys_of which, uint32_t flag, int64_t *length,
    int64_t *distinct, struct kv_err *err)
{
    struct kv_keys k;
    struct kv_key_index_entry e;
    int got;
    if (kv_keys_begin(&k, s->file.fd, which, err) != 0)
        return -1;
    *length = *distinct = 0;
    while ((got = kv_keys_next(&k, err)) == 1) {
        kv_key_index_find(s->index, kv_digest_128(kv_slice_of(&k.key)), &e, err);
        ++*length;
        if (e.flags & flag)
            continue;
        ++*distinct;
        if (flag == KV_KEY_INDEX_COMPLETED && (e.flags & KV_KEY_INDEX_MANIFEST))
            s->info.pending_count--;
        e.flags |= flag;
        kv_key_index_put(s->index, &e, err);
    }
    kv_keys_end(&k);
    return got;
}

static size_t expected_keys(const struct kv_state *s)
{
    struct stat st;
    size_t most = stat(s->paths.state, &st) == 0 ? (size_t)st.st_size / 8 : 0;
    size_t told = s->info.total_tasks > 0 ? (size_t)s->info.total_tasks : 0;
    return told < most ? told : most; /* a file can tell any number */
}

static int load_tasks(struct kv_state *s, struct kv_err *err)
{
    struct kv_state_info *in = &s->info;
    s->index = kv_key_index_memory(expected_keys(s));
    if (load_keys(s, KV_KEYS_MANIFEST, KV_KEY_INDEX_MANIFEST, &s->manifest_length,
            &s->distinct_manifest, err) != 0)
        return -1;
    in->pending_count = s->distinct_manifest;
    in->manifest_length = s->manifest_length;
    if (load_keys(s, KV_KEYS_COMPLETED, KV_KEY_INDEX_COMPLETED, &s->completed_length,
            &s->distinct_completed, err) != 0)
        return -1;
    in->recorded_count = s->distinct_completed;
    return 0;
}

int kv_state_row_key(
    struct kv_state *s, const struct kv_result *row, struct kv_buf *key, struct kv_err *err)
{
    kv_buf_clear(key);
    kv_result_key(row, key);
    if (s->info.layout == KV_LAYOUT_1 || !kv_result_has_scenario(row))
        return 0;
    if (kv_scenario_map(&s->scenario, s->file.fd, key, err) != 0)
        return kv_err_context(err, "%s", s->paths.state);
    return 0;
}

/* Notes one row in the table: the newest one of a task speaks for it. */
static int fold_row(struct kv_state *s, const struct kv_result *row, uint64_t offset,
    struct kv_buf *key, struct kv_err *err)
{
    struct kv_key_index_entry e;
    if (kv_state_row_key(s, row, key, err) != 0)
        return -1;
    kv_key_index_find(s->index, kv_digest_128(kv_slice_of(key)), &e, err);
    bool done =
        (e.flags & (KV_KEY_INDEX_COMPLETED | KV_KEY_INDEX_ADOPTED)) || kv_result_settles(row);
    bool failed = done && kv_result_failed(row); /* an answer that is only kept has not failed */
    uint32_t outcome = done ? kv_outcomes_code(row) : 0;
    kv_outcomes_add(&s->info.outcomes, e.outcome, -1);
    kv_outcomes_add(&s->info.outcomes, outcome, 1);
    s->info.failed_count = s->info.outcomes.errors + s->info.outcomes.declined;
    e.outcome = outcome;
    e.flags = (e.flags & ~(uint32_t)KV_KEY_INDEX_FAILED) | KV_KEY_INDEX_ROW |
              (failed ? KV_KEY_INDEX_FAILED : 0);
    e.offset = offset;
    if (!(e.flags & (KV_KEY_INDEX_COMPLETED | KV_KEY_INDEX_ADOPTED)) && kv_result_settles(row)) {
        e.flags |= KV_KEY_INDEX_ADOPTED;
        s->info.adopted_count++;
        s->info.adopted_pending += (e.flags & KV_KEY_INDEX_MANIFEST) != 0;
    }
    return kv_key_index_put(s->index, &e, err);
}

/* Reads one row; what cannot be read is fatal in layout 1.0 and passed over in 2.0, as there. */
static int load_row(
    struct kv_state *s, const struct kv_row *row, struct kv_buf *key, struct kv_err *err)
{
    struct kv_result result;
    if (kv_result_read(row->text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, err) != 0) {
        if (s->info.layout == KV_LAYOUT_2)
            return 0;
        return kv_err_context(err, "%s:%zu", s->info.results_path, row->line);
    }
    s->info.row_count++;
    return result.preview ? 0 : fold_row(s, &result, row->offset, key, err);
}

/* A recorded key without a row is a hole: a restored backup, a torn record. Its task has no result,
 * so it is pending. */
static int find_holes(struct kv_state *s, struct kv_err *err)
{
    struct kv_keys k;
    struct kv_key_index_entry e;
    int got;
    if (kv_keys_begin(&k, s->file.fd, KV_KEYS_COMPLETED, err) != 0)
        return kv_err_context(err, "%s", s->paths.state);
    while ((got = kv_keys_next(&k, err)) == 1) {
        kv_key_index_find(s->index, kv_digest_128(kv_slice_of(&k.key)), &e, err);
        if (e.flags & (KV_KEY_INDEX_ROW | KV_KEY_INDEX_LOST))
            continue;
        e.flags |= KV_KEY_INDEX_LOST;
        s->info.hole_count += (e.flags & KV_KEY_INDEX_MANIFEST) != 0;
        kv_key_index_put(s->index, &e, err); /* a table in memory does not fail */
    }
    kv_keys_end(&k);
    return got < 0 ? kv_err_context(err, "%s", s->paths.state) : 0;
}

static int load_rows(struct kv_state *s, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_buf key = {0};
    int got;
    s->info.row_count = s->info.failed_count = 0;
    s->info.adopted_count = s->info.adopted_pending = s->info.hole_count = 0;
    s->info.outcomes = (struct kv_outcomes){0};
    if (kv_rows_begin(&rows, s->info.results_path, s->info.layout, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) != 0) {
        if (got < 0 && (s->info.layout == KV_LAYOUT_1 || err->kind != KV_INPUT))
            break;
        if (got == 1 && load_row(s, &row, &key, err) != 0) {
            got = -1;
            break;
        }
    }
    if (got == 0)
        got = find_holes(s, err);
    kv_rows_end(&rows);
    kv_buf_release(&key);
    return got;
}

void kv_state_forget(struct kv_state *s)
{
    kv_key_index_close(s->index);
    s->index = NULL;
    s->loaded = 0;
}

int kv_state_load(struct kv_state *s, unsigned what, struct kv_err *err)
{
    if (!(s->loaded & KV_LOAD_TASKS)) {
        if (load_tasks(s, err) != 0)
            return kv_err_context(err, "%s", s->paths.state);
        s->loaded |= KV_LOAD_TASKS;
    }
    if ((what & KV_LOAD_ROWS) && !(s->loaded & KV_LOAD_ROWS)) {
        if (load_rows(s, err) != 0)
            return -1;
        s->loaded |= KV_LOAD_ROWS;
    }
    return 0;
}
