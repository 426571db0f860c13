/* report_junit - results as JUnit XML, for CI: a suite a line, a test case a row.
 *
 * The layout is that of Jenkins' schema; lengths are cut as other tools of the kind cut them.
 */
#include "report_junit.h"

#include "json.h"
#include "quotation.h"
#include "reformat.h"
#include "visible.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NAME_MAX_CHARS = 512, MESSAGE_MAX_CHARS = 1024, TEXT_MAX_CHARS = 4096 };

static void xml(struct kv_buf *out, struct kv_slice text, size_t max)
{
    kv_visible_add_cut(out, text, max, KV_VISIBLE_XML);
}

/* ---- sums ---- */

struct sums {
    size_t tests, failures, errors, skipped;
    double seconds;
};

static struct sums sum_line(const struct kv_report *r, size_t line)
{
    const struct kv_line_rates *rates = &r->rates[line];
    struct sums s = {.tests = rates->tasks};
    s.failures = rates->outcomes[KV_RESULT_WRONG] + rates->outcomes[KV_RESULT_DECLINED] +
                 rates->outcomes[KV_RESULT_INSUFFICIENT];
    s.errors = rates->outcomes[KV_RESULT_ERROR];
    s.skipped = rates->outcomes[KV_RESULT_UNSCORED];
    struct kv_detail d = {0};
    for (size_t i = r->set->line_at[line]; i < r->set->line_at[line + 1]; i++) {
        kv_rowset_detail(r->set, &r->set->facts[r->set->by_line[i]], &d);
        s.seconds += isnan(d.seconds) ? 0 : d.seconds;
    }
    kv_detail_release(&d);
    return s;
}

