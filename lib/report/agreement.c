/* agreement - whether the judges say the same of the same answers; labels.c: whether people do. */
#include "agreement.h"

#include <math.h>
#include <stdlib.h>

enum { FIELDS_MAX = 200 }; /* of all templates: more are compared in vain */

/* A row that was judged, by what it judged. */
struct judged {
    uint32_t question, model, judge, fact;
    int32_t replicate;
};

static int by_answer(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    if (x->question != y->question)
        return x->question < y->question ? -1 : 1;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    if (x->replicate != y->replicate)
        return x->replicate < y->replicate ? -1 : 1;
    return x->judge < y->judge ? -1 : x->judge > y->judge;
}

static bool is_same_answer(const struct judged *x, const struct judged *y)
{
    return x->question == y->question && x->model == y->model && x->replicate == y->replicate;
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

static struct judged *list_judged(
    const struct kv_rowset *set, const uint32_t *number, size_t *count)
{
    struct judged *all = kv_calloc(set->n ? set->n : 1, sizeof *all);
    size_t n = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct kv_fact *f = &set->facts[set->by_question[i]];
        const struct kv_line *line = &set->lines[f->line];
        if (kv_rates_is_scored(f) && number[line->judge] != KV_NO_NAME)
            all[n++] = (struct judged){f->question, line->answering, number[line->judge],
                set->by_question[i], f->replicate};
    }
    qsort(all, n, sizeof *all, by_answer);
    *count = n;
    return all;
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
    const struct kv_rowset *set, const struct kv_fact *f, uint32_t field, uint32_t guess)
{
    const struct kv_field_fact *fields = &set->names.field_facts[f->field_at];
    if (guess < f->field_count && fields[guess].field == field)
        return &fields[guess];
    for (uint32_t i = 0; i < f->field_count && i < FIELDS_MAX; i++)
        if (fields[i].field == field)
            return &fields[i];
    return NULL;
}

static void count_fields(struct kv_agreement *pair, const struct kv_rowset *set,
    const struct kv_fact *a, const struct kv_fact *b)
{
    for (uint32_t i = 0; i < a->field_count && i < FIELDS_MAX; i++) {
        const struct kv_field_fact *x = &set->names.field_facts[a->field_at + i];
        const struct kv_field_fact *y = find_field(set, b, x->field, i);
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

static void compare(struct kv_agreement *pair, const struct kv_rowset *set, const struct judged *x,
    const struct judged *y)
{
    const struct kv_fact *a = &set->facts[x->fact], *b = &set->facts[y->fact];
    bool one = a->outcome == KV_RESULT_PASSED, other = b->outcome == KV_RESULT_PASSED;
    count_one(&pair->table, one, other);
    count_fields(pair, set, a, b);
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

static void compare_answer(struct kv_agreements *a, struct kv_alpha *alpha,
    const struct kv_rowset *set, const struct judged *all, size_t n)
{
    uint64_t passed = 0;
    for (size_t i = 0; i < n; i++)
        passed += set->facts[all[i].fact].outcome == KV_RESULT_PASSED;
    kv_statistics_alpha_add(alpha, passed, n - passed);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (all[i].judge != all[j].judge)
                compare(pair_of(a, all[i].judge, all[j].judge), set, &all[i], &all[j]);
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

void kv_agreements_make(struct kv_agreements *a, const struct kv_rowset *set)
{
    uint32_t judge[KV_AGREEMENT_JUDGES_MAX];
    struct kv_alpha alpha = {0};
    size_t n;
    *a = (struct kv_agreements){.alpha = NAN};
    uint32_t *number = number_judges(set, judge, &a->judges);
    a->pair_count = a->judges * (a->judges ? a->judges - 1 : 0) / 2;
    a->pairs = kv_calloc(a->pair_count ? a->pair_count : 1, sizeof *a->pairs);
    name_pairs(a, judge);
    struct judged *all = list_judged(set, number, &n);
    for (size_t from = 0, to; a->judges > 1 && from < n; from = to) {
        for (to = from + 1; to < n && is_same_answer(&all[from], &all[to]);)
            to++;
        compare_answer(a, &alpha, set, all + from, to - from);
    }
    for (size_t i = 0; i < a->pair_count; i++) {
        struct kv_agreement *pair = &a->pairs[i];
        pair->p = kv_statistics_sign_test(pair->table.first, pair->table.second);
        if (pair->field_count)
            qsort(pair->fields, pair->field_count, sizeof *pair->fields, by_disagreement);
    }
    if (a->judges > 1)
        a->alpha = kv_statistics_alpha(&alpha);
    free(all);
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
