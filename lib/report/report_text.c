/* report_text - a report for a terminal: what the page says, in short. */
#include "report_text.h"

#include "quotation.h"
#include "text_table.h"
#include "visible.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { LISTED = 10, KEYWORD_COLUMNS = 4 }; /* at most; the page has all of them */

/* ---- pieces ---- */

static void plain(struct kv_buf *out, struct kv_slice text)
{
    kv_visible_add(out, text, KV_VISIBLE_PLAIN);
}

static void heading(struct kv_buf *out, const char *text)
{
    kv_buf_printf(out, "\n%s\n", text);
}

static void cell(struct kv_text_table *t, struct kv_buf *text)
{
    kv_text_table_cell(t, kv_slice_of(text));
    kv_buf_clear(text);
    kv_buf_reserve(text, 1);
}

static void headings(struct kv_text_table *t, const char *const *names)
{
    for (; *names; names++)
        kv_text_table_cell(t, kv_slice(*names));
}

static void more(struct kv_buf *out, size_t n)
{
    if (n > LISTED)
        kv_buf_printf(out, "… and %zu more\n", n - LISTED);
}

static void add_points(struct kv_buf *out, double share)
{
    if (isnan(share))
        kv_buf_add_str(out, "–");
    else
        kv_buf_printf(out, "%+.1f", 100 * share);
}

static void add_points_interval(struct kv_buf *out, struct kv_interval i)
{
    if (isnan(i.low))
        kv_buf_add_str(out, "–");
    else
        kv_buf_printf(out, "%+.1f to %+.1f", 100 * i.low, 100 * i.high);
}

/* A line's name in a sentence. */
static void add_line(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    plain(out, kv_report_short(r, line));
    if (kv_report_judges(r) < 2)
        return;
    kv_buf_add_str(out, " by ");
    plain(out, kv_report_judge(r, line));
}

/* ---- 1: the head ---- */

void kv_report_text_add_title(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_rowset *set = r->set;
    plain(out, kv_slice(set->path));
    kv_buf_printf(out, ": %zu results, %zu questions", set->n, set->questions.n);
    if (!set->complete && set->total_tasks >= 0)
        kv_buf_printf(out, " (in progress: %zu of %" PRId64 " tasks)", set->n, set->total_tasks);
    else if (!set->complete)
        kv_buf_add_str(out, " (in progress)");
    if (set->torn)
        kv_buf_printf(out, ", %" PRIu64 " lines that cannot be read", set->torn);
}

static void add_notes(struct kv_buf *out, const struct kv_report *r)
{
    uint32_t other;
    for (size_t i = 0; i < r->set->line_count; i++) {
        uint32_t line = r->order[i];
        const struct kv_line_rates *rates = &r->rates[line];
        if (rates->scored < rates->tasks && rates->scored) {
            add_line(out, r, line);
            kv_buf_printf(out, ": %zu without a verdict; the rate lies between ",
                rates->tasks - rates->scored);
            kv_buf_printf(out, "%.1f and %.1f %% whatever they hide\n", 100 * rates->bounds.low,
                100 * rates->bounds.high);
        }
        if (kv_report_is_tied(r, i, &other)) {
            add_line(out, r, line);
            kv_buf_add_str(out, ": not distinguishable from ");
            plain(out, kv_report_short(r, other));
            kv_buf_add_char(out, '\n');
        }
    }
}

/* ---- 2: differences ---- */

static void add_contrast(
    struct kv_text_table *t, struct kv_buf *text, const struct kv_contrast *c, double sign)
{
    struct kv_interval i = c->interval;
    if (sign < 0)
        i = (struct kv_interval){-c->interval.high, -c->interval.low};
    add_points(text, sign * c->difference);
    cell(t, text);
    add_points_interval(text, i);
    cell(t, text);
    kv_buf_printf(text, "%.3f", c->p_holm);
    cell(t, text);
    kv_buf_printf(text, "%zu/%zu/%zu", sign < 0 ? c->worse : c->better,
        sign < 0 ? c->better : c->worse, c->equal);
    cell(t, text);
    if (isnan(c->detectable))
        kv_buf_add_str(text, "–");
    else
        kv_buf_printf(text, "%.1f", 100 * c->detectable);
    cell(t, text);
}

