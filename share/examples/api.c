/* api - a benchmark run kept by a C program: what kv-manifest, kv-append, kv-status,
 * kv-check-compat and kv-finalize do, through libkv.
 *
 *     cc api.c -o api $(pkg-config --cflags --libs kv)
 *     ./api preset.json results.json
 *
 * It begins a run of three questions, adds two results, looks at what is pending, comes back as a
 * new process would, makes sure that the configuration is still the same, adds the last result and
 * finalises. Errors are values everywhere; this program ends at the first.
 */
#include <kv/config_diff.h>
#include <kv/export.h>
#include <kv/finalize.h>
#include <kv/io.h>
#include <kv/plan.h>
#include <kv/problem.h>
#include <kv/result_builder.h>
#include <kv/store.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { QUESTIONS = 3 };
static const struct kv_slice questions[QUESTIONS] = {{"q1", 2}, {"q2", 2}, {"q3", 2}};
static const char benchmark[] = "bench.jsonld"; /* remembered and compared, not opened */

static struct kv_err err;

static void must(int failed)
{
    if (failed) {
        fprintf(stderr, "api: %s\n", err.text);
        exit(err.kind);
    }
}

static struct kv_config *read_config(const char *path)
{
    struct kv_config_source from = {0};
    struct kv_problems problems = {0};
    struct kv_buf text = {0};
    must(kv_io_read(path, 0, &text, &err) != 0);
    struct kv_config *config = kv_config_open(kv_slice_of(&text), &from, &problems, &err);
    must(config == NULL);
    kv_problems_release(&problems);
    kv_buf_release(&text);
    return config;
}

/* ---- begin: write down all tasks ---- */

static void begin_run(const struct kv_plan *tasks, const char *output)
{
    struct kv_buf keys[QUESTIONS] = {0}, config = {0}, models = {0};
    struct kv_slice manifest[QUESTIONS];
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct kv_task task = kv_plan_task(tasks, i);
        kv_plan_add_key(tasks, &task, &keys[i]);
        manifest[i] = kv_slice_of(&keys[i]);
    }
    kv_config_add_state_text(&config, tasks->config);
    kv_export_models_add(&models, kv_slice_of(&config));
    struct kv_store_plan plan = {
        .output_path = output,
        .benchmark_path = benchmark,
        .config = kv_slice_of(&config),
        .config_hash = tasks->config->hash,
        .manifest = manifest,
        .manifest_count = QUESTIONS,
        .models = kv_slice_of(&models),
        .start_time = (double)time(NULL),
    };
    must(kv_store_create(&plan, &err) != 0);
    for (size_t i = 0; i < QUESTIONS; i++)
        kv_buf_release(&keys[i]);
    kv_buf_release(&config);
    kv_buf_release(&models);
}

/* ---- add a result, durably ---- */

/* A program of its own would fill this from what a model said. */
static void make_result(const struct kv_plan *tasks, size_t i, struct kv_buf *line)
{
    struct kv_identity who;
    struct kv_buf answering = {0}, parsing = {0};
    struct kv_result_builder r;
    struct kv_task task = kv_plan_task(tasks, i);
    kv_identity_of(&tasks->config->answering[task.answering], KV_ANSWERING, &who);
    kv_identity_add_json(&answering, &who);
    kv_identity_of(&tasks->config->parsing[task.parsing], KV_PARSING, &who);
    kv_identity_add_json(&parsing, &who);
    kv_result_builder_init(&r, time(NULL));
    r.question_id = questions[task.question];
    r.question_text = KV_SLICE("How many chambers does a human heart have?");
    r.template_id = KV_SLICE("no_template");
    r.answering_json = kv_slice_of(&answering);
    r.parsing_json = kv_slice_of(&parsing);
    r.answering_key = kv_slice(tasks->answering[task.answering]);
    r.parsing_key = kv_slice(tasks->parsing[task.parsing]);
    r.raw_llm_response = KV_SLICE("--- AI Message ---\nFour.");
    r.verification_performed = true;
    r.verify_result = KV_TRI_TRUE;
    kv_result_builder_write(&r, line);
    kv_buf_release(&answering);
    kv_buf_release(&parsing);
}

