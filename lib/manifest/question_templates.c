/* question_templates - the templates of a benchmark's questions, each read when it is first wanted.
 */
#include "question_templates.h"

#include "question_id.h"

#include <stdlib.h>
#include <string.h>

struct kv_question_templates {
    const struct kv_bench *bench;
    struct kv_translator *translator;
    struct kv_question_template *entries; /* by id */
};

static int by_id(const void *a, const void *b)
{
    const struct kv_question_template *x = a, *y = b;
    return kv_slice_cmp(x->id, y->id);
}

struct kv_question_templates *kv_question_templates_open(
    const struct kv_bench *bench, struct kv_translator *translator)
{
    struct kv_question_templates *all = kv_calloc(1, sizeof *all);
    all->bench = bench;
    all->translator = translator;
    all->entries = kv_calloc(bench->n + 1, sizeof *all->entries);
    for (size_t i = 0; i < bench->n; i++) {
        all->entries[i].id = kv_bench_id(bench, i);
        all->entries[i].question = i;
    }
    qsort(all->entries, bench->n, sizeof *all->entries, by_id);
    return all;
}

void kv_question_templates_close(struct kv_question_templates *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->bench->n; i++) {
        kv_template_close(all->entries[i].template);
        kv_buf_release(&all->entries[i].answer);
        kv_buf_release(&all->entries[i].why);
    }
    free(all->entries);
    free(all);
}

static int read_entry(
    struct kv_question_templates *all, struct kv_question_template *e, struct kv_err *err)
{
    struct kv_question q;
    struct kv_err bad;
    if (kv_bench_read(all->bench, e->question, &q, err) != 0)
        return -1;
    e->text = kv_digest_128(q.text);
    kv_question_id_template(q.template, e->template_id);
    if (q.has_answer)
        kv_buf_add_slice(&e->answer, q.answer);
    e->now.answer = q.has_answer ? kv_slice_of(&e->answer) : (struct kv_slice){0};
    e->now.template_id = e->template_id;
    if (kv_translator_template(all->translator, q.template, &e->template, &bad) == KV_TEMPLATE_OK)
        e->now.template = e->template;
    else
        kv_buf_printf(&e->why, "question '%s': %s", q.id.p, bad.text);
    e->read = true;
    kv_question_release(&q);
    return 0;
}

const struct kv_question_template *kv_question_templates_find(
    struct kv_question_templates *all, struct kv_slice id, struct kv_err *err)
{
    struct kv_question_template key = {.id = id}, *e;
    e = bsearch(&key, all->entries, all->bench->n, sizeof *all->entries, by_id);
    if (!e)
        kv_err_set(err, KV_INPUT, "question '%.*s' is not in the benchmark", (int)id.n, id.p);
    else if (!e->read && read_entry(all, e, err) != 0)
        return NULL;
    return e;
}
