/* kvtest report - the room report, for the tests.
 *
 *   kvtest report statistics    lines of vectors.jsonl: {"got":[...]} of each
 *   kvtest report reason        lines of {"text"}: the reason made common, as a JSON string
 *   kvtest report visible STYLE lines of {"text"}: plain, html, xml or markdown, as a JSON string
 *   kvtest report detail        lines of {"numbers","tokens","warnings","fields"}: the same, packed and
 *                               unpacked, and how many bytes it was; fields as [name, verdict, value]
 *   kvtest report table FILE WIDTH   the table of a results file
 */
#include "kvtest.h"

#include "detail.h"
#include "filter.h"
#include "json_out.h"
#include "num.h"
#include "reason.h"
#include "report.h"
#include "statistics.h"
#include "visible.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 256 };

/* ---- statistics ---- */

static size_t numbers(struct kv_slice list, double *x)
{
    struct kv_json_walk walk;
    struct kv_slice item;
    size_t n = 0;
    kv_json_begin(&walk, list);
    while (n < MANY && kv_json_item(&walk, &item))
        if (kv_num_double(item, &x[n]))
            n++;
    return n;
}

static struct kv_slice item_of(struct kv_slice list, size_t at)
{
    struct kv_json_walk walk;
    struct kv_slice item = {0};
    kv_json_begin(&walk, list);
    for (size_t i = 0; i <= at; i++)
        if (!kv_json_item(&walk, &item))
            return (struct kv_slice){0};
    return item;
}

