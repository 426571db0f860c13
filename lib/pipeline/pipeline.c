/* pipeline - one task after its answer is there: checks, judge, verdict, rubric, result. */
#include "pipeline.h"

#include "extract.h"
#include "json.h"
#include "pipeline_checks.h"
#include "remarks.h"
#include "task.h"

#include <stddef.h>
#include <string.h>

/* ---- errors: what a stage records, and what becomes of it in the result ---- */

static void set_error(struct kv_pipeline *p, enum kv_retry_class category, const char *stage,
    const char *prefix, struct kv_slice text)
{
    p->error = true;
    p->error_category = category;
    p->error_stage = stage;
    kv_buf_clear(&p->error_text);
    kv_buf_add_str(&p->error_text, prefix);
    kv_buf_add_slice(&p->error_text, text);
}

static void fail_parsing(
    struct kv_pipeline *p, enum kv_retry_class category, const char *prefix, struct kv_slice text)
{
    set_error(p, category, "ParseTemplate", prefix, text);
    p->record.trace_extraction_error = kv_slice_of(&p->error_text);
}

static void fail_exhausted(struct kv_pipeline *p, enum kv_retry_class category)
{
    static const enum kv_failure failure[] = {
        KV_FAIL_CONNECTION, KV_FAIL_TIMEOUT, KV_FAIL_RATE_LIMIT, KV_FAIL_SERVER_ERROR};
    static const char *const reason[] = {"connection retries exhausted",
        "timeout retries exhausted", "rate_limit retries exhausted",
        "server_error retries exhausted"};
    kv_result_builder_fail(
        &p->record, failure[category], p->error_stage, kv_slice(reason[category]));
    p->record.error_message = kv_slice_of(&p->error_text);
    p->record.details_retry_counts = true;
}

/* The first rule that fits decides (kv-results(5)). */
static void classify(struct kv_pipeline *p)
{
    struct kv_result_builder *r = &p->record;
    if (r->failure != KV_FAIL_NONE)
        return; /* an automatic failure */
    if (r->verification_performed && r->verify_result == KV_TRI_FALSE) {
        kv_result_builder_fail(
            r, KV_FAIL_CONTENT, "verify_template", KV_SLICE("verify_template returned False"));
    } else if (p->given_up) {
        kv_result_builder_fail(r, KV_FAIL_UNEXPECTED_ERROR, p->error_stage,
            KV_SLICE("given up: the judge could not be heard in several tries"));
        r->error_message = kv_slice_of(&p->error_text);
    } else if (p->withheld) {
        kv_result_builder_fail(r, KV_FAIL_CONNECTION, "ParseTemplate",
            p->deferred  ? KV_SLICE("judging waits for a batch")
            : p->refused ? KV_SLICE("the judge's server refused the request")
                         : KV_SLICE("the run was stopped before the judge could be asked"));
        r->error_message = kv_slice_of(&p->error_text);
    } else if (p->error && p->error_category != KV_RETRY_NEVER) {
        fail_exhausted(p, p->error_category);
    } else if (r->abstention_detected == KV_TRI_TRUE) {
        struct kv_slice why = kv_slice_strip(r->abstention_reasoning);
        kv_result_builder_fail(
            r, KV_FAIL_ABSTENTION, "abstention_check", why.n ? why : KV_SLICE("model abstained"));
    } else if (r->sufficiency_performed && r->sufficiency_detected == KV_TRI_FALSE) {
        struct kv_slice why = kv_slice_strip(r->sufficiency_reasoning);
        kv_result_builder_fail(r, KV_FAIL_SUFFICIENCY, "sufficiency_check",
            why.n ? why : KV_SLICE("insufficient response"));
    } else if (p->error) {
        kv_result_builder_fail(
            r, KV_FAIL_UNEXPECTED_ERROR, p->error_stage, kv_slice_of(&p->error_text));
        r->error_message = kv_slice_of(&p->error_text);
    }
}

/* ---- beginning ---- */

