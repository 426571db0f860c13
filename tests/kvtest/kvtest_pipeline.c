/* kvtest pipeline - runs recorded single-task cases through the pipeline with canned model replies.
 *
 * Reads JSON Lines on stdin: {"name","checkpoint","config","canned","replicate_index"} and
 * optionally "traces_text" or "replay_text". Prints {"name","calls":[{"task","attempts"}],"result"}
 * for each. A canned list is consumed one entry an attempt, its last entry repeating, as its maker
 * did; errors are classified by the names karenina's clients give them (lib/pipeline/README.md) and
 * retried within the configured budgets, without waiting.
 */
#include "kvtest.h"

#include "bench.h"
#include "cli.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "outcomes.h"
#include "pipeline.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct canned {
    struct kv_slice object; /* {"generation":[…],"parse":[…],"structured":{schema:[…]}} */
    size_t used_generation, used_parse;
    struct {
        char name[64];
        size_t used;
    } schema[16];
    size_t schemas;
};

static size_t *counter(struct canned *c, const struct kv_query *q)
{
    if (!q->judge)
        return &c->used_generation;
    if (strcmp(q->stage, "parsing") == 0)
        return &c->used_parse;
    for (size_t i = 0; i < c->schemas; i++)
        if (strcmp(c->schema[i].name, q->schema_name) == 0)
            return &c->schema[i].used;
    snprintf(c->schema[c->schemas].name, sizeof c->schema[0].name, "%s", q->schema_name);
    return &c->schema[c->schemas++].used;
}

/* The next entry for a query; false if the case has none. */
static bool next_entry(struct canned *c, const struct kv_query *q, struct kv_slice *entry)
{
    struct kv_slice list;
    struct kv_json_walk w;
    if (!q->judge)
        kv_json_get(c->object, "generation", &list);
    else if (strcmp(q->stage, "parsing") == 0)
        kv_json_get(c->object, "parse", &list);
    else
        kv_json_path(c->object, &list, "structured", q->schema_name, NULL);
    size_t n = kv_json_count(list), *used = counter(c, q), wanted = *used < n ? *used : n - 1;
    if (n == 0)
        return false;
    ++*used;
    kv_json_begin(&w, list);
    for (size_t i = 0; kv_json_item(&w, entry); i++)
        if (i == wanted)
            return true;
    return false;
}

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static enum kv_retry_class classify(const char *type, const char *message)
{
    static const struct {
        const char *type;
        enum kv_retry_class category;
    } types[] = {{"ConnectionError", KV_RETRY_CONNECTION},
        {"APIConnectionError", KV_RETRY_CONNECTION}, {"TimeoutError", KV_RETRY_TIMEOUT},
        {"ReadTimeout", KV_RETRY_TIMEOUT}, {"ConnectTimeout", KV_RETRY_TIMEOUT},
        {"APITimeoutError", KV_RETRY_TIMEOUT}, {"StreamingTimeoutError", KV_RETRY_TIMEOUT},
        {"RateLimitError", KV_RETRY_RATE_LIMIT}, {"OverloadedError", KV_RETRY_RATE_LIMIT},
        {"InternalServerError", KV_RETRY_SERVER_ERROR}, {"HTTPError", KV_RETRY_SERVER_ERROR}};
    static const struct {
        const char *part;
        enum kv_retry_class category;
    } parts[] = {{"connection", KV_RETRY_CONNECTION}, {"network", KV_RETRY_CONNECTION},
        {"dns", KV_RETRY_CONNECTION}, {"timeout", KV_RETRY_TIMEOUT},
        {"timed out", KV_RETRY_TIMEOUT}, {"rate limit", KV_RETRY_RATE_LIMIT},
        {"429", KV_RETRY_RATE_LIMIT}, {"overloaded", KV_RETRY_RATE_LIMIT},
        {"500", KV_RETRY_SERVER_ERROR}, {"502", KV_RETRY_SERVER_ERROR},
        {"503", KV_RETRY_SERVER_ERROR}, {"event loop", KV_RETRY_CONNECTION},
        {"portal", KV_RETRY_CONNECTION}, {"temporary failure", KV_RETRY_CONNECTION}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].category;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (has(message, parts[i].part))
            return parts[i].category;
    return KV_RETRY_NEVER;
}

struct asked {
    struct kv_buf calls; /* items of the array */
    struct kv_buf text, type, error;
};

