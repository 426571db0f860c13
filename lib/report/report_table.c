/* report_table - the lines of a report as a table of text, and how numbers are spelled in tables.
 */
#include "report.h"
#include "text_table.h"
#include "visible.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- numbers ---- */

void kv_report_add_count(struct kv_buf *out, uint64_t n)
{
    if (n >= 10000000)
        kv_buf_printf(out, "%.1f M", (double)n / 1e6);
    else if (n >= 1000000)
        kv_buf_printf(
            out, "%" PRIu64 ",%03d,%03d", n / 1000000, (int)(n / 1000 % 1000), (int)(n % 1000));
    else if (n >= 1000)
        kv_buf_printf(out, "%" PRIu64 ",%03d", n / 1000, (int)(n % 1000));
    else
        kv_buf_printf(out, "%" PRIu64, n);
}

void kv_report_add_money(struct kv_buf *out, double cost)
{
    if (isnan(cost))
        kv_buf_add_str(out, "–");
    else
        kv_price_add_amount(out, cost);
}

void kv_report_add_seconds(struct kv_buf *out, double seconds)
{
    if (isnan(seconds))
        kv_buf_add_str(out, "–");
    else
        kv_buf_printf(out, seconds < 10 ? "%.2f s" : seconds < 100 ? "%.1f s" : "%.0f s", seconds);
}

void kv_report_add_interval(struct kv_buf *out, struct kv_interval i)
{
    if (isnan(i.low))
        kv_buf_add_str(out, "–");
    else
        kv_buf_printf(out, "%.1f–%.1f %%", 100 * i.low, 100 * i.high);
}

void kv_report_add_size(struct kv_buf *out, const struct kv_line_rates *rates)
{
    kv_buf_printf(out, "%zu", rates->questions);
    if (rates->replicates > 1)
        kv_buf_printf(out, " × %zu", rates->replicates);
}

/* ---- the table ---- */

/* Columns that say nothing are left out. */
struct columns {
    bool declined, unscored, cost, tokens, seconds;
};

static struct columns find_columns(const struct kv_report *r)
{
    struct columns c = {0};
    for (size_t i = 0; i < r->set->line_count; i++) {
        const struct kv_line_rates *rates = &r->rates[i];
        c.declined |= rates->outcomes[KV_RESULT_DECLINED] > 0;
        c.unscored |= rates->outcomes[KV_RESULT_UNSCORED] > 0;
        c.seconds |= rates->timed > 0;
    }
    c.tokens = r->consumptions.total.input + r->consumptions.total.output > 0;
    c.cost = !isnan(r->consumptions.total.cost);
    return c;
}

static void cell(struct kv_text_table *t, struct kv_buf *text)
{
    kv_text_table_cell(t, kv_slice_of(text));
    kv_buf_clear(text);
    kv_buf_reserve(text, 1);
}

static void number(struct kv_text_table *t, struct kv_buf *text, uint64_t n)
{
    kv_report_add_count(text, n);
    cell(t, text);
}

