/* rejudge - the verdict of a recorded answer, computed anew. */
#include "rejudge.h"

#include "json.h"
#include "splice.h"
#include "template.h"

#include <stdlib.h>

enum { MEMBERS = 4 };

static const char *const names[MEMBERS] = {
    "verify_result", "verify_granular_result", "field_results", "field_scores"};

static const char wrong[] = "{\"category\":\"content\",\"stage\":\"verify_template\",\"reason\":"
                            "\"verify_template returned False\",\"details\":null,"
                            "\"group\":\"content\"}";

struct kv_rejudge {
    struct kv_verifier *verifier;
    struct kv_parsed parsed;
    struct kv_verdict verdict;
    struct kv_buf trace, trouble, composition;
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
    kv_buf_release(&r->composition);
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

/* ---- a result ---- */

static bool is_same(struct kv_slice a, struct kv_slice b)
{
    struct kv_buf x = {0}, y = {0};
    kv_json_compact(&x, a);
    kv_json_compact(&y, b);
    bool same = kv_slice_eq(kv_slice_of(&x), kv_slice_of(&y));
    kv_buf_release(&x);
    kv_buf_release(&y);
    return same;
}

/* Gives a member that is there this value, if it is another one. */
static void change(
    struct kv_splice *s, struct kv_slice object, const char *name, struct kv_slice value)
{
    struct kv_slice old;
    if (kv_json_get(object, name, &old) && !is_same(old, value))
        kv_splice_member(s, object, name, value);
}

/* What the row says of its question. *texts holds what was made for it. */
static void change_question(struct kv_splice *s, struct kv_slice metadata,
    const struct kv_rejudge_question *q, struct kv_buf texts[2])
{
    kv_json_quote_str(&texts[0], q->template_id);
    change(s, metadata, "template_id", kv_slice_of(&texts[0]));
    if (!q->answer.p)
        return;
    kv_json_quote(&texts[1], q->answer, KV_JSON_RAW);
    change(s, metadata, "raw_answer", kv_slice_of(&texts[1]));
}

static void change_failure(struct kv_splice *s, struct kv_slice metadata, bool passed)
{
    struct kv_slice old, category = {0};
    if (!kv_json_get(metadata, "failure", &old))
        return;
    kv_json_get(old, "category", &category);
    bool was_wrong = category.n && kv_json_string_is(category, "content");
    if (!passed && !was_wrong)
        kv_splice_member(s, metadata, "failure", KV_SLICE(wrong));
    else if (passed && was_wrong)
        kv_splice_member(s, metadata, "failure", KV_SLICE("null"));
}

static void change_verdict(struct kv_rejudge *r, struct kv_splice *s, struct kv_slice block,
    const struct kv_template *t, bool passed)
{
    for (int i = 0; i < MEMBERS; i++)
        kv_splice_member(s, block, names[i], member(r, i, passed));
    change(s, block, "field_verification_error", kv_slice_of(&r->verdict.error));
    change(s, block, "parsed_gt_response", t->ground_truth);
    kv_buf_clear(&r->composition);
    kv_template_add_composition(&r->composition, t);
    change(s, block, "composition_strategy", kv_slice_of(&r->composition));
}

/* Every field that the judge is asked for must have been asked for; what has a default need not. */
static int check_fields(const struct kv_template *t, struct kv_slice parsed, struct kv_err *err)
{
    struct kv_slice v;
    for (size_t i = 0; i < t->n; i++)
        if (!t->fields[i].is_trace && !t->fields[i].plain && !t->fields[i].default_json.n &&
            !kv_json_get(parsed, t->fields[i].name.p, &v))
            return kv_err_set(err, KV_INPUT,
                "the field '%s' was not read from this answer: its judge has to be asked again",
                t->fields[i].name.p);
    return 0;
}

static bool find_parsed(struct kv_slice row, struct kv_slice *block, struct kv_slice *parsed)
{
    return kv_json_get(row, "template", block) && kv_json_type(*block) == KV_JSON_OBJECT &&
           kv_json_get(*block, "parsed_llm_response", parsed) && !kv_json_is_null(*parsed);
}

bool kv_rejudge_is_parsed(struct kv_slice row)
{
    struct kv_slice block, parsed;
    return find_parsed(row, &block, &parsed);
}

int kv_rejudge_result(struct kv_rejudge *r, const struct kv_rejudge_question *q,
    struct kv_slice row, struct kv_buf *out, struct kv_err *err)
{
    struct kv_splice s = {0};
    struct kv_buf texts[2] = {{0}, {0}};
    struct kv_slice block, parsed, trace, regex, metadata;
    kv_buf_clear(&r->trouble);
    if (!find_parsed(row, &block, &parsed)) {
        kv_buf_add_slice(out, row);
        return 0;
    }
    kv_json_get(block, "raw_llm_response", &trace);
    if (check_fields(q->template, parsed, err) != 0 ||
        judge(r, q->template, parsed, trace, err) != 0)
        return -1;
    bool passed = r->verdict.passed;
    if (kv_json_get(block, "regex_overall_success", &regex))
        passed &= kv_json_bool(regex, true);
    change_verdict(r, &s, block, q->template, passed);
    if (kv_json_get(row, "metadata", &metadata) && kv_json_type(metadata) == KV_JSON_OBJECT) {
        change_question(&s, metadata, q, texts);
        change_failure(&s, metadata, passed);
    }
    kv_splice_write(&s, row, out);
    kv_buf_release(&texts[0]);
    kv_buf_release(&texts[1]);
    return 0;
}

void kv_rejudge_reset(
    const struct kv_rejudge_question *q, struct kv_slice row, const char *why, struct kv_buf *out)
{
    static const char *const gone[] = {"parsed_llm_response", "parsed_gt_response", "verify_result",
        "verify_granular_result", "field_results", "field_scores"};
    struct kv_splice s = {0};
    struct kv_buf texts[2] = {{0}, {0}}, failure = {0};
    struct kv_slice block, metadata;
    kv_buf_add_str(
        &failure, "{\"category\":\"connection\",\"stage\":\"ParseTemplate\",\"reason\":");
    kv_json_quote_str(&failure, why);
    kv_buf_add_str(&failure, ",\"details\":null,\"group\":\"retry\"}");
    if (kv_json_get(row, "template", &block) && kv_json_type(block) == KV_JSON_OBJECT)
        for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
            kv_splice_member(&s, block, gone[i], KV_SLICE("null"));
    if (kv_json_get(row, "metadata", &metadata) && kv_json_type(metadata) == KV_JSON_OBJECT) {
        change_question(&s, metadata, q, texts);
        kv_splice_member(&s, metadata, "failure", kv_slice_of(&failure));
    }
    kv_splice_write(&s, row, out);
    kv_buf_release(&texts[0]);
    kv_buf_release(&texts[1]);
    kv_buf_release(&failure);
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
