/* layout2_create - a new pair of layout 2.0, which karenina's command line resumes.
 *
 * The lines are published first, empty, and the .state behind them: a .state without lines would be
 * a run, lines without a .state are none. Rows to begin with are added as any others.
 */
#include "layout2_create.h"

#include "header.h"
#include "io.h"
#include "json.h"
#include "key_index.h"
#include "layout1_text.h"
#include "num.h"
#include "paths.h"
#include "store.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* ---- a pair that is there ---- */

static int remove_pair(const struct kv_paths *p, struct kv_err *err)
{
    struct kv_store *st = kv_store_open(p->state, KV_STORE_DEFAULT, err);
    int failed = !st || kv_store_begin(st, err) != 0 || kv_store_remove(st, err) != 0;
    kv_store_close(st);
    return failed ? -1 : 0;
}

static int refuse_existing(const struct kv_paths *p, bool replace, struct kv_err *err)
{
    const char *const names[] = {p->state, p->tmp, p->jsonl};
    if (replace && exists(p->state))
        return remove_pair(p, err);
    for (size_t i = 0; i < sizeof names / sizeof *names && !replace; i++)
        if (exists(names[i]))
            return kv_err_set(err, KV_INPUT, "%s: exists already", names[i]);
    return 0;
}

/* ---- the state ---- */

static int check_manifest(const struct kv_store_plan *plan, struct kv_err *err)
{
    struct kv_key_index *seen = kv_key_index_memory(plan->manifest_count);
    int failed = 0;
    for (size_t i = 0; i < plan->manifest_count && !failed; i++) {
        struct kv_slice key = plan->task(plan->tasks, i);
        struct kv_key_index_entry e;
        if (kv_utf8_has_lone_surrogate(key))
            failed =
                kv_err_set(err, KV_INPUT, "task %zu: half a surrogate pair in its name", i + 1);
        else if (kv_key_index_find(seen, kv_digest_128(key), &e, err) == 1)
            failed = kv_err_set(err, KV_INPUT, "task %.*s: given twice", (int)key.n, key.p);
        e.flags = KV_KEY_INDEX_SEEN;
        failed = failed || kv_key_index_put(seen, &e, err) != 0;
    }
    kv_key_index_close(seen);
    return failed ? -1 : 0;
}

static void add_text(struct kv_buf *out, const char *name, const char *text)
{
    kv_buf_printf(out, ",\n  \"%s\": ", name);
    kv_json_quote(out, kv_slice(text), KV_JSON_ASCII);
}

static void add_time(struct kv_buf *out, const char *name, double seconds)
{
    kv_buf_printf(out, ",\n  \"%s\": \"", name);
    kv_header_add_time(out, kv_num_whole(seconds), KV_HEADER_STATE);
    kv_buf_add_char(out, '"');
}

/* Writes what is in `text` and empties it. */
static int pass(int fd, struct kv_buf *text, struct kv_err *err)
{
    int failed = kv_io_write(fd, kv_slice_of(text), err);
    kv_buf_clear(text);
    return failed;
}

static int write_manifest(
    int fd, struct kv_buf *text, const struct kv_store_plan *plan, struct kv_err *err)
{
    kv_buf_add_str(text, ",\n  \"task_manifest\": [");
    for (size_t i = 0; i < plan->manifest_count; i++) {
        kv_buf_add_str(text, i ? ",\n    " : "\n    ");
        kv_layout1_text_quote_key(text, plan->task(plan->tasks, i));
        if (text->n >= PIECE && pass(fd, text, err) != 0)
            return -1;
    }
    kv_buf_add_str(text, plan->manifest_count ? "\n  ]" : "]");
    return 0;
}