static void note_call(struct asked *a, const struct kv_query *q, int attempts)
{
    static const char *const task[][2] = {{"answer_generation", "generation"},
        {"abstention_check", "abstention"}, {"sufficiency_check", "sufficiency"},
        {"parsing", "parse"}, {"rubric_evaluation", "rubric"}};
    for (size_t i = 0; i < sizeof task / sizeof *task; i++)
        if (strcmp(task[i][0], q->stage) == 0)
            kv_buf_printf(&a->calls, "%s{\"task\":\"%s\",\"attempts\":%d}", a->calls.n ? "," : "",
                task[i][1], attempts);
}

static void take_success(
    struct asked *a, const struct kv_query *q, struct kv_slice entry, struct kv_answer *r)
{
    struct kv_slice v;
    r->kind = KV_ANSWER_TEXT;
    if (kv_json_get(entry, "text", &v))
        kv_json_unescape(v, &a->text);
    else if (kv_json_get(entry, "object", &v))
        kv_json_compact(&a->text, v);
    r->text = kv_slice_of(&a->text);
    bool parse = strcmp(q->stage, "parsing") == 0;
    r->used.in_total = !q->judge ? 11 : parse ? 31 : 23;
    r->used.out_total = !q->judge ? 7 : parse ? 9 : 5;
}

/* One call with its retries. */
static void keep_text(struct kv_slice object, const char *name, struct kv_buf *text)
{
    struct kv_slice v;
    kv_buf_clear(text);
    if (kv_json_get(object, name, &v))
        kv_json_unescape(v, text);
}

/* A failure as the entry has it; false if it is tried again. */
static bool take_failure(struct asked *a, struct kv_slice error,
    const struct kv_retry_policy *policy, struct kv_answer *r)
{
    keep_text(error, "type", &a->type);
    keep_text(error, "message", &a->error);
    keep_text(error, "partial_content", &a->text);
    enum kv_retry_class category = classify(a->type.p, a->error.p ? a->error.p : "");
    if (category != KV_RETRY_NEVER && r->retries[category] < policy->rules[category].max_attempts) {
        r->retries[category]++;
        return false;
    }
    r->kind = KV_ANSWER_FAILED;
    r->category = category;
    r->error_type = kv_slice_of(&a->type);
    r->error = kv_slice_of(&a->error);
    r->text = kv_slice_of(&a->text);
    r->partial = a->text.n > 0;
    return true;
}

static void ask(struct canned *c, const struct kv_query *q, const struct kv_retry_policy *policy,
    struct asked *a, struct kv_answer *r)
{
    struct kv_slice entry, error;
    bool done = false;
    *r = (struct kv_answer){.used = KV_USAGE_UNKNOWN, .category = KV_RETRY_NEVER};
    for (int attempts = 1; !done; attempts++) {
        done = true;
        if (!next_entry(c, q, &entry)) {
            r->kind = KV_ANSWER_FAILED;
            r->error_type = KV_SLICE("ValueError");
            r->error = KV_SLICE("no canned reply");
        } else if (!kv_json_get(entry, "error", &error)) {
            kv_buf_clear(&a->text);
            take_success(a, q, entry, r);
        } else {
            done = take_failure(a, error, policy, r);
        }
        if (done)
            note_call(a, q, attempts);
    }
}

/* What a run counts without reading its row is what everybody reads there. */
static void check_code(const struct kv_pipeline *p, struct kv_slice line)
{
    struct kv_result row;
    struct kv_err err;
    if (kv_result_read(line, KV_JSON_STRICT, &row, &err) != 0)
        kv_cli_fail(&err);
    if (kv_pipeline_code(p) == kv_outcomes_code(&row))
        return;
    kv_err_set(&err, KV_SYSTEM, "the result is counted otherwise than its row");
    kv_cli_fail(&err);
}

static void release_asked(struct asked *a)
{
    kv_buf_release(&a->calls);
    kv_buf_release(&a->text);
    kv_buf_release(&a->type);
    kv_buf_release(&a->error);
}

