/* contrast - the difference between two lines on the questions that both were asked. */
#include "contrast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One side of a comparison. */
struct side {
    const struct kv_rowset *set;
    const struct kv_line_rates *rates;
    const uint32_t *question; /* their numbers on the other side, or KV_NO_NAME; NULL: the same */
};

/* Room for one comparison, kept for all: indexed by the numbers that questions have on side a. */
struct bench {
    struct kv_rates_asked *other; /* n == 0: not asked */
    double *d;                    /* of the common questions, in order */
    uint32_t *cluster;            /* theirs */
    const uint32_t *cluster_of;   /* of each question, or NULL */
    double *in_cluster;           /* sums over clusters */
    bool *met;                    /* clusters that have a common question */
    size_t clusters, questions;
};

static void bench_init(struct bench *w, const struct kv_rowset *set, const char *cluster)
{
    size_t n = set->questions.n ? set->questions.n : 1;
    *w = (struct bench){.questions = n};
    w->cluster_of = kv_rates_clusters(set, cluster, &w->clusters);
    w->other = kv_calloc(n, sizeof *w->other);
    w->d = kv_calloc(n, sizeof *w->d);
    w->cluster = kv_calloc(n, sizeof *w->cluster);
    w->in_cluster = kv_calloc(w->clusters ? w->clusters : 1, sizeof *w->in_cluster);
    w->met = kv_calloc(w->clusters ? w->clusters : 1, sizeof *w->met);
}

static void bench_release(struct bench *w)
{
    free((void *)(uintptr_t)w->cluster_of);
    free(w->other);
    free(w->d);
    free(w->cluster);
    free(w->in_cluster);
    free(w->met);
}

static uint32_t cluster_of(const struct bench *w, uint32_t question)
{
    return w->cluster_of ? w->cluster_of[question] : question;
}

static double mean_of(const struct kv_rates_asked *asked)
{
    return (double)asked->passed / (double)asked->n;
}

/* Lists a's mean less b's for each common question; answers how many there are. */
static size_t find_differences(
    struct kv_contrast *c, struct bench *w, const struct side *a, const struct side *b)
{
    struct kv_rates_walk of_a = kv_rates_walk(a->set, a->rates->line);
    struct kv_rates_walk of_b = kv_rates_walk(b->set, b->rates->line);
    struct kv_rates_asked asked;
    size_t n = 0;
    memset(w->other, 0, w->questions * sizeof *w->other);
    while (kv_rates_next(&of_b, &asked)) {
        uint32_t at = b->question ? b->question[asked.question] : asked.question;
        if (at != KV_NO_NAME)
            w->other[at] = asked;
        c->replicated |= asked.n > 1;
    }
    while (kv_rates_next(&of_a, &asked)) {
        const struct kv_rates_asked *other = &w->other[asked.question];
        c->replicated |= asked.n > 1;
        if (!other->n) {
            c->only_a++;
            continue;
        }
        w->cluster[n] = cluster_of(w, asked.question);
        w->d[n++] = mean_of(&asked) - mean_of(other);
    }
    c->only_b = b->rates->questions - n;
    return n;
}

static void count_questions(struct kv_contrast *c, const double *d, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += d[i];
        c->better += d[i] > 0;
        c->worse += d[i] < 0;
        c->equal += d[i] == 0;
    }
    c->questions = n;
    c->difference = n ? total / (double)n : NAN;
}

/* The standard error over clusters, which are the questions without --cluster; answers how many
 * clusters there are. */
static size_t take_error(struct kv_contrast *c, struct bench *w, size_t n)
{
    double squares = 0;
    size_t met = 0;
    memset(w->in_cluster, 0, w->clusters * sizeof *w->in_cluster);
    memset(w->met, 0, w->clusters * sizeof *w->met);
    for (size_t i = 0; i < n; i++) {
        w->in_cluster[w->cluster[i]] += w->d[i] - c->difference;
        w->met[w->cluster[i]] = true;
    }
    for (size_t i = 0; i < w->clusters; i++) {
        met += w->met[i];
        squares += w->in_cluster[i] * w->in_cluster[i];
    }
    c->se = met > 1 ? sqrt((double)met / (double)(met - 1) * squares) / (double)n : NAN;
    return met;
}

/* The signs that the test counts: those of whole clusters. */
static void count_signs(struct bench *w, size_t n, uint64_t *up, uint64_t *down)
{
    const double nothing = 1e-12; /* what is left of sums that cancel out */
    memset(w->in_cluster, 0, w->clusters * sizeof *w->in_cluster);
    *up = *down = 0;
    for (size_t i = 0; i < n; i++)
        w->in_cluster[w->cluster[i]] += w->d[i];
    for (size_t i = 0; i < w->clusters; i++) {
        *up += w->in_cluster[i] > nothing;
        *down += w->in_cluster[i] < -nothing;
    }
}

static struct kv_contrast compare(struct bench *w, const struct side *a, const struct side *b)
{
    struct kv_contrast c = {.a = a->rates->line, .b = b->rates->line};
    uint64_t up, down;
    size_t n = find_differences(&c, w, a, b);
    count_questions(&c, w->d, n);
    size_t met = take_error(&c, w, n);
    struct kv_mean mean = {c.difference, c.se, met};
    c.interval = kv_statistics_mean_interval(&mean, -1, 1);
    c.detectable = kv_statistics_detectable(c.se);
    count_signs(w, n, &up, &down);
    c.p = c.p_holm = kv_statistics_sign_test(up, down);
    return c;
}

