/* begin - begins a run: makes the pair of a manifest, or finds that the one that is there matches.
 */
#include "begin.h"

#include "extend_rows.h"
#include "feed.h"
#include "finished_csv.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "layout1_create.h"
#include "layout2_create.h"
#include "paths.h"
#include "private_members.h"
#include "pydantic.h"
#include "same_export.h"
#include "same_run.h"
#include "store.h"
#include "way_out.h"

#include <string.h>
#include <unistd.h>

/* "" if the jobs were given none. */
static void hash_jobs_config(const struct kv_manifest *m, char hash[KV_MD5_HEX + 1])
{
    *hash = '\0';
    if (m->has_jobs_config)
        kv_digest_md5(kv_slice_of(&m->jobs_config), hash);
}

/* ---- the pair that is there ---- */

/* Of a state whose tasks are loaded. */
static int missing_tasks(const struct kv_manifest *m, const struct kv_state *s, struct kv_err *err)
{
    size_t missing = 0, first = 0;
    struct kv_buf scratch = {0};
    for (size_t i = 0; i < m->count; i++) {
        struct kv_task_state task;
        kv_state_find(s, kv_manifest_key(m, i, &scratch), &task);
        if (!task.in_manifest && missing++ == 0)
            first = i;
    }
    if (missing) {
        struct kv_slice key = kv_manifest_key(m, first, &scratch);
        kv_err_set(err, KV_NO, "%zu of the tasks are not in its manifest, first '%.*s'", missing,
            (int)key.n, key.p);
    }
    kv_buf_release(&scratch);
    return missing ? -1 : 0;
}

/* Another shard of the same manifest is another run, whatever its tasks are. A pair without a shard
 * of its own may be one that an older kv made for this one: it must not have more tasks. */
static int judge_shard(const struct kv_manifest *m, const struct kv_state *s, struct kv_err *err)
{
    struct kv_buf given = {0}, there = {0};
    struct kv_slice member;
    int rc = 0;
    if (m->shard.count)
        kv_shard_add_text(&given, &m->shard);
    if (kv_state_member(s, KV_MEMBER_SHARD, &member))
        kv_json_unescape(member, &there);
    if (there.n && !kv_slice_eq(kv_slice_of(&given), kv_slice_of(&there)))
        rc = kv_err_set(err, KV_NO, "is shard %s, not %s", there.p,
            given.n ? given.p : "the whole of its manifest");
    else if (given.n && !there.n && kv_state_info(s)->manifest_length > (int64_t)m->count)
        rc = kv_err_set(err, KV_NO, "has more tasks than those of shard %s", given.p);
    kv_buf_release(&given);
    kv_buf_release(&there);
    return rc;
}

/* What the results that are there may be kept for, where there are only more tasks. Of requests there
 * is no more to compare than their names. */
static const char *for_new_tasks(const struct kv_manifest_options *o)
{
    return o->requests ? "to ask only what is new, if the lines that were there say the same"
                       : "to ask only what is new";
}

/* Adds to a refusal what to type. `keep`: what the results of the pair may be kept for, or NULL. */
static int add_way_out(const struct kv_manifest_options *o, const struct kv_state *s,
    const char *keep, struct kv_err *err)
{
    struct kv_buf text = {0};
    kv_buf_add_str(&text, err->text);
    if (keep)
        kv_way_out_add_extend(
            &text, o, keep, kv_way_out_new_output(o), kv_state_info(s)->results_path);
    kv_way_out_add_other(&text, o);
    kv_err_set(err, KV_NO, "%s", text.p);
    kv_buf_release(&text);
    return -1;
}

/* karenina's reason, for a list of jobs whose configuration is just kept. *keep as for add_way_out. */
static int judge_jobs(const struct kv_manifest *m, const struct kv_manifest_options *o,
    const struct kv_state *s, const char **keep, struct kv_err *err)
{
    char hash[KV_MD5_HEX + 1];
    struct kv_slice digest;
    hash_jobs_config(m, hash);
    if (strcmp(hash, kv_state_info(s)->config_hash) != 0)
        return kv_err_set(err, KV_NO, "Configuration has changed since the job started");
    if (*m->requests && (!kv_state_member(s, KV_MEMBER_REQUESTS_DIGEST, &digest) ||
                            !kv_json_string_is(digest, m->requests))) {
        *keep = for_new_tasks(o);
        return kv_err_set(err, KV_NO, "its requests were other ones");
    }
    return 0;
}

/* What cannot change a result, such as a longer time limit, goes over into the state, so that the
 * run goes on with it. */
