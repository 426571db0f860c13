/* bench - a benchmark as loaded. */
#include "bench.h"

#include "checkpoint.h"
#include "ident.h"
#include "json.h"
#include "lax.h"

#include <stdlib.h>
#include <string.h>

static struct kv_slice get(struct kv_slice object, const char *name)
{
    struct kv_slice v = {0};
    kv_json_get(object, name, &v);
    return v;
}

/* ---- JSON Lines ---- */

static struct kv_slice want_text(struct kv_bench *b, struct kv_slice line, const char *name,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(name)};
    struct kv_slice v = get(line, name);
    if (kv_json_is_null(v))
        return (struct kv_slice){0};
    if (kv_json_type(v) != KV_JSON_STRING)
        kv_problems_add(
            problems, &here, "string_type", "expected a string, got %s", kv_json_type_name(v));
    return kv_question_keep_text(b, v);
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

static void read_template(struct kv_bench *b, struct kv_question *q, struct kv_slice line,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_slice value = get(line, "template");
    if (kv_json_type(value) == KV_JSON_OBJECT && value.n) {
        struct kv_buf text = {0};
        kv_json_compact(&text, value);
        q->template = kv_question_keep(b, &text);
        q->template_is_spec = true;
    } else {
        q->template = want_text(b, line, "template", at, problems);
    }
    kv_ident_template(q->template, q->template_id);
}

static void read_lists(struct kv_bench *b, struct kv_question *q, struct kv_slice line,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path keywords_at = {.up = at, .name = KV_SLICE("keywords")};
    struct kv_path examples_at = {.up = at, .name = KV_SLICE("few_shot_examples")};
    struct kv_json_walk w;
    struct kv_slice item;
    q->keywords = kv_question_keep_json(b, get(line, "keywords"));
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
    q->few_shot = kv_question_keep_json(b, examples);
}

static void read_question(struct kv_bench *b, struct kv_slice line, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_path text_at = {.up = at, .name = KV_SLICE("question")};
    struct kv_path finished_at = {.up = at, .name = KV_SLICE("finished")};
    struct kv_path rubric_at = {.up = at, .name = KV_SLICE("rubric")};
    struct kv_question *q = kv_question_add(b);
    struct kv_slice finished = get(line, "finished"), rubric = get(line, "rubric");
    const char *sort;
    q->finished = true;
    q->text = want_text(b, line, "question", at, problems);
    q->answer = want_text(b, line, "answer", at, problems);
    q->has_answer = q->answer.p != NULL;
    q->workspace_path = want_text(b, line, "workspace_path", at, problems);
    q->id = want_text(b, line, "id", at, problems);
    if (!q->text.n)
        kv_problems_add(problems, &text_at, "missing", "must not be empty");
    if (!q->id.n && q->text.n) {
        struct kv_buf made = {0};
        kv_ident_add_question(&made, q->text);
        q->id = kv_question_keep(b, &made);
    }
    if (finished.n && kv_lax_bool(finished, &q->finished, &sort) != 0)
        kv_problems_add(problems, &finished_at, sort, "not a boolean");
    read_template(b, q, line, at, problems);
    read_lists(b, q, line, at, problems);
    if (!kv_json_is_null(rubric))
        kv_rubric_read_object(&q->rubric, rubric, false, &rubric_at, problems);
}

static void read_line(
    struct kv_bench *b, struct kv_slice line, size_t number, struct kv_problems *problems)
{
    struct kv_buf name = {0};
    kv_buf_printf(&name, "line %zu", number);
    struct kv_path here = {.name = kv_slice_of(&name)};
    struct kv_path rubric_at = {.up = &here, .name = KV_SLICE("rubric")};
    if (kv_json_type(line) != KV_JSON_OBJECT) {
        kv_problems_add(
            problems, &here, "model_type", "expected an object, got %s", kv_json_type_name(line));
    } else {
        refuse_unknown(line, &here, problems);
        if (get(line, "question").n || !get(line, "rubric").n)
            read_question(b, line, &here, problems);
        else
            kv_rubric_read_object(&b->rubric, get(line, "rubric"), true, &rubric_at, problems);
    }
    kv_buf_release(&name);
}

static size_t count_lines(const char *from, const char *to)
{
    size_t n = 1;
    while (from < to && (from = memchr(from, '\n', (size_t)(to - from)))) {
        n++;
        from++;
    }
    return n;
}

static void refuse_twins(const struct kv_bench *b, struct kv_problems *problems);

