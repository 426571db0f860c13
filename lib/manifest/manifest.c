/* manifest - the tasks of a run are listed. */
#include "manifest.h"

#include "config_diff.h"
#include "extend_rows.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "pydantic.h"
#include "recorded.h"
#include "result.h"
#include "select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list of keys ---- */

/* Ends the key whose text was just added behind m->text. */
static void end_key(struct kv_manifest *m)
{
    m->ends = kv_grow(m->ends, m->listed, sizeof *m->ends);
    m->ends[m->listed++] = m->text.n;
    m->count++;
}

/* A key that is not the plan's. */
static struct kv_slice listed_key(const struct kv_manifest *m, size_t i)
{
    size_t at = i ? m->ends[i - 1] : 0;
    return (struct kv_slice){m->text.p + at, m->ends[i] - at};
}

/* Of those that are the plan's. */
static struct kv_task planned_task(const struct kv_manifest *m, size_t i)
{
    return kv_plan_task(&m->plan, m->numbers ? m->numbers[i] : i);
}

struct kv_slice kv_manifest_key(const struct kv_manifest *m, size_t i, struct kv_buf *scratch)
{
    size_t first = m->config ? m->planned : 0; /* that is listed */
    if (i >= first)
        return listed_key(m, i - first);
    struct kv_task t = planned_task(m, i);
    kv_buf_clear(scratch);
    kv_plan_add_key(&m->plan, &t, scratch);
    return kv_slice_of(scratch);
}

static int by_text(const void *a, const void *b, void *closure)
{
    const struct kv_manifest *m = closure;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = kv_slice_cmp(listed_key(m, x), listed_key(m, y));
    return order ? order : (x > y) - (x < y);
}

/* The listed keys by their text, of equal ones the first in front. */
static uint32_t *sort_listed(struct kv_manifest *m)
{
    uint32_t *order = kv_array(NULL, m->listed + 1, sizeof *order);
    for (size_t i = 0; i < m->listed; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, m->listed, sizeof *order, by_text, m);
    return order;
}

static int job_problems_err(const struct kv_manifest *m, const char *path, struct kv_err *err)
{
    if (!m->job_problems.n)
        return 0;
    kv_problems_err(&m->job_problems, err);
    return kv_err_context(err, "%s", kv_io_name(path));
}

static int refuse_duplicates(struct kv_manifest *m, const char *path, struct kv_err *err)
{
    uint32_t *sorted = sort_listed(m);
    bool told = false;
    for (size_t i = 1; i < m->listed; i++) {
        struct kv_slice key = listed_key(m, sorted[i]);
        bool duplicate = kv_slice_eq(key, listed_key(m, sorted[i - 1]));
        if (duplicate && !told)
            kv_problems_add(&m->job_problems, NULL, "value_error", "the task '%.*s' is there twice",
                (int)key.n, key.p);
        told = duplicate;
    }
    free(sorted);
    return job_problems_err(m, path, err);
}

/* ---- a list of jobs ---- */

/* The key of a job as JSON, or what is wrong with it. */
static const char *find_key(struct kv_slice job, struct kv_slice *key)
{
    *key = job;
    if (kv_json_type(job) == KV_JSON_OBJECT && !kv_json_get(job, "task_id", key))
        return "task_id is missing";
    if (kv_json_type(*key) != KV_JSON_STRING)
        return "expected the key of a task, or an object with task_id";
    return key->n == 2 ? "the key is empty" : NULL;
}

/* `once`: the file cannot be read again when its tasks are handed to commands. */
static void read_job(struct kv_manifest *m, struct kv_slice job, size_t line, bool once)
{
    struct kv_slice value;
    const char *wrong = find_key(job, &value);
    if (!wrong && once && kv_json_type(job) == KV_JSON_OBJECT && kv_json_count(job) > 1)
        wrong = "more than a task_id, which a run reads again for its commands: give a file";
    if (wrong) {
        char number[24];
        snprintf(number, sizeof number, "%zu", line);
        const struct kv_path here = {.name = kv_slice(number)};
        kv_problems_add(&m->job_problems, &here, "value_error", "%s", wrong);
        return;
    }
    size_t before = m->text.n;
    kv_json_unescape(value, &m->text);
    struct kv_slice key = {m->text.p + before, m->text.n - before};
    if (!kv_shard_has(&m->shard, key))
        m->text.n = before;
    else
        end_key(m);
}