static int take_harmless(
    const struct kv_manifest *m, const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_buf config = {0};
    struct kv_store *st = kv_store_open(paths->state, KV_STORE_DEFAULT, err);
    if (!st)
        return -1;
    kv_config_add_state_text(&config, m->config);
    int failed = kv_store_begin(st, err) != 0 ||
                 kv_store_set_config(st, kv_slice_of(&config), m->config->hash, err) != 0 ||
                 kv_store_commit(st, err) != 0;
    kv_store_close(st);
    kv_buf_release(&config);
    return failed ? -1 : 0;
}

/* 1 if the manifest can go on with the pair that is there, 0 if not; -1. *harmless: the only
 * differences are such as cannot change a result. */
static int judge_pair(const struct kv_manifest *m, const struct kv_manifest_options *o,
    struct kv_state *s, bool *harmless, struct kv_err *err)
{
    const struct kv_same_run_given given = {m->config, o->benchmark, m->bench};
    struct kv_same_run_verdict v = {0};
    const char *keep = NULL;
    int rc = 0;
    if (m->config)
        rc = kv_same_run_judge(s, &given, false, &v, err);
    if (m->bench) /* the tasks of the state are as many */
        kv_bench_forget(m->bench);
    if (m->config && rc == 0 && !v.compatible) {
        kv_way_out_add_differences(&v.reason, &v.different);
        if (v.questions.changed || v.questions.gone) {
            kv_buf_add_str(&v.reason, "; ");
            kv_question_changes_tell(&v.reason, &v.questions);
        }
        rc = kv_err_set(err, KV_NO, "%s", v.reason.p);
        if (v.questions.changed || v.questions.gone)
            keep = v.different.n ? NULL : "put that right, or keep the results in a new run";
        else if (kv_way_out_only_more(&v.different))
            keep = for_new_tasks(o);
    }
    *harmless = v.harmless.n > 0;
    kv_same_run_release(&v);
    if (!m->config)
        rc = judge_jobs(m, o, s, &keep, err);
    if (rc == 0 && (rc = kv_state_load(s, KV_LOAD_TASKS, err)) == 0 &&
        (rc = judge_shard(m, s, err)) == 0 && (rc = missing_tasks(m, s, err)) != 0)
        keep = for_new_tasks(o);
    if (rc != 0 && err->kind == KV_NO)
        add_way_out(o, s, keep, err);
    return rc == 0 ? 0 : kv_err_context(err, "%s", kv_state_info(s)->paths->state);
}

static void add_report(struct kv_buf *out, const struct kv_state_info *info, const char *hash)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "state_file", info->paths->state);
    kv_json_out_str(out, "tmp_file", info->finished ? info->paths->tmp : info->results_path);
    kv_json_out_str(out, "output_path", info->paths->output);
    kv_json_out_int(out, "total_tasks", info->total_tasks);
    kv_json_out_int(out, "completed_count", info->completed_count);
    kv_json_out_str(out, "config_hash", info->finished ? hash : info->config_hash);
    kv_buf_add_char(out, '}');
}

/* ---- making ---- */

static void add_member(struct kv_buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    kv_json_out_spaced(out, name);
    kv_json_quote(out, kv_slice(text), KV_JSON_ASCII);
}

static void add_members(
    struct kv_buf *out, const struct kv_manifest *m, const struct kv_manifest_options *o)
{
    kv_buf_add_char(out, '{');
    if (m->bench) {
        struct kv_same_run origin;
        struct kv_buf key = {0};
        kv_same_run_begin(&origin, m->bench);
        for (size_t i = 0; i < m->count; i++)
            kv_same_run_add(&origin, kv_manifest_key(m, i, &key));
        struct kv_question_digests *digests = kv_same_run_digests(&origin);
        kv_same_run_end(&origin);
        kv_buf_release(&key);
        if (!o->extend_from) /* the digits and the store are as large */
            kv_bench_forget(m->bench);
        kv_json_out_spaced(out, KV_MEMBER_QUESTIONS);
        kv_buf_add_char(out, '"');
        kv_question_digests_add(out, digests);
        kv_buf_add_char(out, '"');
    }
    add_member(out, KV_MEMBER_MANUAL_TRACES, o->manual_traces);
    add_member(out, KV_MEMBER_REPLAY, o->replay);
    if (o->tasks && strcmp(o->tasks, "-") != 0)
        add_member(out, KV_MEMBER_TASKS, o->tasks);
    if (o->requests) {
        add_member(out, KV_MEMBER_REQUESTS, o->requests);
        add_member(out, KV_MEMBER_REQUESTS_DIGEST, m->requests);
    }
    if (m->shard.count) {
        struct kv_buf text = {0};
        kv_shard_add_text(&text, &m->shard);
        add_member(out, KV_MEMBER_SHARD, text.p);
        kv_buf_release(&text);
    }
    kv_buf_add_char(out, '}');
}

