/* page_rates - the sections of rates and of differences. */
#include "page.h"

#include <inttypes.h>
#include <math.h>

enum { PAIRS_LISTED = 100, MATRIX_MAX = 12 };

/* ---- rates ---- */

static void add_counts(struct kv_page *p, const struct kv_line_rates *rates)
{
    const struct {
        const char *name;
        size_t n;
        bool always;
    } columns[] = {
        {"passed", rates->passed, true},
        {"wrong", rates->outcomes[KV_RESULT_WRONG] + rates->outcomes[KV_RESULT_INSUFFICIENT], true},
        {"declined", rates->outcomes[KV_RESULT_DECLINED], true},
        {"errors", rates->outcomes[KV_RESULT_ERROR], true},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        kv_page_printf(
            p, "<td class=\"r%s\" data-h=\"%s\">", columns[i].n ? "" : " dim", columns[i].name);
        kv_report_add_count(p->out, columns[i].n);
        kv_buf_add_str(p->out, "</td>");
    }
}

static void add_tie(struct kv_page *p, size_t place)
{
    uint32_t other;
    if (!kv_report_is_tied(p->r, place, &other))
        return;
    kv_buf_add_str(p->out, "<br><small>not distinguishable from ");
    kv_report_add_letter(p->out, p->r, other);
    kv_buf_add_str(p->out, "</small>");
}

static void add_bounds(struct kv_page *p, const struct kv_line_rates *rates)
{
    if (rates->scored == rates->tasks || !rates->scored)
        return;
    kv_page_printf(p, "<br><small>%zu without verdict: %.1f–%.1f %%</small>",
        rates->tasks - rates->scored, 100 * rates->bounds.low, 100 * rates->bounds.high);
}

static void add_rate(struct kv_page *p, size_t place)
{
    uint32_t line = p->r->order[place];
    const struct kv_line_rates *rates = &p->r->rates[line];
    kv_buf_add_str(p->out, "<tr><th scope=row>");
    kv_page_name(p, line);
    add_tie(p, place);
    kv_buf_add_str(p->out, "</th><td class=wide>");
    kv_page_bar(p, rates->rate, rates->interval.interval);
    kv_page_printf(p, "</td><td class=\"r half\" data-h=rate data-v=\"%.6f\"><span class=big>",
        isnan(rates->rate) ? -1 : rates->rate);
    kv_page_percent(p, rates->rate);
    kv_buf_add_str(p->out, "</span></td><td class=\"r half\" data-h=\"95 % interval\">");
    kv_report_add_interval(p->out, rates->interval.interval);
    add_bounds(p, rates);
    kv_buf_add_str(p->out, "</td><td class=r data-h=questions>");
    kv_report_add_size(p->out, rates);
    kv_buf_add_str(p->out, "</td>");
    add_counts(p, rates);
    kv_buf_add_str(p->out, "</tr>\n");
}

int kv_page_rates(struct kv_page *p, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    (void)err;
    for (size_t from = 0, to; from < set->line_count; from = to) {
        uint32_t judge = set->lines[p->r->order[from]].judge;
        kv_buf_add_str(p->out, "<div class=scroll><table class=\"lines sort\"><caption>judged by "
                               "<bdi>");
        kv_page_text_cut(p, kv_report_judge(p->r, p->r->order[from]), 200);
        kv_buf_add_str(p->out,
            "</bdi></caption><thead><tr><th scope=col>model</th><th scope=col></th>"
            "<th scope=col class=r>rate</th><th scope=col class=r>95 % interval</th>"
            "<th scope=col class=r>questions</th><th scope=col class=r>passed</th>"
            "<th scope=col class=r>wrong</th><th scope=col class=r>declined</th>"
            "<th scope=col class=r>errors</th></tr></thead><tbody>\n");
        for (to = from; to < set->line_count && set->lines[p->r->order[to]].judge == judge; to++)
            add_rate(p, to);
        kv_buf_add_str(p->out, "</tbody></table></div>\n");
    }
    return 0;
}