static int read_jobs(struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    const char *path = o->tasks;
    bool once =
        o->output && kv_io_is_stream(path); /* a list that is only printed is not handed on */
    struct kv_buf text = {0};
    struct kv_slice rest, value;
    size_t line = 1;
    int got = -1;
    bool any = false;
    if (kv_io_read(path, 0, &text, err) != 0)
        return -1;
    rest = kv_slice_of(&text);
    for (const char *seen = text.p;
         (got = kv_json_next(&rest, text.p, KV_JSON_STRICT, &value, err)) == 1; seen = value.p) {
        for (const char *lf = seen; (lf = memchr(lf, '\n', (size_t)(value.p - lf))); lf++)
            line++;
        read_job(m, value, line, once);
        any = true;
    }
    kv_buf_release(&text);
    if (got == 0 && !any)
        got = kv_err_set(err, KV_INPUT, "there is no task in it");
    return got == 0 ? job_problems_err(m, path, err) : kv_err_context(err, "%s", kv_io_name(path));
}

static void take_request(void *closure, struct kv_slice id)
{
    struct kv_manifest *m = closure;
    size_t before = m->text.n;
    kv_buf_add_slice(&m->text, id);
    if (!kv_shard_has(&m->shard, id))
        m->text.n = before;
    else
        end_key(m);
}

/* The configuration is a whole one, as it says who is asked. */
static int read_requests(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    const struct kv_requests_taker taker = {take_request, m};
    struct kv_requests r;
    struct kv_config *c = kv_inputs_config(&o->inputs, o->config, NULL, &m->config_problems, err);
    if (!c)
        return -1;
    kv_config_supported(c, &m->config_problems);
    int rc = kv_requests_open(&r, o->requests, c, &taker, &m->job_problems, err);
    memcpy(m->requests, r.digest, sizeof r.digest);
    kv_buf_add_slice(&m->jobs_config, c->text);
    m->has_jobs_config = true;
    if (rc == 0 && m->config_problems.n) {
        kv_problems_err(&m->config_problems, err);
        rc = kv_err_context(err, "%s", kv_inputs_name(o->config));
    }
    if (rc == 0 && !r.n && !m->job_problems.n)
        rc = kv_err_set(err, KV_INPUT, "%s: there is no request in it", o->requests);
    kv_requests_release(&r);
    kv_config_close(c);
    return rc == 0 ? job_problems_err(m, o->requests, err) : -1;
}

int kv_manifest_jobs_config(const char *path, struct kv_buf *canonical, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_slice value = KV_SLICE("{}");
    int rc = 0;
    if (path && (rc = kv_io_read(path, 0, &text, err)) == 0 &&
        (rc = kv_json_check(kv_slice_of(&text), KV_JSON_PORTABLE, &value, err)) == 0 &&
        kv_json_type(value) != KV_JSON_OBJECT)
        rc = kv_err_set(err, KV_INPUT, "expected an object, got %s", kv_json_type_name(value));
    if (rc == 0)
        kv_pydantic_tidy(canonical, value);
    else if (text.n)
        kv_err_context(err, "%s", kv_io_name(path));
    kv_buf_release(&text);
    return rc;
}

/* ---- the tasks of a benchmark ---- */

static void refuse_equal_models(
    char **keys, size_t n, const char *list_name, struct kv_problems *problems)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(keys[i], keys[k]) == 0) {
                struct kv_path list = {.name = kv_slice(list_name)};
                struct kv_path here = {.up = &list, .index = i};
                kv_problems_add(problems, &here, "value_error",
                    "has the interface, name and id of %s[%zu]: their tasks would be the same",
                    list_name, k);
                break;
            }
}

/* Those of the shard, of n tasks: how many. */
static size_t choose_tasks(struct kv_manifest *m, size_t n)
{
    struct kv_buf key = {0};
    size_t chosen = 0;
    for (size_t i = 0; i < n; i++) {
        struct kv_task t = kv_plan_task(&m->plan, i);
        kv_buf_clear(&key);
        kv_plan_add_key(&m->plan, &t, &key);
        if (!kv_shard_has(&m->shard, kv_slice_of(&key)))
            continue;
        m->numbers = kv_grow(m->numbers, chosen, sizeof *m->numbers);
        m->numbers[chosen++] = (uint32_t)i;
    }
    kv_buf_release(&key);
    return chosen;
}

static int plan_keys(struct kv_manifest *m, struct kv_err *err)
{
    size_t n;
    if (!kv_plan_count(&m->plan, &n))
        return kv_err_set(err, KV_INPUT, "more than %d tasks", KV_PLAN_MAX);
    m->planned = m->count = m->shard.count ? choose_tasks(m, n) : n;
    return 0;
}

