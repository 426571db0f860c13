/* state - how far a run has come: manifest, completed, failed; read without a lock.
 *
 * Opening walks the members of the .state once. Small ones are kept as bytes; of the arrays only
 * the lengths are kept, and for a growing pair not even those: its head has the counts, and the
 * walk ends where the manifest begins. Loading walks the arrays of the same open file into a table
 * in memory, one entry a key, and then the rows of the results file.
 */
#include "state.h"

#include "doc_version.h"
#include "export.h"
#include "finished_csv.h"
#include "finished_export.h"
#include "header.h"
#include "keys.h"
#include "members.h"
#include "num.h"
#include "result.h"
#include "torn_tail.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct kv_state {
    struct kv_state_info info;
    struct kv_paths paths;
    struct kv_json_reader file; /* holds the descriptor that all walks share */
    struct kv_members members;  /* but for the two arrays of keys */
    bool has_manifest, has_completed;
    int64_t manifest_length, completed_length; /* as counted; -1: not counted */
    int64_t distinct_manifest, distinct_completed;
    char *strings[4];
    struct kv_key_index *index; /* NULL until loaded */
    unsigned loaded;
    struct kv_scenario scenario;
};

/* ---- opening ---- */

bool kv_state_member(const struct kv_state *s, const char *name, struct kv_slice *value)
{
    return kv_members_find(&s->members, name, value);
}

static int count_keys(struct kv_state *s, bool *has, int64_t *length, struct kv_err *err)
{
    struct kv_slice item;
    int got;
    if (*has)
        return kv_err_set(err, KV_INPUT, "%zu: a list of tasks is given twice", s->file.line);
    *has = true;
    if (kv_json_reader_enter(&s->file, '[', err) != 0)
        return -1;
    for (*length = 0; (got = kv_json_reader_item(&s->file, &item, err)) == 1; ++*length)
        if (kv_json_type(item) != KV_JSON_STRING)
            return kv_err_set(err, KV_INPUT, "%zu: a task key is a string, not %s",
                s->file.value_line, kv_json_type_name(item));
    return got;
}

static int read_members(struct kv_state *s, struct kv_err *err)
{
    struct kv_slice key;
    int got;
    if (kv_json_reader_enter(&s->file, '{', err) != 0)
        return -1;
    while ((got = kv_json_reader_member(&s->file, &key, err)) == 1) {
        int failed;
        if (kv_json_string_is(key, kv_keys_member(KV_KEYS_MANIFEST))) {
            if (s->info.growing) {
                s->has_manifest = s->has_completed = true;
                return 0;
            }
            failed = count_keys(s, &s->has_manifest, &s->manifest_length, err);
        } else if (kv_json_string_is(key, kv_keys_member(KV_KEYS_COMPLETED))) {
            failed = count_keys(s, &s->has_completed, &s->completed_length, err);
        } else {
            failed = kv_members_keep(&s->members, &s->file, key, err);
        }
        if (failed)
            return -1;
    }
    return got < 0 ? -1 : kv_json_reader_finish(&s->file, err);
}

/* The version as karenina's messages have it: a string bare, anything else as Python prints it. */
static int check_version(struct kv_state *s, struct kv_err *err)
{
    struct kv_slice version;
    kv_state_member(s, "format_version", &version);
    if (kv_json_string_is(version, "1.0") || kv_json_string_is(version, "2.0")) {
        s->info.layout = kv_json_string_is(version, "1.0") ? KV_LAYOUT_1 : KV_LAYOUT_2;
        return 0;
    }
    if (kv_json_string_is(version, KV_EXPORT_VERSION))
        return kv_err_set(err, KV_INPUT,
            "these are the results of a run that is not finished; its state is another file; "
            "without it, kv-manifest --extend-from begins a run with them");
    char *text = kv_json_is_null(version)                  ? kv_strdup("None")
                 : kv_json_type(version) == KV_JSON_STRING ? kv_json_strdup(version)
                                                           : kv_slice_dup(version);
    kv_err_set(
        err, KV_INPUT, "incompatible state format version: %s (supported: ['1.0', '2.0'])", text);
    free(text);
    return -1;
}

/* A member that is a string, "" if it is absent or null. */
static int take_string(
    struct kv_state *s, size_t i, const char *name, const char **to, struct kv_err *err)
{
    struct kv_slice value;
    kv_state_member(s, name, &value);
    if (!kv_json_is_null(value) && kv_json_type(value) != KV_JSON_STRING)
        return kv_err_set(
            err, KV_INPUT, "%s: expected a string, found %s", name, kv_json_type_name(value));
    *to = s->strings[i] = kv_json_is_null(value) ? kv_strdup("") : kv_json_strdup(value);
    return 0;
}

/* One that is only shown. */
static const char *take_shown(struct kv_state *s, size_t i, const char *name)
{
    struct kv_slice value;
    kv_state_member(s, name, &value);
    s->strings[i] = kv_json_type(value) == KV_JSON_STRING ? kv_json_strdup(value) : kv_strdup("");
    return s->strings[i];
}