static void identify(struct kv_pipeline *p)
{
    struct kv_result_builder *r = &p->record;
    const struct kv_question *q = p->prepared->question;
    const struct kv_answer_stage *g = p->generation;
    const struct kv_model_name *answerer = kv_model_names_answerer(p->shared->names, g->model);
    r->question_id = q->id;
    r->template_id = kv_slice(p->prepared->template_id);
    r->question_json = kv_slice_of(&p->prepared->text_json);
    r->raw_answer = q->has_answer ? q->answer : (struct kv_slice){0};
    r->keywords_json = q->keywords;
    r->answering_json = answerer->identity;
    r->answering_key = answerer->key;
    r->parsing_json = p->judge_name->identity;
    r->parsing_key = p->judge_name->key;
    r->answering_system_prompt = g->model->system_prompt;
    r->parsing_system_prompt = p->judge->system_prompt;
    r->replicate = g->replicate == KV_NO_REPLICATE ? 0 : g->replicate;
    r->few_shot_enabled = p->prepared->few_shot;
    r->few_shot_example_count = (int64_t)p->prepared->example_count;
    if (p->shared->run_name)
        r->run_name = kv_slice(p->shared->run_name);
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        r->retries[i].budget = g->model->retry.rules[i].max_attempts;
    memcpy(p->retries, g->retries, sizeof p->retries);
}

void kv_pipeline_begin(struct kv_pipeline *p, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, const struct kv_answer_stage *generation,
    const struct kv_model *judge)
{
    memset(p, 0, offsetof(struct kv_pipeline, record));
    p->shared = shared;
    p->prepared = prepared;
    p->generation = generation;
    p->judge = judge;
    p->judge_name = kv_model_names_judge(shared->names, judge);
    p->asked = judge->model_name;
    p->error_category = KV_RETRY_NEVER;
    kv_result_builder_init(&p->record, generation->start);
    identify(p);
    if (prepared->template_error) {
        kv_buf_add_str(&p->error_text, "Template validation failed: ");
        kv_buf_add_str(&p->error_text, prepared->template_error);
        kv_result_builder_fail(&p->record, KV_FAIL_TEMPLATE_VALIDATION, "validate_template",
            kv_slice_of(&p->error_text));
        p->stage = KV_STAGE_END;
        return;
    }
    kv_answer_stage_record(generation, &p->record, &p->recorded_model, &p->partial_note);
    if (generation->notes.n)
        kv_buf_add_slice(&p->notes, kv_slice_of(&generation->notes));
    if (generation->failed) {
        set_error(p, generation->category, "GenerateAnswer", "", kv_slice_of(&generation->error));
        p->stage = KV_STAGE_END;
    } else if (kv_answer_stage_is_placeholder(generation)) {
        p->record.verify_result = KV_TRI_FALSE;
        p->record.verification_performed = true;
        kv_result_builder_fail(&p->record, KV_FAIL_CONNECTION, "PlaceholderRetryAutoFail",
            KV_SLICE("auto-fail at stage PlaceholderRetryAutoFail"));
        p->stage = KV_STAGE_END;
    }
}

/* ---- the stages that need no model, or find out that they need none ---- */

static void take_recorded_verdict(struct kv_pipeline *p, bool passed)
{
    p->record.verification_performed = true;
    p->record.verify_result = kv_tri(passed);
    p->stage = KV_STAGE_RUBRIC;
}

/* Recorded fields must all be there: what is missing was not recorded, rather than not answered. */
static bool coerces_wholly(
    const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed)
{
    struct kv_slice v;
    for (size_t i = 0; i < t->n; i++)
        if (!t->fields[i].is_trace && !t->fields[i].default_json.n &&
            !kv_json_get(object, t->fields[i].name.p, &v))
            return false;
    return kv_verdict_coerce(t, object, parsed, NULL) == 0;
}

/* A replay entry that holds the judge's part too. True if the judge need not be asked. */
static bool parse_replayed(struct kv_pipeline *p)
{
    const struct kv_recorded_entry *e = p->generation->replayed;
    if (!e)
        return false;
    if (e->parsed_fields.n) {
        if (coerces_wholly(p->prepared->template, e->parsed_fields, &p->parsed)) {
            p->record.used_full_trace = p->shared->config->full_trace_for_template;
            p->stage = KV_STAGE_VERIFY;
            return true;
        }
        if (!p->shared->config->replay_strict_on_mismatch)
            return false;
        set_error(p, KV_RETRY_NEVER, "ParseTemplate",
            "Stage ParseTemplate raised exception: ReplayHydrationError: ",
            KV_SLICE("Replay parsed_answer_fields failed validation"));
        p->stage = KV_STAGE_END;
        return true;
    }
    if (!e->verify_result.n)
        return false;
    take_recorded_verdict(p, kv_json_is_true(e->verify_result));
    return true;
}