static void add_result(const struct kv_plan *tasks, size_t i, const char *state)
{
    enum kv_added added;
    struct kv_slice key;
    struct kv_store_counts counts;
    struct kv_buf line = {0};
    make_result(tasks, i, &line);
    struct kv_store *store = kv_store_open(state, KV_STORE_DEFAULT, &err);
    must(store == NULL);
    must(kv_store_begin(store, &err) != 0);
    must(kv_store_add(store, kv_slice_strip(kv_slice_of(&line)), &added, &key, &err) != 0);
    kv_store_counts(store, &counts);
    must(kv_store_commit(store, &err) != 0);
    printf("added %.*s: %lld of %lld\n", (int)questions[i].n, questions[i].p,
        (long long)counts.completed, (long long)counts.total);
    kv_store_close(store);
    kv_buf_release(&line);
}

/* ---- look: reads without a lock, also while somebody writes ---- */

static void inspect(const char *path)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    struct kv_state *state = kv_state_open(path, &err);
    must(state == NULL);
    const struct kv_state_info *info = kv_state_info(state);
    printf("%lld of %lld done\n", (long long)info->completed_count, (long long)info->total_tasks);
    must(kv_state_load(state, KV_LOAD_TASKS, &err) != 0);
    must(kv_tasks_begin(&walk, state, KV_KEYS_MANIFEST, &err) != 0);
    int got;
    while ((got = kv_tasks_next(&walk, &task, &err)) == 1)
        if (!task.completed)
            printf("pending: %.*s\n", (int)task.key.n, task.key.p);
    must(got < 0);
    kv_tasks_end(&walk);
    kv_state_close(state);
}

/* ---- come back: may this configuration go on with that run? ---- */

static void load_for_resume(const struct kv_config *config, const char *path)
{
    struct kv_buf text = {0}, reason = {0}, different = {0}, harmless = {0};
    struct kv_state *state = kv_state_open(path, &err);
    must(state == NULL);
    must(kv_state_check(state, &err) != 0);
    const struct kv_state_info *info = kv_state_info(state);
    kv_config_add_state_text(&text, config);
    struct kv_config_diff_side then = {
        .benchmark_path = kv_slice(info->benchmark_path),
        .config_hash = kv_slice(info->config_hash),
        .config = info->config,
    };
    struct kv_config_diff_side now = {
        .benchmark_path = kv_slice(benchmark),
        .config_hash = kv_slice(config->hash),
        .config = kv_slice_of(&text),
    };
    bool same = kv_config_diff_decide(&then, &now, true, &reason, &different, &harmless);
    printf("compatible: %s%s\n", same ? "yes" : "no: ", same ? "" : reason.p);
    kv_buf_release(&text);
    kv_buf_release(&reason);
    kv_buf_release(&different);
    kv_buf_release(&harmless);
    kv_state_close(state);
    if (!same)
        exit(KV_NO);
}

static void finalize(const char *path)
{
    struct kv_finalize how = {.now = (double)time(NULL)};
    struct kv_finalized done;
    struct kv_buf summary = {0};
    must(kv_finalize(path, &how, &done, &err) != 0);
    kv_finalized_add_json(&summary, &done);
    printf("%s\n", summary.p);
    kv_buf_release(&summary);
    kv_finalized_release(&done);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: api PRESET OUTPUT\n");
        return KV_USAGE;
    }
    struct kv_buf state = {0};
    struct kv_plan tasks;
    struct kv_config *config = read_config(argv[1]);
    kv_plan_init(&tasks, config, questions, QUESTIONS);
    kv_buf_printf(&state, "%s.state", argv[2]);

    begin_run(&tasks, argv[2]);
    add_result(&tasks, 0, state.p);
    add_result(&tasks, 1, state.p);
    inspect(state.p);
    load_for_resume(config, state.p);
    add_result(&tasks, 2, state.p);
    finalize(state.p);

    kv_plan_release(&tasks);
    kv_config_close(config);
    kv_buf_release(&state);
    return KV_OK;
}