static void run_task(const struct kv_pipeline_shared *shared, const struct kv_bench *bench,
    struct canned *canned, struct kv_slice name)
{
    struct kv_err err;
    struct asked asked = {0};
    struct kv_buf line = {0};
    struct kv_query q;
    struct kv_answer r;
    const struct kv_config *c = shared->config;
    struct kv_prepared_question *prepared =
        kv_prepared_question_open(c, bench, 0, NULL, NULL, &err);
    if (!prepared) {
        printf("{\"name\":%.*s,\"error\":\"%s\"}\n", (int)name.n, name.p, err.text);
        return;
    }
    struct kv_answer_stage g = {0};
    struct kv_pipeline p = {0};
    kv_answer_stage_init(
        &g, shared, prepared, &c->answering[0], c->replicate_count > 1 ? 1 : KV_NO_REPLICATE);
    if (!kv_answer_stage_known(&g)) {
        kv_answer_stage_query(&g, &q);
        ask(canned, &q, &c->answering[0].retry, &asked, &r);
        kv_answer_stage_take(&g, &r);
    }
    kv_pipeline_begin(&p, shared, prepared, &g, &c->parsing[0]);
    while (kv_pipeline_query(&p, &q)) {
        ask(canned, &q, &c->parsing[0].retry, &asked, &r);
        kv_pipeline_take(&p, &r);
    }
    kv_pipeline_write(&p, &line);
    check_code(&p, kv_slice_of(&line));
    printf("{\"name\":%.*s,\"calls\":[%s],\"result\":%.*s}\n", (int)name.n, name.p,
        asked.calls.p ? asked.calls.p : "", (int)line.n - 1, line.p);
    kv_pipeline_release(&p);
    kv_answer_stage_release(&g);
    kv_prepared_question_close(prepared);
    kv_buf_release(&line);
    release_asked(&asked);
}

static bool recorded(struct kv_pipeline_shared *shared, struct kv_slice line, struct kv_err *err)
{
    struct kv_slice v;
    struct kv_buf text = {0};
    bool ok = true;
    if (kv_json_get(line, "traces_text", &v)) {
        kv_json_unescape(v, &text);
        ok = (shared->traces = kv_traces_open(kv_slice_of(&text), err)) != NULL;
    } else if (kv_json_get(line, "replay_text", &v)) {
        kv_json_unescape(v, &text);
        ok = (shared->replay = kv_recorded_open(kv_slice_of(&text), "replay.json", err)) != NULL;
    }
    kv_buf_release(&text);
    return ok;
}

static void run_line(struct kv_pipeline_shared shared, struct kv_slice line)
{
    struct kv_err err;
    struct kv_problems problems = {0};
    struct kv_slice name, checkpoint, config;
    struct canned canned = {0};
    struct kv_bench *bench = NULL;
    struct kv_config *c = NULL;
    struct kv_model_names *names = NULL;
    struct kv_config_source from = {
        .answering_prompt = KV_SLICE("You are an expert."), .traces_given = true};
    kv_json_get(line, "name", &name);
    kv_json_get(line, "checkpoint", &checkpoint);
    kv_json_get(line, "config", &config);
    kv_json_get(line, "canned", &canned.object);
    shared.traces = NULL;
    shared.replay = NULL;
    if (!recorded(&shared, line, &err) || !(bench = kv_bench_parse(checkpoint, &problems, &err)) ||
        !(c = kv_config_open(config, &from, &problems, &err))) {
        struct kv_buf text = {0};
        kv_json_quote(&text, kv_slice(err.text), KV_JSON_RAW);
        printf("{\"name\":%.*s,\"error\":%s}\n", (int)name.n, name.p, text.p);
        kv_buf_release(&text);
    } else {
        shared.config = c;
        shared.names = names = kv_model_names_open(c);
        run_task(&shared, bench, &canned, name);
    }
    kv_traces_close((struct kv_traces *)(uintptr_t)shared.traces);
    kv_recorded_close((struct kv_recorded *)(uintptr_t)shared.replay);
    kv_bench_close(bench);
    kv_model_names_close(names);
    kv_config_close(c);
    kv_problems_release(&problems);
}

int kvtest_pipeline(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    struct kv_lines lines;
    struct kv_slice line, value;
    struct kv_pipeline_shared shared = {0};
    const struct kv_option options[] = {{0}};
    int first = kv_cli_begin(&cli, argc, argv, options, "usage: kvtest pipeline SHARE\n");
    if (first >= argc)
        kv_cli_usage("no share directory given");
    struct kv_prompts *prompts = kv_prompts_open(argv[first], &err);
    struct kv_verifier *verifier = prompts ? kv_verdict_open(argv[first], &err) : NULL;
    struct kv_scorer *scorer = verifier ? kv_trait_score_open(argv[first], &err) : NULL;
    if (!scorer)
        kv_cli_fail(&err);
    shared.prompts = prompts;
    shared.verifier = verifier;
    shared.scorer = scorer;
    kv_lines_init(&lines, 0, 0);
    while (kv_lines_next(&lines, &line, &err) == 1) {
        if (kv_json_check(line, KV_JSON_NONFINITE, &value, &err) != 0)
            kv_cli_fail(&err);
        run_line(shared, value);
    }
    kv_lines_release(&lines);
    kv_trait_score_close(scorer);
    kv_verdict_close(verifier);
    kv_prompts_close(prompts);
    return kv_cli_end(KV_OK);
}