static void add_pairs(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    static const char *const names[] = {
        "judge", "higher", "than", "points", "95 % interval", "p", "+/-/=", "seen from", NULL};
    struct kv_text_table t;
    struct kv_buf text = {0};
    bool several = kv_report_judges(r) > 1;
    if (!r->within.n)
        return;
    heading(out, "Differences (same questions; p corrected for all comparisons)");
    kv_text_table_init(&t, several ? "lllrrrrr" : "llrrrrr");
    headings(&t, several ? names : names + 1);
    for (size_t i = 0; i < r->within.n && i < 2 * LISTED; i++) {
        const struct kv_contrast *c = &r->within.items[i];
        bool turned = c->difference < 0;
        if (several) {
            plain(&text, kv_report_judge(r, c->a));
            cell(&t, &text);
        }
        plain(&text, kv_report_short(r, turned ? c->b : c->a));
        cell(&t, &text);
        plain(&text, kv_report_short(r, turned ? c->a : c->b));
        cell(&t, &text);
        add_contrast(&t, &text, c, turned ? -1 : 1);
    }
    kv_text_table_add(out, &t, width);
    if (r->within.n > 2 * LISTED)
        kv_buf_printf(out, "… and %zu more\n", r->within.n - 2 * LISTED);
    kv_text_table_release(&t);
    kv_buf_release(&text);
}

static void add_runs(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    static const char *const names[] = {
        "model", "then", "now", "points", "95 % interval", "p", "+/-/=", "seen from", NULL};
    struct kv_text_table t;
    struct kv_buf text = {0};
    if (!r->then)
        return;
    kv_buf_add_str(out, "\nAgainst ");
    plain(out, kv_slice(r->then->path));
    kv_buf_add_char(out, '\n');
    kv_text_table_init(&t, "lrrrrrrr");
    headings(&t, names);
    for (size_t i = 0; i < r->between.n; i++) {
        const struct kv_contrast *c = &r->between.items[i];
        plain(&text, kv_report_short(r, c->b));
        cell(&t, &text);
        kv_rates_add_percent(&text, r->then_rates[c->a].rate);
        cell(&t, &text);
        kv_rates_add_percent(&text, r->rates[c->b].rate);
        cell(&t, &text);
        add_contrast(&t, &text, c, 1);
    }
    kv_text_table_add(out, &t, width);
    kv_text_table_release(&t);
    kv_buf_release(&text);
}

/* ---- 3: failures ---- */

static void add_kinds(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    static const char *const names[] = {"count", "models", "kind", "reason", NULL};
    struct kv_text_table t;
    struct kv_buf text = {0};
    if (!r->failures.kind_count)
        return;
    heading(out, "What did not pass");
    kv_text_table_init(&t, "rrll");
    headings(&t, names);
    for (size_t i = 0; i < r->failures.kind_count && i < LISTED; i++) {
        const struct kv_failure_kind *k = &r->failures.kinds[i];
        struct kv_slice category, stage, reason;
        kv_failure_kinds_parts(
            kv_names_text(&r->set->names.reasons, k->reason), &category, &stage, &reason);
        kv_buf_printf(&text, "%zu", k->count);
        cell(&t, &text);
        kv_buf_printf(&text, "%zu", k->models);
        cell(&t, &text);
        kv_buf_add_str(&text, kv_result_outcome_name(k->outcome));
        cell(&t, &text);
        if (k->outcome == KV_RESULT_ERROR) {
            plain(&text, category);
            kv_buf_add_str(&text, ": ");
        }
        plain(&text, reason);
        cell(&t, &text);
    }
    kv_text_table_add(out, &t, width);
    more(out, r->failures.kind_count);
    kv_text_table_release(&t);
    kv_buf_release(&text);
}

