/* report_json - a report's numbers as one JSON object: all that any other form prints, and more
 * digits.
 */
#include "report_json.h"

#include "json.h"
#include "num.h"
#include "provenance.h"
#include "quotation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- members ---- */

static void comma(struct kv_buf *out)
{
    char last = out->n ? out->p[out->n - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        kv_buf_add_char(out, ',');
}

static void key(struct kv_buf *out, const char *name)
{
    comma(out);
    kv_buf_printf(out, "\"%s\":", name);
}

static void text(struct kv_buf *out, const char *name, struct kv_slice value)
{
    key(out, name);
    kv_json_quote(out, value, KV_JSON_RAW);
}

static void count(struct kv_buf *out, const char *name, uint64_t n)
{
    key(out, name);
    kv_buf_printf(out, "%" PRIu64, n);
}

static void number(struct kv_buf *out, const char *name, double x)
{
    key(out, name);
    kv_num_add_double(out, x, KV_NUM_COMPACT);
}

static void flag(struct kv_buf *out, const char *name, bool on)
{
    key(out, name);
    kv_buf_add_str(out, on ? "true" : "false");
}

static void interval(struct kv_buf *out, const char *name, struct kv_interval i)
{
    key(out, name);
    if (isnan(i.low)) {
        kv_buf_add_str(out, "null");
        return;
    }
    kv_buf_add_char(out, '[');
    kv_num_add_double(out, i.low, KV_NUM_COMPACT);
    kv_buf_add_char(out, ',');
    kv_num_add_double(out, i.high, KV_NUM_COMPACT);
    kv_buf_add_char(out, ']');
}

static void open_list(struct kv_buf *out, const char *name)
{
    key(out, name);
    kv_buf_add_char(out, '[');
}

static void open_item(struct kv_buf *out)
{
    comma(out);
    kv_buf_add_char(out, '{');
}

static void answering_and_judge(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    text(out, "answering", kv_rowset_model(r->set, r->set->lines[line].answering));
    text(out, "judge", kv_rowset_model(r->set, r->set->lines[line].judge));
}

static void question(struct kv_buf *out, const struct kv_report *r, uint32_t id)
{
    text(out, "question_id", kv_rowset_question(r->set, id));
}

/* ---- files ---- */

static int add_file(struct kv_buf *out, const struct kv_rowset *set, const char *digest)
{
    struct kv_provenance p;
    kv_provenance_make(&p, set);
    open_item(out);
    text(out, "name", kv_slice(set->path));
    text(out, "sha256", kv_slice(digest));
    count(out, "bytes", set->bytes);
    count(out, "rows", set->n);
    count(out, "questions", set->questions.n);
    count(out, "superseded", set->superseded);
    count(out, "previews", set->previews);
    count(out, "unreadable", set->torn);
    flag(out, "complete", set->complete);
    key(out, "total_tasks");
    if (set->total_tasks >= 0)
        kv_buf_printf(out, "%" PRId64, set->total_tasks);
    else
        kv_buf_add_str(out, "null");
    text(out, "first", kv_slice_of(&set->first_time));
    text(out, "last", kv_slice_of(&set->last_time));
    text(out, "job_id", kv_slice_of(&p.job_id));
    text(out, "karenina_version", kv_slice_of(&p.version));
    text(out, "config_hash", kv_slice_of(&p.config_hash));
    text(out, "benchmark_digest", kv_slice_of(&p.benchmark_digest));
    key(out, "models");
    kv_buf_add_slice(out, p.models.n ? kv_slice_of(&p.models) : KV_SLICE("null"));
    kv_buf_add_char(out, '}');
    kv_provenance_release(&p);
    return 0;
}

/* ---- lines ---- */

static void add_outcomes(struct kv_buf *out, const struct kv_line_rates *rates)
{
    key(out, "outcomes");
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < KV_RESULT_OUTCOMES; i++)
        if (rates->outcomes[i])
            count(out, kv_result_outcome_name((enum kv_result_outcome)i), rates->outcomes[i]);
    kv_buf_add_char(out, '}');
}

static void add_rate_interval(struct kv_buf *out, const struct kv_rate_interval *i)
{
    static const char *const methods[] = {"none", "wilson", "wilson-effective", "clustered"};
    interval(out, "interval", i->interval);
    text(out, "method", kv_slice(methods[i->method]));
    number(out, "effective_n", i->effective);
}

