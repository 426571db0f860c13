/* report_markdown - a report for the summary of a CI job, as GitHub's Markdown. */
#include "report_markdown.h"

#include "quotation.h"
#include "visible.h"

#include <inttypes.h>
#include <math.h>

enum { LINES = 100, LISTED = 20, CHARS = 160 };

static void md(struct kv_buf *out, struct kv_slice text)
{
    kv_visible_add_cut(out, text, CHARS, KV_VISIBLE_MARKDOWN);
}

static void next(struct kv_buf *out)
{
    kv_buf_add_str(out, " | ");
}

static void more(struct kv_buf *out, size_t n, size_t listed)
{
    if (n > listed)
        kv_buf_printf(out, "\n… and %zu more\n", n - listed);
}

static void add_title(struct kv_buf *out, const struct kv_report *r)
{
    kv_buf_add_str(out, "### ");
    md(out, kv_slice(r->set->path));
    kv_buf_printf(out, ": %zu results, %zu questions", r->set->n, r->set->questions.n);
    if (!r->set->complete)
        kv_buf_add_str(out, " (in progress)");
    kv_buf_add_str(out, "\n\n");
}

static void add_line(struct kv_buf *out, const struct kv_report *r, size_t place)
{
    uint32_t line = r->order[place], other;
    const struct kv_line_rates *rates = &r->rates[line];
    kv_buf_add_str(out, "| ");
    md(out, kv_report_short(r, line));
    if (kv_report_is_tied(r, place, &other)) {
        kv_buf_add_str(out, " (not distinguishable from ");
        md(out, kv_report_short(r, other));
        kv_buf_add_char(out, ')');
    }
    next(out);
    md(out, kv_report_judge(r, line));
    next(out);
    kv_report_add_size(out, rates);
    kv_buf_printf(out, " | %zu | %zu | %zu | %zu | ", rates->passed,
        rates->outcomes[KV_RESULT_WRONG] + rates->outcomes[KV_RESULT_INSUFFICIENT],
        rates->outcomes[KV_RESULT_DECLINED], rates->outcomes[KV_RESULT_ERROR]);
    kv_rates_add_percent(out, rates->rate);
    next(out);
    kv_report_add_interval(out, rates->interval.interval);
    next(out);
    kv_report_add_seconds(out, rates->seconds[0]);
    kv_buf_add_str(out, " |\n");
}

static void add_lines(struct kv_buf *out, const struct kv_report *r)
{
    kv_buf_add_str(out,
        "| model | judge | n | passed | wrong | declined | errors | rate | 95 % interval | p50 |\n"
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < r->set->line_count && i < LINES; i++)
        add_line(out, r, i);
    more(out, r->set->line_count, LINES);
}

static void add_contrast(struct kv_buf *out, const struct kv_contrast *c, double sign)
{
    if (isnan(c->difference))
        kv_buf_add_str(out, "– | – | ");
    else
        kv_buf_printf(out, "%+.1f | ", 100 * sign * c->difference);
    if (!isnan(c->difference) && isnan(c->interval.low))
        kv_buf_add_str(out, "– | ");
    else if (!isnan(c->difference))
        kv_buf_printf(out, "%+.1f to %+.1f | ",
            100 * (sign < 0 ? -c->interval.high : c->interval.low),
            100 * (sign < 0 ? -c->interval.low : c->interval.high));
    kv_buf_printf(out, "%.3f | %zu | %s |\n", c->p_holm, c->questions,
        !kv_contrast_is_clear(c)   ? "not distinguishable"
        : sign * c->difference > 0 ? "higher"
                                   : "lower");
}

static void add_differences(struct kv_buf *out, const struct kv_report *r)
{
    static const char columns[] = " | points | 95 % interval | p | questions | |\n"
                                  "|---|---|--:|--:|--:|--:|---|\n";
    if (r->between.n)
        kv_buf_printf(out, "\n| now | then%s", columns);
    for (size_t i = 0; i < r->between.n && i < LINES; i++) {
        const struct kv_contrast *c = &r->between.items[i];
        kv_buf_add_str(out, "| ");
        md(out, kv_report_short(r, c->b));
        next(out);
        kv_rates_add_percent(out, r->then_rates[c->a].rate);
        next(out);
        add_contrast(out, c, 1);
    }
    if (r->within.n)
        kv_buf_printf(out, "\n| model | against%s", columns);
    for (size_t i = 0; i < r->within.n && i < LISTED; i++) {
        const struct kv_contrast *c = &r->within.items[i];
        bool turned = c->difference < 0;
        kv_buf_add_str(out, "| ");
        md(out, kv_report_short(r, turned ? c->b : c->a));
        next(out);
        md(out, kv_report_short(r, turned ? c->a : c->b));
        next(out);
        add_contrast(out, c, turned ? -1 : 1);
    }
    more(out, r->within.n, LISTED);
}

static int add_example(
    struct kv_buf *out, const struct kv_report *r, uint32_t fact, struct kv_err *err)
{
    struct kv_quotation q;
    struct kv_buf text = {0};
    if (kv_quotation_read(&q, r->set, fact, err) != 0)
        return -1;
    kv_buf_reserve(&text, 1);
    kv_quotation_add_text(&text, q.metadata, "question_text");
    md(out, text.n ? kv_slice_of(&text) : kv_rowset_question(r->set, r->set->facts[fact].question));
    kv_buf_release(&text);
    kv_quotation_release(&q);
    return 0;
}

static int add_failures(struct kv_buf *out, const struct kv_report *r, struct kv_err *err)
{
    const struct kv_failure_kinds *f = &r->failures;
    if (!f->kind_count)
        return 0;
    kv_buf_add_str(out, "\n<details><summary>What did not pass</summary>\n\n"
                        "| count | outcome | reason | for example |\n|--:|---|---|---|\n");
    for (size_t i = 0; i < f->kind_count && i < LISTED; i++) {
        const struct kv_failure_kind *k = &f->kinds[i];
        struct kv_slice category, stage, reason;
        kv_failure_kinds_parts(
            kv_names_text(&r->set->names.reasons, k->reason), &category, &stage, &reason);
        kv_buf_printf(out, "| %zu | %s | ", k->count, kv_result_outcome_name(k->outcome));
        if (k->outcome == KV_RESULT_ERROR) {
            md(out, category);
            kv_buf_add_str(out, ": ");
        }
        md(out, reason);
        next(out);
        if (add_example(out, r, k->example[0], err) != 0)
            return -1;
        kv_buf_add_str(out, " |\n");
    }
    more(out, f->kind_count, LISTED);
    kv_buf_add_str(out, "\n</details>\n");
    if (f->all_fail)
        kv_buf_printf(out,
            "\n%zu questions that every model fails; of %zu of them all say the same: "
            "check the reference.\n",
            f->all_fail, f->all_say);
    return 0;
}

int kv_report_markdown_add(struct kv_buf *out, const struct kv_report *r, struct kv_err *err)
{
    add_title(out, r);
    add_lines(out, r);
    add_differences(out, r);
    if (add_failures(out, r, err) != 0)
        return -1;
    if (r->health.marks[0])
        kv_buf_printf(out, "\n%zu answers stopped at the token limit.\n", r->health.marks[0]);
    return 0;
}
