/* report_json - a report's numbers as one JSON object: all that any other form prints, and more
 * digits.
 */
#include "report_json.h"

#include "json_out.h"
#include "provenance.h"
#include "quotation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void interval(struct kv_buf *out, const char *name, struct kv_interval i)
{
    if (isnan(i.low)) {
        kv_json_out_null(out, name);
        return;
    }
    kv_json_out_list(out, name);
    kv_json_out_number(out, NULL, i.low);
    kv_json_out_number(out, NULL, i.high);
    kv_buf_add_char(out, ']');
}

static void answering_and_judge(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    kv_json_out_text(out, "answering", kv_rowset_model(r->set, r->set->lines[line].answering));
    kv_json_out_text(out, "judge", kv_rowset_model(r->set, r->set->lines[line].judge));
}

static void question(struct kv_buf *out, const struct kv_report *r, uint32_t id)
{
    kv_json_out_text(out, "question_id", kv_rowset_question(r->set, id));
}

/* ---- files ---- */

static void add_file(struct kv_buf *out, const struct kv_rowset *set, const char *digest)
{
    struct kv_provenance p;
    kv_provenance_make(&p, set);
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "name", kv_slice(set->path));
    kv_json_out_text(out, "sha256", kv_slice(digest));
    kv_json_out_count(out, "bytes", set->bytes);
    kv_json_out_count(out, "rows", set->n);
    kv_json_out_count(out, "questions", set->questions.n);
    kv_json_out_count(out, "superseded", set->superseded);
    kv_json_out_count(out, "previews", set->previews);
    kv_json_out_count(out, "unreadable", set->torn);
    kv_json_out_flag(out, "complete", set->complete);
    if (set->total_tasks >= 0)
        kv_json_out_int(out, "total_tasks", set->total_tasks);
    else
        kv_json_out_null(out, "total_tasks");
    kv_json_out_text(out, "first", kv_slice_of(&set->first_time));
    kv_json_out_text(out, "last", kv_slice_of(&set->last_time));
    kv_json_out_text(out, "job_id", kv_slice_of(&p.job_id));
    kv_json_out_text(out, "karenina_version", kv_slice_of(&p.version));
    kv_json_out_text(out, "config_hash", kv_slice_of(&p.config_hash));
    kv_json_out_text(out, "benchmark_digest", kv_slice_of(&p.benchmark_digest));
    kv_json_out_json(out, "models", kv_slice_of(&p.models));
    kv_buf_add_char(out, '}');
    kv_provenance_release(&p);
}

/* ---- lines ---- */

static void add_outcomes(struct kv_buf *out, const struct kv_line_rates *rates)
{
    kv_json_out_object(out, "outcomes");
    for (size_t i = 0; i < KV_RESULT_OUTCOMES; i++)
        if (rates->outcomes[i])
            kv_json_out_count(
                out, kv_result_outcome_name((enum kv_result_outcome)i), rates->outcomes[i]);
    kv_buf_add_char(out, '}');
}

static void add_rate_interval(struct kv_buf *out, const struct kv_rate_interval *i)
{
    static const char *const methods[] = {"none", "wilson", "wilson-effective", "clustered"};
    interval(out, "interval", i->interval);
    kv_json_out_text(out, "method", kv_slice(methods[i->method]));
    kv_json_out_number(out, "effective_n", i->effective);
}

static void add_at_k(struct kv_buf *out, const struct kv_line_rates *rates, bool hat)
{
    char name[24];
    kv_json_out_object(out, hat ? "pass_hat" : "pass_at");
    for (size_t i = 0; i < rates->at_k_count; i++) {
        const struct kv_rates_at_k *at = &rates->at_k[i];
        snprintf(name, sizeof name, "%" PRIu32, at->k);
        kv_json_out_number(out, name, hat ? at->hat.mean : at->at.mean);
    }
    kv_buf_add_char(out, '}');
    kv_json_out_object(out, hat ? "pass_hat_se" : "pass_at_se");
    for (size_t i = 0; i < rates->at_k_count; i++) {
        snprintf(name, sizeof name, "%" PRIu32, rates->at_k[i].k);
        kv_json_out_number(out, name, hat ? rates->at_k[i].hat.se : rates->at_k[i].at.se);
    }
    kv_buf_add_char(out, '}');
}