static void verify(struct kv_pipeline *p)
{
    struct kv_result_builder *r = &p->record;
    struct kv_err err;
    const struct kv_template *t = p->prepared->template;
    p->stage = KV_STAGE_RUBRIC;
    if (kv_verdict_run(p->shared->verifier, t, &p->parsed, kv_slice_of(&p->generation->raw),
            &p->verdict, &err) != 0) {
        set_error(p, KV_RETRY_NEVER, "VerifyTemplate", "", kv_slice(err.text));
        return;
    }
    kv_template_add_composition(&p->composition, t);
    r->composition_json = kv_slice_of(&p->composition);
    r->verification_performed = true;
    r->verify_result = kv_tri(p->verdict.passed);
    r->granular_json = kv_slice_of(&p->verdict.granular);
    r->field_results_json = kv_slice_of(&p->verdict.field_results);
    r->field_scores_json = kv_slice_of(&p->verdict.field_scores);
    if (p->verdict.error.n && p->verdict.error.p[0] == '"') {
        kv_json_unescape(kv_slice_of(&p->verdict.error), &p->field_error);
        r->field_verification_error = kv_slice_of(&p->field_error);
    }
    r->parsed_gt_json = t->ground_truth;
    r->parsed_llm_json = kv_slice_of(&p->parsed.json);
    r->regex_results_json = r->regex_details_json = r->regex_extraction_json = KV_SLICE("{}");
    r->regex_success = KV_TRI_TRUE;
    if (p->verdict.raised) /* as karenina: a rubric is not evaluated after that */
        p->stage = KV_STAGE_END;
}

/* The rubric looks at the whole trace with its headers, or at the final message alone. */
static void begin_rubric(struct kv_pipeline *p)
{
    struct kv_slice text = kv_slice_of(&p->generation->raw);
    struct kv_err err;
    p->stage = KV_STAGE_END;
    if (!p->prepared->rubric_wanted || p->error)
        return;
    if (!p->shared->config->full_trace_for_rubric && kv_extract_message(text, &text, &err) != 0) {
        set_error(p, KV_RETRY_NEVER, "RubricEvaluation", "Rubric evaluation: ", kv_slice(err.text));
        return;
    }
    kv_buf_add_slice(&p->rubric_text, text);
    kv_rubric_eval_begin(&p->traits, p->shared, p->prepared, kv_slice_of(&p->rubric_text));
    p->rubric_begun = true;
    p->stage = KV_STAGE_RUBRIC;
}

static bool wants_parsing(const struct kv_pipeline *p)
{
    const struct kv_config *c = p->shared->config;
    return c->evaluation_mode != KV_RUBRIC_ONLY && !p->record.abstention_override &&
           !p->record.sufficiency_override && (!p->generation->partial || c->partial_trace_scoring);
}

static bool query_parse(struct kv_pipeline *p, struct kv_query *query)
{
    struct kv_slice text;
    struct kv_err err;
    if (!wants_parsing(p)) {
        p->stage = KV_STAGE_RUBRIC;
        return false;
    }
    if (parse_replayed(p))
        return false;
    p->record.used_full_trace = p->shared->config->full_trace_for_template;
    if (p->record.used_full_trace)
        p->record.evaluation_input = kv_slice_of(&p->generation->raw);
    if (!p->prepared->template->needs_judge) {
        kv_verdict_unasked(p->prepared->template, &p->parsed);
        p->stage = KV_STAGE_VERIFY;
        return false;
    }
    if (kv_answer_stage_shown(p->generation, &text, &err) != 0) {
        fail_parsing(p, KV_RETRY_NEVER, "Failed to extract final AI message: ", kv_slice(err.text));
        p->stage = KV_STAGE_END;
        return false;
    }
    kv_judge_prompts_ask_parse(
        &p->texts, p->shared, p->prepared, p->judge->temperature, text, query);
    kv_reask_add(&p->again, query);
    return true;
}

