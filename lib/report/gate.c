/* gate - whether a report's numbers are good enough for whoever set a limit. */
#include "gate.h"

#include "num.h"
#include "visible.h"

#include <math.h>

int kv_gate_parse(const char *text, double *below, struct kv_err *err)
{
    struct kv_slice number = kv_slice_strip(kv_slice(text));
    bool percent = number.n && number.p[number.n - 1] == '%';
    if (percent)
        number = kv_slice_strip((struct kv_slice){number.p, number.n - 1});
    if (!kv_num_double(number, below))
        return kv_err_set(err, KV_USAGE, "a share such as 0.8 or 80%% is expected, not '%s'", text);
    if (percent)
        *below /= 100;
    if (!(*below >= 0 && *below <= 1))
        return kv_err_set(err, KV_USAGE, "'%s' is not between 0 and 1", text);
    return 0;
}

static void add_line(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    kv_visible_add(out, kv_report_answering(r, line), KV_VISIBLE_PLAIN);
    if (kv_report_judges(r) < 2)
        return;
    kv_buf_add_str(out, ", judged by ");
    kv_visible_add(out, kv_report_judge(r, line), KV_VISIBLE_PLAIN);
}

static size_t check_rates(struct kv_buf *out, double below, const struct kv_report *r)
{
    size_t failed = 0;
    for (size_t i = 0; i < r->set->line_count; i++) {
        uint32_t line = r->order[i];
        const struct kv_line_rates *rates = &r->rates[line];
        if (rates->interval.interval.low >= below)
            continue;
        failed++;
        add_line(out, r, line);
        kv_buf_add_str(out, ": ");
        if (isnan(rates->interval.interval.low))
            kv_buf_printf(out, "no rate: none of its %zu results has a verdict\n", rates->tasks);
        else
            kv_buf_printf(out,
                "rate %.1f %% of n = %zu, and may be as low as %.1f %%: below %.1f %%\n",
                100 * rates->rate, rates->scored, 100 * rates->interval.interval.low, 100 * below);
    }
    if (r->set->line_count == 0) {
        kv_buf_add_str(out, "no results: no rate\n");
        failed++;
    }
    return failed;
}

static void add_regression(struct kv_buf *out, const struct kv_report *r, uint32_t line,
    const char *than, double difference, double p)
{
    add_line(out, r, line);
    kv_buf_printf(out, ": lower than %s by %.1f points (p = %.2g)\n", than, -100 * difference, p);
}

static size_t check_baseline(struct kv_buf *out, const struct kv_report *r)
{
    size_t failed = 0;
    for (size_t i = 0; i < r->within.n; i++) {
        const struct kv_contrast *c = &r->within.items[i];
        bool first = r->set->lines[c->a].answering == r->baseline;
        bool second = r->set->lines[c->b].answering == r->baseline;
        double difference = first ? -c->difference : c->difference;
        if (!(first || second) || !kv_contrast_is_clear(c) || !(difference < 0))
            continue;
        add_regression(out, r, first ? c->b : c->a, "the baseline", difference, c->p_holm);
        failed++;
    }
    return failed;
}

static size_t check_runs(struct kv_buf *out, const struct kv_report *r)
{
    size_t failed = 0;
    for (size_t i = 0; i < r->between.n; i++) {
        const struct kv_contrast *c = &r->between.items[i];
        if (!kv_contrast_is_clear(c) || !(c->difference < 0))
            continue;
        add_regression(out, r, c->b, "then", c->difference, c->p_holm);
        failed++;
    }
    if (r->then && r->between.n == 0) {
        kv_buf_add_str(out, "no model of one file can be compared with one of the other\n");
        failed++;
    }
    return failed;
}

size_t kv_gate_check(struct kv_buf *out, const struct kv_gate *gate, const struct kv_report *r)
{
    size_t failed = isnan(gate->below) ? 0 : check_rates(out, gate->below, r);
    if (gate->regression)
        failed += check_runs(out, r) + (r->baseline != KV_NO_NAME ? check_baseline(out, r) : 0);
    return failed;
}
