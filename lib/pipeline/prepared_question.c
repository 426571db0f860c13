/* prepared_question - one question made ready for a run. */
#include "prepared_question.h"

#include "fewshot.h"
#include "json.h"
#include "json_schema.h"

#include <stdlib.h>

static int compile(struct kv_prepared_question *s, const struct kv_config *config,
    struct kv_translator *translator, struct kv_err *err)
{
    struct kv_template *t = NULL;
    switch (kv_translator_template(translator, s->question->template, &t, err)) {
    case KV_TEMPLATE_CODE:
        return kv_err_context(err, "template");
    case KV_TEMPLATE_INVALID:
        s->template_error = kv_strdup(err->text);
        return 0;
    case KV_TEMPLATE_OK:
        break;
    }
    s->template = t;
    if (t->needs_judge) {
        kv_json_schema_prompt(&s->shown_schema, t, false, 2);
        kv_json_schema_strict(&s->sent_schema, t);
    }
    if (config->sufficiency_enabled)
        kv_json_schema_prompt(&s->full_schema, t, true, 2);
    return 0;
}

static bool can_be_evaluated(const struct kv_rubric *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->traits[i].list != KV_TRAIT_AGENTIC)
            return true;
    return false;
}

static int merge_rubric(const struct kv_config *config, const struct kv_bench *bench,
    struct kv_prepared_question *s, struct kv_err *err)
{
    struct kv_problems problems = {0};
    int failed = 0;
    if (!config->rubric_enabled)
        return 0;
    if (kv_rubric_merge(&bench->rubric, &s->question->rubric, &s->rubric, NULL, &problems) != 0)
        failed = kv_problems_err(&problems, err);
    kv_problems_release(&problems);
    s->rubric_wanted = can_be_evaluated(&s->rubric);
    return failed;
}

struct kv_prepared_question *kv_prepared_question_open(const struct kv_config *config,
    const struct kv_bench *bench, size_t index, struct kv_translator *translator,
    struct kv_err *err)
{
    struct kv_prepared_question *s = kv_calloc(1, sizeof *s);
    const struct kv_question *q = s->question = &s->read;
    if (kv_bench_read(bench, index, &s->read, err) != 0) {
        kv_prepared_question_close(s);
        return NULL;
    }
    if (merge_rubric(config, bench, s, err) != 0 ||
        (config->evaluation_mode != KV_RUBRIC_ONLY && compile(s, config, translator, err) != 0)) {
        kv_err_context(err, "question %s", q->id.p);
        kv_prepared_question_close(s);
        return NULL;
    }
    s->few_shot = kv_fewshot_enabled(config->few_shot);
    if (s->few_shot)
        kv_fewshot_resolve(config->few_shot, q->id, q->few_shot, &s->examples);
    s->example_count = kv_json_count(kv_slice_of(&s->examples));
    return s;
}

void kv_prepared_question_close(struct kv_prepared_question *s)
{
    if (!s)
        return;
    kv_template_close(s->template);
    free(s->template_error);
    kv_rubric_release(&s->rubric);
    kv_question_release(&s->read);
    kv_buf_release(&s->examples);
    kv_buf_release(&s->shown_schema);
    kv_buf_release(&s->sent_schema);
    kv_buf_release(&s->full_schema);
    free(s);
}
