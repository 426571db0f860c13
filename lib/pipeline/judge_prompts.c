/* judge_prompts - what a judge is asked about one answer, and how the replies of its checks are
 * read. */
#include "judge_prompts.h"

#include "field_value.h"
#include "json.h"
#include "reply_object.h"

/* What differs between the checks. */
static const struct {
    const char *stage, *schema_name, *schema, *member;
    enum kv_prompt system, user;
    bool harmless; /* the flag with which a task goes on */
} checks[] = {
    [KV_CHECK_ABSTENTION] = {"abstention_check", "AbstentionResult",
        "{\"type\":\"object\",\"properties\":{\"reasoning\":{\"type\":\"string\"},"
        "\"abstention_detected\":{\"type\":\"boolean\"}},"
        "\"required\":[\"reasoning\",\"abstention_detected\"],\"additionalProperties\":false}",
        "abstention_detected", KV_PROMPT_ABSTENTION_SYSTEM, KV_PROMPT_ABSTENTION_USER, false},
    [KV_CHECK_SUFFICIENCY] = {"sufficiency_check", "SufficiencyResult",
        "{\"type\":\"object\",\"properties\":{\"reasoning\":{\"type\":\"string\"},"
        "\"sufficient\":{\"type\":\"boolean\"}},"
        "\"required\":[\"reasoning\",\"sufficient\"],\"additionalProperties\":false}",
        "sufficient", KV_PROMPT_SUFFICIENCY_SYSTEM, KV_PROMPT_SUFFICIENCY_USER, true},
};

void kv_judge_prompts_texts_release(struct kv_judge_prompts_texts *t)
{
    kv_buf_release(&t->system);
    kv_buf_release(&t->user);
}

static void write_messages(struct kv_judge_prompts_texts *t,
    const struct kv_pipeline_shared *shared, enum kv_prompt system, enum kv_prompt user,
    const struct kv_prompt_value *values, struct kv_query *query)
{
    kv_buf_clear(&t->system);
    kv_buf_clear(&t->user);
    kv_prompt_add(shared->prompts, system, values, &t->system);
    kv_prompt_add(shared->prompts, user, values, &t->user);
    query->messages[0] = (struct kv_message){KV_SPEAKER_SYSTEM, kv_slice_of(&t->system)};
    query->messages[1] = (struct kv_message){KV_SPEAKER_USER, kv_slice_of(&t->user)};
    query->count = 2;
}

void kv_judge_prompts_ask_check(struct kv_judge_prompts_texts *t,
    const struct kv_pipeline_shared *shared, const struct kv_prepared_question *prepared,
    enum kv_check check, struct kv_slice text, struct kv_query *query)
{
    const struct kv_prompt_texts *own = &shared->config->prompts;
    const struct kv_compiled_template *c = prepared->compiled; /* none where rubrics are all */
    const struct kv_prompt_value values[] = {
        {"question", prepared->question->text},
        {"response", text},
        {"schema", c ? kv_slice_of(&c->full_schema) : KV_SLICE("")},
        {"extra",
            check == KV_CHECK_ABSTENTION ? own->abstention_detection : own->sufficiency_detection},
        {NULL, {0}},
    };
    *query = (struct kv_query){.judge = true,
        .stage = checks[check].stage,
        .temperature = 0,
        .schema_name = checks[check].schema_name,
        .schema = kv_slice(checks[check].schema)};
    write_messages(t, shared, checks[check].system, checks[check].user, values, query);
}

static void list_hints(const struct kv_template *t, struct kv_buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct kv_answer_field *f = &t->fields[i];
        if (!f->hint.n || f->is_trace)
            continue;
        kv_buf_printf(out, "%s- %s: ", out->n ? "\n" : "", f->name.p);
        kv_buf_add_slice(out, f->hint);
    }
}

void kv_judge_prompts_ask_parse(struct kv_judge_prompts_texts *t,
    const struct kv_pipeline_shared *shared, const struct kv_prepared_question *prepared,
    double temperature, struct kv_slice text, struct kv_query *query)
{
    struct kv_buf hints = {0};
    list_hints(prepared->template, &hints);
    const struct kv_prompt_value values[] = {
        {"question", prepared->question->text},
        {"response", text},
        {"schema", kv_slice_of(&prepared->compiled->shown_schema)},
        {"hints", kv_slice_of(&hints)},
        {"expected", shared->show_expected ? prepared->template->ground_truth : KV_SLICE("")},
        {"extra", shared->config->prompts.parsing},
        {NULL, {0}},
    };
    *query = (struct kv_query){.judge = true,
        .stage = "parsing",
        .temperature = temperature,
        .schema_name = "Answer",
        .schema = kv_slice_of(&prepared->compiled->sent_schema)};
    write_messages(t, shared, KV_PROMPT_PARSE_SYSTEM, KV_PROMPT_PARSE_USER, values, query);
    kv_buf_release(&hints);
}

bool kv_judge_prompts_harmless(enum kv_check check)
{
    return checks[check].harmless;
}

int kv_judge_prompts_read_check(enum kv_check check, struct kv_slice reply, bool *flag,
    struct kv_buf *reasoning, struct kv_err *err)
{
    struct kv_buf object = {0};
    struct kv_slice v, name = kv_slice(checks[check].member);
    const struct kv_wanted wanted = {.names = &name, .n = 1};
    *flag = checks[check].harmless;
    int failed = kv_reply_object(reply, &wanted, &object, err);
    if (!failed) {
        kv_json_get(kv_slice_of(&object), checks[check].member, &v);
        if (!kv_field_value_truth(v, flag))
            failed = kv_err_set(err, KV_INPUT, "%s: must be true or false, not %.*s",
                checks[check].member, (int)(v.n < 60 ? v.n : 60), v.p);
    }
    if (!failed && kv_json_get(kv_slice_of(&object), "reasoning", &v) &&
        kv_json_type(v) == KV_JSON_STRING)
        kv_json_unescape(v, reasoning);
    else if (!failed)
        kv_buf_add_str(reasoning, "no reasoning was given");
    kv_buf_release(&object);
    return failed;
}
