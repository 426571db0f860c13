/* session_files - the files that a state names: benchmark, recorded answers, tasks. */
#include "session_files.h"

#include "io.h"
#include "json.h"
#include "private_members.h"
#include "same_run.h"

#include <stdlib.h>

/* A private member of the state that holds a path; false if there is none. */
static bool member_path(const struct kv_session *s, const char *name, char **path)
{
    struct kv_slice v;
    if (!kv_state_member(s->state, name, &v) || kv_json_type(v) != KV_JSON_STRING)
        return false;
    *path = kv_json_strdup(v);
    return true;
}

/* A state comes from anywhere: what it names must not make a run wait at a pipe, or read a device.
 */
static int refuse_stream(const char *path, struct kv_err *err)
{
    return kv_io_is_stream(path) ? kv_err_set(err, KV_INPUT, "%s: not a regular file", path) : 0;
}

static int read_named(const char *path, struct kv_buf *text, struct kv_err *err)
{
    return refuse_stream(path, err) != 0 ? -1 : kv_io_read(path, 0, text, err);
}

/* The path of recorded answers: the user's, else the state's. NULL: none; the caller frees it. */
static char *recorded_path(const struct kv_session *s, const char *given, const char *member)
{
    char *path = NULL;
    if (given)
        return kv_strdup(given);
    return member_path(s, member, &path) ? path : NULL;
}

static int open_traces(struct kv_session *s, const char *given, struct kv_err *err)
{
    struct kv_buf text = {0};
    char *path = recorded_path(s, given, KV_MEMBER_MANUAL_TRACES);
    if (!path)
        return 0;
    int failed = read_named(path, &text, err);
    if (!failed && !(s->traces = kv_traces_open(kv_slice_of(&text), err)))
        failed = kv_err_context(err, "%s", path);
    free(path);
    kv_buf_release(&text);
    return failed;
}

static int open_replay(struct kv_session *s, const char *given, struct kv_err *err)
{
    struct kv_buf text = {0};
    char *path = recorded_path(s, given, KV_MEMBER_REPLAY);
    if (!path)
        return 0;
    int failed = read_named(path, &text, err);
    if (!failed && !(s->replay = kv_recorded_open(kv_slice_of(&text), path, err)))
        failed = -1;
    free(path);
    kv_buf_release(&text);
    return failed;
}

int kv_session_files_recorded(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    return open_traces(s, o->manual_traces, err) != 0 || open_replay(s, o->replay, err) != 0 ? -1
                                                                                             : 0;
}

int kv_session_files_check_traces(
    const struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_jobs *w = &s->work;
    if (s->traces || s->replay || o->answer_command)
        return 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct kv_job job = kv_jobs_at(w, i);
        if (!job.row && kv_slice_is(s->config->answering[job.answering].interface, "manual"))
            return kv_err_set(err, KV_INPUT,
                "%s: answering_models[%zu] has recorded answers, and the state does not say where: "
                "give them by --manual-traces FILE",
                kv_state_info(s->state)->paths->state, job.answering);
    }
    return 0;
}

/* How to keep what is there, under the questions as they are now. */
static void add_way_out(struct kv_buf *out, const struct kv_state_info *info)
{
    kv_buf_add_str(out, "; put that right, or keep the results in a new run: kv-manifest -b ");
    kv_paths_add_word(out, info->benchmark_path);
    kv_buf_add_str(out, " -c ");
    kv_paths_add_word(out, info->paths->state);
    kv_buf_add_str(out, " -o NEW.json --extend-from ");
    kv_paths_add_word(out, info->results_path);
}

/* The questions of the run must still be what they were, by content. */
static int check_content(const struct kv_session *s, const char *path, struct kv_err *err)
{
    struct kv_question_changes changes;
    struct kv_buf text = {0};
    if (kv_same_run_changes(s->state, s->bench, &changes, err) != 0)
        return -1;
    bool same = !changes.changed && !changes.gone;
    if (!same) {
        kv_question_changes_tell(&text, &changes);
        add_way_out(&text, kv_state_info(s->state));
        kv_err_set(err, KV_INPUT, "%s: %s", path, text.p);
    }
    kv_question_changes_release(&changes);
    kv_buf_release(&text);
    return same ? 0 : -1;
}

int kv_session_files_bench(struct kv_session *s, struct kv_err *err)
{
    struct kv_problems problems = {0};
    const char *path = kv_state_info(s->state)->benchmark_path;
    if (refuse_stream(path, err) == 0)
        s->bench = kv_bench_open(path, &problems, err);
    kv_problems_release(&problems);
    return s->bench ? check_content(s, path, err) : -1;
}

int kv_session_files_tasks(struct kv_session *s, struct kv_err *err)
{
    char *path;
    if (!member_path(s, KV_MEMBER_TASKS, &path))
        return 0;
    int failed = refuse_stream(path, err) != 0 || kv_exec_tasks_open(&s->tasks, path, err) != 0;
    if (failed && err->kind == KV_INPUT && !s->tasks.text.n)
        failed = 0;
    free(path);
    return failed ? -1 : 0;
}
