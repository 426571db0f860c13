/* question_jsonl - a question as a line of JSON Lines. */
#include "question_jsonl.h"

#include "checkpoint.h"
#include "json.h"
#include "pydantic.h"
#include "question_id.h"

enum member {
    ID,
    TEXT,
    ANSWER,
    KEYWORDS,
    TEMPLATE,
    FINISHED,
    FEW_SHOT,
    RUBRIC,
    WORKSPACE,
    MEMBERS
};
static const char *const names[MEMBERS + 1] = {"id", "question", "answer", "keywords", "template",
    "finished", "few_shot_examples", "rubric", "workspace_path"};

/* The members of a line: values as they stand in it, n == 0 where there is none. */
struct line {
    struct kv_slice value[MEMBERS];
    const struct kv_path *at;
    struct kv_problems *problems;
};

static void take_apart(struct line *l, struct kv_slice text)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, text);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_path here = {.up = l->at, .name = {key.p + 1, key.n - 2}};
        size_t i = 0;
        while (i < MEMBERS && !kv_json_string_is(key, names[i]))
            i++;
        if (i < MEMBERS)
            l->value[i] = value; /* of several the last, as everywhere */
        else
            kv_problems_add_unknown(l->problems, &here, names);
    }
}

static struct kv_path path_of(const struct line *l, enum member which)
{
    return (struct kv_path){.up = l->at, .name = kv_slice(names[which])};
}

static struct kv_slice want_text(struct kv_question *q, const struct line *l, enum member which)
{
    struct kv_path here = path_of(l, which);
    struct kv_slice v = l->value[which];
    if (kv_json_is_null(v))
        return (struct kv_slice){0};
    if (kv_json_type(v) != KV_JSON_STRING)
        kv_problems_add(
            l->problems, &here, "string_type", "expected a string, got %s", kv_json_type_name(v));
    return kv_question_keep_text(q, v);
}

static void read_template(struct kv_question *q, const struct line *l)
{
    struct kv_slice value = l->value[TEMPLATE];
    q->template_is_spec = kv_json_type(value) == KV_JSON_OBJECT;
    q->template = q->template_is_spec ? kv_question_keep_json(q, value) : want_text(q, l, TEMPLATE);
}

static void read_keywords(struct kv_question *q, const struct line *l)
{
    struct kv_path here = path_of(l, KEYWORDS);
    struct kv_slice value = l->value[KEYWORDS], item;
    struct kv_json_walk w;
    if (kv_json_is_null(value))
        return;
    if (kv_json_type(value) != KV_JSON_ARRAY)
        kv_problems_add(l->problems, &here, "list_type", "expected an array of strings");
    kv_json_begin(&w, value);
    while (kv_json_item(&w, &item))
        if (kv_json_type(item) != KV_JSON_STRING)
            kv_problems_add(l->problems, &here, "string_type", "expected an array of strings");
    q->keywords = kv_question_keep_json(q, value);
}

static void read_examples(struct kv_question *q, const struct line *l)
{
    struct kv_path here = path_of(l, FEW_SHOT);
    struct kv_slice value = l->value[FEW_SHOT];
    if (kv_json_is_null(value))
        return;
    kv_checkpoint_check_examples(value, &here, l->problems);
    q->few_shot = kv_question_keep_json(q, value);
}

static void read_finished(struct kv_question *q, const struct line *l)
{
    struct kv_path here = path_of(l, FINISHED);
    const char *error_type;
    q->finished = true;
    if (l->value[FINISHED].n &&
        kv_pydantic_bool(l->value[FINISHED], &q->finished, &error_type) != 0)
        kv_problems_add(l->problems, &here, error_type, "not a boolean");
}

static void make_id(struct kv_question *q)
{
    struct kv_buf made = {0};
    kv_question_id_add_question(&made, q->text);
    q->id = kv_question_keep(q, &made);
}

static void read_question(struct kv_question *q, const struct line *l, size_t length)
{
    struct kv_path text_at = path_of(l, TEXT), rubric_at = path_of(l, RUBRIC);
    kv_question_begin(q, length);
    q->text = want_text(q, l, TEXT);
    q->answer = want_text(q, l, ANSWER);
    q->has_answer = q->answer.p != NULL;
    q->workspace_path = want_text(q, l, WORKSPACE);
    q->id = want_text(q, l, ID);
    if (!q->text.n)
        kv_problems_add(l->problems, &text_at, "missing", "must not be empty");
    else if (!q->id.n)
        make_id(q);
    read_finished(q, l);
    read_template(q, l);
    read_keywords(q, l);
    read_examples(q, l);
    if (!kv_json_is_null(l->value[RUBRIC]))
        kv_rubric_read_object(&q->rubric, l->value[RUBRIC], false, &rubric_at, l->problems);
}

int kv_question_jsonl_read(struct kv_question *q, struct kv_rubric *global, struct kv_slice line,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct line l = {.at = at, .problems = problems};
    size_t before = problems->n;
    take_apart(&l, line);
    if (l.value[TEXT].n || !l.value[RUBRIC].n) {
        read_question(q, &l, line.n);
    } else {
        struct kv_path rubric_at = path_of(&l, RUBRIC);
        kv_rubric_read_object(global, l.value[RUBRIC], true, &rubric_at, problems);
    }
    return problems->n == before ? 0 : -1;
}