static void add_heading(struct kv_text_table *t, const struct columns *c)
{
    static const char *const fixed[] = {"model", "n", "passed", "wrong"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        kv_text_table_cell(t, kv_slice(fixed[i]));
    if (c->declined)
        kv_text_table_cell(t, KV_SLICE("declined"));
    kv_text_table_cell(t, KV_SLICE("errors"));
    if (c->unscored)
        kv_text_table_cell(t, KV_SLICE("unscored"));
    kv_text_table_cell(t, KV_SLICE("rate"));
    kv_text_table_cell(t, KV_SLICE("95 % interval"));
    if (c->tokens)
        kv_text_table_cell(t, KV_SLICE("tokens"));
    if (c->cost)
        kv_text_table_cell(t, KV_SLICE("cost"));
    if (c->seconds)
        kv_text_table_cell(t, KV_SLICE("p50"));
}

static const struct kv_consumer *consumer(const struct kv_report *r, uint32_t model)
{
    for (size_t i = 0; i < r->consumptions.n; i++)
        if (r->consumptions.items[i].model == model && !r->consumptions.items[i].judges)
            return &r->consumptions.items[i];
    return NULL;
}

static void add_use(struct kv_text_table *t, struct kv_buf *text, const struct kv_report *r,
    uint32_t line, const struct columns *c)
{
    const struct kv_consumer *used = consumer(r, r->set->lines[line].answering);
    if (c->tokens && used && kv_consumptions_counted(used))
        number(t, text, used->used.input + used->used.output);
    else if (c->tokens)
        kv_text_table_cell(t, KV_SLICE("–"));
    if (c->cost) {
        kv_report_add_money(text, used ? used->used.cost : NAN);
        cell(t, text);
    }
    if (c->seconds) {
        kv_report_add_seconds(text, r->rates[line].seconds[0]);
        cell(t, text);
    }
}

static void add_line(
    struct kv_text_table *t, const struct kv_report *r, uint32_t line, const struct columns *c)
{
    const struct kv_line_rates *rates = &r->rates[line];
    struct kv_buf text = {0};
    kv_visible_add(&text, kv_report_short(r, line), KV_VISIBLE_PLAIN);
    cell(t, &text);
    kv_report_add_size(&text, rates);
    cell(t, &text);
    number(t, &text, rates->passed);
    number(t, &text, rates->outcomes[KV_RESULT_WRONG] + rates->outcomes[KV_RESULT_INSUFFICIENT]);
    if (c->declined)
        number(t, &text, rates->outcomes[KV_RESULT_DECLINED]);
    number(t, &text, rates->outcomes[KV_RESULT_ERROR]);
    if (c->unscored)
        number(t, &text, rates->outcomes[KV_RESULT_UNSCORED]);
    kv_rates_add_percent(&text, rates->rate);
    cell(t, &text);
    kv_report_add_interval(&text, rates->interval.interval);
    cell(t, &text);
    add_use(t, &text, r, line, c);
    kv_buf_release(&text);
}

static void add_block(struct kv_buf *out, const struct kv_report *r, size_t from, size_t to,
    const struct columns *c, size_t width)
{
    struct kv_text_table t;
    struct kv_buf align = {0};
    size_t more = (size_t)c->declined + c->unscored + c->tokens + c->cost + c->seconds;
    kv_buf_add_str(&align, "lrrrrrr");
    for (size_t i = 0; i < more; i++)
        kv_buf_add_char(&align, 'r');
    kv_text_table_init(&t, align.p);
    add_heading(&t, c);
    for (size_t i = from; i < to; i++)
        add_line(&t, r, r->order[i], c);
    kv_text_table_add(out, &t, width);
    kv_text_table_release(&t);
    kv_buf_release(&align);
}

static bool fits(const struct kv_buf *block, size_t width)
{
    const char *end = memchr(block->p, '\n', block->n);
    return !width ||
           kv_visible_columns((struct kv_slice){block->p, (size_t)(end - block->p)}) <= width;
}

/* Where columns are scarce, seconds and then tokens go before a model's name is cut. */
static void add_judge(struct kv_buf *out, const struct kv_report *r, size_t from, size_t to,
    struct columns c, size_t width)
{
    struct kv_buf block = {0};
    kv_buf_add_str(out, "judged by ");
    kv_visible_add(out, kv_report_judge(r, r->order[from]), KV_VISIBLE_PLAIN);
    kv_buf_add_char(out, '\n');
    for (;;) {
        kv_buf_clear(&block);
        add_block(&block, r, from, to, &c, 0);
        if (fits(&block, width) || (!c.seconds && !c.tokens))
            break;
        if (c.seconds)
            c.seconds = false;
        else
            c.tokens = false;
    }
    kv_buf_release(&block);
    add_block(out, r, from, to, &c, width);
}

void kv_report_table_add(struct kv_buf *out, const struct kv_report *r, size_t width)
{
    struct columns c = find_columns(r);
    size_t n = r->set->line_count;
    for (size_t from = 0, to; from < n; from = to) {
        uint32_t judge = r->set->lines[r->order[from]].judge;
        for (to = from + 1; to < n && r->set->lines[r->order[to]].judge == judge;)
            to++;
        if (from)
            kv_buf_add_char(out, '\n');
        add_judge(out, r, from, to, c, width);
    }
    if (n == 0)
        kv_buf_add_str(out, "no results\n");
}