struct walk {
    const struct kv_manifest *manifest;
    struct kv_buf key;
};

static struct kv_slice key_of(void *closure, size_t i)
{
    struct walk *w = closure;
    return kv_manifest_key(w->manifest, i, &w->key);
}

/* Of results at the output path whose .state is gone. */
static void add_way_out_of_lost(struct kv_buf *out, const struct kv_manifest_options *o)
{
    struct kv_buf rows = {0};
    kv_buf_printf(&rows, "%s.tmp", o->output);
    kv_way_out_add_extend(out, o, "to go on from them", kv_way_out_new_output(o), rows.p);
    kv_buf_add_str(out, "; to replace them: ");
    kv_way_out_add_command(out, o, o->output);
    kv_buf_add_str(out, " --force");
    kv_buf_release(&rows);
}

static void add_config(struct kv_buf *out, const struct kv_manifest *m)
{
    if (m->config)
        kv_config_add_state_text(out, m->config);
    else
        kv_pydantic_state_text(out, kv_slice_of(&m->jobs_config));
}

static int create(
    const struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    struct kv_buf config = {0}, rubric = {0}, members = {0}, way_out = {0};
    struct walk tasks = {.manifest = m};
    struct kv_extend_rows rows = {
        .path = o->extend_from, .bench = m->bench, .share = o->inputs.share};
    char hash[KV_MD5_HEX + 1];
    add_config(&config, m);
    hash_jobs_config(m, hash);
    add_way_out_of_lost(&way_out, o);
    if (m->bench && m->bench->rubric.n)
        kv_rubric_add_json(&rubric, &m->bench->rubric);
    add_members(&members, m, o);
    const struct kv_store_plan plan = {
        .output_path = o->output,
        .benchmark_path = o->benchmark ? o->benchmark : "",
        .config = kv_slice_of(&config),
        .config_hash = m->config ? m->config->hash : hash,
        .task = key_of,
        .tasks = &tasks,
        .manifest_count = m->count,
        .rubric = kv_slice_of(&rubric),
        .members = kv_slice_of(&members),
        .start_time = o->now,
        .replace = o->force,
        .way_out = way_out.p,
        .next_row = o->extend_from ? kv_extend_rows_next : NULL,
        .closure = &rows,
    };
    int rc = o->layout2 ? kv_layout2_create(&plan, err) : kv_store_create(&plan, err);
    kv_extend_rows_end(&rows);
    struct kv_buf *const made[] = {&config, &rubric, &members, &tasks.key, &way_out};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        kv_buf_release(made[i]);
    return rc;
}

/* Refuses to begin a finished run anew without --force: it would be paid for a second time. */
static int refuse_other_run(const struct kv_manifest_options *o, const struct kv_paths *paths,
    const struct kv_same_export_reason *why, struct kv_err *err)
{
    struct kv_buf text = {0};
    if (o->extend_from)
        return 0;
    kv_buf_add_str(&text, "is the finished run of something else: ");
    kv_buf_add_slice(&text, kv_slice_of(&why->text));
    if (why->only_more)
        kv_way_out_add_extend(&text, o, for_new_tasks(o), paths->output, paths->output);
    kv_way_out_add_other(&text, o);
    kv_err_set(err, KV_NO, "%s", text.p);
    kv_buf_release(&text);
    return kv_err_context(err, "%s", paths->output);
}

/* The run that was finished here before, if it is the one that is to begin: 1, and *s but for a run
 * that left only a CSV; 0: there is none, or another that may be replaced; -1. */
static int find_same_run(const struct kv_manifest *m, const struct kv_manifest_options *o,
    const struct kv_paths *paths, struct kv_state **s, struct kv_err *err)
{
    struct kv_same_export_reason why = {0};
    int matches = 0;
    int csv = kv_finished_csv_stands(paths, err);
    int finished = csv == 0 ? kv_state_is_finished(paths->state, err) : csv;
    if (finished < 0)
        return -1;
    if (csv)
        matches = kv_same_export_csv_matches(m, paths->output, &why, err);
    else if (!finished)
        return 0;
    else if (!(*s = kv_state_open_any(paths->state, err)))
        return -1;
    else
        matches = kv_same_export_matches(m, *s, &why, err);
    if (matches == 0)
        matches = refuse_other_run(o, paths, &why, err);
    if (matches != 1) {
        kv_state_close(*s);
        *s = NULL;
    }
    kv_same_export_reason_release(&why);
    return matches;
}