static void add_quantiles(struct kv_buf *out, const char *name, const double *values)
{
    static const char *const names[] = {"p50", "p90", "p95", "p99"};
    kv_json_out_object(out, name);
    for (size_t i = 0; i < KV_RATES_QUANTILES; i++)
        kv_json_out_number(out, names[i], values[i]);
    kv_buf_add_char(out, '}');
}

static void add_keywords(
    struct kv_buf *out, const struct kv_report *r, const struct kv_line_rates *rates)
{
    kv_json_out_object(out, "by_keyword");
    for (size_t i = 0; i < rates->keyword_count; i++) {
        const struct kv_rates_keyword *k = &rates->keywords[i];
        kv_json_out_text(out, NULL, kv_names_text(&r->set->keywords, k->keyword));
        kv_buf_add_str(out, ":{");
        kv_json_out_count(out, "n", k->n);
        kv_json_out_count(out, "questions", k->questions);
        kv_json_out_count(out, "passed", k->passed);
        kv_json_out_number(out, "rate", k->rate);
        interval(out, "wilson", kv_statistics_wilson(k->rate, (double)k->n));
        add_rate_interval(out, &k->interval);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, '}');
}

static void add_line(struct kv_buf *out, const struct kv_report *r, size_t place)
{
    uint32_t line = r->order[place], tied;
    const struct kv_line_rates *rates = &r->rates[line];
    kv_json_out_object(out, NULL);
    answering_and_judge(out, r, line);
    kv_json_out_count(out, "tasks", rates->tasks);
    kv_json_out_count(out, "scored", rates->scored);
    kv_json_out_count(out, "questions", rates->questions);
    kv_json_out_count(out, "replicates", rates->replicates);
    kv_json_out_count(out, "passed", rates->passed);
    add_outcomes(out, rates);
    kv_json_out_number(out, "rate", rates->rate);
    kv_json_out_number(out, "se", rates->se);
    interval(out, "wilson", kv_statistics_wilson(rates->rate, (double)rates->scored));
    add_rate_interval(out, &rates->interval);
    interval(out, "bounds", rates->bounds);
    if (kv_report_is_tied(r, place, &tied))
        kv_json_out_text(out, "tied_with", kv_rowset_model(r->set, r->set->lines[tied].answering));
    else
        kv_json_out_null(out, "tied_with");
    kv_json_out_count(out, "unstable", rates->unstable);
    add_at_k(out, rates, false);
    add_at_k(out, rates, true);
    add_quantiles(out, "seconds", rates->seconds);
    if (rates->streamed)
        add_quantiles(out, "first_token", rates->first_token);
    add_keywords(out, r, rates);
    kv_buf_add_char(out, '}');
}

/* ---- differences ---- */

static void add_contrast(struct kv_buf *out, const struct kv_contrast *c)
{
    kv_json_out_count(out, "questions", c->questions);
    kv_json_out_count(out, "only_a", c->only_a);
    kv_json_out_count(out, "only_b", c->only_b);
    kv_json_out_number(out, "difference", c->difference);
    kv_json_out_number(out, "se", c->se);
    interval(out, "interval", c->interval);
    kv_json_out_count(out, "better", c->better);
    kv_json_out_count(out, "worse", c->worse);
    kv_json_out_count(out, "equal", c->equal);
    kv_json_out_text(out, "test", c->replicated ? KV_SLICE("sign") : KV_SLICE("mcnemar"));
    kv_json_out_number(out, "p_sign", c->p);
    kv_json_out_number(out, "p_holm", c->p_holm);
    kv_json_out_number(out, "detectable", c->detectable);
}