/* The element around all suites has no count of skipped ones in Jenkins' schema. */
static void add_sums(struct kv_buf *out, const struct sums *s, bool suite)
{
    kv_buf_printf(
        out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", s->tests, s->failures, s->errors);
    if (suite)
        kv_buf_printf(out, " skipped=\"%zu\"", s->skipped);
    kv_buf_printf(out, " time=\"%.3f\"", s->seconds);
}

/* ---- a case ---- */

static void add_quoted(struct kv_buf *out, const struct kv_quotation *q, const char *member)
{
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    kv_quotation_add_text(&text, q->metadata, member);
    xml(out, kv_slice_of(&text), NAME_MAX_CHARS);
    kv_buf_release(&text);
}

static void add_message(struct kv_buf *out, const struct kv_quotation *q, const char *fallback)
{
    struct kv_slice failure = kv_quotation_get(q->metadata, "failure");
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    kv_quotation_add_text(&text, failure, "category");
    if (!text.n)
        kv_buf_add_str(&text, fallback);
    kv_buf_add_str(&text, ": ");
    kv_quotation_add_reason(&text, q->whole);
    xml(out, kv_slice_of(&text), MESSAGE_MAX_CHARS);
    kv_buf_release(&text);
}

static void add_object(struct kv_buf *out, const struct kv_quotation *q, const char *member)
{
    struct kv_slice object = kv_quotation_get(q->template, member);
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    if (object.n)
        kv_reformat(&text, object, KV_REFORMAT_COMPACT);
    else
        kv_buf_add_str(&text, "null");
    xml(out, kv_slice_of(&text), TEXT_MAX_CHARS);
    kv_buf_release(&text);
}

static void add_end(struct kv_buf *out, const struct kv_quotation *q, enum kv_result_outcome o)
{
    if (o == KV_RESULT_PASSED) {
        kv_buf_add_str(out, "/>\n");
        return;
    }
    if (o == KV_RESULT_UNSCORED) {
        kv_buf_add_str(out, "><skipped message=\"no verdict\"/></testcase>\n");
        return;
    }
    const char *element = o == KV_RESULT_ERROR ? "error" : "failure";
    kv_buf_printf(out, "><%s type=\"%s\" message=\"", element, kv_result_outcome_name(o));
    add_message(out, q, kv_result_outcome_name(o));
    kv_buf_add_str(out, "\">");
    if (o != KV_RESULT_ERROR) {
        kv_buf_add_str(out, "expected ");
        add_object(out, q, "parsed_gt_response");
        kv_buf_add_str(out, ", got ");
        add_object(out, q, "parsed_llm_response");
    }
    kv_buf_printf(out, "</%s></testcase>\n", element);
}

static void add_line_name(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    xml(out, kv_report_answering(r, line), NAME_MAX_CHARS);
    kv_buf_add_str(out, " / ");
    xml(out, kv_report_judge(r, line), NAME_MAX_CHARS);
}

static void add_case(struct kv_buf *out, const struct kv_report *r, const struct kv_fact *f,
    const struct kv_quotation *q)
{
    struct kv_detail d = {0};
    kv_rowset_detail(r->set, f, &d);
    kv_buf_add_str(out, "<testcase classname=\"");
    add_line_name(out, r, f->line);
    kv_buf_add_str(out, "\" name=\"");
    if (kv_quotation_get(q->metadata, "question_text").n)
        add_quoted(out, q, "question_text");
    else
        xml(out, kv_rowset_question(r->set, f->question), NAME_MAX_CHARS);
    if (f->replicate != KV_FACT_NO_REPLICATE)
        kv_buf_printf(out, " #%" PRId32, f->replicate);
    kv_buf_printf(out, "\" time=\"%.3f\"", isnan(d.seconds) ? 0 : d.seconds);
    kv_detail_release(&d);
    add_end(out, q, (enum kv_result_outcome)f->outcome);
}

/* ---- suites ---- */

/* "2026-11-27 09:01:32" as the schema has it. */
static void add_timestamp(struct kv_buf *out, const struct kv_quotation *q)
{
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    kv_quotation_add_text(&text, q->metadata, "timestamp");
    if (text.n == 19) {
        text.p[10] = 'T';
        kv_buf_add_str(out, " timestamp=\"");
        xml(out, kv_slice_of(&text), NAME_MAX_CHARS);
        kv_buf_add_char(out, '"');
    }
    kv_buf_release(&text);
}

static int write_suite(
    struct kv_sink *s, const struct kv_report *r, uint32_t line, struct kv_err *err)
{
    const struct kv_rowset *set = r->set;
    struct sums sums = sum_line(r, line);
    kv_buf_add_str(&s->held, "<testsuite name=\"");
    add_line_name(&s->held, r, line);
    kv_buf_add_char(&s->held, '"');
    add_sums(&s->held, &sums, true);
    for (size_t i = set->line_at[line]; i < set->line_at[line + 1]; i++) {
        struct kv_quotation q;
        if (kv_quotation_read(&q, set, set->by_line[i], err) != 0)
            return -1;
        if (i == set->line_at[line]) {
            add_timestamp(&s->held, &q);
            kv_buf_add_str(&s->held, ">\n");
        }
        add_case(&s->held, r, &set->facts[set->by_line[i]], &q);
        kv_quotation_release(&q);
        kv_sink_step(s);
    }
    kv_buf_add_str(&s->held, "</testsuite>\n");
    return 0;
}

int kv_report_junit_write(struct kv_sink *s, const struct kv_report *r, struct kv_err *err)
{
    struct sums all = {0};
    for (size_t i = 0; i < r->set->line_count; i++) {
        struct sums one = sum_line(r, i);
        all.tests += one.tests;
        all.failures += one.failures;
        all.errors += one.errors;
        all.skipped += one.skipped;
        all.seconds += one.seconds;
    }
    kv_buf_add_str(&s->held, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kv\"");
    add_sums(&s->held, &all, false);
    kv_buf_add_str(&s->held, ">\n");
    for (uint32_t i = 0; i < r->set->line_count; i++)
        if (r->set->line_at[i + 1] > r->set->line_at[i] && write_suite(s, r, i, err) != 0)
            return -1;
    kv_buf_add_str(&s->held, "</testsuites>\n");
    return 0;
}
