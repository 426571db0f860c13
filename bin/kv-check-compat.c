/* kv-check-compat - may a configuration and a benchmark go on with the run of a state. */
#include "cli.h"
#include "config_diff.h"
#include "inputs.h"
#include "io.h"
#include "lost_parts.h"
#include "manifest.h"
#include "private_members.h"
#include "same_export.h"
#include "same_run.h"

#include "help/kv-check-compat.h"

#include <stdlib.h>

static void say_problems(const struct kv_problems *problems, const char *file)
{
    for (size_t i = 0; i < problems->n; i++) {
        struct kv_buf line = {0};
        kv_problem_add_text(&line, &problems->items[i]);
        kv_cli_say("%s: %s", kv_io_name(file), line.p);
        kv_buf_release(&line);
    }
}

_Noreturn static void fail(
    const struct kv_problems *problems, const char *file, const struct kv_err *err)
{
    if (!problems->n)
        kv_cli_fail(err);
    say_problems(problems, file);
    exit(KV_INPUT);
}

static struct kv_state *open_state(const char *operand, bool exact)
{
    struct kv_err err;
    struct kv_state *s = kv_state_open_any(operand, &err);
    if (s && exact && kv_state_info(s)->finished) {
        kv_state_close(s);
        s = NULL;
        kv_err_set(&err, KV_INPUT,
            "%s: the run is finished, and its export holds neither the configuration hash nor the "
            "benchmark path that --exact compares",
            operand);
    }
    if (!s)
        kv_cli_fail(&err);
    return s;
}

static struct kv_config *open_config(
    const struct kv_inputs *in, const struct kv_state *s, const char *path)
{
    struct kv_problems problems = {0};
    struct kv_err err;
    char *prompt = kv_config_diff_builtin_prompt(kv_same_run_config(s));
    struct kv_config *c = kv_inputs_config(in, path, prompt, &problems, &err);
    if (!c)
        fail(&problems, path, &err);
    free(prompt);
    return c;
}

/* The benchmark is read only where its content is compared. */
static struct kv_bench *open_bench(const struct kv_state *s, bool exact, const char *path)
{
    struct kv_problems problems = {0};
    struct kv_err err;
    bool same_path = kv_slice_is(kv_slice(kv_state_info(s)->benchmark_path), path);
    if (!kv_state_info(s)->finished && (exact || !kv_same_run_has_digest(s) || !same_path))
        return NULL;
    struct kv_bench *b = kv_inputs_bench(path, &problems, &err);
    if (!b)
        fail(&problems, path, &err);
    return b;
}

/* The configuration of requests is a whole one, as it says who is asked. */
static void judge_requests(const struct kv_inputs *in, const struct kv_state *s, const char *path,
    struct kv_same_run_verdict *v)
{
    struct kv_err err;
    struct kv_config *c = open_config(in, s, path);
    kv_same_run_judge_jobs(s, c->text, v);
    if (kv_lost_parts_add(s, c, &v->lost, &err) != 0)
        kv_cli_fail(&err);
    kv_config_close(c);
}

/* A run of jobs of any kind has no benchmark, and its configuration is any object. */
static void judge_jobs(const struct kv_inputs *in, const struct kv_state *s, const char *path,
    struct kv_same_run_verdict *v)
{
    struct kv_buf config = {0};
    struct kv_slice requests;
    struct kv_err err;
    if (kv_state_member(s, KV_MEMBER_REQUESTS, &requests)) {
        judge_requests(in, s, path, v);
        return;
    }
    if (kv_manifest_jobs_config(path, &config, &err) != 0)
        kv_cli_fail(&err);
    kv_same_run_judge_jobs(s, kv_slice_of(&config), v);
    kv_buf_release(&config);
}

static void judge(const struct kv_inputs *in, const struct kv_state *s, const char *config,
    const char *benchmark, bool exact, struct kv_same_run_verdict *v)
{
    struct kv_err err;
    struct kv_config *c = open_config(in, s, config);
    struct kv_bench *b = open_bench(s, exact, benchmark);
    const struct kv_same_run_given given = {c, benchmark, b};
    int failed = kv_state_info(s)->finished ? kv_same_export_judge(s, &given, v, &err)
                                            : kv_same_run_judge(s, &given, exact, v, &err);
    if (failed || kv_lost_parts_add(s, c, &v->lost, &err) != 0)
        kv_cli_fail(&err);
    kv_bench_close(b);
    kv_config_close(c);
}

static enum kv_kind print_verdict(struct kv_same_run_verdict *v)
{
    struct kv_buf out = {0};
    struct kv_err err;
    kv_same_run_add_json(&out, v);
    kv_buf_add_char(&out, '\n');
    if (kv_cli_put(kv_slice_of(&out), &err) != 0)
        kv_cli_fail(&err);
    enum kv_kind answer = v->compatible ? KV_OK : KV_NO;
    kv_buf_release(&out);
    kv_same_run_release(v);
    return answer;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    const char *config = NULL, *benchmark = NULL, *share = NULL;
    bool exact = false;
    const struct kv_option options[] = {
        {'b', "benchmark", KV_OPT_TEXT, &benchmark},
        {'c', "config", KV_OPT_TEXT, &config},
        {0, "exact", KV_OPT_FLAG, &exact},
        {0, "share", KV_OPT_TEXT, &share},
        {0},
    };

    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (!config)
        kv_cli_usage("no configuration given: -c CONFIG");
    if (argc - first != 1)
        kv_cli_usage(argc == first ? "no STATE given" : "one STATE at a time");

    char *share_dir = kv_cli_share(share);
    const struct kv_inputs in = {.share = share_dir, .env = kv_cli_env};
    struct kv_state *s = open_state(argv[first], exact);
    struct kv_same_run_verdict v = {0};
    bool jobs = !kv_state_info(s)->finished && !*kv_state_info(s)->benchmark_path;
    if (!jobs && !benchmark)
        kv_cli_usage("no benchmark given: -b BENCHMARK");
    if (jobs && benchmark)
        kv_cli_usage("--benchmark: the run of %s has none", argv[first]);
    if (jobs)
        judge_jobs(&in, s, config, &v);
    else
        judge(&in, s, config, benchmark, exact, &v);

    enum kv_kind answer = print_verdict(&v);
    kv_state_close(s);
    free(share_dir);
    return kv_cli_end(answer);
}
