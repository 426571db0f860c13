/* rejudge - the verdict of a recorded answer, computed anew. */
#include "rejudge.h"

#include "json.h"
#include "splice.h"
#include "template.h"

#include <stdlib.h>

/* What is read of the template block of a row, in one walk; the first are the verdict. */
enum {
    VERIFY_RESULT,
    GRANULAR,
    FIELD_RESULTS,
    FIELD_SCORES,
    MEMBERS,
    ERROR = MEMBERS,
    GROUND_TRUTH,
    COMPOSITION,
    PARSED,
    TRACE,
    REGEX,
    BLOCK_MEMBERS,
};
static const char *const names[BLOCK_MEMBERS] = {"verify_result", "verify_granular_result",
    "field_results", "field_scores", "field_verification_error", "parsed_gt_response",
    "composition_strategy", "parsed_llm_response", "raw_llm_response", "regex_overall_success"};

enum { TEMPLATE_ID, RAW_ANSWER, FAILURE, QUESTION_ID, METADATA_MEMBERS };
static const char *const metadata_names[METADATA_MEMBERS] = {
    "template_id", "raw_answer", "failure", "question_id"};

/* The parts of a row that a verdict changes; n == 0 is what is not there. */
struct parts {
    struct kv_slice row, block, metadata; /* objects */
    struct kv_slice in_block[BLOCK_MEMBERS], in_metadata[METADATA_MEMBERS];
};

static const char wrong[] = "{\"category\":\"content\",\"stage\":\"verify_template\",\"reason\":"
                            "\"verify_template returned False\",\"details\":null,"
                            "\"group\":\"content\"}";

struct kv_rejudge {
    struct kv_verifier *verifier;
    struct parts parts; /* of the row that was begun */
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
    if (kv_slice_eq(a, b))
        return true;
    kv_json_compact(&x, a);
    kv_json_compact(&y, b);
    bool same = kv_slice_eq(kv_slice_of(&x), kv_slice_of(&y));
    kv_buf_release(&x);
    kv_buf_release(&y);
    return same;
}

static struct kv_slice object_or_nothing(struct kv_slice value)
{
    return value.n && kv_json_type(value) == KV_JSON_OBJECT ? value : (struct kv_slice){0};
}

/* False if there is no metadata. */
static bool take_apart(struct parts *p, struct kv_slice row)
{
    struct kv_json_branch branches[] = {{"template", names, p->in_block, BLOCK_MEMBERS, {0}},
        {"metadata", metadata_names, p->in_metadata, METADATA_MEMBERS, {0}}};
    kv_json_pick_branches(row, branches, 2);
    p->row = row;
    p->block = object_or_nothing(branches[0].value);
    p->metadata = object_or_nothing(branches[1].value);
    return branches[1].value.n > 0;
}

/* Gives a member that is there this value, if it is another one. */
static void change(struct kv_splice *s, struct kv_slice object, const char *name,
    struct kv_slice old, struct kv_slice value)
{
    if (old.n && !is_same(old, value))
        kv_splice_found(s, object, name, old, value);
}

static void change_metadata(
    struct kv_splice *s, const struct parts *p, int i, struct kv_slice value)
{
    change(s, p->metadata, metadata_names[i], p->in_metadata[i], value);
}

/* What the row says of its question. *texts holds what was made for it. */
static void change_question(struct kv_splice *s, const struct parts *p,
    const struct kv_rejudge_question *q, struct kv_buf texts[2])
{
    kv_json_quote_str(&texts[0], q->template_id);
    change_metadata(s, p, TEMPLATE_ID, kv_slice_of(&texts[0]));
    if (!q->answer.p)
        return;
    kv_json_quote(&texts[1], q->answer, KV_JSON_RAW);
    change_metadata(s, p, RAW_ANSWER, kv_slice_of(&texts[1]));
}

static void change_failure(struct kv_splice *s, const struct parts *p, bool passed)
{
    struct kv_slice old = p->in_metadata[FAILURE], category = {0};
    if (!old.n)
        return;
    kv_json_get(old, "category", &category);
    bool was_wrong = category.n && kv_json_string_is(category, "content");
    if (passed == was_wrong)
        kv_splice_found(s, p->metadata, metadata_names[FAILURE], old,
            passed ? KV_SLICE("null") : KV_SLICE(wrong));
}

static void change_verdict(struct kv_rejudge *r, struct kv_splice *s, const struct parts *p,
    const struct kv_template *t, bool passed)
{
    kv_buf_clear(&r->composition);
    kv_template_add_composition(&r->composition, t);
    const struct kv_slice others[] = {
        kv_slice_of(&r->verdict.error), t->ground_truth, kv_slice_of(&r->composition)};
    for (int i = 0; i < MEMBERS; i++)
        kv_splice_found(s, p->block, names[i], p->in_block[i], member(r, i, passed));
    for (int i = ERROR; i <= COMPOSITION; i++)
        change(s, p->block, names[i], p->in_block[i], others[i - ERROR]);
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

bool kv_rejudge_is_parsed(struct kv_slice row)
{
    struct kv_slice parsed;
    return kv_json_path(row, &parsed, "template", names[PARSED], NULL) && !kv_json_is_null(parsed);
}

bool kv_rejudge_begin(struct kv_rejudge *r, struct kv_slice row, struct kv_slice *question_id)
{
    bool is_result = take_apart(&r->parts, row);
    *question_id = r->parts.in_metadata[QUESTION_ID];
    return is_result;
}

int kv_rejudge_result(struct kv_rejudge *r, const struct kv_rejudge_question *q, struct kv_buf *out,
    struct kv_err *err)
{
    struct kv_splice s = {0};
    struct kv_buf texts[2] = {{0}, {0}};
    const struct parts *p = &r->parts;
    struct kv_slice parsed = p->in_block[PARSED];
    kv_buf_clear(&r->trouble);
    if (kv_json_is_null(parsed)) {
        kv_buf_add_slice(out, p->row);
        return 0;
    }
    if (check_fields(q->template, parsed, err) != 0 ||
        judge(r, q->template, parsed, p->in_block[TRACE], err) != 0)
        return -1;
    bool passed = r->verdict.passed && kv_json_bool(p->in_block[REGEX], true);
    change_verdict(r, &s, p, q->template, passed);
    if (p->metadata.n) {
        change_question(&s, p, q, texts);
        change_failure(&s, p, passed);
    }
    kv_splice_write(&s, p->row, out);
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
    struct parts p;
    take_apart(&p, row);
    kv_buf_add_str(
        &failure, "{\"category\":\"connection\",\"stage\":\"ParseTemplate\",\"reason\":");
    kv_json_quote_str(&failure, why);
    kv_buf_add_str(&failure, ",\"details\":null,\"group\":\"retry\"}");
    if (p.block.n)
        for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
            kv_splice_member(&s, p.block, gone[i], KV_SLICE("null"));
    if (p.metadata.n) {
        change_question(&s, &p, q, texts);
        kv_splice_found(
            &s, p.metadata, metadata_names[FAILURE], p.in_metadata[FAILURE], kv_slice_of(&failure));
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