static bool query_rubric(struct kv_pipeline *p, struct kv_query *query)
{
    if (!p->rubric_begun)
        begin_rubric(p);
    if (p->stage == KV_STAGE_END)
        return false;
    if (kv_rubric_eval_query(&p->traits, query)) {
        query->temperature = p->judge->temperature;
        return true;
    }
    p->record.rubric = kv_rubric_eval_end(&p->traits);
    kv_buf_add_slice(&p->notes, kv_slice_of(&p->traits.notes));
    p->stage = KV_STAGE_END;
    return false;
}

/* What is there of a judgement is of no use without what is not. */
static void conclude_deferred(struct kv_pipeline *p)
{
    p->withheld = true;
    fail_parsing(p, KV_RETRY_NEVER, "", KV_SLICE("the judge's replies are to come"));
    p->record.verification_performed = false;
    p->record.verify_result = KV_TRI_NULL;
    p->record.rubric = NULL;
}

bool kv_pipeline_query(struct kv_pipeline *p, struct kv_query *query)
{
    for (;;) {
        switch (p->stage) {
        case KV_STAGE_BEGIN:
            p->stage = KV_STAGE_ABSTENTION;
            break;
        case KV_STAGE_ABSTENTION:
        case KV_STAGE_SUFFICIENCY:
            if (kv_pipeline_checks_query(p, query))
                return true;
            break;
        case KV_STAGE_PARSE:
            if (query_parse(p, query))
                return true;
            break;
        case KV_STAGE_VERIFY:
            verify(p);
            break;
        case KV_STAGE_RUBRIC:
            if (query_rubric(p, query))
                return true;
            break;
        case KV_STAGE_END:
            if (p->deferred)
                conclude_deferred(p);
            return false;
        }
    }
}

/* ---- another judge ---- */

void kv_pipeline_stand_in(
    struct kv_pipeline *p, const struct kv_model *model, const char *name, struct kv_slice why)
{
    p->asked = model->model_name;
    kv_buf_add_str(&p->stand_in, name);
    kv_remarks_note(&p->notes, "Judged by %s in place of %s: %.*s", name, p->judge_name->display.p,
        (int)why.n, why.p);
}

/* ---- what came back ---- */

static void count_usage(struct kv_pipeline *p, const char *stage, const struct kv_answer *r)
{
    struct kv_stage_usage u = {.stage = stage,
        .model = p->stand_in.n ? kv_slice_of(&p->stand_in) : p->judge_name->display,
        .used = r->used,
        .dropped = kv_remarks_dropped(r)};
    if (r->kind != KV_ANSWER_TEXT)
        return;
    kv_remarks_on_judge(&p->notes, r, p->asked);
    kv_stage_words_put(&p->words[p->stage], r->served, r->tier, r->finish, &u);
    kv_stage_words_place(&p->words[p->stage], r->asked_at, &u);
    kv_result_builder_use(&p->record, &u);
}

/* The judge could not be asked. With more room than configured it may not be taken at all. */
static void fail_asking(struct kv_pipeline *p, const struct kv_answer *response)
{
    bool cut = p->again.room > 1 && response->category == KV_RETRY_NEVER;
    fail_parsing(p, response->category,
        cut ? "Parsing failed: the judge was cut off by its token limit; asked again with more "
              "room: "
            : "Parsing failed: ",
        response->error);
    p->stage = KV_STAGE_END;
}

/* A reply that cannot be used is sent back with what is wrong, a bounded number of times. */
static void take_parse(struct kv_pipeline *p, const struct kv_answer *response)
{
    struct kv_err err;
    if (response->kind == KV_ANSWER_FAILED) {
        fail_asking(p, response);
        return;
    }
    if (kv_reask_whole(response, &err) == 0 &&
        kv_verdict_parse(p->prepared->template, response->text, &p->parsed, &err) == 0) {
        kv_reask_begin(&p->again);
        p->stage = KV_STAGE_VERIFY;
        return;
    }
    if (kv_reask_again(&p->again, p->shared, response, err.text))
        return;
    fail_parsing(p, KV_RETRY_NEVER, "Parsing failed: ", kv_slice(err.text));
    p->stage = KV_STAGE_END;
}

