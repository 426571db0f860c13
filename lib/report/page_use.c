/* page_use - the sections of cost and time, of health, and of provenance. */
#include "builtins.h"
#include "json.h"
#include "page.h"
#include "paths.h"
#include "provenance.h"
#include "quotation.h"

#include <inttypes.h>
#include <math.h>

enum { WARNINGS_LISTED = 50, CHARS = 160 };

/* ---- tokens and money ---- */

bool kv_page_has_use(const struct kv_report *r)
{
    return r->set->n > 0;
}

static void add_count(struct kv_page *p, uint64_t n, bool estimated)
{
    kv_page_printf(p, "<td class=r data-v=%" PRIu64 ">%s", n, estimated ? "~" : "");
    kv_report_add_count(p->out, n);
    kv_buf_add_str(p->out, "</td>");
}

static void add_money(struct kv_page *p, double cost, bool partly)
{
    kv_page_printf(p, "<td class=r data-v=%.9g>%s", isnan(cost) ? -1 : cost,
        partly && !isnan(cost) ? "≥ " : "");
    kv_report_add_money(p->out, cost);
    kv_buf_add_str(p->out, "</td>");
}

static void add_retries(struct kv_page *p, const struct kv_consumer *c)
{
    const char *before = "";
    kv_buf_add_str(p->out, "<td>");
    for (size_t i = 0; i < KV_RETRY_CLASSES; i++) {
        if (!c->retries[i])
            continue;
        kv_page_printf(p, "%s%zu %s", before, c->retries[i], kv_row_facts_retries[i]);
        before = ", ";
    }
    kv_buf_add_str(p->out, *before ? "</td></tr>\n" : "–</td></tr>\n");
}

static void add_tokens(struct kv_page *p, const struct kv_consumer *c)
{
    const uint64_t counts[] = {c->used.input, c->used.cached, c->used.output, c->used.reasoning};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (kv_consumptions_counted(c))
            add_count(p, counts[i], c->estimated > 0 && !c->judges);
        else
            kv_buf_add_str(p->out, "<td class=r data-v=-1>–</td>");
    }
}

static void add_consumer(struct kv_page *p, const struct kv_consumer *c)
{
    kv_buf_add_str(p->out, "<tr><th scope=row><bdi>");
    kv_page_text_cut(p, kv_rowset_model(p->r->set, c->model), CHARS);
    kv_page_printf(p, "</bdi></th><td>%s</td>", c->judges ? "judges" : "answers");
    add_count(p, c->rows, false);
    add_tokens(p, c);
    add_money(p, c->used.cost, c->uncosted > 0);
    add_money(p, kv_consumptions_per_pass(&p->r->consumptions, c), false);
    add_retries(p, c);
}

