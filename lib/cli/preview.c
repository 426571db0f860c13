/* preview - what a run would cost: --dry-run. */
#include "preview.h"

#include "cli.h"
#include "json.h"
#include "json_out.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

enum { TYPICAL_ANSWER = 300 }; /* tokens, for the judge's prompt: the answers are not known */

struct estimate {
    int64_t calls;
    double input, output;
};

void kv_preview_add_model(struct kv_buf *line, const struct kv_model *m, bool judge)
{
    struct kv_buf name = {0};
    kv_answer_stage_display(&name, m, judge);
    kv_json_out_object(line, NULL);
    kv_json_out_text(line, "model", kv_slice_of(&name));
    kv_json_out_str(line, "role", judge ? "parsing" : "answering");
    kv_buf_release(&name);
}

void kv_preview_add_where(struct kv_buf *line, const struct kv_provider *p)
{
    kv_json_out_str(line, "host", p->chat ? p->chat->host : NULL);
    kv_json_out_str(line, "key", p->key_name);
}

static double tokens_of(const struct kv_query *q, const struct kv_model *m)
{
    struct kv_request ask = {.model = m->model_name,
        .messages = q->messages,
        .count = q->count,
        .schema_name = q->schema_name,
        .schema = q->schema};
    return (double)kv_request_estimate(&ask);
}

/* A judge that says everything that its schema asks for, in the fewest words. */
static void make_up(const struct kv_query *q, struct kv_buf *reply)
{
    struct kv_json_walk w;
    struct kv_slice properties, key, value;
    kv_buf_clear(reply);
    kv_json_out_object(reply, NULL);
    kv_json_out_flag(reply, "abstention_detected", false);
    kv_json_out_flag(reply, "sufficient", true);
    kv_json_get(q->schema, "properties", &properties);
    kv_json_begin(&w, properties);
    while (kv_json_member(&w, &key, &value))
        if (!kv_json_string_is(key, "abstention_detected") && !kv_json_string_is(key, "sufficient"))
            kv_json_out_member(reply, key, KV_SLICE("null"));
    kv_buf_add_char(reply, '}');
}

/* Goes through a judgement with an imagined answer, counting what it would ask. A verdict from an
 * imagined reply means nothing and is thrown away. */
static void count_judging(struct kv_session *s, const struct kv_prepared_question *prepared,
    struct kv_answer_stage *g, size_t judge, struct estimate *e)
{
    struct kv_pipeline p = {0};
    struct kv_query q;
    const struct kv_model *m = &s->config->parsing[judge];
    struct kv_pipeline_shared shared = s->shared;
    struct kv_buf reply = {0};
    shared.rehearsal = true;
    kv_pipeline_begin(&p, &shared, prepared, g, m);
    while (kv_pipeline_query(&p, &q)) {
        make_up(&q, &reply);
        struct kv_answer r = {.kind = KV_ANSWER_TEXT, .text = kv_slice_of(&reply)};
        e->calls++;
        e->input += tokens_of(&q, m) + TYPICAL_ANSWER;
        e->output += (double)m->max_tokens;
        kv_pipeline_take(&p, &r);
    }
    kv_pipeline_release(&p);
    kv_buf_release(&reply);
}

static void count_job(struct kv_session *s, const struct kv_job *job, struct estimate *answering,
    struct estimate *judging)
{
    struct kv_err err;
    struct kv_answer_stage g = {0};
    struct kv_query q;
    const struct kv_model *m = &s->config->answering[job->answering];
    struct kv_prepared_question *prepared =
        kv_prepared_question_open(s->config, s->bench, job->question, s->translator, NULL, &err);
    if (!prepared)
        return;
    kv_answer_stage_init(&g, &s->shared, prepared, m, job->replicate);
    if (!job->row && !kv_answer_stage_known(&g)) {
        kv_answer_stage_query(&g, &q);
        answering[job->answering].calls++;
        answering[job->answering].input += tokens_of(&q, m);
        answering[job->answering].output += (double)m->max_tokens;
        struct kv_answer r = {.kind = KV_ANSWER_TEXT, .text = KV_SLICE("…")};
        kv_answer_stage_take(&g, &r);
    } else if (job->row) {
        struct kv_answer r = {.kind = KV_ANSWER_TEXT, .text = KV_SLICE("…")};
        kv_answer_stage_take(&g, &r);
    }
    for (size_t i = 0; i < job->count; i++) {
        size_t judge = kv_jobs_judge(&s->work, job, i);
        count_judging(s, prepared, &g, judge, &judging[judge]);
    }
    kv_answer_stage_release(&g);
    kv_prepared_question_close(prepared);
}