/* One line such as "year: 12 of 30 say 1913, not 1912". */
static int add_miss(struct kv_text_table *t, struct kv_buf *text, const struct kv_report *r,
    const struct kv_field_miss *m, struct kv_err *err)
{
    struct kv_quotation q;
    struct kv_buf value = {0};
    if (kv_quotation_read(&q, r->set, m->example, err) != 0)
        return -1;
    kv_buf_printf(text, "%zu of %zu", m->same, m->answers);
    cell(t, text);
    plain(text, kv_names_text(&r->set->names.fields, m->field));
    cell(t, text);
    kv_quotation_add_field(&value, &q, r->set, m->field, false);
    kv_visible_add_cut(text, kv_slice_of(&value), 30, KV_VISIBLE_PLAIN);
    cell(t, text);
    kv_buf_clear(&value);
    kv_quotation_add_field(&value, &q, r->set, m->field, true);
    kv_visible_add_cut(text, kv_slice_of(&value), 30, KV_VISIBLE_PLAIN);
    cell(t, text);
    kv_buf_clear(&value);
    kv_buf_reserve(&value, 1);
    kv_quotation_add_text(&value, q.metadata, "question_text");
    kv_visible_add_cut(text, kv_slice_of(&value), 60, KV_VISIBLE_PLAIN);
    if (r->failures.doubt[m->question] == KV_DOUBT_ALL_SAY)
        kv_buf_add_str(text, " [check the reference]");
    cell(t, text);
    kv_buf_release(&value);
    kv_quotation_release(&q);
    return 0;
}

static int add_misses(
    struct kv_buf *out, const struct kv_report *r, size_t width, struct kv_err *err)
{
    static const char *const names[] = {"answers", "field", "say", "not", "question", NULL};
    struct kv_text_table t;
    struct kv_buf text = {0};
    int failed = 0;
    if (!r->failures.miss_count)
        return 0;
    heading(out, "What was said instead");
    kv_text_table_init(&t, "rllll");
    headings(&t, names);
    for (size_t i = 0; !failed && i < r->failures.miss_count && i < LISTED; i++)
        failed = add_miss(&t, &text, r, &r->failures.misses[i], err);
    kv_text_table_add(out, &t, width);
    more(out, r->failures.miss_count);
    if (r->failures.all_fail)
        kv_buf_printf(out, "%zu questions that every model fails\n", r->failures.all_fail);
    kv_text_table_release(&t);
    kv_buf_release(&text);
    return failed;
}

/* ---- 4 to 6: keywords, replicates, judges ---- */

/* The lines of the first judge, as far as they fit: a column each. */
static size_t first_columns(const struct kv_report *r)
{
    size_t n = 0;
    while (n < KEYWORD_COLUMNS && n < r->set->line_count &&
           r->set->lines[r->order[n]].judge == r->set->lines[r->order[0]].judge)
        n++;
    return n;
}

static void add_keyword(struct kv_text_table *t, struct kv_buf *text, const struct kv_report *r,
    uint32_t keyword, size_t columns)
{
    size_t questions = 0;
    for (size_t i = 0; i < columns; i++) {
        const struct kv_rates_keyword *k = kv_rates_keyword_of(&r->rates[r->order[i]], keyword);
        questions = k && k->questions > questions ? k->questions : questions;
    }
    if (!questions)
        return;
    plain(text, kv_names_text(&r->set->keywords, keyword));
    cell(t, text);
    kv_buf_printf(text, "%zu", questions);
    cell(t, text);
    for (size_t i = 0; i < columns; i++) {
        const struct kv_rates_keyword *k = kv_rates_keyword_of(&r->rates[r->order[i]], keyword);
        bool few = k && k->questions < KV_REPORT_GREY;
        kv_buf_add_str(text, few ? "(" : "");
        kv_rates_add_percent(text, k ? k->rate : (double)NAN);
        kv_buf_add_str(text, few ? ")" : "");
        cell(t, text);
    }
}

