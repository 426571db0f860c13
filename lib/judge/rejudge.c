/* rejudge - the verdict of a recorded answer, computed anew. */
#include "rejudge.h"

#include "json.h"
#include "template.h"

#include <stdlib.h>

enum { MEMBERS = 4 };

static const char *const names[MEMBERS] = {
    "verify_result", "verify_granular_result", "field_results", "field_scores"};

struct kv_rejudge {
    struct kv_verifier *verifier;
    struct kv_parsed parsed;
    struct kv_verdict verdict;
    struct kv_buf trace, trouble;
    struct kv_buf source; /* of the bare template that was read last */
    struct kv_template *template;
};

struct kv_rejudge *kv_rejudge_open(struct kv_verifier *v)
{
    struct kv_rejudge *r = kv_calloc(1, sizeof *r);
    r->verifier = v;
    return r;
}

void kv_rejudge_close(struct kv_rejudge *r)
{
    if (!r)
        return;
    kv_parsed_release(&r->parsed);
    kv_verdict_release(&r->verdict);
    kv_buf_release(&r->trace);
    kv_buf_release(&r->trouble);
    kv_buf_release(&r->source);
    kv_template_close(r->template);
    free(r);
}

const char *kv_rejudge_trouble(const struct kv_rejudge *r)
{
    return r->trouble.n ? r->trouble.p : NULL;
}

/* Computes the verdict of `parsed` (n == 0: nothing was asked for). */
static int judge(struct kv_rejudge *r, const struct kv_template *t, struct kv_slice parsed,
    struct kv_slice trace, struct kv_err *err)
{
    kv_buf_clear(&r->trouble);
    kv_buf_clear(&r->trace);
    if (trace.n && kv_json_type(trace) == KV_JSON_STRING)
        kv_json_unescape(trace, &r->trace);
    if (kv_json_is_null(parsed))
        kv_verdict_unasked(t, &r->parsed);
    else if (kv_verdict_recall(t, parsed, &r->parsed, err) != 0)
        return kv_err_context(err, "parsed");
    if (kv_verdict_run(r->verifier, t, &r->parsed, kv_slice_of(&r->trace), &r->verdict, err) != 0)
        return -1;
    if (r->verdict.raised)
        kv_json_unescape(kv_slice_of(&r->verdict.error), &r->trouble);
    return 0;
}

static struct kv_slice member(const struct kv_rejudge *r, int i, bool passed)
{
    const struct kv_buf *values[MEMBERS] = {
        NULL, &r->verdict.granular, &r->verdict.field_results, &r->verdict.field_scores};
    return i ? kv_slice_of(values[i]) : passed ? KV_SLICE("true") : KV_SLICE("false");
}

/* The block with its four members replaced; those it lacks come last. */
static void add_block(struct kv_rejudge *r, struct kv_slice block, bool passed, struct kv_buf *out)
{
    const char *copied = block.p, *end = block.p + block.n - 1; /* the closing brace stays out */
    bool found[MEMBERS] = {false};
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, block);
    while (kv_json_member(&w, &key, &value))
        for (int i = 0; i < MEMBERS; i++) {
            if (!kv_json_string_is(key, names[i]))
                continue;
            kv_buf_add(out, copied, (size_t)(value.p - copied));
            kv_buf_add_slice(out, member(r, i, passed));
            copied = value.p + value.n;
            found[i] = true;
        }
    kv_buf_add(out, copied, (size_t)(end - copied));
    bool first = kv_json_count(block) == 0;
    for (int i = 0; i < MEMBERS; i++) {
        if (found[i])
            continue;
        kv_buf_printf(out, "%s\"%s\":", first ? "" : ",", names[i]);
        kv_buf_add_slice(out, member(r, i, passed));
        first = false;
    }
    kv_buf_add_char(out, '}');
}

int kv_rejudge_result(struct kv_rejudge *r, const struct kv_template *t, struct kv_slice row,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice block, parsed, trace, regex;
    kv_buf_clear(&r->trouble);
    kv_json_get(row, "template", &block);
    kv_json_path(row, &parsed, "template", "parsed_llm_response", NULL);
    if (kv_json_is_null(block) || kv_json_is_null(parsed)) {
        kv_buf_add_slice(out, row);
        return 0;
    }
    kv_json_get(block, "raw_llm_response", &trace);
    if (judge(r, t, parsed, trace, err) != 0)
        return -1;
    bool passed = r->verdict.passed;
    if (kv_json_get(block, "regex_overall_success", &regex))
        passed &= kv_json_bool(regex, true);
    kv_buf_add(out, row.p, (size_t)(block.p - row.p));
    add_block(r, block, passed, out);
    const char *rest = block.p + block.n;
    kv_buf_add(out, rest, (size_t)(row.p + row.n - rest));
    return 0;
}

/* ---- the bare form ---- */

static int open_template(struct kv_rejudge *r, struct kv_slice source, struct kv_err *err)
{
    struct kv_buf text = {0};
    if (r->template && kv_slice_eq(source, kv_slice_of(&r->source)))
        return 0;
    kv_template_close(r->template);
    r->template = NULL;
    if (kv_json_type(source) == KV_JSON_STRING)
        kv_json_unescape(source, &text);
    else
        kv_buf_add_slice(&text, source);
    kv_buf_clear(&r->source);
    kv_buf_add_slice(&r->source, source);
    bool ok = kv_template_open(kv_slice_of(&text), &r->template, err) == KV_TEMPLATE_OK;
    kv_buf_release(&text);
    return ok ? 0 : kv_err_context(err, "template");
}

int kv_rejudge_bare(
    struct kv_rejudge *r, struct kv_slice line, struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice template, parsed, trace;
    if (!kv_json_get(line, "template", &template))
        return kv_err_set(err, KV_INPUT, "neither a result nor an object with a template");
    kv_json_get(line, "parsed", &parsed);
    kv_json_get(line, "trace", &trace);
    if (open_template(r, template, err) != 0 || judge(r, r->template, parsed, trace, err) != 0)
        return -1;
    for (int i = 0; i < MEMBERS; i++) {
        kv_buf_printf(out, "%s\"%s\":", i ? "," : "{", names[i]);
        kv_buf_add_slice(out, member(r, i, r->verdict.passed));
    }
    kv_buf_add_char(out, '}');
    return 0;
}