static void add_at_k(struct kv_buf *out, const struct kv_line_rates *rates, bool hat)
{
    char name[24];
    key(out, hat ? "pass_hat" : "pass_at");
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < rates->at_k_count; i++) {
        const struct kv_rates_at_k *at = &rates->at_k[i];
        snprintf(name, sizeof name, "%" PRIu32, at->k);
        number(out, name, hat ? at->hat.mean : at->at.mean);
    }
    kv_buf_add_char(out, '}');
    key(out, hat ? "pass_hat_se" : "pass_at_se");
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < rates->at_k_count; i++) {
        snprintf(name, sizeof name, "%" PRIu32, rates->at_k[i].k);
        number(out, name, hat ? rates->at_k[i].hat.se : rates->at_k[i].at.se);
    }
    kv_buf_add_char(out, '}');
}

static void add_quantiles(struct kv_buf *out, const char *name, const double *values)
{
    static const char *const names[] = {"p50", "p90", "p95", "p99"};
    key(out, name);
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < KV_RATES_QUANTILES; i++)
        number(out, names[i], values[i]);
    kv_buf_add_char(out, '}');
}

static void add_keywords(
    struct kv_buf *out, const struct kv_report *r, const struct kv_line_rates *rates)
{
    key(out, "by_keyword");
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < rates->keyword_count; i++) {
        const struct kv_rates_keyword *k = &rates->keywords[i];
        comma(out);
        kv_json_quote(out, kv_names_text(&r->set->keywords, k->keyword), KV_JSON_RAW);
        kv_buf_add_str(out, ":{");
        count(out, "n", k->n);
        count(out, "questions", k->questions);
        count(out, "passed", k->passed);
        number(out, "rate", k->rate);
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
    open_item(out);
    answering_and_judge(out, r, line);
    count(out, "tasks", rates->tasks);
    count(out, "scored", rates->scored);
    count(out, "questions", rates->questions);
    count(out, "replicates", rates->replicates);
    count(out, "passed", rates->passed);
    add_outcomes(out, rates);
    number(out, "rate", rates->rate);
    number(out, "se", rates->se);
    interval(out, "wilson", kv_statistics_wilson(rates->rate, (double)rates->scored));
    add_rate_interval(out, &rates->interval);
    interval(out, "bounds", rates->bounds);
    key(out, "tied_with");
    if (kv_report_is_tied(r, place, &tied))
        kv_json_quote(out, kv_rowset_model(r->set, r->set->lines[tied].answering), KV_JSON_RAW);
    else
        kv_buf_add_str(out, "null");
    count(out, "unstable", rates->unstable);
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
    count(out, "questions", c->questions);
    count(out, "only_a", c->only_a);
    count(out, "only_b", c->only_b);
    number(out, "difference", c->difference);
    number(out, "se", c->se);
    interval(out, "interval", c->interval);
    count(out, "better", c->better);
    count(out, "worse", c->worse);
    count(out, "equal", c->equal);
    text(out, "test", c->replicated ? KV_SLICE("sign") : KV_SLICE("mcnemar"));
    number(out, "p_sign", c->p);
    number(out, "p_holm", c->p_holm);
    number(out, "detectable", c->detectable);
}

