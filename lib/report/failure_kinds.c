/* failure_kinds - what did not pass, grouped: by reason, by field, and where the reference is in
 * doubt.
 */
#include "failure_kinds.h"

#include "rates.h"

#include <stdlib.h>
#include <string.h>

void kv_failure_kinds_parts(struct kv_slice name, struct kv_slice *category, struct kv_slice *stage,
    struct kv_slice *reason)
{
    const char *end = name.p + name.n, *tab = memchr(name.p, '\t', name.n);
    const char *other = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
    *category = (struct kv_slice){name.p, (size_t)(tab - name.p)};
    *stage = (struct kv_slice){tab + 1, (size_t)(other - tab - 1)};
    *reason = (struct kv_slice){other + 1, (size_t)(end - other - 1)};
}

/* ---- kinds ---- */

static void add_example(struct kv_failure_kind *k, const struct kv_rowset *set, uint32_t fact)
{
    if (k->examples == KV_FAILURE_EXAMPLES)
        return;
    for (size_t i = 0; i < k->examples; i++)
        if (set->facts[k->example[i]].question == set->facts[fact].question)
            return;
    k->example[k->examples++] = fact;
}

static int by_count(const void *a, const void *b)
{
    const struct kv_failure_kind *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->reason < y->reason ? -1 : x->reason > y->reason;
}

/* The numbers of the facts, one answering model's after the other's. */
static uint32_t *order_by_model(const struct kv_rowset *set)
{
    uint32_t *order = kv_calloc(set->n ? set->n : 1, sizeof *order);
    size_t *next = kv_calloc(set->models.n + 2, sizeof *next);
    for (size_t i = 0; i < set->n; i++)
        next[set->lines[set->facts[i].line].answering + 1]++;
    for (size_t m = 1; m <= set->models.n; m++)
        next[m] += next[m - 1];
    for (size_t i = 0; i < set->n; i++) {
        uint32_t fact = set->by_question[i];
        order[next[set->lines[set->facts[fact].line].answering]++] = fact;
    }
    free(next);
    return order;
}

