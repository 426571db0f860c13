/* fact_order - the orders of the facts of a file: by line and by question. */
#include "fact_order.h"

#include <stdlib.h>
#include <string.h>

/* The numbers of all facts by line or by question; those with the same one as they stand in `from`, or
 * in the file. *at: where each begins. */
static uint32_t *order_by(
    const struct kv_rowset *set, bool line, const uint32_t *from, uint32_t **at)
{
    size_t groups = line ? set->line_count : set->questions.n;
    uint32_t *order = kv_calloc(set->n ? set->n : 1, sizeof *order);
    uint32_t *next = kv_calloc(groups + 1, sizeof *next);
    for (size_t i = 0; i < set->n; i++)
        next[(line ? set->facts[i].line : set->facts[i].question) + 1]++;
    for (size_t i = 1; i <= groups; i++)
        next[i] += next[i - 1];
    for (uint32_t i = 0; i < set->n; i++) {
        uint32_t fact = from ? from[i] : i;
        order[next[line ? set->facts[fact].line : set->facts[fact].question]++] = fact;
    }
    memmove(next + 1, next, groups * sizeof *next);
    *next = 0;
    *at = next;
    return order;
}

static int by_replicate(const void *a, const void *b, void *facts)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int32_t m = ((const struct kv_fact *)facts)[x].replicate;
    int32_t n = ((const struct kv_fact *)facts)[y].replicate;
    if (m != n)
        return m < n ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Puts the replicates of each question and line into their order. */
static void sort_replicates(const struct kv_rowset *set, uint32_t *order)
{
    for (size_t from = 0, to; from < set->n; from = to) {
        const struct kv_fact *first = &set->facts[order[from]];
        bool sorted = true;
        for (to = from + 1; to < set->n; to++) {
            const struct kv_fact *f = &set->facts[order[to]];
            if (f->question != first->question || f->line != first->line)
                break;
            sorted = sorted && set->facts[order[to - 1]].replicate <= f->replicate;
        }
        if (!sorted)
            qsort_r(order + from, to - from, sizeof *order, by_replicate, set->facts);
    }
}

void kv_fact_order_make(struct kv_rowset *set)
{
    uint32_t *unused;
    uint32_t *by_line = order_by(set, true, NULL, &unused);
    free(unused);
    set->by_question = order_by(set, false, by_line, &set->question_at);
    free(by_line);
    sort_replicates(set, set->by_question);
    set->by_line = order_by(set, true, set->by_question, &set->line_at);
}

/* ---- answers that several judges read ---- */

struct kv_answer_mark kv_fact_order_answer(uint64_t answer)
{
    return (struct kv_answer_mark){
        {(uint16_t)answer, (uint16_t)(answer >> 16), (uint16_t)(answer >> 32)}};
}

struct answer {
    struct kv_answer_mark text;
    uint32_t model, fact;
    int32_t replicate;
};

static int by_answer(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    if (x->replicate != y->replicate)
        return x->replicate < y->replicate ? -1 : 1;
    int order = memcmp(&x->text, &y->text, sizeof x->text);
    if (order)
        return order;
    return x->fact < y->fact ? -1 : x->fact > y->fact;
}

/* Of n answers to one question marks the rows whose answer another has that comes before. */
static void mark_among(struct kv_rowset *set, struct answer *all, size_t n)
{
    qsort(all, n, sizeof *all, by_answer);
    for (size_t i = 1; i < n; i++)
        if (all[i].model == all[i - 1].model && all[i].replicate == all[i - 1].replicate &&
            memcmp(&all[i].text, &all[i - 1].text, sizeof all[i].text) == 0)
            set->facts[all[i].fact].flags |= KV_FACT_REPEATED;
}

void kv_fact_order_mark_repeated(struct kv_rowset *set, const struct kv_answer_mark *answers)
{
    struct answer *all = NULL;
    size_t room = 0;
    for (size_t q = 0; q < set->questions.n; q++) {
        uint32_t from = set->question_at[q], n = set->question_at[q + 1] - from;
        if (n > room)
            all = kv_array(all, room = n, sizeof *all);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t fact = set->by_question[from + i];
            const struct kv_fact *f = &set->facts[fact];
            all[i] =
                (struct answer){answers[fact], set->lines[f->line].answering, fact, f->replicate};
        }
        if (n > 1)
            mark_among(set, all, n);
    }
    free(all);
}
