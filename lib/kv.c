/* kv - the public face of libkv: a run as one opaque thing, over the rooms that keep it.
 *
 * Nothing is decided here. Each function opens what the programs open, calls what they call, and
 * turns a failure of the rooms (struct kv_err) into the one of kv.h. The counts are copied after
 * each step, so that asking for them cannot fail.
 */
#include "kv.h"

#include "config.h"
#include "config_diff.h"
#include "export.h"
#include "finalize.h"
#include "paths.h"
#include "problem.h"
#include "store.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct kv_save {
    struct kv_store *store;
    struct kv_paths paths;
    int64_t total, completed, pending;
    struct kv_buf reason;
};

static void tell(struct kv_error *to, const struct kv_err *from)
{
    if (!to)
        return;
    to->status = (int)from->kind;
    kv_err_copy_text(to->text, sizeof to->text, from);
}

/* ---- beginning, resuming, leaving ---- */

/* The system prompt that a run's configuration gave its answering models, a text of the caller's;
 * NULL if there is none. */
static char *prompt_of(struct kv_slice stored)
{
    char *prompt = kv_config_diff_builtin_prompt(stored);
    if (prompt)
        return prompt;
    struct kv_config_source from = {.stored = true};
    struct kv_problems problems = {0};
    struct kv_config *c = kv_config_open(stored, &from, &problems, NULL);
    if (c && c->answering_count && c->answering[0].system_prompt.p)
        prompt = kv_slice_dup(c->answering[0].system_prompt);
    kv_config_close(c);
    kv_problems_release(&problems);
    return prompt;
}

static struct kv_config *read_config(
    const char *text, size_t size, const char *prompt, struct kv_err *err)
{
    struct kv_config_source from = {.traces_given = true};
    struct kv_problems problems = {0};
    if (prompt)
        from.answering_prompt = kv_slice(prompt);
    struct kv_config *c = kv_config_open((struct kv_slice){text, size}, &from, &problems, err);
    kv_problems_release(&problems);
    return c;
}

static int create(const char *output, const struct kv_save_run *run, struct kv_err *err)
{
    struct kv_buf config = {0}, models = {0};
    struct kv_config *c = read_config(run->config, run->config_size, NULL, err);
    if (!c)
        return -1;
    struct kv_slice *keys = kv_array(NULL, run->task_count, sizeof *keys);
    for (size_t i = 0; i < run->task_count; i++)
        keys[i] = kv_slice(run->task_manifest[i]);
    kv_config_add_state_text(&config, c);
    kv_export_models_add(&models, kv_slice_of(&config));
    struct kv_store_plan plan = {
        .output_path = output,
        .benchmark_path = run->benchmark_path,
        .config = kv_slice_of(&config),
        .config_hash = c->hash,
        .task = kv_store_plan_listed,
        .tasks = keys,
        .manifest_count = run->task_count,
        .models = kv_slice_of(&models),
        .start_time = (double)time(NULL),
    };
    int failed = kv_store_create(&plan, err);
    free(keys);
    kv_buf_release(&config);
    kv_buf_release(&models);
    kv_config_close(c);
    return failed;
}

static int count(struct kv_save *save, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(save->paths.state, err);
    if (!s)
        return -1;
    const struct kv_state_info *info = kv_state_info(s);
    int failed = info->pending_count < 0 ? kv_state_load(s, KV_LOAD_TASKS, err) : 0;
    if (!failed) {
        save->total = info->total_tasks;
        save->completed = info->completed_count;
        save->pending = info->pending_count;
    }
    kv_state_close(s);
    return failed;
}

/* Fails unless the pair has what a resume needs. */
static int check(const struct kv_save *save, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(save->paths.state, err);
    int failed = s ? kv_state_check(s, err) : -1;
    kv_state_close(s);
    return failed;
}

static struct kv_save *open_pair(const char *operand, struct kv_err *err)
{
    struct kv_save *save = kv_calloc(1, sizeof *save);
    if (kv_paths_find(&save->paths, operand, err) == 0 && check(save, err) == 0 &&
        count(save, err) == 0)
        save->store = kv_store_open(save->paths.state, KV_STORE_DEFAULT, err);
    if (save->store)
        return save;
    kv_save_close(save);
    return NULL;
}

