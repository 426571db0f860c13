/* page - what the sections of the HTML page share: text, numbers, bars, links. */
#include "page.h"

#include "quotation.h"
#include "visible.h"

#include <inttypes.h>
#include <math.h>

void kv_page_text(struct kv_page *p, struct kv_slice text)
{
    kv_visible_add(p->out, text, KV_VISIBLE_HTML);
}

void kv_page_text_cut(struct kv_page *p, struct kv_slice text, size_t max)
{
    kv_visible_add_cut(p->out, text, max, KV_VISIBLE_HTML);
}

void kv_page_printf(struct kv_page *p, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(p->out, format, ap);
    va_end(ap);
}

/* ---- numbers ---- */

void kv_page_percent(struct kv_page *p, double share)
{
    kv_rates_add_percent(p->out, share);
}

void kv_page_points(struct kv_page *p, double share)
{
    if (isnan(share))
        kv_buf_add_str(p->out, "–");
    else
        kv_page_printf(p, "%s%.1f", share < 0 ? "−" : "+", fabs(100 * share));
}

void kv_page_ratio(struct kv_page *p, double x)
{
    if (isnan(x))
        kv_buf_add_str(p->out, "–");
    else
        kv_page_printf(p, "%s%.2f", x < 0 ? "−" : "", fabs(x));
}

/* ---- names ---- */

void kv_page_letter(struct kv_page *p, uint32_t line)
{
    kv_buf_add_str(p->out, "<span class=letter>");
    kv_report_add_letter(p->out, p->r, line);
    kv_buf_add_str(p->out, "</span>");
}

void kv_page_name(struct kv_page *p, uint32_t line)
{
    kv_page_letter(p, line);
    kv_buf_add_str(p->out, " <bdi>");
    kv_page_text_cut(p, kv_report_short(p->r, line), 200);
    kv_buf_add_str(p->out, "</bdi>");
}

void kv_page_line(struct kv_page *p, uint32_t line)
{
    kv_page_name(p, line);
    if (kv_report_judges(p->r) < 2)
        return;
    kv_buf_add_str(p->out, " <small class=by>judged by <bdi>");
    kv_page_text_cut(p, kv_report_judge(p->r, line), 200);
    kv_buf_add_str(p->out, "</bdi></small>");
}

int kv_page_question_link(struct kv_page *p, uint32_t question, size_t max, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    struct kv_quotation q;
    if (kv_quotation_read(&q, set, kv_rowset_first(set, question), err) != 0)
        return -1;
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    kv_quotation_add_text(&p->text, q.metadata, "question_text");
    kv_page_printf(p, "<a href=\"#q%" PRIu32 "\"><bdi>", question + 1);
    kv_page_text_cut(p, p->text.n ? kv_slice_of(&p->text) : kv_rowset_question(set, question), max);
    kv_buf_add_str(p->out, "</bdi></a>");
    kv_quotation_release(&q);
    return 0;
}

/* ---- bars ---- */

static void open_bar(struct kv_page *p)
{
    kv_buf_add_str(p->out, "<svg class=bar viewBox=\"0 0 100 16\" preserveAspectRatio=none "
                           "aria-hidden=true><rect class=track y=3 width=100 height=10 />");
}

static void add_whisker(struct kv_page *p, double low, double high)
{
    kv_page_printf(
        p, "<path class=whisker d=\"M%.2f 8H%.2fM%.2f 4V12M%.2f 4V12\"/>", low, high, low, high);
}

void kv_page_bar(struct kv_page *p, double rate, struct kv_interval i)
{
    open_bar(p);
    if (!isnan(rate))
        kv_page_printf(p, "<rect class=fill y=3 width=%.2f height=10 />", 100 * rate);
    if (!isnan(i.low))
        add_whisker(p, 100 * i.low, 100 * i.high);
    kv_buf_add_str(p->out, "</svg>");
}

static double at(double x, double reach)
{
    double place = 50 + 48 * x / reach;
    return place < 0 ? 0 : place > 100 ? 100 : place;
}

void kv_page_dot(struct kv_page *p, double difference, struct kv_interval i, double reach)
{
    open_bar(p);
    kv_buf_add_str(p->out, "<path class=zero d=\"M50 1V15\"/>");
    if (!isnan(i.low))
        add_whisker(p, at(i.low, reach), at(i.high, reach));
    if (!isnan(difference))
        kv_page_printf(
            p, "<rect class=dot x=%.2f y=4 width=1.6 height=8 />", at(difference, reach) - 0.8);
    kv_buf_add_str(p->out, "</svg>");
}