static void add_keywords(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    static const char *const align[] = {"lr", "lrr", "lrrr", "lrrrr", "lrrrrr"};
    size_t columns = first_columns(r);
    struct kv_text_table t;
    struct kv_buf text = {0};
    if (!columns || !r->rates[r->order[0]].keyword_count)
        return;
    heading(out, "By keyword (in brackets: fewer than five questions, which say next to nothing)");
    kv_text_table_init(&t, align[columns]);
    kv_text_table_cell(&t, KV_SLICE("keyword"));
    kv_text_table_cell(&t, KV_SLICE("n"));
    for (size_t i = 0; i < columns; i++) {
        kv_visible_add_cut(&text, kv_report_short(r, r->order[i]), 16, KV_VISIBLE_PLAIN);
        cell(&t, &text);
    }
    uint32_t *order = kv_names_sorted(&r->set->keywords);
    for (size_t i = 0; i < r->set->keywords.n && i < 3 * LISTED; i++)
        add_keyword(&t, &text, r, order[i], columns);
    free(order);
    kv_text_table_add(out, &t, width);
    kv_text_table_release(&t);
    kv_buf_release(&text);
}

static void add_replicates(struct kv_buf *out, const struct kv_report *r)
{
    bool any = false;
    for (size_t i = 0; i < r->set->line_count; i++) {
        const struct kv_line_rates *rates = &r->rates[r->order[i]];
        if (rates->replicates < 2)
            continue;
        if (!any)
            heading(out, "Replicates");
        any = true;
        const struct kv_rates_at_k *last = &rates->at_k[rates->at_k_count - 1];
        add_line(out, r, r->order[i]);
        kv_buf_printf(
            out, ": %zu of %zu questions unstable; pass@1 ", rates->unstable, rates->questions);
        kv_rates_add_percent(out, rates->at_k[0].at.mean);
        kv_buf_printf(out, ", pass@%" PRIu32 " ", last->k);
        kv_rates_add_percent(out, last->at.mean);
        kv_buf_printf(out, ", pass^%" PRIu32 " ", last->k);
        kv_rates_add_percent(out, last->hat.mean);
        kv_buf_add_char(out, '\n');
    }
}

static void add_ratio(struct kv_buf *out, const char *name, double x)
{
    if (isnan(x))
        kv_buf_printf(out, ", %s –", name);
    else
        kv_buf_printf(out, ", %s %.2f", name, x);
}

static void add_judges(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_agreements *a = &r->agreements;
    if (a->pair_count || a->check_count)
        heading(out, "Judges");
    for (size_t i = 0; i < a->pair_count && i < LISTED; i++) {
        const struct kv_agreement *pair = &a->pairs[i];
        plain(out, kv_rowset_model(r->set, pair->a));
        kv_buf_add_str(out, " and ");
        plain(out, kv_rowset_model(r->set, pair->b));
        kv_buf_printf(out, ": agree on ");
        kv_rates_add_percent(out, kv_statistics_agreement(&pair->table));
        kv_buf_printf(out, " of %" PRIu64, kv_statistics_total(&pair->table));
        add_ratio(out, "kappa", kv_statistics_kappa(&pair->table));
        add_ratio(out, "AC1", kv_statistics_ac1(&pair->table));
        kv_buf_printf(out,
            "; %" PRIu64 " passed by the first only, %" PRIu64 " by the second (p = %.3f)\n",
            pair->table.first, pair->table.second, pair->p);
    }
    for (size_t i = 0; i < a->check_count; i++) {
        const struct kv_label_check *c = &a->checks[i];
        plain(out, kv_rowset_model(r->set, c->judge));
        kv_buf_printf(
            out, " against %" PRIu64 " labels of people: finds ", kv_statistics_total(&c->table));
        kv_rates_add_percent(out, c->tpr);
        kv_buf_add_str(out, " of the right answers, ");
        kv_rates_add_percent(out, c->tnr);
        kv_buf_add_str(out, " of the wrong ones");
        add_ratio(out, "kappa", c->kappa);
        kv_buf_add_char(out, '\n');
    }
    for (size_t i = 0; i < a->corrected_count; i++) {
        plain(out, kv_report_short(r, a->corrected[i].line));
        kv_buf_add_str(out, ": corrected for its judge ");
        kv_rates_add_percent(out, a->corrected[i].rate);
        kv_buf_add_str(out, " (");
        kv_report_add_interval(out, a->corrected[i].interval);
        kv_buf_add_str(out, ")\n");
    }
}

