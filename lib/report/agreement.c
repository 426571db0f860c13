/* agreement - whether the judges say the same of the same answers; labels.c: whether people do. */
#include "agreement.h"

#include <math.h>
#include <stdlib.h>

enum { FIELDS_MAX = 200 }; /* of all templates: more are compared in vain */

/* A row that was judged, by what it judged. */
struct judged {
    uint32_t model, judge, fact;
    int32_t replicate;
};

/* What one question after the other is looked at with. */
struct desk {
    const struct kv_rowset *set;
    const uint32_t *number; /* of each model among the judges, or KV_NO_NAME */
    struct judged *rows;    /* of the question */
    size_t room;
    struct kv_detail a, b;
    struct kv_alpha alpha;
};

static int by_answer(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    if (x->replicate != y->replicate)
        return x->replicate < y->replicate ? -1 : 1;
    if (x->judge != y->judge)
        return x->judge < y->judge ? -1 : 1;
    return x->fact < y->fact ? -1 : x->fact > y->fact;
}

static bool is_same_answer(const struct judged *x, const struct judged *y)
{
    return x->model == y->model && x->replicate == y->replicate;
}

/* Judges in the order of their names: the number of each model among them, or KV_NO_NAME. */
static uint32_t *number_judges(const struct kv_rowset *set, uint32_t *judge, size_t *count)
{
    uint32_t *number = kv_calloc(set->models.n ? set->models.n : 1, sizeof *number);
    *count = 0;
    for (size_t i = 0; i < set->models.n; i++)
        number[i] = KV_NO_NAME;
    for (size_t i = 0; i < set->line_count; i++) {
        uint32_t model = set->lines[i].judge;
        if (number[model] != KV_NO_NAME || *count == KV_AGREEMENT_JUDGES_MAX)
            continue;
        number[model] = (uint32_t)*count;
        judge[(*count)++] = model;
    }
    return number;
}

/* Lists the rows of a question that were judged, an answer's next to each other. */
static size_t list_judged(struct desk *w, uint32_t question)
{
    const struct kv_rowset *set = w->set;
    uint32_t from = set->question_at[question], to = set->question_at[question + 1];
    size_t n = 0;
    if (to - from > w->room)
        w->rows = kv_array(w->rows, w->room = to - from, sizeof *w->rows);
    for (uint32_t i = from; i < to; i++) {
        const struct kv_fact *f = &set->facts[set->by_question[i]];
        const struct kv_line *line = &set->lines[f->line];
        if (kv_rates_is_scored(f) && w->number[line->judge] != KV_NO_NAME)
            w->rows[n++] = (struct judged){
                line->answering, w->number[line->judge], set->by_question[i], f->replicate};
    }
    if (n)
        qsort(w->rows, n, sizeof *w->rows, by_answer);
    return n;
}

static void count_one(struct kv_two_by_two *t, bool a, bool b)
{
    t->both += a && b;
    t->first += a && !b;
    t->second += !a && b;
    t->neither += !a && !b;
}

/* ---- fields ---- */

/* NULL: there are more fields than any template has. */
static struct kv_two_by_two *field_table(struct kv_agreement *pair, uint32_t field)
{
    for (size_t i = 0; i < pair->field_count; i++)
        if (pair->fields[i].field == field)
            return &pair->fields[i].table;
    if (pair->field_count == FIELDS_MAX)
        return NULL;
    pair->fields = kv_grow(pair->fields, pair->field_count, sizeof *pair->fields);
    pair->fields[pair->field_count] = (struct kv_field_agreement){.field = field};
    return &pair->fields[pair->field_count++].table;
}

/* The same field in another row: mostly at the same place. */
static const struct kv_field_fact *find_field(
    const struct kv_detail *d, uint32_t field, size_t guess)
{
    if (guess < d->field_count && d->fields[guess].field == field)
        return &d->fields[guess];
    for (size_t i = 0; i < d->field_count && i < FIELDS_MAX; i++)
        if (d->fields[i].field == field)
            return &d->fields[i];
    return NULL;
}

static void count_fields(
    struct kv_agreement *pair, const struct kv_detail *a, const struct kv_detail *b)
{
    for (size_t i = 0; i < a->field_count && i < FIELDS_MAX; i++) {
        const struct kv_field_fact *x = &a->fields[i], *y = find_field(b, x->field, i);
        struct kv_two_by_two *table = y ? field_table(pair, x->field) : NULL;
        if (table)
            count_one(table, x->verdict == KV_FIELD_PASSED, y->verdict == KV_FIELD_PASSED);
    }
}