/* ---- differences ---- */

bool kv_page_has_runs(const struct kv_report *r)
{
    return r->then != NULL;
}

bool kv_page_has_differences(const struct kv_report *r)
{
    return r->within.n > 0;
}

/* How far the widest interval goes: all bars of a table have one scale. */
static double reach_of(const struct kv_contrasts *c)
{
    double reach = 0.01;
    for (size_t i = 0; i < c->n; i++) {
        const struct kv_interval *x = &c->items[i].interval;
        double far =
            isnan(x->low) ? fabs(c->items[i].difference) : fmax(fabs(x->low), fabs(x->high));
        reach = far > reach ? far : reach;
    }
    return reach;
}

static const char *word_of(const struct kv_contrast *c, double sign)
{
    if (!c->questions)
        return "<span class=dim>no common question</span>";
    if (!kv_contrast_is_clear(c))
        return "not distinguishable";
    return sign * c->difference > 0 ? "<span class=higher>▲ higher</span>"
                                    : "<span class=lower>▼ lower</span>";
}

static void add_contrast(struct kv_page *p, const struct kv_contrast *c, double sign, double reach)
{
    struct kv_interval i = c->interval;
    if (sign < 0)
        i = (struct kv_interval){-c->interval.high, -c->interval.low};
    kv_buf_add_str(p->out, "<td>");
    kv_page_dot(p, sign * c->difference, i, reach);
    kv_buf_add_str(p->out, "</td><td class=r>");
    kv_page_points(p, sign * c->difference);
    kv_buf_add_str(p->out, "<br><small>");
    kv_page_points(p, i.low);
    kv_buf_add_str(p->out, " to ");
    kv_page_points(p, i.high);
    kv_page_printf(p,
        "</small></td><td class=r>%.3f</td><td class=r>%zu<br><small>%zu / %zu / %zu"
        "</small></td><td class=r>",
        c->p_holm, c->questions, sign < 0 ? c->worse : c->better, sign < 0 ? c->better : c->worse,
        c->equal);
    if (isnan(c->detectable))
        kv_buf_add_str(p->out, "–");
    else
        kv_page_printf(p, "%.1f", 100 * c->detectable);
    kv_page_printf(p, "</td><td>%s</td></tr>\n", word_of(c, sign));
}

#define CONTRAST_COLUMNS                                                                           \
    "<th scope=col></th><th scope=col class=r>points</th><th scope=col class=r>p</th>"             \
    "<th scope=col class=r>questions<br><small>better / worse / equal</small></th>"                \
    "<th scope=col class=r>smallest that<br>could be seen</th><th scope=col></th></tr></thead>"    \
    "<tbody>\n"