static int64_t take_count(const struct kv_state *s, const char *name, int64_t otherwise)
{
    struct kv_slice value;
    int64_t n;
    return kv_state_member(s, name, &value) && kv_num_int64(value, &n) ? n : otherwise;
}

static int take_start(struct kv_state *s, struct kv_err *err)
{
    struct kv_slice value;
    s->info.start_text = KV_SLICE("null");
    kv_state_member(s, "start_time", &value);
    if (kv_json_is_null(value))
        return 0;
    if (kv_json_type(value) != KV_JSON_NUMBER || !kv_num_double(value, &s->info.start_time))
        return kv_err_set(err, KV_INPUT, "start_time: expected a number or null");
    s->info.start_text = value;
    s->info.has_start = true;
    return 0;
}

static int take_info(struct kv_state *s, struct kv_err *err)
{
    struct kv_state_info *in = &s->info;
    if (check_version(s, err) != 0 || take_start(s, err) != 0 ||
        take_string(s, 0, "config_hash", &in->config_hash, err) != 0 ||
        take_string(s, 1, "benchmark_path", &in->benchmark_path, err) != 0)
        return -1;
    in->created_at = take_shown(s, 2, "created_at");
    in->last_updated_at = take_shown(s, 3, "last_updated_at");
    kv_state_member(s, "config", &in->config);
    if (in->config.n && kv_json_type(in->config) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "config: expected an object, found %s", kv_json_type_name(in->config));
    in->results_path = in->finished                ? s->paths.output
                       : in->layout == KV_LAYOUT_1 ? s->paths.tmp
                                                   : s->paths.jsonl;
    in->total_tasks = take_count(s, "total_tasks", s->manifest_length);
    in->completed_count = take_count(s, "completed_count", s->completed_length);
    in->pending_count = in->failed_count = in->row_count = -1;
    in->manifest_length = in->recorded_count = -1;
    if (in->growing) {
        in->pending_count = take_count(s, "pending_count", -1);
        in->failed_count = take_count(s, "failed_count", -1);
        in->row_count = take_count(s, "row_count", -1);
    }
    return 0;
}

static bool begins_as_ours(struct kv_state *s, struct kv_err *err)
{
    struct kv_header ignored = {0};
    return kv_json_reader_peek(&s->file, err) > 0 &&
           kv_header_read(&ignored, kv_slice_of(&s->file.held), KV_HEADER_STATE);
}

/* Is there no pair, and an export in its place? One that was named itself is where paths.h puts a
 * state of an odd name. */
static bool is_archived(const struct kv_paths *p)
{
    bool named = strcmp(p->state, p->output) == 0;
    return (named || kv_paths_settled(p)) && kv_finished_export_is(p->output);
}

bool kv_state_is_finished(const char *operand)
{
    struct kv_paths p;
    struct kv_err ignored;
    if (kv_paths_find(&p, operand, &ignored) != 0)
        return false;
    bool finished = is_archived(&p) || kv_finished_csv_stands(&p);
    kv_paths_release(&p);
    return finished;
}

static struct kv_state *open_one(const char *operand, bool archives, struct kv_err *err)
{
    struct kv_state *s = kv_calloc(1, sizeof *s);
    s->file.fd = -1;
    if (kv_paths_find(&s->paths, operand, err) != 0)
        goto failed;
    s->info.paths = &s->paths;
    if (archives && is_archived(&s->paths)) {
        int fd = kv_finished_export_open(s->paths.output, err);
        if (fd < 0)
            goto failed;
        kv_json_reader_share(&s->file, fd, KV_JSON_FOREIGN);
        s->file.borrowed = false;
        s->info.finished = true;
    } else if (kv_finished_csv_stands(&s->paths)) {
        kv_err_set(err, KV_INPUT, "%s: the run is finished, and of it there is only the CSV",
            s->paths.output);
        goto failed;
    } else if (kv_json_reader_open(&s->file, s->paths.state, KV_JSON_FOREIGN, err) != 0) {
        goto failed;
    }
    s->info.growing = begins_as_ours(s, err);
    if (read_members(s, err) == 0 && take_info(s, err) == 0)
        return s;
    kv_err_context(err, "%s", s->paths.state);
failed:
    kv_state_close(s);
    return NULL;
}

struct kv_state *kv_state_open(const char *operand, struct kv_err *err)
{
    return open_one(operand, false, err);
}

struct kv_state *kv_state_open_any(const char *operand, struct kv_err *err)
{
    return open_one(operand, true, err);
}

void kv_state_close(struct kv_state *s)
{
    if (!s)
        return;
    kv_paths_release(&s->paths);
    kv_json_reader_close(&s->file);
    kv_members_release(&s->members);
    kv_scenario_release(&s->scenario);
    kv_key_index_close(s->index);
    for (size_t i = 0; i < sizeof s->strings / sizeof *s->strings; i++)
        free(s->strings[i]);
    free(s);
}

const struct kv_state_info *kv_state_info(const struct kv_state *s)
{
    return &s->info;
}