static void make_kinds(struct kv_failure_kinds *k, const struct kv_rowset *set)
{
    size_t n = set->names.reasons.n, kept = 0;
    uint32_t *last = kv_calloc(n ? n : 1, sizeof *last); /* answering model + 1 */
    uint32_t *order = order_by_model(set);
    struct kv_detail d = {0};
    k->kinds = kv_calloc(n ? n : 1, sizeof *k->kinds);
    for (size_t i = 0; i < set->n; i++) {
        const struct kv_fact *f = &set->facts[order[i]];
        if (f->outcome == KV_RESULT_PASSED || f->outcome == KV_RESULT_UNSCORED)
            continue;
        kv_rowset_detail(set, f, &d);
        struct kv_failure_kind *kind = &k->kinds[d.reason];
        uint32_t model = set->lines[f->line].answering + 1;
        kind->reason = d.reason;
        kind->outcome = (enum kv_result_outcome)f->outcome;
        kind->count++;
        kind->models += last[d.reason] != model;
        last[d.reason] = model;
        add_example(kind, set, order[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (k->kinds[i].count)
            k->kinds[kept++] = k->kinds[i];
    k->kind_count = kept;
    qsort(k->kinds, kept, sizeof *k->kinds, by_count);
    kv_detail_release(&d);
    free(last);
    free(order);
}

/* ---- fields ---- */

/* One field that did not pass in one row of a question. */
struct miss {
    uint32_t field, fact, model;
    uint64_t value;
    bool nothing;
};

/* Those of one question, and room for the next one's. */
struct misses {
    struct miss *items;
    size_t n, room;
    struct kv_detail detail;
};

static int by_value(const void *a, const void *b)
{
    const struct miss *x = a, *y = b;
    if (x->field != y->field)
        return x->field < y->field ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    return x->fact < y->fact ? -1 : x->fact > y->fact;
}

static void add_row(struct misses *all, const struct kv_rowset *set, uint32_t fact)
{
    const struct kv_fact *f = &set->facts[fact];
    kv_rowset_detail(set, f, &all->detail);
    for (size_t i = 0; i < all->detail.field_count; i++) {
        const struct kv_field_fact *field = &all->detail.fields[i];
        if (field->verdict == KV_FIELD_PASSED)
            continue;
        if (all->n == all->room) {
            all->room = 2 * all->room + 64;
            all->items = kv_array(all->items, all->room, sizeof *all->items);
        }
        all->items[all->n++] = (struct miss){field->field, fact, set->lines[f->line].answering,
            field->value, field->verdict == KV_FIELD_MISSING || field->value == 0};
    }
}

static void list_misses(struct misses *all, const struct kv_rowset *set, uint32_t question)
{
    all->n = 0;
    for (uint32_t i = set->question_at[question]; i < set->question_at[question + 1]; i++)
        if (set->facts[set->by_question[i]].outcome == KV_RESULT_WRONG)
            add_row(all, set, set->by_question[i]);
    if (all->n)
        qsort(all->items, all->n, sizeof *all->items, by_value);
}

/* The rows that agree on one value: from `from` on. */
static size_t end_of_value(const struct miss *all, size_t from, size_t n, size_t *models)
{
    size_t to = from;
    *models = 0;
    for (; to < n && all[to].field == all[from].field && all[to].value == all[from].value; to++)
        *models += to == from || all[to].model != all[to - 1].model;
    return to;
}

static struct kv_field_miss take_miss(
    const struct miss *all, size_t *at, size_t n, uint32_t question)
{
    struct kv_field_miss m = {.question = question, .field = all[*at].field};
    while (*at < n && all[*at].field == m.field) {
        size_t models, from = *at, to = end_of_value(all, from, n, &models);
        m.failed += to - from;
        if (to - from > m.same) {
            m.same = to - from;
            m.models = models;
            m.nothing = all[from].nothing;
            m.example = all[from].fact;
        }
        *at = to;
    }
    return m;
}

static int by_same(const void *a, const void *b)
{
    const struct kv_field_miss *x = a, *y = b;
    if (x->same != y->same)
        return x->same < y->same ? 1 : -1;
    if (x->failed != y->failed)
        return x->failed < y->failed ? 1 : -1;
    if (x->question != y->question)
        return x->question < y->question ? -1 : 1;
    return x->field < y->field ? -1 : x->field > y->field;
}

/* ---- doubts ---- */

struct standing {
    size_t scored, passed, models;
};

/* How a question stands over all lines; seen[model] is the last question it had a row of, + 1. */
static struct standing stand(const struct kv_rowset *set, uint32_t question, uint32_t *seen)
{
    struct standing s = {0};
    for (uint32_t i = set->question_at[question]; i < set->question_at[question + 1]; i++) {
        const struct kv_fact *f = &set->facts[set->by_question[i]];
        uint32_t *model = &seen[set->lines[f->line].answering];
        if (!kv_rates_is_scored(f))
            continue;
        s.scored++;
        s.passed += f->outcome == KV_RESULT_PASSED;
        s.models += *model != question + 1;
        *model = question + 1;
    }
    return s;
}

/* Counts it, and keeps it if it is among the first KV_FIELD_MISSES by `same`. */
static void add_miss(struct kv_failure_kinds *k, const struct kv_field_miss *m)
{
    size_t kept = k->miss_count < KV_FIELD_MISSES ? k->miss_count : KV_FIELD_MISSES;
    size_t at = kept;
    k->miss_count++;
    while (at > 0 && by_same(m, &k->misses[at - 1]) < 0)
        at--;
    if (at == KV_FIELD_MISSES)
        return;
    size_t behind = kept - at - (kept == KV_FIELD_MISSES);
    memmove(&k->misses[at + 1], &k->misses[at], behind * sizeof *k->misses);
    k->misses[at] = *m;
}

static void judge_question(struct kv_failure_kinds *k, const struct kv_rowset *set,
    uint32_t question, struct misses *all, uint32_t *seen)
{
    struct standing standing = stand(set, question, seen);
    unsigned char *doubt = &k->doubt[question];
    if (standing.passed == 0 && standing.models > 1)
        *doubt = KV_DOUBT_ALL_FAIL;
    list_misses(all, set, question);
    for (size_t at = 0; at < all->n;) {
        struct kv_field_miss m = take_miss(all->items, &at, all->n, question);
        m.answers = standing.scored;
        if (*doubt && !m.nothing && m.same == m.answers && m.models > 1)
            *doubt = KV_DOUBT_ALL_SAY;
        add_miss(k, &m);
    }
    k->all_fail += *doubt != KV_DOUBT_NONE;
    k->all_say += *doubt == KV_DOUBT_ALL_SAY;
}

static void make_misses(struct kv_failure_kinds *k, const struct kv_rowset *set)
{
    struct misses all = {0};
    uint32_t *seen = kv_calloc(set->models.n ? set->models.n : 1, sizeof *seen);
    k->doubt = kv_calloc(set->questions.n ? set->questions.n : 1, 1);
    k->misses = kv_calloc(KV_FIELD_MISSES, sizeof *k->misses);
    for (uint32_t q = 0; q < set->questions.n; q++)
        judge_question(k, set, q, &all, seen);
    kv_detail_release(&all.detail);
    free(all.items);
    free(seen);
}

void kv_failure_kinds_make(struct kv_failure_kinds *k, const struct kv_rowset *set)
{
    *k = (struct kv_failure_kinds){0};
    make_kinds(k, set);
    make_misses(k, set);
}

void kv_failure_kinds_release(struct kv_failure_kinds *k)
{
    free(k->kinds);
    free(k->misses);
    free(k->doubt);
    *k = (struct kv_failure_kinds){0};
}
