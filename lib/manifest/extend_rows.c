/* extend_rows - the rows of a finished export, to begin a run with, revised by the benchmark. */
#include "extend_rows.h"

#include "json.h"
#include "result.h"

static const char changed[] = "the template has changed since: the judge has to be asked again";

static bool holds_answer(const struct kv_result *r)
{
    struct kv_buf text = {0};
    if (kv_json_type(r->raw_llm_response) == KV_JSON_STRING)
        kv_json_unescape(r->raw_llm_response, &text);
    bool holds = kv_slice_strip(kv_slice_of(&text)).n > 0;
    kv_buf_release(&text);
    return holds;
}

/* True if the question is still the one that the row answers. */
static bool asks_the_same(const struct kv_question_template *q, const struct kv_result *r)
{
    struct kv_buf text = {0};
    struct kv_slice v;
    if (kv_json_get(r->metadata, "question_text", &v) && kv_json_type(v) == KV_JSON_STRING)
        kv_json_unescape(v, &text);
    struct kv_digest128 digest = kv_digest_128(kv_slice_of(&text));
    bool same = digest.hi == q->text.hi && digest.lo == q->text.lo;
    kv_buf_release(&text);
    return same;
}

static int open_rules(struct kv_extend_rows *p, struct kv_err *err)
{
    if (p->rejudge)
        return 0;
    if (!(p->verifier = kv_verdict_open(p->share, err)))
        return -1;
    p->rejudge = kv_rejudge_open(p->verifier);
    return 0;
}

/* By another template: judged again, or the answer alone. What was declined stays so. */
static int judge_again(struct kv_extend_rows *p, const struct kv_question_template *q,
    const struct kv_result *r, bool *keep, struct kv_err *err)
{
    struct kv_err bad;
    struct kv_slice id;
    kv_buf_clear(&p->text);
    if (open_rules(p, err) != 0)
        return -1;
    kv_rejudge_begin(p->rejudge, r->text, &id);
    bool parsed = kv_rejudge_is_parsed(r->text);
    if (q->now.template && (parsed || r->failure == KV_FAIL_ABSTENTION) &&
        kv_rejudge_result(p->rejudge, &q->now, &p->text, &bad) == 0) {
        p->rejudged += parsed;
    } else if (holds_answer(r)) {
        kv_buf_clear(&p->text);
        kv_rejudge_reset(&q->now, r->text, changed, &p->text);
        p->unjudged++;
    } else {
        *keep = false;
    }
    return 0;
}

/* What becomes of a row: *keep, and its text in *row. */
static int revise(struct kv_extend_rows *p, struct kv_slice *row, bool *keep, struct kv_err *err)
{
    struct kv_result r;
    struct kv_err unknown;
    struct kv_slice id;
    *keep = true;
    if (!p->bench || kv_result_read(*row, KV_JSON_PORTABLE, &r, &unknown) != 0 || r.generic ||
        r.preview || kv_result_has_scenario(&r))
        return 0;
    kv_buf_clear(&p->id);
    kv_json_unescape(r.question_id, &p->id);
    const struct kv_question_template *q =
        kv_question_templates_find(p->templates, kv_slice_of(&p->id), &unknown);
    if (!q) /* its question is gone, and it stays as it is */
        return 0;
    if (!asks_the_same(q, &r)) {
        p->left_out++;
        *keep = false;
        return 0;
    }
    if (kv_json_get(r.metadata, "template_id", &id) && kv_json_string_is(id, q->now.template_id))
        return 0;
    if (judge_again(p, q, &r, keep, err) != 0)
        return -1;
    *row = kv_slice_of(&p->text);
    return 0;
}

static int begin(struct kv_extend_rows *p, struct kv_err *err)
{
    if (kv_rows_begin(&p->rows, p->path, KV_LAYOUT_1, err) != 0)
        return -1;
    p->open = true;
    p->rejudged = p->unjudged = p->left_out = 0;
    if (p->bench && !p->templates)
        p->templates = kv_question_templates_open(p->bench, NULL);
    return 0;
}

int kv_extend_rows_next(void *closure, struct kv_slice *row, struct kv_err *err)
{
    struct kv_extend_rows *p = closure;
    struct kv_row next;
    int got;
    if (!p->open && begin(p, err) != 0)
        return -1;
    while ((got = kv_rows_next(&p->rows, &next, err)) == 1) {
        bool keep;
        *row = next.text;
        p->line = next.line;
        if (revise(p, row, &keep, err) != 0)
            return kv_err_context(err, "%s:%zu", p->path, p->line);
        if (keep)
            return 1;
    }
    if (got == 0 && !p->rows.found) /* without this every task would be asked again, unnoticed */
        got = kv_err_set(err, KV_INPUT, "%s: no export: it has no member \"results\"", p->path);
    kv_rows_end(&p->rows);
    p->open = false;
    return got;
}

void kv_extend_rows_end(struct kv_extend_rows *p)
{
    if (p->open)
        kv_rows_end(&p->rows);
    p->open = false;
    kv_question_templates_close(p->templates);
    kv_rejudge_close(p->rejudge);
    kv_verdict_close(p->verifier);
    kv_buf_release(&p->id);
    kv_buf_release(&p->text);
    p->templates = NULL;
    p->rejudge = NULL;
    p->verifier = NULL;
}