struct kv_save *kv_save_initialize(
    const char *output_path, const struct kv_save_run *run, struct kv_error *error)
{
    struct kv_err err;
    struct kv_save *save =
        create(output_path, run, &err) == 0 ? open_pair(output_path, &err) : NULL;
    if (!save)
        tell(error, &err);
    return save;
}

struct kv_save *kv_save_load_for_resume(const char *state_path, struct kv_error *error)
{
    struct kv_err err;
    struct kv_save *save = open_pair(state_path, &err);
    if (!save)
        tell(error, &err);
    return save;
}

void kv_save_close(struct kv_save *save)
{
    if (!save)
        return;
    kv_store_close(save->store);
    kv_paths_release(&save->paths);
    kv_buf_release(&save->reason);
    free(save);
}

/* ---- results ---- */

static int add_line(struct kv_save *save, struct kv_slice line, struct kv_err *err)
{
    enum kv_added added;
    struct kv_slice key;
    return kv_store_add(save->store, line, &added, &key, err);
}

/* Stages every line that is not blank; -1 at the first that is no result of this run. */
static int add_lines(struct kv_save *save, struct kv_slice lines, struct kv_err *err)
{
    for (size_t at = 0, number = 1; at < lines.n; number++) {
        const char *end = memchr(lines.p + at, '\n', lines.n - at);
        size_t n = end ? (size_t)(end - (lines.p + at)) : lines.n - at;
        struct kv_slice line = kv_slice_strip((struct kv_slice){lines.p + at, n});
        if (line.n && add_line(save, line, err) != 0)
            return kv_err_context(err, "%zu", number);
        at += n + 1;
    }
    return 0;
}

/* One batch: begin, what `stage` adds, commit. */
static int add(struct kv_save *save, struct kv_slice text,
    int (*stage)(struct kv_save *, struct kv_slice, struct kv_err *), struct kv_error *error)
{
    struct kv_err err;
    struct kv_store_counts c;
    if (kv_store_begin(save->store, &err) != 0)
        return tell(error, &err), -1;
    int failed = stage(save, text, &err);
    if (failed)
        kv_store_abort(save->store);
    else
        kv_store_counts(save->store, &c);
    if (!failed)
        failed = kv_store_commit(save->store, &err);
    if (failed)
        return tell(error, &err), -1;
    save->total = c.total;
    save->completed = c.completed;
    save->pending = c.pending;
    return 0;
}

int kv_save_add_result(
    struct kv_save *save, const char *result, size_t size, struct kv_error *error)
{
    return add(save, kv_slice_strip((struct kv_slice){result, size}), add_line, error);
}

int kv_save_add_results(
    struct kv_save *save, const char *lines, size_t size, struct kv_error *error)
{
    return add(save, (struct kv_slice){lines, size}, add_lines, error);
}

/* ---- how far it is ---- */

int64_t kv_save_total_tasks(const struct kv_save *save)
{
    return save->total;
}

int64_t kv_save_completed_count(const struct kv_save *save)
{
    return save->completed;
}

int64_t kv_save_pending_count(const struct kv_save *save)
{
    return save->pending;
}

const char *kv_save_state_path(const struct kv_save *save)
{
    return save->paths.state;
}

const char *kv_save_tmp_path(const struct kv_save *save)
{
    return save->paths.tmp;
}

static int visit_pending(struct kv_state *state,
    int (*visit)(void *closure, const char *task_key, size_t size), void *closure,
    struct kv_err *err)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    struct kv_buf key = {0};
    int got, stopped = 0;
    if (kv_state_load(state, KV_LOAD_TASKS | KV_LOAD_ROWS, err) != 0 ||
        kv_tasks_begin(&walk, state, KV_KEYS_MANIFEST, err) != 0)
        return -1;
    while (!stopped && (got = kv_tasks_next(&walk, &task, err)) != 0) {
        if (got < 0)
            stopped = -1;
        if (stopped || task.completed)
            continue;
        kv_buf_clear(&key);
        kv_buf_add_slice(&key, task.key);
        kv_buf_add_str(&key, "");
        stopped = visit(closure, key.p ? key.p : "", key.n);
    }
    kv_tasks_end(&walk);
    kv_buf_release(&key);
    return stopped;
}

