/* page_groups - the sections by keyword, of replicates, and of judges. */
#include "page.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { KEYWORDS_LISTED = 200, UNSTABLE_LISTED = 20, K_SHOWN = 8, FIELDS_LISTED = 20, CHARS = 120 };

/* ---- keywords ---- */

bool kv_page_has_keywords(const struct kv_report *r)
{
    for (size_t i = 0; i < r->set->line_count; i++)
        if (r->rates[i].keyword_count)
            return true;
    return false;
}

static void add_keyword_cell(struct kv_page *p, const struct kv_rates_keyword *k)
{
    if (!k) {
        kv_buf_add_str(p->out, "<td class=\"r dim\">–</td>");
        return;
    }
    kv_page_printf(p, "<td class=\"r%s\">", k->questions < KV_REPORT_GREY ? " dim" : "");
    kv_page_percent(p, k->rate);
    kv_buf_add_str(p->out, "<br><small>");
    kv_report_add_interval(p->out, k->interval.interval);
    kv_page_printf(p, "<br>n = %zu</small></td>", k->questions);
}

/* Columns are the lines, as many as are read with ease. */
int kv_page_keywords(struct kv_page *p, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    uint32_t *order = kv_names_sorted(&set->keywords);
    size_t columns = set->line_count < 12 ? set->line_count : 12, listed = 0;
    (void)err;
    kv_buf_add_str(
        p->out, "<div class=scroll><table class=sort><thead><tr><th scope=col>keyword</th>");
    for (size_t i = 0; i < columns; i++) {
        kv_buf_add_str(p->out, "<th scope=col class=r>");
        kv_page_line(p, p->r->order[i]);
        kv_buf_add_str(p->out, "</th>");
    }
    kv_buf_add_str(p->out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < set->keywords.n && listed < KEYWORDS_LISTED; i++) {
        size_t known = 0;
        for (size_t j = 0; j < columns; j++)
            known += kv_rates_keyword_of(&p->r->rates[p->r->order[j]], order[i]) != NULL;
        if (!known)
            continue;
        listed++;
        kv_buf_add_str(p->out, "<tr><th scope=row><bdi>");
        kv_page_text_cut(p, kv_names_text(&set->keywords, order[i]), CHARS);
        kv_buf_add_str(p->out, "</bdi></th>");
        for (size_t j = 0; j < columns; j++)
            add_keyword_cell(p, kv_rates_keyword_of(&p->r->rates[p->r->order[j]], order[i]));
        kv_buf_add_str(p->out, "</tr>\n");
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    if (listed == KEYWORDS_LISTED || columns < set->line_count)
        kv_buf_add_str(p->out, "<p class=note>More are in --json.</p>\n");
    free(order);
    return 0;
}

/* ---- replicates ---- */

bool kv_page_has_replicates(const struct kv_report *r)
{
    for (size_t i = 0; i < r->set->line_count; i++)
        if (r->rates[i].replicates > 1)
            return true;
    return false;
}

static void add_at_k(struct kv_page *p, const struct kv_line_rates *rates)
{
    size_t n = rates->at_k_count, from = n > K_SHOWN ? n - K_SHOWN : 0;
    kv_buf_add_str(p->out, "<td>");
    for (size_t i = from; i < n; i++) {
        const struct kv_rates_at_k *k = &rates->at_k[i];
        kv_page_printf(
            p, "%s<span class=small>k = %" PRIu32 "</span> ", i > from ? "<br>" : "", k->k);
        kv_page_percent(p, k->at.mean);
        if (!isnan(k->at.se))
            kv_page_printf(p, " <small>± %.1f</small>", 100 * k->at.se);
    }
    kv_buf_add_str(p->out, "</td><td>");
    for (size_t i = from; i < n; i++) {
        const struct kv_rates_at_k *k = &rates->at_k[i];
        kv_buf_add_str(p->out, i > from ? "<br>" : "");
        kv_page_percent(p, k->hat.mean);
        if (!isnan(k->hat.se))
            kv_page_printf(p, " <small>± %.1f</small>", 100 * k->hat.se);
        if (k->left_out)
            kv_page_printf(p, " <small>(%zu questions have fewer)</small>", k->left_out);
    }
    kv_buf_add_str(p->out, "</td></tr>\n");
}

struct unstable {
    uint32_t line, question, n, passed;
};

/* The nearest to one half first. */
static int by_doubt(const void *a, const void *b)
{
    const struct unstable *x = a, *y = b;
    double m = fabs((double)x->passed / x->n - 0.5), n = fabs((double)y->passed / y->n - 0.5);
    if (m != n)
        return m < n ? -1 : 1;
    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    if (x->question != y->question)
        return x->question < y->question ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static struct unstable *list_unstable(const struct kv_report *r, size_t *count)
{
    struct unstable *all = kv_calloc(r->set->n ? r->set->n : 1, sizeof *all);
    size_t n = 0;
    for (uint32_t i = 0; i < r->set->line_count; i++) {
        struct kv_rates_walk w = kv_rates_walk(r->set, i);
        struct kv_rates_asked a;
        while (kv_rates_next(&w, &a))
            if (a.passed && a.passed < a.n)
                all[n++] = (struct unstable){i, a.question, a.n, a.passed};
    }
    qsort(all, n, sizeof *all, by_doubt);
    *count = n;
    return all;
}

static int add_unstable(struct kv_page *p, struct kv_err *err)
{
    size_t n;
    int failed = 0;
    struct unstable *all = list_unstable(p->r, &n);
    if (n)
        kv_buf_add_str(p->out,
            "<h3>The most unstable questions</h3>\n<div class=scroll><table class=sort><thead><tr>"
            "<th scope=col class=r>passed</th><th scope=col>model</th><th scope=col>question</th>"
            "</tr></thead><tbody>\n");
    for (size_t i = 0; !failed && i < n && i < UNSTABLE_LISTED; i++) {
        kv_page_printf(
            p, "<tr><td class=r>%" PRIu32 " of %" PRIu32 "</td><td>", all[i].passed, all[i].n);
        kv_page_name(p, all[i].line);
        kv_buf_add_str(p->out, "</td><td>");
        failed = kv_page_question_link(p, all[i].question, CHARS, err);
        kv_buf_add_str(p->out, "</td></tr>\n");
    }
    if (n)
        kv_buf_add_str(p->out, "</tbody></table></div>\n");
    if (n > UNSTABLE_LISTED)
        kv_page_printf(p, "<p class=note>%zu more are in --json.</p>\n", n - UNSTABLE_LISTED);
    free(all);
    return failed;
}

int kv_page_replicates(struct kv_page *p, struct kv_err *err)
{
    kv_buf_add_str(p->out, "<div class=scroll><table><thead><tr><th scope=col>model</th>"
                           "<th scope=col class=r>unstable questions</th><th scope=col>pass@k</th>"
                           "<th scope=col>pass^k</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < p->r->set->line_count; i++) {
        const struct kv_line_rates *rates = &p->r->rates[p->r->order[i]];
        if (rates->replicates < 2)
            continue;
        kv_buf_add_str(p->out, "<tr><th scope=row>");
        kv_page_line(p, p->r->order[i]);
        kv_page_printf(p, "</th><td class=r>%zu of %zu</td>", rates->unstable, rates->questions);
        add_at_k(p, rates);
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    return add_unstable(p, err);
}

/* ---- judges ---- */

bool kv_page_has_judges(const struct kv_report *r)
{
    return r->agreements.pair_count > 0 || r->agreements.check_count > 0;
}

static void add_model(struct kv_page *p, uint32_t model)
{
    kv_buf_add_str(p->out, "<bdi>");
    kv_page_text_cut(p, kv_rowset_model(p->r->set, model), CHARS);
    kv_buf_add_str(p->out, "</bdi>");
}

static void add_table_cells(struct kv_page *p, const struct kv_two_by_two *t)
{
    kv_page_printf(p, "<td class=r>%" PRIu64 "</td><td class=r>", kv_statistics_total(t));
    kv_page_percent(p, kv_statistics_agreement(t));
    kv_buf_add_str(p->out, "</td><td class=r>");
    kv_page_ratio(p, kv_statistics_kappa(t));
    kv_buf_add_str(p->out, "</td><td class=r>");
    kv_page_ratio(p, kv_statistics_ac1(t));
    kv_page_printf(
        p, "</td><td class=r>%" PRIu64 "</td><td class=r>%" PRIu64 "</td>", t->first, t->second);
}

#define AGREEMENT_COLUMNS                                                                          \
    "<th scope=col class=r>answers</th><th scope=col class=r>agree</th>"                           \
    "<th scope=col class=r>kappa</th><th scope=col class=r>AC1</th>"                               \
    "<th scope=col class=r>only the first<br>passed</th><th scope=col class=r>only the second<br>" \
    "passed</th>"

static void add_fields(struct kv_page *p, const struct kv_agreement *a)
{
    if (a->field_count < 2)
        return;
    kv_buf_add_str(p->out,
        "<div class=scroll><table class=sort><caption>By field</caption><thead><tr>"
        "<th scope=col>field</th>" AGREEMENT_COLUMNS "</tr></thead><tbody>\n");
    for (size_t i = 0; i < a->field_count && i < FIELDS_LISTED; i++) {
        kv_buf_add_str(p->out, "<tr><th scope=row><bdi>");
        kv_page_text_cut(p, kv_names_text(&p->r->set->names.fields, a->fields[i].field), CHARS);
        kv_buf_add_str(p->out, "</bdi></th>");
        add_table_cells(p, &a->fields[i].table);
        kv_buf_add_str(p->out, "</tr>\n");
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

static int add_examples(struct kv_page *p, const struct kv_agreement *a, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    if (a->examples)
        kv_buf_add_str(p->out, "<p>They disagree for example on:</p><ul>\n");
    for (size_t i = 0; i < a->examples; i++) {
        const struct kv_fact *x = &set->facts[a->example[i][0]];
        kv_buf_add_str(p->out, "<li>");
        if (kv_page_question_link(p, x->question, CHARS, err) != 0)
            return -1;
        kv_page_printf(p, " <small>passed by the %s only</small></li>\n",
            x->outcome == KV_RESULT_PASSED ? "first" : "second");
    }
    if (a->examples)
        kv_buf_add_str(p->out, "</ul>\n");
    return 0;
}

static int add_pair(struct kv_page *p, const struct kv_agreement *a, struct kv_err *err)
{
    kv_buf_add_str(p->out, "<h3>");
    add_model(p, a->a);
    kv_buf_add_str(p->out, " and ");
    add_model(p, a->b);
    kv_buf_add_str(p->out, "</h3>\n<div class=scroll><table><thead><tr>" AGREEMENT_COLUMNS
                           "<th scope=col class=r>p</th></tr></thead><tbody><tr>");
    add_table_cells(p, &a->table);
    kv_page_printf(p, "<td class=r>%.3f</td></tr></tbody></table></div>\n", a->p);
    if (a->p < 0.05)
        kv_page_printf(
            p, "<p>The %s is milder.</p>\n", a->table.first > a->table.second ? "first" : "second");
    add_fields(p, a);
    return add_examples(p, a, err);
}

static void add_check(struct kv_page *p, const struct kv_label_check *c)
{
    const struct kv_two_by_two *t = &c->table;
    kv_buf_add_str(p->out, "<tr><th scope=row>");
    add_model(p, c->judge);
    kv_page_printf(p,
        "</th><td class=r>%" PRIu64 "</td><td class=r>%" PRIu64 "</td><td class=r>%" PRIu64
        "</td><td class=r>%" PRIu64 "</td><td class=r>",
        t->both, t->first, t->second, t->neither);
    kv_page_percent(p, c->tpr);
    kv_buf_add_str(p->out, "</td><td class=r>");
    kv_page_percent(p, c->tnr);
    kv_buf_add_str(p->out, "</td><td class=r>");
    kv_page_ratio(p, c->kappa);
    kv_buf_add_str(p->out, "</td></tr>\n");
}

static void add_people(struct kv_page *p)
{
    const struct kv_agreements *a = &p->r->agreements;
    kv_buf_add_str(p->out,
        "<h3>Against people</h3>\n<div class=scroll><table><thead><tr><th scope=col>"
        "judge</th><th scope=col class=r>right, passed</th><th scope=col class=r>wrong, "
        "passed</th><th scope=col class=r>right, not passed</th><th scope=col class=r>"
        "wrong, not passed</th><th scope=col class=r>right ones found</th><th scope=col "
        "class=r>wrong ones found</th><th scope=col class=r>kappa</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < a->check_count; i++)
        add_check(p, &a->checks[i]);
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    for (size_t i = 0; i < a->corrected_count; i++) {
        kv_buf_add_str(p->out, "<p>");
        kv_page_line(p, a->corrected[i].line);
        kv_buf_add_str(p->out, ": corrected for its judge <strong>");
        kv_page_percent(p, a->corrected[i].rate);
        kv_buf_add_str(p->out, "</strong> (");
        kv_report_add_interval(p->out, a->corrected[i].interval);
        kv_buf_add_str(p->out, ")</p>\n");
    }
    if (!a->corrected_count)
        kv_page_printf(p,
            "<p class=note>Rates are corrected for the judge from %d labels of each kind on, if "
            "the judge is better than chance.</p>\n",
            KV_AGREEMENT_LABELS_MIN);
    if (a->unmatched)
        kv_page_printf(
            p, "<p class=note>%zu labels name no answer of these results.</p>\n", a->unmatched);
}

int kv_page_judges(struct kv_page *p, struct kv_err *err)
{
    const struct kv_agreements *a = &p->r->agreements;
    if (a->judges > 2 && !isnan(a->alpha)) {
        kv_buf_add_str(p->out, "<p>Krippendorff's alpha over all judges: <strong>");
        kv_page_ratio(p, a->alpha);
        kv_buf_add_str(p->out, "</strong></p>\n");
    }
    for (size_t i = 0; i < a->pair_count; i++)
        if (add_pair(p, &a->pairs[i], err) != 0)
            return -1;
    if (a->check_count)
        add_people(p);
    return 0;
}
