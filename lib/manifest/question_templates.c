/* question_templates - the templates of a benchmark's questions, each read when it is wanted.
 *
 * A million of them would be much, so not more than some ten thousand are held: one makes room for
 * another. Rows mostly come by their questions, or of benchmarks that are smaller.
 */
#include "question_templates.h"

#include "question_id.h"

#include <stdlib.h>
#include <string.h>

enum { HELD = 1 << 15 };

struct kv_question_templates {
    const struct kv_bench *bench;
    struct kv_translator *translator;
    uint32_t *by_id; /* questions */
    struct kv_question_template **held;
    size_t size; /* a question is held at its number, modulo this power of two */
};

static int by_id(const void *a, const void *b, void *closure)
{
    const struct kv_bench *bench = closure;
    return kv_slice_cmp(
        kv_bench_id(bench, *(const uint32_t *)a), kv_bench_id(bench, *(const uint32_t *)b));
}

struct kv_question_templates *kv_question_templates_open(
    const struct kv_bench *bench, struct kv_translator *translator)
{
    struct kv_question_templates *all = kv_calloc(1, sizeof *all);
    all->bench = bench;
    all->translator = translator;
    all->by_id = kv_array(NULL, bench->n + 1, sizeof *all->by_id);
    for (size_t i = 0; i < bench->n; i++)
        all->by_id[i] = (uint32_t)i;
    struct kv_bench *closure = (struct kv_bench *)(uintptr_t)bench; /* qsort_r knows no const */
    qsort_r(all->by_id, bench->n, sizeof *all->by_id, by_id, closure);
    for (all->size = 1; all->size < bench->n && all->size < HELD;)
        all->size *= 2;
    all->held = kv_calloc(all->size, sizeof(struct kv_question_template *));
    return all;
}

static void release(struct kv_question_template *e)
{
    if (!e)
        return;
    kv_template_close(e->template);
    kv_buf_release(&e->answer);
    kv_buf_release(&e->why);
    free(e);
}

void kv_question_templates_close(struct kv_question_templates *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->size; i++)
        release(all->held[i]);
    free(all->held);
    free(all->by_id);
    free(all);
}

/* The number of a question, or that of all if there is none. */
static size_t find_number(const struct kv_question_templates *all, struct kv_slice id)
{
    const struct kv_bench *bench = all->bench;
    size_t low = 0, high = bench->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kv_slice_cmp(kv_bench_id(bench, all->by_id[middle]), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == bench->n || !kv_slice_eq(kv_bench_id(bench, all->by_id[low]), id))
        return bench->n;
    return all->by_id[low];
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
    kv_question_release(&q);
    return 0;
}

const struct kv_question_template *kv_question_templates_find(
    struct kv_question_templates *all, struct kv_slice id, struct kv_err *err)
{
    size_t question = find_number(all, id);
    if (question == all->bench->n) {
        kv_err_set(err, KV_INPUT, "question '%.*s' is not in the benchmark", (int)id.n, id.p);
        return NULL;
    }
    struct kv_question_template **place = &all->held[question & (all->size - 1)], *held = *place;
    if (held && held->question == question)
        return held;
    struct kv_question_template *e = kv_calloc(1, sizeof *e);
    e->question = question;
    if (read_entry(all, e, err) != 0) {
        release(e);
        return NULL;
    }
    release(held);
    return *place = e;
}