/* The pair that is there, if it may stay: as find_same_run. */
static int find_pair(const struct kv_manifest *m, const struct kv_manifest_options *o,
    const struct kv_paths *paths, struct kv_state **s, struct kv_err *err)
{
    bool harmless;
    if (!(*s = kv_state_open(paths->state, err)) || judge_pair(m, o, *s, &harmless, err) != 0)
        return -1;
    if (o->as_begun)
        *o->as_begun = harmless;
    if (!harmless || o->as_begun)
        return 1;
    kv_state_close(*s);
    *s = NULL;
    return take_harmless(m, paths, err) == 0 && (*s = kv_state_open(paths->state, err)) ? 1 : -1;
}

static int refuse_pair(
    const struct kv_manifest_options *o, const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_buf text = {0};
    kv_way_out_add_command(&text, o, o->output);
    int failed = kv_err_set(err, KV_INPUT,
        "%s: a run is there; go on with it by %s, or replace it by %s --force", paths->state,
        paths->resume, text.p);
    kv_buf_release(&text);
    return failed;
}

/* The run that is here already and may stay: as find_same_run. -1 also if it is in the way. */
static int find_run(const struct kv_manifest *m, const struct kv_manifest_options *o,
    const struct kv_paths *paths, struct kv_state **s, struct kv_err *err)
{
    int there = kv_io_exists(paths->state, err);
    if (there < 0)
        return -1;
    if (there && o->if_absent)
        return find_pair(m, o, paths, s, err);
    if (there && !o->force)
        return refuse_pair(o, paths, err);
    return o->if_absent && !o->force ? find_same_run(m, o, paths, s, err) : 0;
}

/* A run reads these files again, each time it goes on. */
static int refuse_streams(const struct kv_manifest_options *o, struct kv_err *err)
{
    const char *const files[] = {o->benchmark, o->manual_traces, o->replay, o->requests};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] && kv_io_is_stream(files[i]))
            return kv_err_set(err, KV_INPUT,
                "%s: a run reads it again each time it goes on: give a file, or use --print",
                kv_io_name(files[i]));
    return 0;
}

static void report(struct kv_buf *out, const struct kv_manifest *m, const struct kv_paths *paths,
    const struct kv_state *s)
{
    char hash[KV_MD5_HEX + 1];
    const struct kv_state_info of_csv = {.paths = paths,
        .results_path = paths->tmp,
        .finished = true,
        .total_tasks = (int64_t)m->count,
        .completed_count = (int64_t)m->count};
    hash_jobs_config(m, hash);
    add_report(out, s ? kv_state_info(s) : &of_csv, m->config ? m->config->hash : hash);
}

/* Makes the pair. One that is replaced must have no run. Who still brings results into it is given a
 * moment; after that the new run takes nothing of the old one (store.h). */
static int make(const struct kv_manifest *m, const struct kv_manifest_options *o,
    const struct kv_paths *paths, struct kv_err *err)
{
    int run = -1, feed = -1, there = kv_io_exists(paths->state, err);
    bool replace = o->force && (there == 1 || kv_paths_run_active(paths));
    int failed = there < 0 || (replace && kv_paths_run_lock(paths, &run, err) != 0);
    if (!failed && replace && kv_feed_exclude(paths, &feed, err) != 0)
        failed = err->kind != KV_BUSY;
    failed = failed || create(m, o, err) != 0;
    if (feed >= 0)
        close(feed);
    kv_paths_run_unlock(paths, run);
    return failed ? -1 : 0;
}

int kv_begin(const struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_buf *out,
    struct kv_err *err)
{
    struct kv_paths paths;
    struct kv_state *s = NULL;
    if (refuse_streams(o, err) != 0 || kv_paths_of_output(&paths, o->output, err) != 0)
        return -1;
    int found = find_run(m, o, &paths, &s, err);
    if (found == 0)
        found = make(m, o, &paths, err) == 0 && (s = kv_state_open(paths.state, err)) ? 1 : -1;
    if (found == 1)
        report(out, m, &paths, s);
    kv_state_close(s);
    kv_paths_release(&paths);
    return found == 1 ? 0 : -1;
}
