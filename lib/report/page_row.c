/* page_row - a result on the page: what was answered, extracted and judged. */
#include "json.h"
#include "page.h"
#include "quotation.h"
#include "reformat.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void kv_page_take_text(struct kv_page *p, struct kv_slice object, const char *member)
{
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    kv_quotation_add_text(&p->text, object, member);
}

/* A text in full, up to a limit that it says. */
void kv_page_block(struct kv_page *p, struct kv_slice text, const char *element)
{
    struct kv_slice head = text;
    if (text.n > KV_PAGE_TEXT_BYTES) {
        head.n = KV_PAGE_TEXT_BYTES;
        while (head.n && ((unsigned char)head.p[head.n] & 0xC0) == 0x80)
            head.n--;
    }
    kv_page_printf(p, "<%s dir=auto>", element);
    kv_page_text(p, head);
    if (head.n < text.n)
        kv_page_printf(p, " … [%zu more bytes]", text.n - head.n);
    kv_page_printf(p, "</%s>\n", element);
}

/* The first cell of a row: a name, as a member of an object has it. */
static void add_row_head(struct kv_page *p, struct kv_slice name)
{
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    kv_json_unescape(name, &p->text);
    kv_buf_add_str(p->out, "<tr><th scope=row><bdi>");
    kv_page_text_cut(p, kv_slice_of(&p->text), 500);
    kv_buf_add_str(p->out, "</bdi></th>");
}

static void add_value(struct kv_page *p, struct kv_slice value)
{
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    if (value.n)
        kv_reformat(&p->text, value, KV_REFORMAT_COMPACT);
    kv_buf_add_str(p->out, "<td><code>");
    if (value.n)
        kv_page_text_cut(p, kv_slice_of(&p->text), 2000);
    else
        kv_buf_add_str(p->out, "–");
    kv_buf_add_str(p->out, "</code></td>");
}

static struct kv_slice member_of(struct kv_slice object, struct kv_slice quoted)
{
    char *name = kv_json_strdup(quoted);
    struct kv_slice value = kv_quotation_get(object, name);
    free(name);
    return value;
}