static void add_pairs(struct kv_buf *out, const struct kv_report *r)
{
    kv_json_out_list(out, "pairs");
    for (size_t i = 0; i < r->within.n; i++) {
        const struct kv_contrast *c = &r->within.items[i];
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "a", kv_rowset_model(r->set, r->set->lines[c->a].answering));
        kv_json_out_text(out, "b", kv_rowset_model(r->set, r->set->lines[c->b].answering));
        kv_json_out_text(out, "judge", kv_rowset_model(r->set, r->set->lines[c->a].judge));
        add_contrast(out, c);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    kv_json_out_list(out, "runs");
    for (size_t i = 0; i < r->between.n; i++) {
        const struct kv_contrast *c = &r->between.items[i];
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "then", kv_rowset_model(r->then, r->then->lines[c->a].answering));
        kv_json_out_text(out, "now", kv_rowset_model(r->set, r->set->lines[c->b].answering));
        kv_json_out_text(out, "judge", kv_rowset_model(r->set, r->set->lines[c->b].judge));
        kv_json_out_number(out, "then_rate", r->then_rates[c->a].rate);
        kv_json_out_number(out, "now_rate", r->rates[c->b].rate);
        add_contrast(out, c);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

/* ---- failures ---- */

static void add_kinds(struct kv_buf *out, const struct kv_report *r)
{
    kv_json_out_list(out, "failures");
    for (size_t i = 0; i < r->failures.kind_count; i++) {
        const struct kv_failure_kind *k = &r->failures.kinds[i];
        struct kv_slice category, stage, reason;
        kv_failure_kinds_parts(
            kv_names_text(&r->set->names.reasons, k->reason), &category, &stage, &reason);
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "outcome", kv_slice(kv_result_outcome_name(k->outcome)));
        kv_json_out_text(out, "category", category);
        kv_json_out_text(out, "stage", stage);
        kv_json_out_text(out, "reason", reason);
        kv_json_out_count(out, "count", k->count);
        kv_json_out_count(out, "models", k->models);
        kv_json_out_list(out, "examples");
        for (size_t j = 0; j < k->examples; j++) {
            uint32_t id = r->set->facts[k->example[j]].question;
            kv_json_out_text(out, NULL, kv_rowset_question(r->set, id));
        }
        kv_buf_add_str(out, "]}");
    }
    kv_buf_add_char(out, ']');
}

static int add_fields(struct kv_buf *out, const struct kv_report *r, struct kv_err *err)
{
    kv_json_out_list(out, "fields");
    for (size_t i = 0; i < r->failures.miss_count && i < KV_FIELD_MISSES; i++) {
        const struct kv_field_miss *m = &r->failures.misses[i];
        struct kv_quotation q;
        if (kv_quotation_read(&q, r->set, m->example, err) != 0)
            return -1;
        kv_json_out_object(out, NULL);
        question(out, r, m->question);
        kv_json_out_text(out, "field", kv_names_text(&r->set->names.fields, m->field));
        kv_json_out_count(out, "answers", m->answers);
        kv_json_out_count(out, "failed", m->failed);
        kv_json_out_count(out, "same", m->same);
        kv_json_out_count(out, "models", m->models);
        kv_json_out_key(out, "expected");
        kv_quotation_add_field(out, &q, r->set, m->field, true);
        kv_json_out_key(out, "said");
        kv_quotation_add_field(out, &q, r->set, m->field, false);
        kv_buf_add_char(out, '}');
        kv_quotation_release(&q);
    }
    kv_buf_add_char(out, ']');
    return 0;
}

static void add_doubts(struct kv_sink *s, const struct kv_report *r)
{
    struct kv_buf *out = &s->held;
    kv_json_out_list(out, "doubts");
    for (uint32_t q = 0; q < r->set->questions.n; q++) {
        if (r->failures.doubt[q] == KV_DOUBT_NONE)
            continue;
        kv_json_out_object(out, NULL);
        question(out, r, q);
        kv_json_out_text(out, "why",
            r->failures.doubt[q] == KV_DOUBT_ALL_SAY ? KV_SLICE("every model says the same")
                                                     : KV_SLICE("every model fails"));
        kv_buf_add_char(out, '}');
        kv_sink_step(s);
    }
    kv_buf_add_char(out, ']');
}