static int by_disagreement(const void *a, const void *b)
{
    const struct kv_field_agreement *x = a, *y = b;
    uint64_t m = x->table.first + x->table.second, n = y->table.first + y->table.second;
    if (m != n)
        return m < n ? 1 : -1;
    return x->field < y->field ? -1 : x->field > y->field;
}

/* ---- pairs ---- */

static void compare(
    struct kv_agreement *pair, struct desk *w, const struct judged *x, const struct judged *y)
{
    const struct kv_fact *a = &w->set->facts[x->fact], *b = &w->set->facts[y->fact];
    bool one = a->outcome == KV_RESULT_PASSED, other = b->outcome == KV_RESULT_PASSED;
    count_one(&pair->table, one, other);
    kv_rowset_detail(w->set, a, &w->a);
    kv_rowset_detail(w->set, b, &w->b);
    count_fields(pair, &w->a, &w->b);
    if (one != other && pair->examples < KV_AGREEMENT_EXAMPLES) {
        pair->example[pair->examples][0] = x->fact;
        pair->example[pair->examples++][1] = y->fact;
    }
}

static struct kv_agreement *pair_of(struct kv_agreements *a, uint32_t x, uint32_t y)
{
    size_t n = a->judges; /* pairs (0,1) (0,2) … (1,2) … */
    return &a->pairs[x * n - x * (x + 1) / 2 + (y - x - 1)];
}

static void compare_answer(
    struct kv_agreements *a, struct desk *w, const struct judged *all, size_t n)
{
    uint64_t passed = 0;
    for (size_t i = 0; i < n; i++)
        passed += w->set->facts[all[i].fact].outcome == KV_RESULT_PASSED;
    kv_statistics_alpha_add(&w->alpha, passed, n - passed);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (all[i].judge != all[j].judge)
                compare(pair_of(a, all[i].judge, all[j].judge), w, &all[i], &all[j]);
}

static void name_pairs(struct kv_agreements *a, const uint32_t *judge)
{
    for (uint32_t i = 0; i < a->judges; i++)
        for (uint32_t j = i + 1; j < a->judges; j++) {
            struct kv_agreement *pair = pair_of(a, i, j);
            pair->a = judge[i];
            pair->b = judge[j];
        }
}

static void compare_all(struct kv_agreements *a, struct desk *w)
{
    for (uint32_t q = 0; q < w->set->questions.n; q++) {
        size_t n = list_judged(w, q);
        for (size_t from = 0, to; from < n; from = to) {
            for (to = from + 1; to < n && is_same_answer(&w->rows[from], &w->rows[to]);)
                to++;
            compare_answer(a, w, w->rows + from, to - from);
        }
    }
    a->alpha = kv_statistics_alpha(&w->alpha);
    free(w->rows);
    kv_detail_release(&w->a);
    kv_detail_release(&w->b);
}

void kv_agreements_make(struct kv_agreements *a, const struct kv_rowset *set)
{
    uint32_t judge[KV_AGREEMENT_JUDGES_MAX];
    *a = (struct kv_agreements){.alpha = NAN};
    uint32_t *number = number_judges(set, judge, &a->judges);
    a->pair_count = a->judges * (a->judges ? a->judges - 1 : 0) / 2;
    a->pairs = kv_calloc(a->pair_count ? a->pair_count : 1, sizeof *a->pairs);
    name_pairs(a, judge);
    struct desk w = {.set = set, .number = number};
    if (a->judges > 1)
        compare_all(a, &w);
    for (size_t i = 0; i < a->pair_count; i++) {
        struct kv_agreement *pair = &a->pairs[i];
        pair->p = kv_statistics_sign_test(pair->table.first, pair->table.second);
        if (pair->field_count)
            qsort(pair->fields, pair->field_count, sizeof *pair->fields, by_disagreement);
    }
    free(number);
}

void kv_agreements_release(struct kv_agreements *a)
{
    for (size_t i = 0; i < a->pair_count; i++)
        free(a->pairs[i].fields);
    free(a->pairs);
    free(a->checks);
    free(a->corrected);
    *a = (struct kv_agreements){0};
}