static void add(struct kv_contrasts *c, const struct kv_contrast *item)
{
    c->items = kv_grow(c->items, c->n, sizeof *c->items);
    c->items[c->n++] = *item;
}

static void correct(struct kv_contrasts *c)
{
    double *p = kv_calloc(c->n ? c->n : 1, sizeof *p);
    for (size_t i = 0; i < c->n; i++)
        p[i] = c->items[i].p;
    kv_statistics_holm(p, c->n);
    for (size_t i = 0; i < c->n; i++)
        c->items[i].p_holm = p[i];
    free(p);
}

/* ---- within one file ---- */

static size_t end_of_judge(const struct kv_rowset *set, size_t from)
{
    size_t to = from;
    while (to < set->line_count && set->lines[to].judge == set->lines[from].judge)
        to++;
    return to;
}

void kv_contrasts_within(struct kv_contrasts *c, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const char *cluster)
{
    struct bench w;
    *c = (struct kv_contrasts){0};
    bench_init(&w, set, cluster);
    for (size_t from = 0, to; from < set->line_count; from = to) {
        to = end_of_judge(set, from);
        size_t last = to - from > KV_CONTRAST_MODELS_MAX ? from + KV_CONTRAST_MODELS_MAX : to;
        c->left_out += to - last;
        for (size_t i = from; i < last; i++)
            for (size_t j = i + 1; j < last; j++) {
                struct side a = {set, &rates[i], NULL}, b = {set, &rates[j], NULL};
                if (rates[i].scored + rates[j].scored == 0)
                    continue; /* requests have no verdicts */
                struct kv_contrast item = compare(&w, &a, &b);
                add(c, &item);
            }
    }
    bench_release(&w);
    correct(c);
}

/* ---- between two files ---- */

static bool is_same(
    const struct kv_rowset *x, uint32_t model, const struct kv_rowset *y, uint32_t other)
{
    return kv_slice_eq(kv_rowset_model(x, model), kv_rowset_model(y, other));
}

/* The line of `now` that goes on with one of `then`; -1: none. */
static long successor(const struct kv_rowset *then, size_t line, const struct kv_rowset *now)
{
    const struct kv_line *old = &then->lines[line];
    long only = -1;
    size_t of_judge = 0, of_judge_then = 0;
    for (size_t i = 0; i < now->line_count; i++) {
        if (!is_same(then, old->judge, now, now->lines[i].judge))
            continue;
        if (is_same(then, old->answering, now, now->lines[i].answering))
            return (long)i;
        of_judge++;
        only = (long)i;
    }
    for (size_t i = 0; i < then->line_count; i++)
        of_judge_then += then->lines[i].judge == old->judge;
    return of_judge == 1 && of_judge_then == 1 ? only : -1;
}

static uint32_t *map_questions(const struct kv_rowset *from, const struct kv_rowset *to)
{
    uint32_t *map = kv_calloc(from->questions.n ? from->questions.n : 1, sizeof *map);
    for (uint32_t i = 0; i < from->questions.n; i++)
        map[i] = kv_names_find(&to->questions, kv_rowset_question(from, i));
    return map;
}

/* Compared as now less then, and told as then (a) and now (b). */
static struct kv_contrast turned(const struct kv_contrast *now_first)
{
    struct kv_contrast c = *now_first;
    c.a = now_first->b;
    c.b = now_first->a;
    c.only_a = now_first->only_b;
    c.only_b = now_first->only_a;
    return c;
}

void kv_contrasts_between(struct kv_contrasts *c, const struct kv_rowset *then,
    const struct kv_line_rates *then_rates, const struct kv_rowset *now,
    const struct kv_line_rates *now_rates, const char *cluster)
{
    struct bench w;
    uint32_t *map = map_questions(then, now);
    *c = (struct kv_contrasts){0};
    bench_init(&w, now, cluster);
    for (size_t i = 0; i < then->line_count; i++) {
        long next = successor(then, i, now);
        if (next < 0)
            continue;
        struct side a = {now, &now_rates[next], NULL}, b = {then, &then_rates[i], map};
        struct kv_contrast found = compare(&w, &a, &b), item = turned(&found);
        add(c, &item);
    }
    bench_release(&w);
    free(map);
    correct(c);
}

void kv_contrasts_release(struct kv_contrasts *c)
{
    free(c->items);
    *c = (struct kv_contrasts){0};
}

static int by_lines(const void *a, const void *b)
{
    const struct kv_contrast *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

const struct kv_contrast *kv_contrasts_find(
    const struct kv_contrasts *c, uint32_t line, uint32_t other)
{
    struct kv_contrast wanted = {
        .a = line < other ? line : other, .b = line < other ? other : line};
    return c->n ? bsearch(&wanted, c->items, c->n, sizeof *c->items, by_lines) : NULL;
}

bool kv_contrast_is_clear(const struct kv_contrast *c)
{
    return c->p_holm < 0.05;
}