static int choose_questions(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    bool *chosen = kv_calloc(m->bench->n + 1, sizeof *chosen);
    long n = kv_select(m->bench, o->question_ids, o->questions, chosen, err);
    if (o->question_ids && n >= 0)
        kv_select_add_unknown(m->bench, o->question_ids, n ? &m->remarks : &m->bench_problems);
    if (n == 0)
        kv_err_set(err, KV_INPUT,
            o->question_ids || o->questions ? "no question is left after selecting"
                                            : "there is no finished question");
    if (n <= 0) {
        free(chosen);
        if (n < 0)
            kv_err_context(err, "--questions");
        return n < 0 && err->kind == KV_USAGE ? -1
                                              : kv_err_context(err, "%s", kv_io_name(o->benchmark));
    }
    kv_inputs_check(&o->inputs, m->config, m->bench, chosen, &m->bench_problems, &m->remarks);
    kv_plan_init(&m->plan, m->config, kv_bench_ids(m->bench));
    for (size_t i = 0; i < m->bench->n; i++)
        if (chosen[i])
            kv_plan_add_question(&m->plan, kv_bench_id(m->bench, i));
    kv_plan_ready(&m->plan);
    free(chosen);
    refuse_equal_models(
        m->plan.answering, m->config->answering_count, "answering_models", &m->config_problems);
    refuse_equal_models(
        m->plan.parsing, m->config->parsing_count, "parsing_models", &m->config_problems);
    return 0;
}

static void check_traces(
    const struct kv_config *c, const struct kv_manifest_options *o, struct kv_problems *problems)
{
    struct kv_path list = {.name = KV_SLICE("answering_models")}, here = {.up = &list};
    for (here.index = 0; here.index < c->answering_count; here.index++)
        if (kv_slice_is(c->answering[here.index].interface, "manual") && !o->manual_traces)
            kv_problems_add(problems, &here, "value_error",
                "interface 'manual' needs recorded answers: --manual-traces FILE");
}

/* The files of recorded answers are read by kv-run; that they can be read is checked here. */
static int check_recorded(const struct kv_manifest_options *o, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_traces *traces = NULL;
    struct kv_recorded *replay = NULL;
    int rc = 0;
    if (o->manual_traces && (rc = kv_io_read(o->manual_traces, 0, &text, err)) == 0 &&
        !(traces = kv_traces_open(kv_slice_of(&text), err)))
        rc = kv_err_context(err, "%s", kv_io_name(o->manual_traces));
    kv_buf_clear(&text);
    if (rc == 0 && o->replay && (rc = kv_io_read(o->replay, 0, &text, err)) == 0 &&
        !(replay = kv_recorded_open(kv_slice_of(&text), o->replay, err)))
        rc = -1;
    kv_traces_close(traces);
    kv_recorded_close(replay);
    kv_buf_release(&text);
    return rc;
}

/* karenina's default prompt, if the run that is there was made with it. */
static char *prompt_of_pair(const struct kv_manifest_options *o)
{
    struct kv_err ignored;
    struct kv_state *s = o->if_absent && o->output ? kv_state_open_any(o->output, &ignored) : NULL;
    char *prompt = s ? kv_config_diff_builtin_prompt(kv_same_run_config(s)) : NULL;
    kv_state_close(s);
    return prompt;
}

static int open_inputs(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    struct kv_err other;
    char *prompt = prompt_of_pair(o);
    m->config = kv_inputs_config(&o->inputs, o->config, prompt, &m->config_problems, err);
    free(prompt);
    if (m->config) {
        kv_config_supported(m->config, &m->config_problems);
        kv_config_runnable(m->config, (struct kv_config_commands){0}, &m->config_remarks);
        check_traces(m->config, o, &m->config_problems);
    } else if (!m->config_problems.n) {
        return -1;
    }
    /* Reads the benchmark although the configuration is wrong, so that its problems are told as
     * well. */
    m->bench = kv_inputs_bench(o->benchmark, &m->bench_problems, m->config ? err : &other);
    return m->config && m->bench ? 0 : -1;
}

static int sum_up(
    const struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    if (m->config_problems.n) {
        kv_problems_err(&m->config_problems, err);
        return kv_err_context(err, "%s", kv_inputs_name(o->config));
    }
    if (m->bench_problems.n) {
        kv_problems_err(&m->bench_problems, err);
        return kv_err_context(err, "%s", kv_io_name(o->benchmark));
    }
    return 0;
}

static int plan_benchmark(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    if (open_inputs(m, o, err) != 0 || choose_questions(m, o, err) != 0 || sum_up(m, o, err) != 0 ||
        check_recorded(o, err) != 0)
        return -1;
    return plan_keys(m, err);
}

