/* kv-report - what results say: a page, a table, numbers, or what CI reads. */
#include "help/kv-report.h"
#include "cli.h"
#include "gate.h"
#include "io.h"
#include "report.h"
#include "report_json.h"
#include "report_junit.h"
#include "report_markdown.h"
#include "report_page.h"
#include "report_text.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum form { FORM_NONE, FORM_HTML, FORM_MARKDOWN, FORM_TEXT, FORM_JSON, FORM_JUNIT };

struct asked {
    bool as_html, as_markdown, as_text, as_json, as_junit, regression;
    const char *output, *below, *share, *by;
    struct kv_report_options how;
    struct kv_gate gate;
};

/* ---- which form ---- */

static enum form form_of_name(const char *path)
{
    static const struct {
        const char *suffix;
        enum form form;
    } known[] = {{".html", FORM_HTML}, {".htm", FORM_HTML}, {".md", FORM_MARKDOWN},
        {".txt", FORM_TEXT}, {".json", FORM_JSON}, {".xml", FORM_JUNIT}};
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot, known[i].suffix) == 0)
            return known[i].form;
    return FORM_NONE;
}

static enum form choose_form(const struct asked *a)
{
    int n = a->as_html + a->as_markdown + a->as_text + a->as_json + a->as_junit;
    enum form named = form_of_name(a->output);
    if (n > 1)
        kv_cli_usage("one form at a time: --html, --md, --text, --json or --junit");
    if (n == 0 && named != FORM_NONE)
        return named;
    if (n == 0)
        return !a->output && kv_cli_columns() ? FORM_TEXT : FORM_HTML;
    return a->as_html       ? FORM_HTML
           : a->as_markdown ? FORM_MARKDOWN
           : a->as_text     ? FORM_TEXT
           : a->as_json     ? FORM_JSON
                            : FORM_JUNIT;
}

/* ---- options ---- */

/* "keyword" or "keyword:PREFIX": the keywords that get a rate. */
static const char *prefix_of(const char *by)
{
    static const char word[] = "keyword";
    size_t n = sizeof word - 1;
    if (!by || strcmp(by, word) == 0)
        return NULL;
    if (strncmp(by, word, n) != 0 || by[n] != ':')
        kv_cli_usage("--by takes keyword or keyword:PREFIX, not '%s'", by);
    return by + n + 1;
}

static void check_options(struct asked *a, int operands)
{
    struct kv_err err;
    if (operands < 1 || operands > 2)
        kv_cli_usage(operands ? "two RESULTS at most" : "no RESULTS given");
    a->how.by = prefix_of(a->by);
    a->gate = (struct kv_gate){NAN, a->regression};
    if (a->below && kv_gate_parse(a->below, &a->gate.below, &err) != 0)
        kv_cli_usage("--fail-below: %s", err.text);
    if (a->regression && operands < 2 && !a->how.baseline)
        kv_cli_usage("--fail-on-regression needs two RESULTS, or --baseline");
}

/* ---- output ---- */

static int write_form(struct kv_sink *s, const struct kv_report *r, const struct asked *a,
    enum form form, struct kv_err *err)
{
    char *share;
    int failed;
    switch (form) {
    case FORM_JSON:
        failed = kv_report_json_write(s, r, err);
        kv_buf_add_char(&s->held, '\n');
        return failed;
    case FORM_TEXT:
        return kv_report_text_add(&s->held, r, a->output ? 0 : kv_cli_columns(), err);
    case FORM_MARKDOWN:
        return kv_report_markdown_add(&s->held, r, err);
    case FORM_JUNIT:
        return kv_report_junit_write(s, r, err);
    default:
        share = kv_cli_share(a->share);
        failed = kv_report_page_write(s, r, share, err);
        free(share);
        return failed;
    }
}

static int write_to(
    int fd, const struct kv_report *r, const struct asked *a, enum form form, struct kv_err *err)
{
    struct kv_sink s = {.fd = fd};
    int failed = write_form(&s, r, a, form, err);
    return kv_sink_end(&s, failed ? NULL : err) != 0 || failed ? -1 : 0;
}

static void write_report(const struct kv_report *r, const struct asked *a, enum form form)
{
    struct kv_publish p;
    struct kv_err err;
    if (!a->output || strcmp(a->output, "-") == 0) {
        if (write_to(STDOUT_FILENO, r, a, form, &err) != 0)
            kv_cli_fail(&err);
        return;
    }
    if (kv_publish_begin(&p, a->output, &err) != 0)
        kv_cli_fail(&err);
    if (write_to(p.fd, r, a, form, &err) != 0 || kv_publish_end(&p, &err) != 0) {
        kv_publish_abandon(&p);
        kv_cli_fail(&err);
    }
}

/* Says each limit that is not kept. */
static enum kv_kind pass_gate(const struct kv_report *r, const struct kv_gate *gate)
{
    struct kv_buf text = {0};
    size_t failed = kv_gate_check(&text, gate, r);
    for (char *line = text.p, *end; failed && line && *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        kv_cli_say("%s", line);
    }
    kv_buf_release(&text);
    return failed ? KV_NO : KV_OK;
}

/* glibc keeps what is freed from the size on that was freed once before; a million rows leave holes of
 * 20 MB then, and what was never touched takes room. */
static void give_back_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    enum { LARGE = 1 << 20 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct asked a = {0};
    struct kv_err err;
    const struct kv_option options[] = {
        {'o', "output", KV_OPT_TEXT, &a.output},
        {0, "html", KV_OPT_FLAG, &a.as_html},
        {0, "md", KV_OPT_FLAG, &a.as_markdown},
        {0, "text", KV_OPT_FLAG, &a.as_text},
        {0, "json", KV_OPT_FLAG, &a.as_json},
        {0, "junit", KV_OPT_FLAG, &a.as_junit},
        {0, "by", KV_OPT_TEXT, &a.by},
        {0, "cluster", KV_OPT_TEXT, &a.how.cluster},
        {0, "baseline", KV_OPT_TEXT, &a.how.baseline},
        {0, "labels", KV_OPT_TEXT, &a.how.labels},
        {0, "fail-below", KV_OPT_TEXT, &a.below},
        {0, "fail-on-regression", KV_OPT_FLAG, &a.regression},
        {0, "prices", KV_OPT_TEXT, &a.how.prices},
        {0, "share", KV_OPT_TEXT, &a.share},
        {0},
    };
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    check_options(&a, argc - first);
    give_back_memory();
    enum form form = choose_form(&a);

    const char *const *paths = (const char *const *)(argv + first);
    struct kv_report *r = kv_report_open(&a.how, paths, (size_t)(argc - first), &err);
    if (!r || kv_report_digest(r, &err) != 0)
        kv_cli_fail(&err);
    write_report(r, &a, form);
    enum kv_kind status = pass_gate(r, &a.gate);
    kv_report_close(r);
    return kv_cli_end(status);
}
