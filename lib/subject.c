/* subject - one question made ready for a run. */
#include "subject.h"

#include "fewshot.h"
#include "json.h"
#include "outline.h"

#include <stdlib.h>

static void compile(struct kv_subject *s, kv_template_fn *convert, void *closure)
{
    struct kv_err err;
    struct kv_slice source = s->question->template;
    struct kv_buf spec = {0};
    enum kv_template_outcome outcome = kv_template_open(source, &s->template, &err);
    if (outcome == KV_TEMPLATE_CODE && convert) {
        if (convert(closure, source, &spec, &err) != 0)
            outcome = KV_TEMPLATE_INVALID;
        else
            outcome = kv_template_open(kv_slice_of(&spec), &s->template, &err);
    }
    kv_buf_release(&spec);
    if (outcome != KV_TEMPLATE_OK) {
        s->template = NULL;
        s->template_error = kv_strdup(err.text);
        return;
    }
    kv_outline_prompt(&s->shown_schema, s->template, false, 2);
    kv_outline_strict(&s->sent_schema, s->template);
    kv_outline_prompt(&s->full_schema, s->template, true, 2);
}

static bool can_be_evaluated(const struct kv_rubric *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->traits[i].list != KV_TRAIT_AGENTIC)
            return true;
    return false;
}

static int merge_rubric(const struct kv_config *config, const struct kv_bench *bench,
    struct kv_subject *s, struct kv_err *err)
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

struct kv_subject *kv_subject_open(const struct kv_config *config, const struct kv_bench *bench,
    size_t index, kv_template_fn *convert, void *closure, struct kv_err *err)
{
    struct kv_subject *s = kv_calloc(1, sizeof *s);
    const struct kv_question *q = s->question = &s->read;
    if (kv_bench_read(bench, index, &s->read, err) != 0) {
        kv_subject_close(s);
        return NULL;
    }
    if (merge_rubric(config, bench, s, err) != 0) {
        kv_err_context(err, "question %s", q->id.p);
        kv_subject_close(s);
        return NULL;
    }
    if (config->evaluation_mode != KV_RUBRIC_ONLY)
        compile(s, convert, closure);
    s->few_shot = kv_fewshot_enabled(config->few_shot);
    if (s->few_shot)
        kv_fewshot_resolve(config->few_shot, q->id, q->few_shot, &s->examples);
    s->example_count = kv_json_count(kv_slice_of(&s->examples));
    return s;
}

void kv_subject_close(struct kv_subject *s)
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