/* ---- extending a finished run ---- */

static bool is_planned(const struct kv_manifest *m, struct kv_slice key)
{
    struct kv_task ignored;
    return kv_plan_find(&m->plan, key, &ignored) && kv_shard_has(&m->shard, key);
}

/* Drops listed keys that stand there before. */
static void fold_listed(struct kv_manifest *m)
{
    uint32_t *sorted = sort_listed(m);
    bool *gone = kv_calloc(m->listed + 1, sizeof *gone);
    size_t kept = 0, to = 0;
    for (size_t i = 1; i < m->listed; i++)
        gone[sorted[i]] = kv_slice_eq(listed_key(m, sorted[i]), listed_key(m, sorted[i - 1]));
    for (size_t i = 0, at = 0, end; i < m->listed; i++, at = end) {
        end = m->ends[i];
        if (gone[i])
            continue;
        memmove(m->text.p + to, m->text.p + at, end - at);
        to += end - at;
        m->ends[kept++] = to;
    }
    m->listed = kept;
    m->text.n = to;
    m->count = m->planned + kept;
    free(sorted);
    free(gone);
}

/* What the changed questions do to the rows that are taken over. */
static void remark_revised(struct kv_manifest *m, const struct kv_extend_rows *p)
{
    const struct {
        size_t n;
        const char *what;
    } all[] = {{p->rejudged, "judged again by the template as it is now"},
        {p->unjudged, "to be judged again by the judge, whose template asks for more now"},
        {p->left_out, "left out: the question says something else now"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].n)
            kv_problems_add(&m->remarks, NULL, "changed", "%s: %zu result%s %s", p->path, all[i].n,
                all[i].n == 1 ? "" : "s", all[i].what);
}

static int add_results(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    struct kv_extend_rows p = {.path = o->extend_from, .bench = m->bench, .share = o->inputs.share};
    struct kv_buf key = {0};
    struct kv_slice row;
    struct kv_result result;
    int got;
    while ((got = kv_extend_rows_next(&p, &row, err)) == 1) {
        if (kv_result_read(row, KV_JSON_PORTABLE, &result, err) != 0) {
            kv_err_context(err, "%s:%zu", o->extend_from, p.line);
            got = -1;
            break;
        }
        kv_buf_clear(&key);
        kv_result_key(&result, &key);
        if (result.preview || is_planned(m, kv_slice_of(&key)))
            continue;
        kv_buf_add_slice(&m->text, kv_slice_of(&key));
        end_key(m);
    }
    if (got == 0)
        remark_revised(m, &p);
    kv_extend_rows_end(&p);
    kv_buf_release(&key);
    return got;
}

/* ---- planning ---- */

int kv_manifest_plan(struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err)
{
    *m = (struct kv_manifest){0};
    if (o->shard && kv_shard_parse(o->shard, o->inputs.env, &m->shard, err) != 0)
        return -1;
    if (o->requests) {
        if (read_requests(m, o, err) != 0)
            return -1;
        m->planned = m->count;
    } else if (o->tasks) {
        if (read_jobs(m, o, err) != 0 ||
            kv_manifest_jobs_config(o->config, &m->jobs_config, err) != 0)
            return -1;
        m->planned = m->count;
        m->has_jobs_config = o->config != NULL;
    } else if (plan_benchmark(m, o, err) != 0 || (o->extend_from && add_results(m, o, err) != 0)) {
        return -1;
    }
    /* Keys of a plan are distinct, since ids and models are; those of jobs are checked. */
    if (!m->config)
        return refuse_duplicates(m, o->requests ? o->requests : o->tasks, err);
    if (m->listed)
        fold_listed(m);
    return 0;
}

void kv_manifest_add_task(const struct kv_manifest *m, size_t i, struct kv_buf *out)
{
    if (m->config && i < m->planned) {
        struct kv_task task = planned_task(m, i);
        kv_plan_add_json(&m->plan, &task, out);
        return;
    }
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "task_id", kv_manifest_key(m, i, NULL));
    kv_buf_add_char(out, '}');
}

void kv_manifest_release(struct kv_manifest *m)
{
    kv_problems_release(&m->config_problems);
    kv_problems_release(&m->bench_problems);
    kv_problems_release(&m->job_problems);
    kv_problems_release(&m->remarks);
    kv_problems_release(&m->config_remarks);
    if (m->plan.config)
        kv_plan_release(&m->plan);
    kv_config_close(m->config);
    kv_bench_close(m->bench);
    kv_buf_release(&m->text);
    kv_buf_release(&m->jobs_config);
    free(m->numbers);
    free(m->ends);
}