static void add_pairs(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "pairs");
    for (size_t i = 0; i < r->within.n; i++) {
        const struct kv_contrast *c = &r->within.items[i];
        open_item(out);
        text(out, "a", kv_rowset_model(r->set, r->set->lines[c->a].answering));
        text(out, "b", kv_rowset_model(r->set, r->set->lines[c->b].answering));
        text(out, "judge", kv_rowset_model(r->set, r->set->lines[c->a].judge));
        add_contrast(out, c);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    open_list(out, "runs");
    for (size_t i = 0; i < r->between.n; i++) {
        const struct kv_contrast *c = &r->between.items[i];
        open_item(out);
        text(out, "then", kv_rowset_model(r->then, r->then->lines[c->a].answering));
        text(out, "now", kv_rowset_model(r->set, r->set->lines[c->b].answering));
        text(out, "judge", kv_rowset_model(r->set, r->set->lines[c->b].judge));
        number(out, "then_rate", r->then_rates[c->a].rate);
        number(out, "now_rate", r->rates[c->b].rate);
        add_contrast(out, c);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

/* ---- failures ---- */

static void add_kinds(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "failures");
    for (size_t i = 0; i < r->failures.kind_count; i++) {
        const struct kv_failure_kind *k = &r->failures.kinds[i];
        struct kv_slice category, stage, reason;
        kv_failure_kinds_parts(
            kv_names_text(&r->set->names.reasons, k->reason), &category, &stage, &reason);
        open_item(out);
        text(out, "outcome", kv_slice(kv_result_outcome_name(k->outcome)));
        text(out, "category", category);
        text(out, "stage", stage);
        text(out, "reason", reason);
        count(out, "count", k->count);
        count(out, "models", k->models);
        open_list(out, "examples");
        for (size_t j = 0; j < k->examples; j++) {
            uint32_t id = r->set->facts[k->example[j]].question;
            comma(out);
            kv_json_quote(out, kv_rowset_question(r->set, id), KV_JSON_RAW);
        }
        kv_buf_add_str(out, "]}");
    }
    kv_buf_add_char(out, ']');
}

static int add_fields(struct kv_buf *out, const struct kv_report *r, struct kv_err *err)
{
    open_list(out, "fields");
    for (size_t i = 0; i < r->failures.miss_count && i < KV_QUOTATION_FIELDS; i++) {
        const struct kv_field_miss *m = &r->failures.misses[i];
        struct kv_quotation q;
        if (kv_quotation_read(&q, r->set, m->example, err) != 0)
            return -1;
        open_item(out);
        question(out, r, m->question);
        text(out, "field", kv_names_text(&r->set->names.fields, m->field));
        count(out, "answers", m->answers);
        count(out, "failed", m->failed);
        count(out, "same", m->same);
        count(out, "models", m->models);
        key(out, "expected");
        kv_quotation_add_field(out, &q, r->set, m->field, true);
        key(out, "said");
        kv_quotation_add_field(out, &q, r->set, m->field, false);
        kv_buf_add_char(out, '}');
        kv_quotation_release(&q);
    }
    kv_buf_add_char(out, ']');
    return 0;
}

static void add_doubts(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "doubts");
    for (uint32_t q = 0; q < r->set->questions.n; q++) {
        if (r->failures.doubt[q] == KV_DOUBT_NONE)
            continue;
        open_item(out);
        question(out, r, q);
        text(out, "why",
            r->failures.doubt[q] == KV_DOUBT_ALL_SAY ? KV_SLICE("every model says the same")
                                                     : KV_SLICE("every model fails"));
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_unstable(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "unstable");
    for (size_t i = 0; i < r->set->line_count; i++) {
        uint32_t line = r->order[i];
        for (size_t j = 0; j < r->rates[line].questions; j++) {
            const struct kv_rates_asked *a = &r->rates[line].asked[j];
            if (a->passed == 0 || a->passed == a->n)
                continue;
            open_item(out);
            question(out, r, a->question);
            answering_and_judge(out, r, line);
            count(out, "n", a->n);
            count(out, "passed", a->passed);
            kv_buf_add_char(out, '}');
        }
    }
    kv_buf_add_char(out, ']');
}

/* ---- judges ---- */

static void add_two_by_two(struct kv_buf *out, const struct kv_two_by_two *t)
{
    key(out, "table");
    kv_buf_printf(out, "[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", t->both, t->first,
        t->second, t->neither);
    count(out, "n", kv_statistics_total(t));
    number(out, "agreement", kv_statistics_agreement(t));
    number(out, "kappa", kv_statistics_kappa(t));
    number(out, "ac1", kv_statistics_ac1(t));
}

static void add_agreement(
    struct kv_buf *out, const struct kv_report *r, const struct kv_agreement *a)
{
    open_item(out);
    text(out, "a", kv_rowset_model(r->set, a->a));
    text(out, "b", kv_rowset_model(r->set, a->b));
    add_two_by_two(out, &a->table);
    number(out, "p", a->p);
    open_list(out, "fields");
    for (size_t i = 0; i < a->field_count; i++) {
        open_item(out);
        text(out, "field", kv_names_text(&r->set->names.fields, a->fields[i].field));
        add_two_by_two(out, &a->fields[i].table);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    open_list(out, "disagree");
    for (size_t i = 0; i < a->examples; i++) {
        comma(out);
        kv_json_quote(
            out, kv_rowset_question(r->set, r->set->facts[a->example[i][0]].question), KV_JSON_RAW);
    }
    kv_buf_add_str(out, "]}");
}

static void add_labels(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_agreements *a = &r->agreements;
    count(out, "labels", a->labels);
    count(out, "labels_unmatched", a->unmatched);
    open_list(out, "people");
    for (size_t i = 0; i < a->check_count; i++) {
        const struct kv_label_check *c = &a->checks[i];
        open_item(out);
        text(out, "judge", kv_rowset_model(r->set, c->judge));
        add_two_by_two(out, &c->table);
        number(out, "tpr", c->tpr);
        number(out, "tnr", c->tnr);
        flag(out, "enough", c->enough);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    open_list(out, "corrected");
    for (size_t i = 0; i < a->corrected_count; i++) {
        open_item(out);
        answering_and_judge(out, r, a->corrected[i].line);
        number(out, "rate", a->corrected[i].rate);
        interval(out, "interval", a->corrected[i].interval);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_judges(struct kv_buf *out, const struct kv_report *r)
{
    number(out, "alpha", r->agreements.alpha);
    open_list(out, "judges");
    for (size_t i = 0; i < r->agreements.pair_count; i++)
        add_agreement(out, r, &r->agreements.pairs[i]);
    kv_buf_add_char(out, ']');
    if (r->how.labels)
        add_labels(out, r);
}

/* ---- usage, health ---- */

static void add_use(struct kv_buf *out, const struct kv_consumption *used)
{
    count(out, "input_tokens", used->input);
    count(out, "cached_tokens", used->cached);
    count(out, "output_tokens", used->output);
    count(out, "reasoning_tokens", used->reasoning);
    number(out, "cost", used->cost);
}

static void add_usage(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "usage");
    for (size_t i = 0; i < r->consumptions.n; i++) {
        const struct kv_consumer *c = &r->consumptions.items[i];
        open_item(out);
        text(out, "model", kv_rowset_model(r->set, c->model));
        text(out, "role", c->judges ? KV_SLICE("judge") : KV_SLICE("answering"));
        count(out, c->judges ? "judgings" : "answers", c->rows);
        add_use(out, &c->used);
        count(out, "estimated", c->estimated);
        number(out, "cost_per_pass", kv_consumptions_per_pass(&r->consumptions, c));
        for (size_t j = 0; !c->judges && j < KV_RETRY_CLASSES; j++)
            if (c->retries[j])
                count(out, kv_row_facts_retries[j], c->retries[j]);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    key(out, "total");
    kv_buf_add_char(out, '{');
    add_use(out, &r->consumptions.total);
    kv_buf_add_char(out, '}');
}

static void add_warnings(struct kv_buf *out, const struct kv_report *r)
{
    open_list(out, "warnings");
    for (size_t i = 0; i < r->health.warning_count; i++) {
        open_item(out);
        text(out, "warning", kv_names_text(&r->set->names.warnings, r->health.warnings[i].warning));
        count(out, "count", r->health.warnings[i].count);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    open_list(out, "served");
    for (size_t i = 0; i < r->health.served_count; i++) {
        const struct kv_health_served *s = &r->health.served[i];
        open_item(out);
        text(out, "asked", kv_rowset_model(r->set, s->model));
        text(out, "served", kv_names_text(&r->set->names.served, s->served));
        count(out, "count", s->count);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_health(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_health *h = &r->health;
    key(out, "health");
    kv_buf_add_char(out, '{');
    count(out, "rows", h->rows);
    for (int i = 0; i < KV_MARKS; i++)
        count(out, kv_marks_name(i), h->marks[i]);
    count(out, "partial", h->partial);
    count(out, "retried", h->retried);
    count(out, "estimated", h->estimated);
    count(out, "warned", h->warned);
    add_warnings(out, r);
    kv_buf_add_char(out, '}');
}

int kv_report_json_add(struct kv_buf *out, const struct kv_report *r, struct kv_err *err)
{
    kv_buf_add_char(out, '{');
    open_list(out, "files");
    if (r->then)
        add_file(out, r->then, r->then_digest);
    add_file(out, r->set, r->digest);
    kv_buf_add_char(out, ']');
    open_list(out, "models");
    for (size_t i = 0; i < r->set->line_count; i++)
        add_line(out, r, i);
    kv_buf_add_char(out, ']');
    add_pairs(out, r);
    add_kinds(out, r);
    if (add_fields(out, r, err) != 0)
        return -1;
    add_doubts(out, r);
    add_unstable(out, r);
    add_judges(out, r);
    add_usage(out, r);
    add_health(out, r);
    kv_buf_add_char(out, '}');
    return 0;
}