static void add_unstable(struct kv_sink *s, const struct kv_report *r)
{
    struct kv_buf *out = &s->held;
    kv_json_out_list(out, "unstable");
    for (size_t i = 0; i < r->set->line_count; i++) {
        uint32_t line = r->order[i];
        struct kv_rates_walk w = kv_rates_walk(r->set, line);
        struct kv_rates_asked a;
        while (kv_rates_next(&w, &a)) {
            if (a.passed == 0 || a.passed == a.n)
                continue;
            kv_json_out_object(out, NULL);
            question(out, r, a.question);
            answering_and_judge(out, r, line);
            kv_json_out_count(out, "n", a.n);
            kv_json_out_count(out, "passed", a.passed);
            kv_buf_add_char(out, '}');
            kv_sink_step(s);
        }
    }
    kv_buf_add_char(out, ']');
}

/* ---- judges ---- */

static void add_two_by_two(struct kv_buf *out, const struct kv_two_by_two *t)
{
    kv_json_out_list(out, "table");
    kv_json_out_count(out, NULL, t->both);
    kv_json_out_count(out, NULL, t->first);
    kv_json_out_count(out, NULL, t->second);
    kv_json_out_count(out, NULL, t->neither);
    kv_buf_add_char(out, ']');
    kv_json_out_count(out, "n", kv_statistics_total(t));
    kv_json_out_number(out, "agreement", kv_statistics_agreement(t));
    kv_json_out_number(out, "kappa", kv_statistics_kappa(t));
    kv_json_out_number(out, "ac1", kv_statistics_ac1(t));
}

static void add_agreement(
    struct kv_buf *out, const struct kv_report *r, const struct kv_agreement *a)
{
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "a", kv_rowset_model(r->set, a->a));
    kv_json_out_text(out, "b", kv_rowset_model(r->set, a->b));
    add_two_by_two(out, &a->table);
    kv_json_out_number(out, "p", a->p);
    kv_json_out_list(out, "fields");
    for (size_t i = 0; i < a->field_count; i++) {
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "field", kv_names_text(&r->set->names.fields, a->fields[i].field));
        add_two_by_two(out, &a->fields[i].table);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    kv_json_out_list(out, "disagree");
    for (size_t i = 0; i < a->examples; i++)
        kv_json_out_text(
            out, NULL, kv_rowset_question(r->set, r->set->facts[a->example[i][0]].question));
    kv_buf_add_str(out, "]}");
}