int kv_page_runs(struct kv_page *p, struct kv_err *err)
{
    double reach = reach_of(&p->r->between);
    (void)err;
    kv_buf_add_str(p->out, "<p>Then: <code>");
    kv_page_text(p, kv_slice(p->r->then->path));
    kv_page_printf(p, "</code>, %zu results.</p>\n", p->r->then->n);
    if (!p->r->between.n) {
        kv_buf_add_str(
            p->out, "<p>No model of one file can be compared with one of the other.</p>\n");
        return 0;
    }
    kv_buf_add_str(p->out,
        "<div class=scroll><table><thead><tr><th scope=col>model</th>"
        "<th scope=col class=r>then</th><th scope=col class=r>now</th>" CONTRAST_COLUMNS);
    for (size_t i = 0; i < p->r->between.n; i++) {
        const struct kv_contrast *c = &p->r->between.items[i];
        kv_buf_add_str(p->out, "<tr><th scope=row>");
        kv_page_line(p, c->b);
        kv_buf_add_str(p->out, "</th><td class=r>");
        kv_page_percent(p, p->r->then_rates[c->a].rate);
        kv_buf_add_str(p->out, "</td><td class=r>");
        kv_page_percent(p, p->r->rates[c->b].rate);
        kv_buf_add_str(p->out, "</td>");
        add_contrast(p, c, 1, reach);
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    return 0;
}

static void add_matrix_cell(struct kv_page *p, uint32_t line, uint32_t other)
{
    const struct kv_contrast *c = kv_contrasts_find(&p->r->within, line, other);
    if (!c) {
        kv_buf_add_str(p->out, "<td class=dim>·</td>");
        return;
    }
    double difference = c->a == line ? c->difference : -c->difference;
    bool clear = kv_contrast_is_clear(c);
    kv_page_printf(p, "<td%s>", !clear ? "" : difference > 0 ? " class=p" : " class=w");
    kv_page_points(p, difference);
    kv_buf_add_str(p->out, clear ? difference > 0 ? " ▲" : " ▼" : "");
    kv_buf_add_str(p->out, "</td>");
}

/* Rows against columns, of one judge. */
static void add_matrix(struct kv_page *p, size_t from, size_t to)
{
    kv_buf_add_str(p->out, "<div class=scroll><table class=matrix><caption>Points of the row above "
                           "the column; ▲ and ▼ are clear. Judged by <bdi>");
    kv_page_text_cut(p, kv_report_judge(p->r, p->r->order[from]), 200);
    kv_buf_add_str(p->out, "</bdi></caption><thead><tr><td></td>");
    for (size_t i = from; i < to; i++) {
        kv_buf_add_str(p->out, "<th scope=col>");
        kv_report_add_letter(p->out, p->r, p->r->order[i]);
        kv_buf_add_str(p->out, "</th>");
    }
    kv_buf_add_str(p->out, "</tr></thead><tbody>\n");
    for (size_t i = from; i < to; i++) {
        kv_buf_add_str(p->out, "<tr><th scope=row>");
        kv_page_name(p, p->r->order[i]);
        kv_buf_add_str(p->out, "</th>");
        for (size_t j = from; j < to; j++)
            add_matrix_cell(p, p->r->order[i], p->r->order[j]);
        kv_buf_add_str(p->out, "</tr>\n");
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

static void add_matrices(struct kv_page *p)
{
    const struct kv_rowset *set = p->r->set;
    for (size_t from = 0, to; from < set->line_count; from = to) {
        uint32_t judge = set->lines[p->r->order[from]].judge;
        for (to = from; to < set->line_count && set->lines[p->r->order[to]].judge == judge;)
            to++;
        if (to - from > 2 && to - from <= MATRIX_MAX)
            add_matrix(p, from, to);
    }
}

int kv_page_differences(struct kv_page *p, struct kv_err *err)
{
    const struct kv_contrasts *all = &p->r->within;
    double reach = reach_of(all);
    (void)err;
    add_matrices(p);
    kv_buf_add_str(p->out, "<div class=scroll><table class=sort><thead><tr><th scope=col>model</th>"
                           "<th scope=col>against</th>" CONTRAST_COLUMNS);
    for (size_t i = 0; i < all->n && i < PAIRS_LISTED; i++) {
        const struct kv_contrast *c = &all->items[i];
        bool turned = c->difference < 0;
        kv_buf_add_str(p->out, "<tr><th scope=row>");
        kv_page_name(p, turned ? c->b : c->a);
        kv_buf_add_str(p->out, "</th><td>");
        kv_page_name(p, turned ? c->a : c->b);
        kv_buf_add_str(p->out, "</td>");
        add_contrast(p, c, turned ? -1 : 1, reach);
    }
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    if (all->n > PAIRS_LISTED)
        kv_page_printf(
            p, "<p class=note>%zu more comparisons are in --json.</p>\n", all->n - PAIRS_LISTED);
    if (all->left_out)
        kv_page_printf(p,
            "<p class=note>%zu models beyond the first %d of a judge are not "
            "compared.</p>\n",
            all->left_out, KV_CONTRAST_MODELS_MAX);
    return 0;
}