static void add_consumers(struct kv_page *p)
{
    kv_buf_add_str(p->out,
        "<div class=scroll><table class=sort><thead><tr><th scope=col>model</th><th "
        "scope=col>role</th>"
        "<th scope=col class=r>calls</th><th scope=col class=r>input</th><th scope=col class=r>of "
        "it cached</th>"
        "<th scope=col class=r>output</th><th scope=col class=r>of it reasoning</th>"
        "<th scope=col class=r>cost</th><th scope=col class=r>cost per pass</th><th "
        "scope=col>retries</th></tr>"
        "</thead><tbody>\n");
    for (size_t i = 0; i < p->r->consumptions.n; i++)
        add_consumer(p, &p->r->consumptions.items[i]);
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

/* ---- time ---- */

static void add_quantiles(struct kv_page *p, const double *values)
{
    for (size_t i = 0; i < KV_RATES_QUANTILES; i++) {
        kv_page_printf(p, "<td class=r data-v=%.6g>", isnan(values[i]) ? -1 : values[i]);
        kv_report_add_seconds(p->out, values[i]);
        kv_buf_add_str(p->out, "</td>");
    }
}

static void add_quantile_heads(struct kv_page *p, const char *of)
{
    for (size_t i = 0; i < KV_RATES_QUANTILES; i++)
        kv_page_printf(p, "<th scope=col class=r>%sp%.0f</th>", of, 100 * kv_rates_quantile[i]);
}

static void add_times(struct kv_page *p)
{
    const struct kv_report *r = p->r;
    bool streamed = false;
    for (size_t i = 0; i < r->set->line_count; i++)
        streamed |= r->rates[i].streamed > 0;
    kv_page_printf(p,
        "<div class=scroll><table class=sort><caption>Seconds a task, judging and waiting "
        "included%s</caption><thead><tr><th scope=col>model</th>",
        streamed ? "; then seconds to the first token" : "");
    add_quantile_heads(p, "");
    if (streamed)
        add_quantile_heads(p, "first ");
    kv_buf_add_str(p->out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->set->line_count; i++) {
        kv_buf_add_str(p->out, "<tr><th scope=row>");
        kv_page_name(p, r->order[i]);
        kv_buf_add_str(p->out, "</th>");
        add_quantiles(p, r->rates[r->order[i]].seconds);
        if (streamed)
            add_quantiles(p, r->rates[r->order[i]].first_token);
        kv_buf_add_str(p->out, "</tr>\n");
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

/* ---- rate against cost ---- */

static double cost_of(const struct kv_report *r, uint32_t line)
{
    uint32_t model = r->set->lines[line].answering;
    for (size_t i = 0; i < r->consumptions.n; i++) {
        const struct kv_consumer *c = &r->consumptions.items[i];
        if (c->model == model && !c->judges && !c->uncosted)
            return c->used.cost;
    }
    return NAN;
}

/* True if no other line costs less and passes more. */
static bool is_on_front(const struct kv_report *r, uint32_t line)
{
    double cost = cost_of(r, line), rate = r->rates[line].rate;
    for (uint32_t i = 0; i < r->set->line_count; i++) {
        double other = cost_of(r, i), passes = r->rates[i].rate;
        if (i != line && other <= cost && passes >= rate && (other < cost || passes > rate))
            return false;
    }
    return true;
}

static void add_point(struct kv_page *p, uint32_t line, double highest)
{
    double x = 40 + 400 * cost_of(p->r, line) / highest, y = 200 - 180 * p->r->rates[line].rate;
    kv_page_printf(p, "<circle cx=%.1f cy=%.1f r=%s /><text class=name x=%.1f y=%.1f>", x, y,
        is_on_front(p->r, line) ? "5" : "3", x + 8, y + 4);
    kv_report_add_letter(p->out, p->r, line);
    kv_buf_add_str(p->out, "</text>");
}

/* One judge, two models or more whose cost is known: else there is nothing to draw. */
static void add_scatter(struct kv_page *p)
{
    const struct kv_report *r = p->r;
    double highest = 0;
    size_t known = 0;
    for (uint32_t i = 0; i < r->set->line_count; i++) {
        double cost = cost_of(r, i);
        if (isnan(cost) || isnan(r->rates[i].rate))
            continue;
        known++;
        highest = cost > highest ? cost : highest;
    }
    if (known < 2 || highest <= 0 || kv_report_judges(r) > 1)
        return;
    kv_buf_add_str(p->out,
        "<h3>Rate against cost</h3><p class=lead>Large dots: no other model passes more for "
        "less.</p>\n"
        "<svg class=plot viewBox=\"0 0 480 230\" role=img aria-label=\"Rate against cost; the "
        "numbers are in the "
        "tables\"><path class=axis d=\"M40 20V200H460\" fill=none /><text x=4 y=24>100 %</text>"
        "<text x=16 y=204>0 %</text><text x=40 y=220>0</text><text x=420 y=220>");
    kv_report_add_money(p->out, highest);
    kv_buf_add_str(p->out, "</text>");
    for (uint32_t i = 0; i < r->set->line_count; i++)
        if (!isnan(cost_of(r, i)) && !isnan(r->rates[i].rate))
            add_point(p, i, highest);
    kv_buf_add_str(p->out, "</svg>\n");
}

int kv_page_use(struct kv_page *p, struct kv_err *err)
{
    (void)err;
    add_consumers(p);
    add_times(p);
    add_scatter(p);
    return 0;
}

/* ---- health ---- */

bool kv_page_has_health(const struct kv_report *r)
{
    const struct kv_health *h = &r->health;
    size_t marks = 0;
    for (int i = 0; i < KV_MARKS; i++)
        marks += h->marks[i];
    return marks || h->partial || h->retried || h->estimated || h->warned || r->set->torn;
}

static void add_fact(struct kv_page *p, size_t n, const char *what)
{
    if (!n)
        return;
    kv_buf_add_str(p->out, "<li><strong>");
    kv_report_add_count(p->out, n);
    kv_page_printf(p, "</strong> %s</li>\n", what);
}

static int add_warnings(struct kv_page *p, struct kv_err *err)
{
    const struct kv_health *h = &p->r->health;
    if (!h->warning_count)
        return 0;
    kv_buf_add_str(p->out,
        "<div class=scroll><table class=sort><thead><tr><th scope=col class=r>results</th>"
        "<th scope=col>warning</th><th scope=col>for example</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < h->warning_count && i < WARNINGS_LISTED; i++) {
        kv_page_printf(p, "<tr><td class=r>%zu</td><td><bdi>", h->warnings[i].count);
        kv_page_text(p, kv_names_text(&p->r->set->names.warnings, h->warnings[i].warning));
        kv_buf_add_str(p->out, "</bdi></td><td class=small>");
        if (kv_page_question_link(p, p->r->set->facts[h->warnings[i].example].question, 70, err) !=
            0)
            return -1;
        kv_buf_add_str(p->out, "</td></tr>\n");
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    return 0;
}

static void add_served(struct kv_page *p)
{
    const struct kv_health *h = &p->r->health;
    for (size_t i = 0; i < h->served_count && i < WARNINGS_LISTED; i++) {
        kv_buf_add_str(p->out, "<li><bdi>");
        kv_page_text_cut(p, kv_rowset_model(p->r->set, h->served[i].model), CHARS);
        kv_buf_add_str(p->out, "</bdi> was asked, <bdi>");
        kv_page_text_cut(p, kv_names_text(&p->r->set->names.served, h->served[i].served), CHARS);
        kv_page_printf(p, "</bdi> answered: %zu times</li>\n", h->served[i].count);
    }
}

int kv_page_health(struct kv_page *p, struct kv_err *err)
{
    const struct kv_health *h = &p->r->health;
    kv_buf_add_str(p->out, "<ul>\n");
    add_fact(p, h->marks[0],
        "answers stopped at the token limit: a larger limit may change their verdict");
    add_fact(p, h->marks[1], "answers were stopped by a content filter");
    add_fact(p, h->marks[2], "answers were refused by the model");
    add_fact(p, h->marks[3], "answers came from a model of another name than asked");
    add_fact(p, h->marks[4], "questions were asked without something that was configured");
    add_fact(p, h->partial, "answers were cut by a timeout");
    add_fact(p, h->retried, "results needed retries");
    add_fact(p, h->estimated, "results whose tokens the service did not count");
    add_fact(p, p->r->set->torn, "lines of the file cannot be read");
    add_served(p);
    kv_buf_add_str(p->out, "</ul>\n");
    return add_warnings(p, err);
}

/* ---- provenance ---- */

static void add_term(struct kv_page *p, const char *name, struct kv_slice value, bool code)
{
    if (!value.n)
        return;
    kv_page_printf(p, "<dt>%s</dt><dd>%s", name, code ? "<code>" : "<bdi>");
    kv_page_text_cut(p, value, 4000);
    kv_page_printf(p, "%s</dd>\n", code ? "</code>" : "</bdi>");
}

/* "oak-large · openai · langchain · 0.0": name, provider, interface, temperature. */
static void add_model(struct kv_page *p, struct kv_slice model)
{
    static const char *const members[] = {"name", "provider", "interface", "temperature"};
    const char *before = "";
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct kv_slice value = kv_quotation_get(model, members[i]);
        if (!value.n)
            continue;
        kv_buf_clear(&p->text);
        kv_buf_reserve(&p->text, 1);
        kv_builtins_text(&p->text, value);
        kv_page_printf(p, "%s%s", before, i == 3 ? "temperature " : "");
        kv_page_text_cut(p, kv_slice_of(&p->text), CHARS);
        before = " · ";
    }
}

/* What the header says of the models: metadata.verification_config. */
static void add_models(struct kv_page *p, struct kv_slice config)
{
    static const char *const lists[][2] = {
        {"answering_models", "Answering"}, {"parsing_models", "Judging"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct kv_json_walk walk;
        struct kv_slice model;
        const char *before = "";
        kv_json_begin(&walk, kv_quotation_get(config, lists[i][0]));
        for (; kv_json_item(&walk, &model); before = "<br>") {
            if (*before)
                kv_buf_add_str(p->out, before);
            else
                kv_page_printf(p, "<dt>%s</dt><dd>", lists[i][1]);
            kv_buf_add_str(p->out, "<bdi>");
            add_model(p, model);
            kv_buf_add_str(p->out, "</bdi>");
        }
        kv_buf_add_str(p->out, *before ? "</dd>\n" : "");
    }
}

static void add_file(struct kv_page *p, const struct kv_rowset *set, const char *digest)
{
    struct kv_provenance of;
    kv_provenance_make(&of, set);
    kv_buf_add_str(p->out, "<dl>\n");
    add_term(p, "File", kv_slice(set->path), true);
    add_term(p, "SHA-256", kv_slice(digest), true);
    kv_page_printf(p, "<dt>Results</dt><dd>%zu%s", set->n, set->superseded ? "" : "</dd>\n");
    if (set->superseded)
        kv_page_printf(
            p, ", and %" PRIu64 " older ones that they replaced</dd>\n", set->superseded);
    add_term(p, "First", kv_slice_of(&set->first_time), false);
    add_term(p, "Last", kv_slice_of(&set->last_time), false);
    add_term(p, "Exported", kv_slice_of(&of.exported), false);
    add_term(p, "Job", kv_slice_of(&of.job_id), true);
    add_term(p, "karenina", kv_slice_of(&of.version), false);
    add_term(p, "Configuration", kv_slice_of(&of.config_hash), true);
    add_term(p, "Benchmark", kv_slice_of(&of.benchmark_digest), true);
    add_models(p, kv_slice_of(&of.models));
    kv_buf_add_str(p->out, "</dl>\n");
    kv_provenance_release(&of);
}

static void add_path(struct kv_buf *out, const char *path)
{
    kv_buf_add_char(out, ' ');
    kv_paths_add_word(out, path);
}

static void add_option(struct kv_buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    kv_buf_printf(out, " %s", name);
    add_path(out, value);
}

static void add_command(struct kv_page *p)
{
    const struct kv_report *r = p->r;
    kv_buf_clear(&p->text);
    kv_buf_add_str(&p->text, "kv-report --html");
    add_option(&p->text, "--cluster", r->how.cluster);
    add_option(&p->text, "--baseline", r->how.baseline);
    add_option(&p->text, "--labels", r->how.labels);
    add_option(&p->text, "--prices", r->how.prices);
    if (r->how.by) {
        struct kv_buf by = {0};
        kv_buf_printf(&by, "keyword:%s", r->how.by);
        add_option(&p->text, "--by", by.p);
        kv_buf_release(&by);
    }
    if (r->set->path[0] == '-' || (r->then && r->then->path[0] == '-'))
        kv_buf_add_str(&p->text, " --");
    if (r->then)
        add_path(&p->text, r->then->path);
    add_path(&p->text, r->set->path);
    kv_buf_add_str(p->out, "<dl>\n");
    add_term(p, "This page again", kv_slice_of(&p->text), true);
    kv_buf_add_str(p->out, "</dl>\n");
}

int kv_page_provenance(struct kv_page *p, struct kv_err *err)
{
    (void)err;
    if (p->r->then) {
        kv_buf_add_str(p->out, "<h3>Then</h3>\n");
        add_file(p, p->r->then, p->r->then_digest);
        kv_buf_add_str(p->out, "<h3>Now</h3>\n");
    }
    add_file(p, p->r->set, p->r->digest);
    add_command(p);
    return 0;
}
