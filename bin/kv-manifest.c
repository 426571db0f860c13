/* kv-manifest - what has to run: lists the tasks of a benchmark, or of any jobs, and makes the
 * pair. */
#include "batch_beside.h"
#include "begin.h"
#include "check.h"
#include "cli.h"
#include "io.h"
#include "json_out.h"
#include "manifest.h"
#include "paths.h"

#include "help/kv-manifest.h"

#include <stdlib.h>
#include <string.h>

enum task { MAKE, PRINT, CHECK };

/* "line 3.template.…" is shown as FILE:3: template.…, where editors find it. */
static void say_problem(const struct kv_problem *problem, const char *file, bool numbered)
{
    struct kv_buf text = {0};
    kv_problem_add_text(&text, problem);
    const char *rest = text.p;
    size_t digits = strncmp(rest, "line ", 5) == 0 ? strspn(rest + 5, "0123456789") : 0;
    if (digits) {
        const char *after = rest + 5 + digits;
        kv_cli_say("%s:%.*s: %s", file, (int)digits, rest + 5, after + strspn(after, ".: "));
    } else {
        bool placed = numbered ? problem->path[0] : rest[strspn(rest, "0123456789")] == ':';
        kv_cli_say("%s:%s%s", file, placed ? "" : " ", rest);
    }
    kv_buf_release(&text);
}

/* `numbered`: the paths are numbers of lines. */
static void say_problems(const struct kv_problems *problems, const char *file, bool numbered)
{
    for (size_t i = 0; i < problems->n; i++)
        say_problem(&problems->items[i], kv_inputs_name(file), numbered);
}

/* Everything that is wrong with the inputs, or the one failure there is. */
_Noreturn static void fail(
    const struct kv_manifest *m, const struct kv_manifest_options *o, const struct kv_err *err)
{
    if (!m->config_problems.n && !m->bench_problems.n && !m->job_problems.n)
        kv_cli_fail(err);
    say_problems(&m->config_problems, o->config, false);
    say_problems(&m->bench_problems, o->benchmark, false);
    say_problems(&m->job_problems, o->requests ? o->requests : o->tasks, true);
    exit(KV_INPUT);
}

static int print_tasks(const struct kv_manifest *m, struct kv_err *err)
{
    enum { BATCH = 1 << 16 };
    struct kv_buf out = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->count; i++) {
        kv_manifest_add_task(m, i, &out);
        kv_buf_add_char(&out, '\n');
        if (out.n >= BATCH || i + 1 == m->count) {
            rc = kv_cli_put(kv_slice_of(&out), err);
            kv_buf_clear(&out);
        }
    }
    kv_buf_release(&out);
    return rc;
}

/* Of a finished run whose results the new one will take the place of. */
static void say_what_stands(const struct kv_manifest_options *o)
{
    if (o->extend_from && strcmp(o->extend_from, o->output) == 0)
        return;
    kv_cli_say("%s: a finished run is there; it stays until the new one is finalized, and is "
               "replaced then (another -o keeps it%s)",
        o->output, o->if_absent ? "" : ", --if-absent begins no second run of it");
}

/* What an older run at this place has ordered in batches: nobody would ask for it any more, so a new
 * one has to wait for it, and then goes without what is left. */
static int look_at_batches(
    struct kv_batch_beside *old, const struct kv_paths *paths, struct kv_err *err)
{
    if (kv_batch_beside_read(old, paths, err) != 0)
        return -1;
    if (old->open == 0)
        return 0;
    return kv_err_set(err, KV_INPUT,
        "%s.batches: %lld batches of an older run are open: kv-batch collect, or forget, first",
        paths->output, (long long)old->open);
}

/* Goes on with a run. Calls that are in batches are named after the settings that it began with: replies
 * would not be found under others. */