/* A member may be as long as there are questions: it is not held a second time. */
static int write_members(int fd, struct kv_buf *text, struct kv_slice members, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, members.n ? members : KV_SLICE("{}"));
    while (kv_json_member(&w, &key, &value)) {
        kv_buf_add_str(text, ",\n  ");
        kv_buf_add_slice(text, key);
        kv_buf_add_str(text, ": ");
        if (pass(fd, text, err) != 0 || kv_io_write(fd, value, err) != 0)
            return -1;
    }
    return 0;
}

static void add_head(
    struct kv_buf *out, const struct kv_store_plan *plan, const struct kv_paths *paths)
{
    kv_buf_add_str(out, "{\n  \"format_version\": \"2.0\"");
    add_time(out, "created_at", plan->start_time);
    add_time(out, "last_updated_at", plan->start_time);
    add_text(out, "benchmark_path", plan->benchmark_path);
    add_text(out, "output_path", paths->output);
    add_text(out, "config_hash", plan->config_hash);
    kv_buf_add_str(out, ",\n  \"config\": ");
    kv_buf_add_slice(out, plan->config.n ? plan->config : KV_SLICE("{}"));
}

static void add_counts(struct kv_buf *out, const struct kv_store_plan *plan)
{
    kv_buf_printf(out,
        ",\n  \"completed_task_ids\": [],\n  \"failed_task_ids\": [],\n  \"total_tasks\": %zu"
        ",\n  \"completed_count\": 0,\n  \"failed_count\": 0,\n  \"start_time\": ",
        plan->manifest_count);
    kv_num_add_double(out, plan->start_time, KV_NUM_PYTHON);
}

static int write_state(
    int fd, const struct kv_store_plan *plan, const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_buf text = {0};
    add_head(&text, plan, paths);
    int failed = write_manifest(fd, &text, plan, err);
    add_counts(&text, plan);
    failed = failed || write_members(fd, &text, plan->members, err) != 0;
    kv_buf_add_str(&text, "\n}");
    failed = failed || pass(fd, &text, err) != 0;
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

/* ---- all of it ---- */

/* `path` is one of the two. */
static int publish(const char *path, const struct kv_store_plan *plan, const struct kv_paths *paths,
    struct kv_err *err)
{
    struct kv_publish p;
    if (kv_publish_begin(&p, path, err) != 0)
        return -1;
    if ((path == paths->jsonl || write_state(p.fd, plan, paths, err) == 0) &&
        kv_publish_end(&p, err) == 0)
        return 0;
    kv_publish_abandon(&p);
    return -1;
}

static int add_rows(const struct kv_store_plan *plan, const char *state, struct kv_err *err)
{
    struct kv_store *st = kv_store_open(state, KV_STORE_DEFAULT, err);
    struct kv_buf line = {0};
    struct kv_slice row, key;
    enum kv_added added;
    int got = st && kv_store_begin(st, err) == 0 ? 0 : -1;
    while (got == 0 && (got = plan->next_row(plan->closure, &row, err)) == 1) {
        kv_buf_clear(&line);
        kv_json_compact(&line, row);
        got = kv_store_add(st, kv_slice_of(&line), &added, &key, err);
    }
    if (got == 0)
        got = kv_store_commit(st, err);
    kv_store_close(st);
    kv_buf_release(&line);
    return got;
}

int kv_layout2_create(const struct kv_store_plan *plan, struct kv_err *err)
{
    struct kv_paths paths;
    if (kv_paths_of_output(&paths, plan->output_path, err) != 0)
        return -1;
    int failed = check_manifest(plan, err) != 0 || refuse_existing(&paths, plan->replace, err) != 0;
    if (!failed) {
        failed = publish(paths.jsonl, plan, &paths, err) != 0 ||
                 publish(paths.state, plan, &paths, err) != 0 ||
                 (plan->next_row && add_rows(plan, paths.state, err) != 0);
        if (failed) { /* both or neither */
            unlink(paths.state);
            unlink(paths.jsonl);
        }
    }
    kv_paths_release(&paths);
    return failed ? -1 : 0;
}