int kv_save_each_pending(struct kv_save *save,
    int (*visit)(void *closure, const char *task_key, size_t size), void *closure,
    struct kv_error *error)
{
    struct kv_err err = {.kind = KV_OK};
    int answer = -1;
    struct kv_state *state = count(save, &err) == 0 ? kv_state_open(save->paths.state, &err) : NULL;
    if (state)
        answer = visit_pending(state, visit, closure, &err);
    if (answer == -1 && err.kind != KV_OK)
        tell(error, &err);
    kv_state_close(state);
    return answer;
}

/* ---- whether a configuration may go on with this run ---- */

static bool decide(const struct kv_state_info *then, const struct kv_config *now,
    const char *benchmark, struct kv_buf *reason)
{
    struct kv_buf text = {0}, different = {0}, harmless = {0};
    kv_config_add_state_text(&text, now);
    const struct kv_config_diff_side state = {
        .benchmark_path = kv_slice(then->benchmark_path),
        .config_hash = kv_slice(then->config_hash),
        .config = then->config,
    };
    const struct kv_config_diff_side given = {
        .benchmark_path = kv_slice(benchmark),
        .config_hash = kv_slice(now->hash),
        .config = kv_slice_of(&text),
    };
    bool same = kv_config_diff_decide(&state, &given, true, reason, &different, &harmless);
    kv_buf_release(&text);
    kv_buf_release(&different);
    kv_buf_release(&harmless);
    return same;
}

int kv_save_is_compatible(struct kv_save *save, const char *config, size_t config_size,
    const char *benchmark_path, const char **reason, struct kv_error *error)
{
    struct kv_err err;
    struct kv_state *state = kv_state_open(save->paths.state, &err);
    if (!state)
        return tell(error, &err), -1;
    const struct kv_state_info *info = kv_state_info(state);
    char *prompt = prompt_of(info->config);
    struct kv_config *c = read_config(config, config_size, prompt, &err);
    int answer = -1;
    kv_buf_clear(&save->reason);
    kv_buf_add_str(&save->reason, "");
    if (c)
        answer = decide(info, c, benchmark_path, &save->reason);
    else
        tell(error, &err);
    if (c && reason)
        *reason = save->reason.n ? save->reason.p : "";
    kv_config_close(c);
    free(prompt);
    kv_state_close(state);
    return answer;
}

/* ---- the end ---- */

int kv_save_finalize(struct kv_save *save, struct kv_error *error)
{
    struct kv_err err;
    struct kv_finalized done = {0};
    const struct kv_finalize how = {.now = (double)time(NULL)};
    int failed = kv_finalize(save->paths.state, &how, &done, &err);
    if (failed)
        tell(error, &err);
    kv_finalized_release(&done);
    return failed;
}

/* ---- without opening a run ---- */

int kv_inspect_state_file(const char *state_path, struct kv_inspection *out, struct kv_error *error)
{
    struct kv_err err;
    struct stat st;
    struct kv_save look = {0};
    if (kv_paths_find(&look.paths, state_path, &err) != 0 || count(&look, &err) != 0) {
        kv_paths_release(&look.paths);
        return tell(error, &err), -1;
    }
    *out = (struct kv_inspection){look.total, look.completed, look.pending, 0, 0, 0};
    if (look.total > 0)
        out->progress_percent = 100.0 * (double)look.completed / (double)look.total;
    if (stat(look.paths.tmp, &st) == 0) {
        out->tmp_file_exists = 1;
        out->tmp_file_size = (int64_t)st.st_size;
    }
    kv_paths_release(&look.paths);
    return 0;
}

size_t kv_task_key(char *key, size_t size, const char *question_id,
    const char *answering_canonical_key, const char *parsing_canonical_key, int64_t replicate)
{
    struct kv_buf text = {0};
    kv_task_add_key(&text, kv_slice(question_id), kv_slice(answering_canonical_key),
        kv_slice(parsing_canonical_key), replicate < 0 ? KV_NO_REPLICATE : replicate);
    size_t n = text.n;
    if (size) {
        size_t kept = n < size ? n : size - 1;
        memcpy(key, text.p, kept);
        key[kept] = '\0';
    }
    kv_buf_release(&text);
    return n;
}

const char *kv_version(void)
{
    return KV_VERSION;
}
