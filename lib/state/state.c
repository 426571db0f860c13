/* state - how far a run has come: a .state file opened, and what it says of itself.
 *
 * Opening walks the members of the .state once. Small ones are kept as bytes; of the arrays only
 * the lengths are kept, and for a growing pair not even those: its head has the counts, and the
 * walk ends where the manifest begins. Who is done is state_load.c.
 */
#include "state_private.h"

#include "doc_version.h"
#include "export.h"
#include "finished_csv.h"
#include "finished_export.h"
#include "header.h"
#include "io_at.h"
#include "num.h"
#include "private_members.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
        } else if (kv_json_string_is(key, KV_MEMBER_QUESTIONS) &&
                   kv_json_reader_peek(&s->file, err) == '"') {
            failed = kv_json_reader_pass_text(&s->file, &s->questions, &s->questions_n, err);
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

static int64_t take_count(const struct kv_state *s, const char *name, int64_t fallback)
{
    struct kv_slice value;
    int64_t n;
    return kv_state_member(s, name, &value) && kv_num_int64(value, &n) ? n : fallback;
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
    struct kv_header head = {0};
    bool ours = kv_json_reader_peek(&s->file, err) > 0 &&
                kv_header_read(&head, kv_slice_of(&s->file.held), KV_HEADER_STATE);
    s->info.outcomes = head.outcomes;
    return ours;
}

/* 1 if there is no pair, and an export in its place; 0; -1. For an export that was named itself,
 * paths.h has its own path as that of the state. */
static int is_archived(const struct kv_paths *p, struct kv_err *err)
{
    bool named = strcmp(p->state, p->output) == 0;
    int settled = named ? 1 : kv_paths_settled(p, err);
    return settled == 1 ? kv_finished_export_is(p->output, err) : settled;
}

int kv_state_is_finished(const char *operand, struct kv_err *err)
{
    struct kv_paths p;
    if (kv_paths_find(&p, operand, err) != 0)
        return err->kind == KV_INPUT ? 0 : -1;
    int finished = is_archived(&p, err);
    if (finished == 0)
        finished = kv_finished_csv_stands(&p, err);
    kv_paths_release(&p);
    return finished;
}

/* Opens the file, or the export in its place, for the walk over the members. */
static int open_file(struct kv_state *s, bool archives, struct kv_err *err)
{
    const char *output = s->paths.output;
    int archived = archives ? is_archived(&s->paths, err) : 0;
    int csv = archived == 0 ? kv_finished_csv_stands(&s->paths, err) : 0;
    if (archived < 0 || csv < 0)
        return -1;
    if (csv)
        return kv_err_set(
            err, KV_INPUT, "%s: the run is finished, and of it there is only the CSV", output);
    if (!archived)
        return kv_json_reader_open(&s->file, s->paths.state, KV_JSON_FOREIGN, err);
    int fd = kv_finished_export_open(output, err);
    if (fd < 0)
        return -1;
    kv_json_reader_share(&s->file, fd, KV_JSON_FOREIGN);
    s->file.borrowed = false;
    s->info.finished = true;
    return 0;
}

static struct kv_state *open_one(const char *operand, bool archives, struct kv_err *err)
{
    struct kv_state *s = kv_calloc(1, sizeof *s);
    s->file.fd = -1;
    if (kv_paths_find(&s->paths, operand, err) != 0)
        goto failed;
    s->info.paths = &s->paths;
    if (open_file(s, archives, err) != 0)
        goto failed;
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

bool kv_state_has_questions(const struct kv_state *s)
{
    return s->questions_n > 0;
}

/* The member as it stands, with its quotes, behind what *out holds. */
static int read_questions(const struct kv_state *s, struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice value;
    size_t n = (size_t)s->questions_n;
    kv_buf_reserve(out, n);
    if (kv_io_pread(s->file.fd, out->p + out->n, n, (off_t)s->questions, err) != 0 ||
        kv_json_check((struct kv_slice){out->p + out->n, n}, KV_JSON_FOREIGN, &value, err) != 0)
        return kv_err_context(err, "%s: " KV_MEMBER_QUESTIONS, s->paths.state);
    out->n += n;
    out->p[out->n] = '\0';
    return 0;
}

int kv_state_questions(const struct kv_state *s, struct kv_buf *text, struct kv_err *err)
{
    kv_buf_clear(text);
    if (!s->questions_n)
        return 0;
    if (read_questions(s, text, err) != 0)
        return -1;
    kv_buf_cut(text, 0, 1);
    kv_buf_cut(text, text->n - 1, 1);
    return 1;
}

int kv_state_add_members(const struct kv_state *s, struct kv_buf *out, struct kv_err *err)
{
    kv_members_add(&s->members, out);
    if (!s->questions_n)
        return 0;
    out->n--; /* the bracket that closes */
    kv_buf_printf(out, "%s\"" KV_MEMBER_QUESTIONS "\": ", out->p[out->n - 1] == '{' ? "" : ", ");
    if (read_questions(s, out, err) != 0)
        return -1;
    kv_buf_add_char(out, '}');
    return 0;
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

/* The rows that the results file tells of in its head; -1 where that cannot be seen. */
static int64_t rows_told(const struct kv_state *s)
{
    struct kv_doc_version v;
    struct kv_header head = {0};
    struct kv_err ignored;
    if (!s->info.growing || kv_doc_version_open(&v, s->info.results_path, &ignored) != 0)
        return -1;
    bool ours = kv_header_read(&head, (struct kv_slice){v.head, v.head_n}, KV_HEADER_RESULTS);
    kv_doc_version_close(&v);
    return ours ? head.rows : -1;
}

bool kv_state_has_more_rows(const struct kv_state *s)
{
    return rows_told(s) != s->info.row_count;
}

bool kv_state_lacks_rows(const struct kv_state *s)
{
    int64_t rows = rows_told(s);
    return rows >= 0 && (rows < s->info.row_count || rows < s->info.completed_count);
}