/* Who would be asked, and the name of the key that would be shown; null where that is not decided
 * yet (no URL, an interface that asks nobody). */
static void add_addressee(struct kv_buf *line, const struct kv_pricing_model *m, kv_env_fn *env)
{
    struct kv_choice choice = kv_pricing_choice(m);
    struct kv_provider p = {0};
    if (kv_slice_is(m->model->interface, "manual") ||
        kv_provider_open(&p, &choice, env, NULL, NULL))
        p = (struct kv_provider){0};
    kv_preview_add_where(line, &p);
    kv_provider_close(&p);
}

static double cost_of(const struct kv_pricing *pricing, const struct kv_pricing_model *m,
    const struct estimate *e, double answer)
{
    struct kv_usage one = KV_USAGE_UNKNOWN;
    one.in_total = kv_num_whole(e->input / (double)e->calls);
    one.out_total = kv_num_whole(answer);
    return (double)e->calls * kv_pricing_cost(pricing, m, &one, KV_SLICE(""), KV_SLICE(""));
}

/* Between answers of a usual length and answers as long as they may be; nothing cached. */
static void add_cost(struct kv_buf *line, const struct kv_pricing *pricing,
    const struct kv_pricing_model *m, const struct estimate *e)
{
    struct kv_slice entry;
    double most = (double)m->model->max_tokens,
           usual = most < TYPICAL_ANSWER ? most : TYPICAL_ANSWER;
    kv_pricing_known(pricing, m, &entry);
    kv_json_out_text_or_null(line, "price", entry.n ? entry : (struct kv_slice){0});
    kv_json_out_list(line, "cost");
    kv_account_add_amount(line, e->calls ? cost_of(pricing, m, e, usual) : 0);
    kv_buf_add_char(line, ',');
    kv_account_add_amount(line, e->calls ? cost_of(pricing, m, e, most) : 0);
    kv_buf_add_char(line, ']');
}

static int put_estimate(const struct kv_session *s, const struct kv_pricing_model *p, bool judge,
    const struct estimate *e, struct kv_err *err)
{
    struct kv_buf line = {0};
    const struct kv_model *m = p->model;
    kv_preview_add_model(&line, m, judge);
    add_addressee(&line, p, s->env);
    kv_buf_printf(&line, ",\"calls\":%lld,\"input_tokens\":%.0f,\"max_output_tokens\":%.0f",
        (long long)e->calls, e->input, e->output);
    if (s->pricing.prices)
        add_cost(&line, &s->pricing, p, e);
    kv_buf_add_str(&line, "}\n");
    int failed = kv_cli_put(kv_slice_of(&line), err);
    kv_buf_release(&line);
    return failed;
}

int kv_preview(struct kv_session *s, struct kv_err *err)
{
    if (!s->config || s->by_command)
        return 0;
    size_t n = s->config->answering_count, m = s->config->parsing_count;
    struct estimate *answering = kv_calloc(n, sizeof *answering);
    struct estimate *judging = kv_calloc(m, sizeof *judging);
    int failed = 0;
    for (size_t i = 0; i < s->work.n; i++) {
        const struct kv_job job = kv_jobs_at(&s->work, i);
        count_job(s, &job, answering, judging);
    }
    for (size_t i = 0; i < n && !failed && !s->answer_by_command; i++)
        failed = put_estimate(s, &s->pricing.answering[i], false, &answering[i], err);
    for (size_t i = 0; i < m && !failed && !s->judge_by_command; i++)
        failed = put_estimate(s, &s->pricing.judging[i], true, &judging[i], err);
    free(answering);
    free(judging);
    return failed;
}