/* Goes on with what does not need this reply: the rubric needs the answer only, checks gate all. */
static void defer(struct kv_pipeline *p)
{
    p->deferred = true;
    if (p->stage == KV_STAGE_RUBRIC)
        kv_rubric_eval_pass_over(&p->traits);
    else
        p->stage = p->stage == KV_STAGE_PARSE ? KV_STAGE_RUBRIC : KV_STAGE_END;
    kv_reask_begin(&p->again);
}

static void withhold(struct kv_pipeline *p, const struct kv_answer *response)
{
    p->withheld = true;
    p->refused = response->kind == KV_ANSWER_REFUSED;
    fail_parsing(p, KV_RETRY_NEVER, "Parsing failed: ", response->error);
    p->record.verification_performed = false;
    p->record.verify_result = KV_TRI_NULL;
    p->stage = KV_STAGE_END;
}

void kv_pipeline_take(struct kv_pipeline *p, const struct kv_answer *response)
{
    static const char *const name[] = {[KV_STAGE_ABSTENTION] = "abstention_check",
        [KV_STAGE_SUFFICIENCY] = "sufficiency_check",
        [KV_STAGE_PARSE] = "parsing",
        [KV_STAGE_RUBRIC] = "rubric_evaluation"};
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        p->retries[i] += response->retries[i];
    if (response->kind == KV_ANSWER_WITHHELD || response->kind == KV_ANSWER_REFUSED) {
        withhold(p, response);
        return;
    }
    if (response->kind == KV_ANSWER_DEFERRED) {
        defer(p);
        return;
    }
    count_usage(p, name[p->stage], response);
    if (p->stage == KV_STAGE_ABSTENTION || p->stage == KV_STAGE_SUFFICIENCY)
        kv_pipeline_checks_take(p, response);
    else if (p->stage == KV_STAGE_PARSE)
        take_parse(p, response);
    else
        kv_rubric_eval_take(&p->traits, response);
}

/* ---- the result ---- */

bool kv_pipeline_is_kept(const struct kv_pipeline *p)
{
    return !p->given_up && !p->generation->failed &&
           (p->withheld || (p->error && p->error_category != KV_RETRY_NEVER));
}

void kv_pipeline_give_up(struct kv_pipeline *p)
{
    p->given_up = true;
}

static void add_warnings(struct kv_pipeline *p)
{
    for (size_t at = 0; at < p->notes.n; at += strlen(p->notes.p + at) + 1)
        kv_result_builder_warn(&p->record, kv_slice(p->notes.p + at));
}

void kv_pipeline_write(struct kv_pipeline *p, struct kv_buf *line)
{
    struct kv_result_builder *r = &p->record;
    r->execution_time = kv_answer_stage_seconds(p->generation);
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        r->retries[i].used = p->retries[i];
    add_warnings(p);
    classify(p);
    kv_result_builder_write(r, line);
}

uint32_t kv_pipeline_code(const struct kv_pipeline *p)
{
    return kv_result_builder_code(&p->record);
}

void kv_pipeline_clear(struct kv_pipeline *p)
{
    struct kv_buf *all[] = {&p->error_text, &p->abstention, &p->sufficiency, &p->rubric_text,
        &p->recorded_model, &p->field_error, &p->partial_note, &p->notes, &p->stand_in};
    struct kv_verdict *v = &p->verdict;
    struct kv_buf *kept[] = {&p->parsed.json, &p->parsed.bytes, &v->granular, &v->field_results,
        &v->field_scores, &v->error, &p->composition};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kv_buf_release(all[i]);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        kv_buf_reuse(kept[i], KV_TEXT_KEPT);
    for (size_t i = 0; i < KV_STAGE_END; i++)
        kv_stage_words_release(&p->words[i]);
    kv_judge_prompts_texts_release(&p->texts);
    kv_reask_release(&p->again);
    if (p->rubric_begun)
        kv_rubric_eval_release(&p->traits);
    p->rubric_begun = false;
}

void kv_pipeline_release(struct kv_pipeline *p)
{
    kv_pipeline_clear(p);
    kv_parsed_release(&p->parsed);
    kv_verdict_release(&p->verdict);
    kv_buf_release(&p->composition);
}