void kv_state_add_members(const struct kv_state *s, struct kv_buf *out)
{
    kv_members_add(&s->members, out);
}

int kv_state_file(const struct kv_state *s)
{
    return s->file.fd;
}

int kv_state_check(const struct kv_state *s, struct kv_err *err)
{
    static const char *const needed[] = {"config", "benchmark_path", "output_path"};
    struct kv_slice value;
    struct stat st;
    bool first = s->info.layout == KV_LAYOUT_1;
    if (first && stat(s->paths.tmp, &st) != 0)
        return kv_err_set(err, KV_INPUT,
            "%s: results file not found (the state %s exists but the results are missing)",
            s->paths.tmp, s->paths.state);
    for (size_t i = 0; i < (first ? 2 : 3); i++)
        if (!kv_state_member(s, needed[i], &value))
            return kv_err_set(err, KV_INPUT, "%s: %s is missing", s->paths.state, needed[i]);
    if (first && (!s->has_manifest || !s->has_completed))
        return kv_err_set(err, KV_INPUT, "%s: %s is missing", s->paths.state,
            kv_keys_member(s->has_manifest ? KV_KEYS_COMPLETED : KV_KEYS_MANIFEST));
    return 0;
}

bool kv_state_has_more_rows(const struct kv_state *s)
{
    struct kv_doc_version v;
    struct kv_header head = {0};
    struct kv_err ignored;
    if (kv_doc_version_open(&v, s->info.results_path, &ignored) != 0)
        return true;
    bool same = kv_header_read(&head, (struct kv_slice){v.head, v.head_n}, KV_HEADER_RESULTS) &&
                head.rows == s->info.row_count;
    kv_doc_version_close(&v);
    return !same;
}

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

/* Is it the first time that the walk meets this key? */
static bool is_new(struct kv_tasks *t)
{
    struct kv_key_index_entry e;
    struct kv_err ignored;
    if (!t->seen)
        return true;
    if (kv_key_index_find(t->seen, kv_digest_128(kv_slice_of(&t->keys.key)), &e, &ignored) == 1)
        return false;
    e.flags = KV_KEY_INDEX_SEEN;
    kv_key_index_put(t->seen, &e, &ignored);
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
    struct kv_err ignored; /* a table in memory does not fail */
    if (s->index)
        kv_key_index_find(s->index, kv_digest_128(key), &e, &ignored);
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
    if (s->info.layout == KV_LAYOUT_1 || row->scenario_id.n <= 2)
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
    bool failed = kv_result_failed(row);
    s->info.failed_count += (int)failed - (int)!!(e.flags & KV_KEY_INDEX_FAILED);
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
    if (kv_result_read(row->text, KV_JSON_FOREIGN, &result, err) != 0) {
        if (s->info.layout == KV_LAYOUT_2)
            return 0;
        return kv_err_context(err, "%s:%zu", s->info.results_path, row->line);
    }
    s->info.row_count++;
    return result.preview ? 0 : fold_row(s, &result, row->offset, key, err);
}

static int find_holes(struct kv_state *s, struct kv_key_list *holes, struct kv_err *err)
{
    struct kv_keys k;
    struct kv_key_index_entry e;
    int got;
    if (kv_keys_begin(&k, s->file.fd, KV_KEYS_COMPLETED, err) != 0)
        return -1;
    while ((got = kv_keys_next(&k, err)) == 1) {
        kv_key_index_find(s->index, kv_digest_128(kv_slice_of(&k.key)), &e, err);
        if (!(e.flags & KV_KEY_INDEX_ROW))
            kv_key_list_add(holes, kv_slice_of(&k.key));
    }
    kv_keys_end(&k);
    return got;
}

/* The task of a torn last line of layout 2.0 is pending again, as the next writer will record. */
static int load_tail(struct kv_state *s, int fd, struct kv_err *err)
{
    struct kv_torn_tail tail;
    struct kv_key_list holes = {0};
    struct kv_key_index_entry e;
    struct stat st;
    if (fstat(fd, &st) != 0 || kv_torn_tail_read(&tail, fd, (uint64_t)st.st_size, err) != 0)
        return -1;
    int failed = tail.torn.n ? find_holes(s, &holes, err) : 0;
    for (size_t i = 0; i < holes.count && !failed; i++) {
        struct kv_slice key = kv_key_list_get(&holes, i);
        if (!kv_torn_tail_lost(&tail, &holes, key))
            continue;
        kv_key_index_find(s->index, kv_digest_128(key), &e, err);
        e.flags |= KV_KEY_INDEX_LOST;
        failed = kv_key_index_put(s->index, &e, err);
    }
    kv_key_list_release(&holes);
    kv_torn_tail_release(&tail);
    return failed;
}

static int load_rows(struct kv_state *s, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_buf key = {0};
    int got;
    s->info.row_count = s->info.failed_count = 0;
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
    if (got == 0 && s->info.layout == KV_LAYOUT_2 && rows.reader.fd >= 0)
        got = load_tail(s, rows.reader.fd, err);
    kv_rows_end(&rows);
    kv_buf_release(&key);
    return got;
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