static void add_fields(struct kv_page *p, const struct kv_quotation *q)
{
    struct kv_slice results = kv_quotation_get(q->template, "field_results"), name, verdict;
    struct kv_slice expected = kv_quotation_get(q->template, "parsed_gt_response");
    struct kv_slice said = kv_quotation_get(q->template, "parsed_llm_response");
    struct kv_json_walk walk;
    bool any = false;
    kv_json_begin(&walk, results);
    for (; kv_json_member(&walk, &name, &verdict); any = true) {
        if (!any)
            kv_buf_add_str(p->out,
                "<div class=cells><table><thead><tr><th scope=col>field</th><th scope=col>"
                "expected</th><th scope=col>extracted</th><th scope=col>verdict</th></tr>"
                "</thead><tbody>");
        add_row_head(p, name);
        add_value(p, member_of(expected, name));
        add_value(p, member_of(said, name));
        kv_page_printf(p, "<td>%s</td></tr>",
            kv_json_is_true(verdict)   ? "<span class=\"o p\">✓ passed</span>"
            : kv_json_is_null(verdict) ? "<span class=\"o u\">○ nothing extracted</span>"
                                       : "<span class=\"o w\">✗ failed</span>");
    }
    if (any)
        kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

static void add_named(
    struct kv_page *p, const char *name, struct kv_slice object, const char *member)
{
    kv_page_take_text(p, object, member);
    if (!p->text.n)
        return;
    kv_page_printf(p, "<p><small>%s</small> <span dir=auto>", name);
    kv_page_text_cut(p, kv_slice_of(&p->text), 2000);
    kv_buf_add_str(p->out, "</span></p>\n");
}

static void add_reason(struct kv_page *p, struct kv_slice row)
{
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    kv_quotation_add_reason(&p->text, row);
    if (!p->text.n)
        return;
    kv_buf_add_str(p->out, "<p><small>reason</small> <span dir=auto>");
    kv_page_text_cut(p, kv_slice_of(&p->text), 2000);
    kv_buf_add_str(p->out, "</span></p>\n");
}

static void add_list(struct kv_page *p, const char *name, struct kv_slice list)
{
    struct kv_json_walk walk;
    struct kv_slice item;
    kv_json_begin(&walk, list);
    while (kv_json_item(&walk, &item)) {
        if (kv_json_type(item) != KV_JSON_STRING)
            continue;
        kv_buf_clear(&p->text);
        kv_buf_reserve(&p->text, 1);
        kv_json_unescape(item, &p->text);
        kv_page_printf(p, "<p><small>%s</small> <span dir=auto>", name);
        kv_page_text_cut(p, kv_slice_of(&p->text), 1000);
        kv_buf_add_str(p->out, "</span></p>\n");
    }
}

/* All maps of trait scores, as they stand in the row. */
static void add_rubric(struct kv_page *p, const struct kv_quotation *q)
{
    static const char *const maps[] = {"llm_trait_scores", "regex_trait_scores",
        "callable_trait_scores", "metric_trait_scores", "agentic_trait_scores", "llm_trait_labels"};
    struct kv_slice rubric = kv_quotation_get(q->whole, "rubric");
    bool any = false;
    for (size_t i = 0; rubric.n && i < sizeof maps / sizeof *maps; i++) {
        struct kv_json_walk walk;
        struct kv_slice name, value;
        kv_json_begin(&walk, kv_quotation_get(rubric, maps[i]));
        for (; kv_json_member(&walk, &name, &value); any = true) {
            if (!any)
                kv_buf_add_str(p->out, "<div class=cells><table><thead><tr><th scope=col>trait</th>"
                                       "<th scope=col>score</th></tr></thead><tbody>");
            add_row_head(p, name);
            add_value(p, value);
            kv_buf_add_str(p->out, "</tr>");
        }
    }
    if (any)
        kv_buf_add_str(p->out, "</tbody></table></div>\n");
}

static void add_tokens(struct kv_page *p, const struct kv_detail *d)
{
    kv_buf_add_str(p->out, " · answer ");
    kv_report_add_count(p->out, d->answering.input);
    kv_buf_add_str(p->out, " + ");
    kv_report_add_count(p->out, d->answering.output);
    kv_buf_add_str(p->out, " tokens · judge ");
    kv_report_add_count(p->out, d->judging.input);
    kv_buf_add_str(p->out, " + ");
    kv_report_add_count(p->out, d->judging.output);
}

static void add_meta(struct kv_page *p, const struct kv_fact *f, const struct kv_quotation *q)
{
    struct kv_detail d = {0};
    kv_rowset_detail(p->r->set, f, &d);
    kv_buf_add_str(p->out, "<p class=small>");
    kv_report_add_seconds(p->out, d.seconds);
    if (!isnan(d.first_token)) {
        kv_buf_add_str(p->out, ", first token after ");
        kv_report_add_seconds(p->out, d.first_token);
    }
    if (d.answering.input + d.answering.output + d.judging.input + d.judging.output)
        add_tokens(p, &d);
    for (size_t i = 0; i < KV_RETRY_CLASSES; i++)
        if (d.retries[i])
            kv_page_printf(p, " · %u × %s retried", d.retries[i], kv_row_facts_retries[i]);
    kv_detail_release(&d);
    kv_page_take_text(p, q->metadata, "timestamp");
    kv_buf_add_str(p->out, " · ");
    kv_page_text_cut(p, kv_slice_of(&p->text), 40);
    kv_buf_add_str(p->out, "</p>\n");
}

static void add_heading(struct kv_page *p, const struct kv_fact *f)
{
    const char *name = kv_result_outcome_name((enum kv_result_outcome)f->outcome);
    char class = f->outcome == KV_RESULT_INSUFFICIENT ? 'w' : *name;
    kv_buf_add_str(p->out, "<h4>");
    kv_page_line(p, f->line);
    if (f->replicate != KV_FACT_NO_REPLICATE)
        kv_page_printf(p, " <small>replicate %" PRId32 "</small>", f->replicate);
    kv_page_printf(p, " <span class=\"o %c\">%s</span></h4>\n", class, name);
}

int kv_page_row(
    struct kv_page *p, uint32_t fact, bool beside, uint64_t *answer_above, struct kv_err *err)
{
    const struct kv_fact *f = &p->r->set->facts[fact];
    struct kv_quotation q;
    struct kv_buf answer = {0};
    if (kv_quotation_read(&q, p->r->set, fact, err) != 0)
        return -1;
    uint64_t said = kv_row_facts_answer(kv_json_find(q.template, "raw_llm_response"));
    bool same_answer = beside && said == *answer_above;
    *answer_above = said;
    add_heading(p, f);
    kv_buf_reserve(&answer, 1);
    if (!same_answer)
        kv_quotation_add_answer(&answer, &q);
    if (answer.n)
        kv_page_block(p, kv_slice_of(&answer), "pre");
    if (!answer.n && !q.metadata.n) { /* a job of any kind: all that it gave */
        kv_reformat_space(&answer, q.whole);
        kv_page_block(p, kv_slice_of(&answer), "pre");
    }
    kv_buf_release(&answer);
    add_fields(p, &q);
    if (f->outcome != KV_RESULT_PASSED && f->outcome != KV_RESULT_WRONG)
        add_reason(p, q.whole);
    add_named(p, "check", q.template, "field_verification_error");
    add_named(p, "abstention", q.template, "abstention_reasoning");
    add_named(p, "sufficiency", q.template, "sufficiency_reasoning");
    add_rubric(p, &q);
    add_list(p, "caveat", kv_quotation_get(q.metadata, "caveats"));
    add_list(p, "warning", kv_quotation_get(q.metadata, "warnings"));
    add_meta(p, f, &q);
    kv_quotation_release(&q);
    return 0;
}