static int go_on(const struct kv_paths *paths, struct kv_manifest *m,
    const struct kv_manifest_options *o, struct kv_buf *out, struct kv_err *err)
{
    struct kv_batch_beside batches = {0};
    struct kv_manifest_options how = *o;
    bool as_begun = false;
    if (kv_batch_beside_read(&batches, paths, err) != 0)
        return -1;
    how.as_begun = batches.there ? &as_begun : NULL;
    if (kv_begin(m, &how, out, err) != 0)
        return -1;
    if (as_begun)
        kv_cli_say(
            "%s: has batches, and goes on with the time limits and the like that it began with",
            paths->output);
    return 0;
}

static int begin_at(const struct kv_paths *paths, struct kv_manifest *m,
    const struct kv_manifest_options *o, struct kv_buf *out, struct kv_err *err)
{
    struct kv_batch_beside old = {0};
    int stood = kv_io_exists(paths->state, err);
    bool fresh = stood == 0 || o->force;
    if (stood < 0 || (fresh && look_at_batches(&old, paths, err) != 0) ||
        (fresh ? kv_begin(m, o, out, err) : go_on(paths, m, o, out, err)) != 0 ||
        (old.there && kv_batch_beside_remove(paths, err) != 0))
        return -1;
    if (stood)
        return 0;
    int beside = kv_io_exists(paths->state, err); /* not where the finished run is the same */
    if (beside == 1 && (beside = kv_io_exists(paths->output, err)) == 1)
        say_what_stands(o);
    return beside < 0 ? -1 : 0;
}

static int make(struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    struct kv_buf out = {0};
    struct kv_paths paths;
    if (kv_paths_of_output(&paths, o->output, err) != 0)
        return -1;
    int rc = begin_at(&paths, m, o, &out, err);
    kv_buf_add_char(&out, '\n');
    if (rc == 0)
        rc = kv_cli_put(kv_slice_of(&out), err);
    kv_paths_release(&paths);
    kv_buf_release(&out);
    return rc;
}

/* What was looked through, and found in order. */
static int print_checked(const struct kv_manifest *m, struct kv_err *err)
{
    struct kv_buf out = {0};
    size_t n = 0;
    for (size_t i = 0; i < m->bench->n; i++)
        n += m->bench->questions[i].finished;
    kv_json_out_object(&out, NULL);
    kv_json_out_count(&out, "questions", n);
    if (m->config)
        kv_json_out_count(&out, "total_tasks", m->count);
    kv_buf_add_str(&out, "}\n");
    int rc = kv_cli_put(kv_slice_of(&out), err);
    kv_buf_release(&out);
    return rc;
}

