/* pipeline_checks - the two stages before parsing: whether the answer is a refusal, and suffices. */
#include "pipeline_checks.h"

#include "remarks.h"

static enum kv_check check_of(const struct kv_pipeline *p)
{
    return p->stage == KV_STAGE_ABSTENTION ? KV_CHECK_ABSTENTION : KV_CHECK_SUFFICIENCY;
}

static bool is_wanted(const struct kv_pipeline *p)
{
    const struct kv_config *c = p->shared->config;
    if (p->generation->partial)
        return false;
    if (p->stage == KV_STAGE_ABSTENTION)
        return c->abstention_enabled;
    return c->sufficiency_enabled && c->evaluation_mode != KV_RUBRIC_ONLY &&
           !p->record.abstention_override;
}

/* A check is asked only if there is a text to check. */
bool kv_pipeline_checks_query(struct kv_pipeline *p, struct kv_query *query)
{
    struct kv_slice text;
    if (!is_wanted(p) || kv_answer_stage_shown(p->generation, &text, NULL) != 0) {
        p->stage++;
        return false;
    }
    kv_judge_prompts_ask_check(&p->texts, p->shared, p->prepared, check_of(p), text, query);
    kv_reask_add(&p->again, query);
    return true;
}

/* 1 if the check was performed, 0 if it was not, for the reason noted; -1 if the judge is asked
 * again. */
static int read_check(
    struct kv_pipeline *p, const struct kv_answer *response, bool *flag, struct kv_buf *reasoning)
{
    enum kv_check check = check_of(p);
    struct kv_err err;
    struct kv_slice why = response->error;
    int failed = response->kind != KV_ANSWER_TEXT;
    *flag = kv_judge_prompts_harmless(check);
    if (!failed) {
        failed = kv_reask_whole(response, &err) != 0 ||
                 kv_judge_prompts_read_check(check, response->text, flag, reasoning, &err) != 0;
        if (failed && kv_reask_again(&p->again, p->shared, response, err.text))
            return -1;
        why = kv_slice(failed ? err.text : "");
    }
    if (failed)
        kv_remarks_note(&p->notes, "%s check not performed: %.*s",
            check == KV_CHECK_ABSTENTION ? "Abstention" : "Sufficiency", (int)why.n, why.p);
    kv_reask_begin(&p->again);
    return !failed;
}

static void take_abstention(struct kv_pipeline *p, const struct kv_answer *response)
{
    struct kv_result_builder *r = &p->record;
    bool detected;
    int performed = read_check(p, response, &detected, &p->abstention);
    if (performed < 0)
        return;
    r->abstention_performed = performed;
    r->abstention_detected = kv_tri(detected);
    if (r->abstention_performed)
        r->abstention_reasoning = kv_slice_of(&p->abstention);
    if (detected) {
        r->abstention_override = true;
        r->verify_result = KV_TRI_FALSE;
    }
    p->stage = KV_STAGE_SUFFICIENCY;
}

static void take_sufficiency(struct kv_pipeline *p, const struct kv_answer *response)
{
    struct kv_result_builder *r = &p->record;
    bool sufficient;
    int performed = read_check(p, response, &sufficient, &p->sufficiency);
    if (performed < 0)
        return;
    r->sufficiency_performed = performed;
    r->sufficiency_detected = kv_tri(sufficient);
    if (r->sufficiency_performed)
        r->sufficiency_reasoning = kv_slice_of(&p->sufficiency);
    if (!sufficient) {
        r->sufficiency_override = true;
        r->verify_result = KV_TRI_FALSE;
    }
    p->stage = KV_STAGE_PARSE;
}

void kv_pipeline_checks_take(struct kv_pipeline *p, const struct kv_answer *response)
{
    if (p->stage == KV_STAGE_ABSTENTION)
        take_abstention(p, response);
    else
        take_sufficiency(p, response);
}