/* ---- 8, 9: use, health ---- */

static void add_use(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    static const char *const names[] = {
        "model", "role", "calls", "input", "cached", "output", "reasoning", "cost", NULL};
    struct kv_text_table t;
    struct kv_buf text = {0};
    const struct kv_consumption *total = &r->consumptions.total;
    if (total->input + total->output == 0 && isnan(total->cost))
        return;
    heading(out, "Tokens and cost");
    kv_text_table_init(&t, "llrrrrrr");
    headings(&t, names);
    for (size_t i = 0; i < r->consumptions.n; i++) {
        const struct kv_consumer *c = &r->consumptions.items[i];
        const uint64_t counts[] = {
            c->rows, c->used.input, c->used.cached, c->used.output, c->used.reasoning};
        plain(&text, kv_rowset_model(r->set, c->model));
        cell(&t, &text);
        kv_buf_add_str(&text, c->judges ? "judge" : "answers");
        cell(&t, &text);
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            bool counted = !j || kv_consumptions_counted(c);
            if (counted && j && c->estimated && !c->judges)
                kv_buf_add_char(&text, '~');
            if (counted)
                kv_report_add_count(&text, counts[j]);
            else
                kv_buf_add_str(&text, "–");
            cell(&t, &text);
        }
        kv_report_add_money(&text, c->used.cost);
        cell(&t, &text);
    }
    kv_text_table_add(out, &t, width);
    kv_text_table_release(&t);
    kv_buf_release(&text);
}

static void add_health(struct kv_buf *out, const struct kv_report *r)
{
    const struct kv_health *h = &r->health;
    const struct {
        size_t n;
        const char *what;
    } facts[] = {
        {h->marks[0], "answers stopped at the token limit"},
        {h->marks[1], "answers stopped by a content filter"},
        {h->marks[2], "answers refused by the model"},
        {h->marks[3], "answers of a model with another name than asked"},
        {h->marks[4], "questions asked without something that was configured"},
        {h->partial, "answers cut by a timeout"},
        {h->retried, "results needed retries"},
        {h->estimated, "results whose tokens were not counted by the service"},
    };
    bool any = h->warning_count > 0;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        any |= facts[i].n > 0;
    if (any)
        heading(out, "Health");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].n)
            kv_buf_printf(out, "%zu %s\n", facts[i].n, facts[i].what);
    for (size_t i = 0; i < h->warning_count && i < LISTED; i++) {
        kv_buf_printf(out, "%zu × ", h->warnings[i].count);
        plain(out, kv_names_text(&r->set->names.warnings, h->warnings[i].warning));
        kv_buf_add_char(out, '\n');
    }
    more(out, h->warning_count);
}

int kv_report_text_add(
    struct kv_buf *out, const struct kv_report *r, size_t width, struct kv_err *err)
{
    kv_report_text_add_title(out, r);
    kv_buf_add_str(out, "\n\n");
    kv_report_table_add(out, r, width);
    add_notes(out, r);
    add_runs(out, r, width);
    add_pairs(out, r, width);
    add_kinds(out, r, width);
    if (add_misses(out, r, width, err) != 0)
        return -1;
    add_keywords(out, r, width);
    add_replicates(out, r);
    add_judges(out, r);
    add_use(out, r, width);
    add_health(out, r);
    return 0;
}