static void add_labels(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_agreements *a = &r->agreements;
    kv_json_out_count(out, "labels", a->labels);
    kv_json_out_count(out, "labels_unmatched", a->unmatched);
    kv_json_out_list(out, "people");
    for (size_t i = 0; i < a->check_count; i++) {
        const struct kv_label_check *c = &a->checks[i];
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "judge", kv_rowset_model(r->set, c->judge));
        add_two_by_two(out, &c->table);
        kv_json_out_number(out, "tpr", c->tpr);
        kv_json_out_number(out, "tnr", c->tnr);
        kv_json_out_flag(out, "enough", c->enough);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    kv_json_out_list(out, "corrected");
    for (size_t i = 0; i < a->corrected_count; i++) {
        kv_json_out_object(out, NULL);
        answering_and_judge(out, r, a->corrected[i].line);
        kv_json_out_number(out, "rate", a->corrected[i].rate);
        interval(out, "interval", a->corrected[i].interval);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_judges(struct kv_buf *out, const struct kv_report *r)
{
    kv_json_out_number(out, "alpha", r->agreements.alpha);
    kv_json_out_list(out, "judges");
    for (size_t i = 0; i < r->agreements.pair_count; i++)
        add_agreement(out, r, &r->agreements.pairs[i]);
    kv_buf_add_char(out, ']');
    if (r->how.labels)
        add_labels(out, r);
}

/* ---- usage, health ---- */

static void add_use(struct kv_buf *out, const struct kv_consumption *used, bool counted)
{
    static const char *const names[] = {
        "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"};
    const uint64_t counts[] = {used->input, used->cached, used->output, used->reasoning};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (counted)
            kv_json_out_count(out, names[i], counts[i]);
        else
            kv_json_out_null(out, names[i]);
    }
    kv_json_out_number(out, "cost", used->cost);
}

static void add_usage(struct kv_buf *out, const struct kv_report *r)
{
    kv_json_out_list(out, "usage");
    for (size_t i = 0; i < r->consumptions.n; i++) {
        const struct kv_consumer *c = &r->consumptions.items[i];
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "model", kv_rowset_model(r->set, c->model));
        kv_json_out_text(out, "role", c->judges ? KV_SLICE("judge") : KV_SLICE("answering"));
        kv_json_out_count(out, c->judges ? "judgings" : "answers", c->rows);
        add_use(out, &c->used, kv_consumptions_counted(c));
        kv_json_out_count(out, "estimated", c->estimated);
        kv_json_out_number(out, "cost_per_pass", kv_consumptions_per_pass(&r->consumptions, c));
        for (size_t j = 0; !c->judges && j < KV_RETRY_CLASSES; j++)
            if (c->retries[j])
                kv_json_out_count(out, kv_row_facts_retries[j], c->retries[j]);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    kv_json_out_object(out, "total");
    add_use(out, &r->consumptions.total, r->consumptions.counted || !r->set->n);
    kv_buf_add_char(out, '}');
}

static void add_warnings(struct kv_buf *out, const struct kv_report *r)
{
    kv_json_out_list(out, "warnings");
    for (size_t i = 0; i < r->health.warning_count; i++) {
        kv_json_out_object(out, NULL);
        kv_json_out_text(
            out, "warning", kv_names_text(&r->set->names.warnings, r->health.warnings[i].warning));
        kv_json_out_count(out, "count", r->health.warnings[i].count);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    kv_json_out_list(out, "served");
    for (size_t i = 0; i < r->health.served_count; i++) {
        const struct kv_health_served *s = &r->health.served[i];
        kv_json_out_object(out, NULL);
        kv_json_out_text(out, "asked", kv_rowset_model(r->set, s->model));
        kv_json_out_text(out, "served", kv_names_text(&r->set->names.served, s->served));
        kv_json_out_count(out, "count", s->count);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_health(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_health *h = &r->health;
    kv_json_out_object(out, "health");
    kv_json_out_count(out, "rows", h->rows);
    for (int i = 0; i < KV_MARKS; i++)
        kv_json_out_count(out, kv_marks_name(i), h->marks[i]);
    kv_json_out_count(out, "partial", h->partial);
    kv_json_out_count(out, "retried", h->retried);
    kv_json_out_count(out, "estimated", h->estimated);
    kv_json_out_count(out, "warned", h->warned);
    add_warnings(out, r);
    kv_buf_add_char(out, '}');
}

int kv_report_json_write(struct kv_sink *s, const struct kv_report *r, struct kv_err *err)
{
    struct kv_buf *out = &s->held;
    kv_buf_add_char(out, '{');
    kv_json_out_list(out, "files");
    if (r->then)
        add_file(out, r->then, r->then_digest);
    add_file(out, r->set, r->digest);
    kv_buf_add_char(out, ']');
    kv_json_out_list(out, "models");
    for (size_t i = 0; i < r->set->line_count; i++)
        add_line(out, r, i);
    kv_buf_add_char(out, ']');
    add_pairs(out, r);
    add_kinds(out, r);
    if (add_fields(out, r, err) != 0)
        return -1;
    add_doubts(s, r);
    add_unstable(s, r);
    add_judges(out, r);
    add_usage(out, r);
    add_health(out, r);
    kv_buf_add_char(out, '}');
    return 0;
}
