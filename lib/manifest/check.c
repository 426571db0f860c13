/* check - everything that is wrong with a benchmark and a configuration, at once. */
#include "check.h"

#include "io.h"

#include <stdlib.h>
#include <string.h>

static bool has_config(const struct kv_manifest_options *o)
{
    return o->config || o->inputs.setting_count;
}

static void check_config(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    m->config = kv_inputs_config(&o->inputs, o->config, NULL, &m->config_problems, err);
    if (m->config)
        kv_config_supported(m->config, &m->config_problems);
}

/* All finished questions: a selection is for a run. */
static void check_questions(struct kv_manifest *m, const struct kv_manifest_options *o)
{
    const struct kv_config both = {
        .evaluation_mode = KV_TEMPLATE_AND_RUBRIC, .rubric_enabled = true};
    bool *chosen = kv_calloc(m->bench->n + 1, sizeof *chosen);
    for (size_t i = 0; i < m->bench->n; i++)
        chosen[i] = m->bench->questions[i].finished;
    kv_inputs_check(&o->inputs, m->config ? m->config : &both, m->bench, chosen, &m->bench_problems,
        &m->bench_problems);
    free(chosen);
}

/* What keeps a file from being read to its end stands among the other problems. */
static void add_failure(struct kv_problems *problems, const char *path, const struct kv_err *why)
{
    const char *text = why->text, *name = kv_io_name(path);
    size_t n = strlen(name);
    if (strncmp(text, name, n) == 0 && text[n] == ':')
        text += n + 1 + strspn(text + n + 1, " ");
    kv_problems_add(problems, NULL, "value_error", "%s", text);
}

static int sum_up(
    const struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    if (m->config_problems.n) {
        kv_problems_err(&m->config_problems, err);
        return kv_err_context(err, "%s", kv_inputs_name(o->config));
    }
    kv_problems_err(&m->bench_problems, err);
    return kv_err_context(err, "%s", kv_io_name(o->benchmark));
}

int kv_check(struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    *m = (struct kv_manifest){0};
    if (has_config(o))
        check_config(m, o, err);
    if (has_config(o) && !m->config && !m->config_problems.n)
        add_failure(&m->config_problems, kv_inputs_name(o->config), err);
    m->bench = kv_inputs_bench_partly(o->benchmark, &m->bench_problems, err);
    if (m->bench)
        check_questions(m, o);
    else
        add_failure(&m->bench_problems, o->benchmark, err);
    if (m->config_problems.n || m->bench_problems.n)
        return sum_up(m, o, err);
    if (!has_config(o))
        return 0;
    kv_manifest_release(m); /* what is left is found when a run is planned */
    return kv_manifest_plan(m, o, err);
}
