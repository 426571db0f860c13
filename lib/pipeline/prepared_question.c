/* prepared_question - one question made ready for a run. */
#include "prepared_question.h"

#include "fewshot.h"
#include "json.h"
#include "question_id.h"

#include <stdlib.h>
#include <string.h>

static int compile(struct kv_prepared_question *s, struct kv_compiled_template **last,
    const struct kv_config *config, struct kv_translator *translator, struct kv_err *err)
{
    struct kv_compiled_template *c =
        kv_compiled_template_open(last, config, s->question->template, translator, err);
    if (!c)
        return -1;
    s->compiled = c;
    s->template = c->template;
    s->template_error = c->error;
    memcpy(s->template_id, c->id, sizeof s->template_id);
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
    struct kv_compiled_template **last, struct kv_err *err)
{
    struct kv_prepared_question *s = kv_calloc(1, sizeof *s);
    const struct kv_question *q = s->question = &s->read;
    if (kv_bench_read(bench, index, &s->read, err) != 0) {
        kv_prepared_question_close(s);
        return NULL;
    }
    if (config->evaluation_mode == KV_RUBRIC_ONLY)
        kv_question_id_template(q->template, s->template_id);
    if (merge_rubric(config, bench, s, err) != 0 ||
        (config->evaluation_mode != KV_RUBRIC_ONLY &&
            compile(s, last, config, translator, err) != 0)) {
        kv_err_context(err, "question %s", q->id.p);
        kv_prepared_question_close(s);
        return NULL;
    }
    kv_buf_reserve(&s->text_json, q->text.n + 2); /* what it takes without escapes */
    kv_json_quote(&s->text_json, q->text, KV_JSON_RAW);
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
    kv_compiled_template_close(s->compiled);
    kv_rubric_release(&s->rubric);
    kv_question_release(&s->read);
    kv_buf_release(&s->examples);
    kv_buf_release(&s->text_json);
    free(s);
}