static size_t clusters(struct kv_slice list, struct kv_cluster *of)
{
    struct kv_json_walk walk;
    struct kv_slice item;
    double x[MANY];
    size_t count = 0;
    kv_json_begin(&walk, list);
    while (count < MANY && kv_json_item(&walk, &item)) {
        size_t n = numbers(item, x);
        of[count] = (struct kv_cluster){.n = (uint32_t)n};
        for (size_t i = 0; i < n; i++)
            of[count].passed += x[i] > 0;
        count++;
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double rank(struct kv_slice args)
{
    double x[MANY], q = 0;
    size_t n = numbers(item_of(args, 0), x);
    kv_num_double(item_of(args, 1), &q);
    qsort(x, n, sizeof *x, ascending);
    return kv_statistics_rank(x, n, q);
}

static double alpha(struct kv_slice args)
{
    struct kv_cluster of[MANY];
    struct kv_alpha a = {0};
    size_t n = clusters(args, of);
    for (size_t i = 0; i < n; i++)
        kv_statistics_alpha_add(&a, (uint64_t)of[i].passed, (uint64_t)(of[i].n - of[i].passed));
    return kv_statistics_alpha(&a);
}

static struct kv_mean paired(struct kv_slice args)
{
    double a[MANY] = {0}, b[MANY] = {0};
    size_t n = numbers(item_of(args, 0), a);
    numbers(item_of(args, 1), b);
    for (size_t i = 0; i < n; i++)
        a[i] -= b[i];
    return kv_statistics_mean(a, n);
}

static double one_number(struct kv_slice f, struct kv_slice args, const double *x)
{
    struct kv_cluster of[MANY];
    struct kv_two_by_two t = {(uint64_t)x[0], (uint64_t)x[1], (uint64_t)x[2], (uint64_t)x[3]};
    if (kv_json_string_is(f, "clustered_se"))
        return kv_statistics_clustered_se(of, clusters(args, of));
    if (kv_json_string_is(f, "t"))
        return kv_statistics_t(x[0]);
    if (kv_json_string_is(f, "sign_test"))
        return kv_statistics_sign_test((uint64_t)x[0], (uint64_t)x[1]);
    if (kv_json_string_is(f, "pass_at"))
        return kv_statistics_pass_at((uint64_t)x[0], (uint64_t)x[1], (uint64_t)x[2]);
    if (kv_json_string_is(f, "pass_hat"))
        return kv_statistics_pass_hat((uint64_t)x[0], (uint64_t)x[1], (uint64_t)x[2]);
    if (kv_json_string_is(f, "kappa"))
        return kv_statistics_kappa(&t);
    if (kv_json_string_is(f, "agreement"))
        return kv_statistics_agreement(&t);
    if (kv_json_string_is(f, "ac1"))
        return kv_statistics_ac1(&t);
    if (kv_json_string_is(f, "alpha"))
        return alpha(args);
    if (kv_json_string_is(f, "corrected"))
        return kv_statistics_corrected(x[0], x[1], x[2]);
    if (kv_json_string_is(f, "detectable"))
        return kv_statistics_detectable(x[0]);
    if (kv_json_string_is(f, "rank"))
        return rank(args);
    exit(2);
}

static void add_numbers(struct kv_buf *out, const double *x, size_t n)
{
    kv_buf_add_str(out, "{\"got\":[");
    for (size_t i = 0; i < n; i++) {
        kv_buf_add_str(out, i ? "," : "");
        kv_num_add_double(out, x[i], KV_NUM_COMPACT);
    }
    kv_buf_add_str(out, "]}");
}

static void statistics(struct kv_slice line, struct kv_buf *out)
{
    struct kv_slice f = {0}, args = {0};
    double x[MANY] = {0};
    kv_json_get(line, "f", &f);
    kv_json_get(line, "args", &args);
    size_t n = numbers(args, x);
    if (kv_json_string_is(f, "wilson")) {
        struct kv_interval i = kv_statistics_wilson(x[0] / x[1], x[1]);
        add_numbers(out, (double[]){i.low, i.high}, 2);
    } else if (kv_json_string_is(f, "mean") || kv_json_string_is(f, "paired")) {
        struct kv_mean m = kv_json_string_is(f, "mean") ? kv_statistics_mean(x, n) : paired(args);
        add_numbers(out, (double[]){m.mean, m.se}, 2);
    } else if (kv_json_string_is(f, "holm")) {
        kv_statistics_holm(x, n);
        add_numbers(out, x, n);
    } else {
        x[0] = one_number(f, args, x);
        add_numbers(out, x, 1);
    }
}

/* ---- texts ---- */

static void take_text(struct kv_slice line, struct kv_buf *text)
{
    struct kv_slice string = {0};
    kv_buf_reserve(text, 1);
    if (kv_json_get(line, "text", &string))
        kv_json_unescape(string, text);
}

static void reason(struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf text = {0}, common = {0};
    take_text(line, &text);
    kv_reason_add_common(&common, kv_slice_of(&text));
    kv_json_quote(out, kv_slice_of(&common), KV_JSON_RAW);
    kv_buf_release(&text);
    kv_buf_release(&common);
}

static enum kv_visible_style style;

static void visible(struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf text = {0}, shown = {0};
    take_text(line, &text);
    kv_visible_add(&shown, kv_slice_of(&text), style);
    kv_json_quote(out, kv_slice_of(&shown), KV_JSON_RAW);
    kv_buf_release(&text);
    kv_buf_release(&shown);
}

static enum kv_visible_style style_of(const char *name)
{
    return strcmp(name, "html") == 0       ? KV_VISIBLE_HTML
           : strcmp(name, "xml") == 0      ? KV_VISIBLE_XML
           : strcmp(name, "markdown") == 0 ? KV_VISIBLE_MARKDOWN
                                           : KV_VISIBLE_PLAIN;
}

/* ---- details ---- */

static size_t list_of(struct kv_slice line, const char *name, double *x)
{
    struct kv_slice list;
    return kv_json_get(line, name, &list) ? numbers(list, x) : 0;
}

static void take_detail(struct kv_detail *d, struct kv_slice line)
{
    double x[MANY] = {0};
    struct kv_consumption *calls[] = {&d->answering, &d->judging};
    kv_detail_clear(d);
    list_of(line, "numbers", x);
    d->seconds = x[0];
    d->first_token = x[1];
    d->answering.cost = x[2];
    d->judging.cost = x[3];
    list_of(line, "tokens", x);
    for (size_t i = 0; i < 2; i++) {
        calls[i]->input = (uint64_t)x[4 * i];
        calls[i]->output = (uint64_t)x[4 * i + 1];
        calls[i]->cached = (uint64_t)x[4 * i + 2];
        calls[i]->reasoning = (uint64_t)x[4 * i + 3];
    }
    for (size_t i = 0, n = list_of(line, "warnings", x); i < n; i++)
        kv_detail_add_warning(d, (uint32_t)x[i]);
    for (size_t i = 0, n = list_of(line, "fields", x); i + 2 < n; i += 3) {
        struct kv_field_fact field = {
            (uint64_t)x[i + 2], (uint32_t)x[i], (enum kv_field_verdict)x[i + 1]};
        kv_detail_add_field(d, &field);
    }
}

static void add_list(struct kv_buf *out, const char *name, const double *x, size_t n)
{
    kv_json_out_list(out, name);
    for (size_t i = 0; i < n; i++)
        kv_json_out_number(out, NULL, x[i]);
    kv_buf_add_char(out, ']');
}

static void add_detail(struct kv_buf *out, const struct kv_detail *d)
{
    double x[MANY];
    const struct kv_consumption *a = &d->answering, *b = &d->judging;
    kv_json_out_object(out, NULL);
    add_list(out, "numbers", (double[]){d->seconds, d->first_token, a->cost, b->cost}, 4);
    add_list(out, "tokens",
        (double[]){(double)a->input, (double)a->output, (double)a->cached, (double)a->reasoning,
            (double)b->input, (double)b->output, (double)b->cached, (double)b->reasoning},
        8);
    for (size_t i = 0; i < d->warning_count; i++)
        x[i] = d->warnings[i];
    add_list(out, "warnings", x, d->warning_count);
    for (size_t i = 0; i < d->field_count; i++) {
        x[3 * i] = d->fields[i].field;
        x[3 * i + 1] = d->fields[i].verdict;
        x[3 * i + 2] = (double)d->fields[i].value;
    }
    add_list(out, "fields", x, 3 * d->field_count);
}

/* Behind another, as in a report. */
static void detail(struct kv_slice line, struct kv_buf *out)
{
    struct kv_detail in = {0}, back = {0};
    struct kv_buf packed = {0};
    take_detail(&in, line);
    kv_detail_pack(&packed, &in);
    uint64_t at = kv_detail_pack(&packed, &in);
    kv_detail_pack(&packed, &in);
    kv_detail_unpack(&back, packed.p + at);
    add_detail(out, &back);
    kv_json_out_count(out, "bytes", at);
    kv_buf_add_char(out, '}');
    kv_buf_release(&packed);
    kv_detail_release(&in);
    kv_detail_release(&back);
}

/* ---- reports ---- */

static void table(const char *path, const char *width)
{
    struct kv_report_options how = {0};
    struct kv_buf out = {0};
    struct kv_err err;
    struct kv_report *r = kv_report_open(&how, &path, 1, &err);
    if (!r)
        kv_cli_fail(&err);
    kv_report_table_add(&out, r, strtoul(width, NULL, 10));
    fwrite(out.p, 1, out.n, stdout);
    kv_buf_release(&out);
    kv_report_close(r);
}

int kvtest_report(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *more = argc > 2 ? argv[2] : "";
    style = style_of(more);
    if (strcmp(what, "statistics") == 0)
        filter(0, statistics);
    else if (strcmp(what, "reason") == 0)
        filter(0, reason);
    else if (strcmp(what, "detail") == 0)
        filter(0, detail);
    else if (strcmp(what, "visible") == 0)
        filter(0, visible);
    else if (strcmp(what, "table") == 0)
        table(more, argc > 3 ? argv[3] : "0");
    else
        return 2;
    return 0;
}
