/* question_line - a question as a line of JSON Lines. */
#include "question_line.h"

#include "checkpoint.h"
#include "ident.h"
#include "json.h"
#include "lax.h"

static struct kv_slice get(struct kv_slice object, const char *name)
{
    struct kv_slice v = {0};
    kv_json_get(object, name, &v);
    return v;
}

static struct kv_slice want_text(struct kv_question *q, struct kv_slice line, const char *name,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(name)};
    struct kv_slice v = get(line, name);
    if (kv_json_is_null(v))
        return (struct kv_slice){0};
    if (kv_json_type(v) != KV_JSON_STRING)
        kv_problems_add(
            problems, &here, "string_type", "expected a string, got %s", kv_json_type_name(v));
    return kv_question_keep_text(q, v);
}

static void refuse_unknown(
    struct kv_slice line, const struct kv_path *at, struct kv_problems *problems)
{
    static const char *const known[] = {"id", "question", "answer", "keywords", "template",
        "finished", "few_shot_examples", "rubric", "workspace_path"};
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, line);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_path here = {.up = at, .name = {key.p + 1, key.n - 2}};
        size_t i = 0;
        while (i < sizeof known / sizeof *known && !kv_json_string_is(key, known[i]))
            i++;
        if (i == sizeof known / sizeof *known)
            kv_problems_add(problems, &here, "extra_forbidden", "unknown key");
    }
}

static void read_template(struct kv_question *q, struct kv_slice line, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_slice value = get(line, "template");
    if (kv_json_type(value) == KV_JSON_OBJECT && value.n) {
        struct kv_buf text = {0};
        kv_json_compact(&text, value);
        q->template = kv_question_keep(q, &text);
        q->template_is_spec = true;
    } else {
        q->template = want_text(q, line, "template", at, problems);
    }
}

static void read_lists(struct kv_question *q, struct kv_slice line, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_path keywords_at = {.up = at, .name = KV_SLICE("keywords")};
    struct kv_path examples_at = {.up = at, .name = KV_SLICE("few_shot_examples")};
    struct kv_json_walk w;
    struct kv_slice item;
    q->keywords = kv_question_keep_json(q, get(line, "keywords"));
    if (kv_json_is_null(q->keywords))
        q->keywords = (struct kv_slice){0};
    else if (kv_json_type(q->keywords) != KV_JSON_ARRAY)
        kv_problems_add(problems, &keywords_at, "list_type", "expected an array of strings");
    kv_json_begin(&w, q->keywords);
    while (kv_json_item(&w, &item))
        if (kv_json_type(item) != KV_JSON_STRING)
            kv_problems_add(problems, &keywords_at, "string_type", "expected an array of strings");
    struct kv_slice examples = get(line, "few_shot_examples");
    if (kv_json_is_null(examples))
        return;
    kv_checkpoint_check_examples(examples, &examples_at, problems);
    q->few_shot = kv_question_keep_json(q, examples);
}

int kv_question_line_read(struct kv_question *q, struct kv_slice line, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_path text_at = {.up = at, .name = KV_SLICE("question")};
    struct kv_path finished_at = {.up = at, .name = KV_SLICE("finished")};
    struct kv_path rubric_at = {.up = at, .name = KV_SLICE("rubric")};
    struct kv_slice finished = get(line, "finished"), rubric = get(line, "rubric");
    const char *sort;
    size_t before = problems->n;
    refuse_unknown(line, at, problems);
    q->finished = true;
    q->text = want_text(q, line, "question", at, problems);
    q->answer = want_text(q, line, "answer", at, problems);
    q->has_answer = q->answer.p != NULL;
    q->workspace_path = want_text(q, line, "workspace_path", at, problems);
    q->id = want_text(q, line, "id", at, problems);
    if (!q->text.n)
        kv_problems_add(problems, &text_at, "missing", "must not be empty");
    if (!q->id.n && q->text.n) {
        struct kv_buf made = {0};
        kv_ident_add_question(&made, q->text);
        q->id = kv_question_keep(q, &made);
    }
    if (finished.n && kv_lax_bool(finished, &q->finished, &sort) != 0)
        kv_problems_add(problems, &finished_at, sort, "not a boolean");
    read_template(q, line, at, problems);
    read_lists(q, line, at, problems);
    if (!kv_json_is_null(rubric))
        kv_rubric_read_object(&q->rubric, rubric, false, &rubric_at, problems);
    return problems->n == before ? 0 : -1;
}

int kv_question_line_rubric(struct kv_rubric *global, struct kv_slice line,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path rubric_at = {.up = at, .name = KV_SLICE("rubric")};
    size_t before = problems->n;
    refuse_unknown(line, at, problems);
    kv_rubric_read_object(global, get(line, "rubric"), true, &rubric_at, problems);
    return problems->n == before ? 0 : -1;
}