static int read_lines(
    struct kv_bench *b, struct kv_slice text, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_slice rest = text, value;
    size_t number = 1;
    const char *counted = text.p;
    int got;
    while ((got = kv_json_next(&rest, text.p, KV_JSON_STRICT, &value, err)) == 1) {
        number += count_lines(counted, value.p) - 1;
        counted = value.p;
        read_line(b, value, number, problems);
    }
    if (got != 0)
        return -1;
    refuse_twins(b, problems);
    if (problems->n == 0)
        kv_rubric_check(&b->rubric, NULL, problems);
    return problems->n ? kv_problems_err(problems, err) : 0;
}

static int by_id(const void *a, const void *b)
{
    const struct kv_question *x = *(const struct kv_question *const *)a;
    const struct kv_question *y = *(const struct kv_question *const *)b;
    return kv_slice_cmp(x->id, y->id);
}

/* In a checkpoint the last of two questions with one id wins; here it is a mistake. */
static void refuse_twins(const struct kv_bench *b, struct kv_problems *problems)
{
    const struct kv_question **sorted = kv_array(NULL, b->n + 1, sizeof(struct kv_question *));
    for (size_t i = 0; i < b->n; i++)
        sorted[i] = &b->questions[i];
    qsort(sorted, b->n, sizeof *sorted, by_id);
    for (size_t i = 1; i < b->n; i++)
        if (sorted[i]->id.n && kv_slice_eq(sorted[i]->id, sorted[i - 1]->id))
            kv_problems_add(
                problems, NULL, "value_error", "two questions have the id '%s'", sorted[i]->id.p);
    free(sorted);
}

/* ---- opening ---- */

/* A file of questions starts with one; everything else is meant to be a checkpoint. */
static bool is_lines(struct kv_slice text)
{
    struct kv_slice rest = text, first;
    struct kv_err ignored;
    if (kv_json_next(&rest, text.p, KV_JSON_STRICT, &first, &ignored) != 1)
        return false;
    if (kv_json_type(first) != KV_JSON_OBJECT || get(first, "@context").n ||
        get(first, "dataFeedElement").n)
        return false;
    return get(first, "question").n || get(first, "rubric").n || kv_slice_strip(rest).n;
}

struct kv_bench *kv_bench_open(
    struct kv_slice text, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_bench *b = kv_calloc(1, sizeof *b);
    struct kv_buf copy = {0};
    struct kv_slice document;
    kv_buf_add_slice(&copy, text);
    text = kv_question_keep(b, &copy);
    int rc;
    if (is_lines(text))
        rc = read_lines(b, text, problems, err);
    else if ((rc = kv_json_check(text, KV_JSON_STRICT, &document, err)) == 0 &&
             (rc = kv_checkpoint_read(b, document, problems)) != 0)
        kv_problems_err(problems, err);
    if (rc == 0)
        return b;
    kv_bench_close(b);
    return NULL;
}

void kv_bench_close(struct kv_bench *b)
{
    if (!b)
        return;
    kv_question_release_all(b);
    free(b);
}

const struct kv_question *kv_bench_find(const struct kv_bench *b, struct kv_slice id)
{
    for (size_t i = 0; i < b->n; i++)
        if (kv_slice_eq(b->questions[i].id, id))
            return &b->questions[i];
    return NULL;
}

/* ---- content ---- */

/* Each piece is preceded by its length: no two contents give the same bytes. */
static void hash_piece(struct kv_digest *d, struct kv_slice piece)
{
    struct kv_buf length = {0};
    kv_buf_printf(&length, "%zu:", piece.n);
    kv_digest_update(d, kv_slice_of(&length));
    kv_digest_update(d, piece);
    kv_buf_release(&length);
}

static void hash_json(struct kv_digest *d, struct kv_slice value)
{
    struct kv_buf text = {0};
    if (value.n)
        kv_lax_text(&text, value);
    hash_piece(d, kv_slice_of(&text));
    kv_buf_release(&text);
}

static void hash_rubric(struct kv_digest *d, const struct kv_rubric *r)
{
    struct kv_buf text = {0};
    kv_rubric_add_json(&text, r);
    hash_piece(d, kv_slice_of(&text));
    kv_buf_release(&text);
}

void kv_bench_digest(const struct kv_bench *b, const bool *chosen, char hex[KV_SHA256_HEX + 1])
{
    struct kv_digest *d = kv_digest_begin();
    hash_rubric(d, &b->rubric);
    for (size_t i = 0; i < b->n; i++) {
        const struct kv_question *q = &b->questions[i];
        if (chosen && !chosen[i])
            continue;
        hash_piece(d, q->id);
        hash_piece(d, q->text);
        hash_piece(d, q->has_answer ? q->answer : KV_SLICE("\x01"));
        hash_piece(d, q->template);
        hash_json(d, q->few_shot);
        hash_rubric(d, &q->rubric);
    }
    kv_digest_end(d, hex);
}