static int from_stdin(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static void check_usage(const struct kv_manifest_options *o, enum task task, int operands)
{
    if (operands)
        kv_cli_usage("no operand is expected: the benchmark is given with -b");
    if (o->tasks && o->requests)
        kv_cli_usage("--tasks and --requests exclude each other");
    if ((o->tasks || o->requests) &&
        (o->benchmark || o->questions || o->question_ids || o->extend_from || o->manual_traces ||
            o->replay || o->inputs.template_command))
        kv_cli_usage(
            "--%s is a manifest without a benchmark: what is said of questions has no place in it",
            o->tasks ? "tasks" : "requests");
    if (!o->tasks && !o->requests && !o->benchmark)
        kv_cli_usage("no benchmark given: -b FILE, or --tasks FILE, or --requests FILE");
    if (!o->tasks && !o->config && !o->inputs.setting_count && task != CHECK)
        kv_cli_usage("no configuration given: -c FILE");
    if (o->tasks && o->inputs.setting_count)
        kv_cli_usage("--set goes with a benchmark");
    if (from_stdin(o->requests))
        kv_cli_usage("--requests: a run reads them again: give a file");
    if (task == CHECK && (o->tasks || o->requests))
        kv_cli_usage("--check looks at a benchmark: -b FILE");
    if (task == MAKE && !o->output)
        kv_cli_usage("no output given: -o FILE, or --print or --check");
    if (from_stdin(o->benchmark) + from_stdin(o->config) + from_stdin(o->tasks) > 1)
        kv_cli_usage("only one input can be standard input");
    if (o->if_absent && o->force)
        kv_cli_usage("--if-absent and --force exclude each other");
    if (task != MAKE && (o->if_absent || o->force))
        kv_cli_usage("--%s writes nothing: --%s has no place beside it",
            task == CHECK ? "check" : "print", o->force ? "force" : "if-absent");
    for (size_t i = 0; i < o->inputs.setting_count; i++)
        if (!strchr(o->inputs.settings[i], '='))
            kv_cli_usage("--set: expected NAME=VALUE, not '%s'", o->inputs.settings[i]);
}

/* True if --layout asks for karenina's newer layout, 2. */
static bool read_layout(const char *layout)
{
    if (!layout || strcmp(layout, "1") == 0)
        return false;
    if (strcmp(layout, "2") != 0)
        kv_cli_usage("--layout: expected 1 or 2, not '%s'", layout);
    return true;
}

static int carry_out(
    enum task task, struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    switch (task) {
    case PRINT:
        return print_tasks(m, err);
    case CHECK:
        return print_checked(m, err);
    case MAKE:
        break;
    }
    return make(m, o, err);
}

static struct {
    struct kv_manifest_options options;
    struct kv_opt_list settings;
    const char *share, *layout;
    bool print, check;
} given;

static const struct kv_option options[] = {
    {'b', "benchmark", KV_OPT_TEXT, &given.options.benchmark},
    {'c', "config", KV_OPT_TEXT, &given.options.config},
    {'o', "output", KV_OPT_TEXT, &given.options.output},
    {0, "set", KV_OPT_LIST, &given.settings},
    {0, "if-absent", KV_OPT_FLAG, &given.options.if_absent},
    {0, "force", KV_OPT_FLAG, &given.options.force},
    {0, "print", KV_OPT_FLAG, &given.print},
    {0, "check", KV_OPT_FLAG, &given.check},
    {0, "layout", KV_OPT_TEXT, &given.layout},
    {0, "tasks", KV_OPT_TEXT, &given.options.tasks},
    {0, "requests", KV_OPT_TEXT, &given.options.requests},
    {0, "extend-from", KV_OPT_TEXT, &given.options.extend_from},
    {0, "questions", KV_OPT_TEXT, &given.options.questions},
    {0, "question-ids", KV_OPT_TEXT, &given.options.question_ids},
    {0, "shard", KV_OPT_TEXT, &given.options.shard},
    {0, "manual-traces", KV_OPT_TEXT, &given.options.manual_traces},
    {0, "replay", KV_OPT_TEXT, &given.options.replay},
    {0, "template-cmd", KV_OPT_TEXT, &given.options.inputs.template_command},
    {0, "share", KV_OPT_TEXT, &given.share},
    {0},
};

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_manifest_options *o = &given.options;
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    o->inputs.settings = given.settings.items;
    o->inputs.setting_count = given.settings.n;
    if (given.print && given.check)
        kv_cli_usage("--print and --check exclude each other");
    enum task task = given.check ? CHECK : given.print ? PRINT : MAKE;
    o->layout2 = read_layout(given.layout);
    check_usage(o, task, argc - first);
    char *share = kv_cli_share(given.share);
    o->now = kv_cli_time();
    o->inputs.env = kv_cli_env;
    o->inputs.share = share;

    struct kv_manifest m;
    struct kv_err err;
    if ((given.check ? kv_check(&m, o, &err) : kv_manifest_plan(&m, o, &err)) != 0)
        fail(&m, o, &err);
    say_problems(&m.config_remarks, o->config, false);
    say_problems(&m.remarks, o->benchmark, false);

    if (carry_out(task, &m, o, &err) != 0)
        kv_cli_fail(&err);
    kv_manifest_release(&m);
    free(given.settings.items);
    free(share);
    return kv_cli_end(KV_OK);
}
