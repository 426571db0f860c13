/* rates - what each line of a report comes to: outcomes, the rate and its interval, replicates. */
#include "rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double kv_rates_quantile[] = {0.5, 0.9, 0.95, 0.99};

bool kv_rates_is_scored(const struct kv_fact *fact)
{
    return fact->outcome != KV_RESULT_ERROR && fact->outcome != KV_RESULT_UNSCORED;
}

void kv_rates_add_percent(struct kv_buf *out, double share)
{
    if (isnan(share))
        kv_buf_add_str(out, "–");
    else
        kv_buf_printf(out, "%.1f %%", 100 * share);
}

/* ---- clusters ---- */

static bool keyword_begins(const struct kv_rowset *set, uint32_t keyword, const char *prefix)
{
    return !prefix || kv_slice_starts(kv_names_text(&set->keywords, keyword), prefix);
}

uint32_t *kv_rates_clusters(const struct kv_rowset *set, const char *prefix, size_t *count)
{
    size_t n = set->questions.n, k = set->keywords.n;
    *count = n;
    if (!prefix)
        return NULL;
    uint32_t *cluster = kv_calloc(n ? n : 1, sizeof *cluster);
    uint32_t *of_keyword = kv_calloc(k ? k : 1, sizeof *of_keyword); /* number + 1 */
    uint32_t next = 0;
    for (uint32_t q = 0; q < n; q++) {
        const struct kv_rowset_keywords has = kv_rowset_keywords_of(set, q);
        uint32_t *shared = NULL;
        for (size_t i = 0; !shared && i < has.n; i++)
            if (keyword_begins(set, has.ids[i], prefix))
                shared = &of_keyword[has.ids[i]];
        if (shared && !*shared)
            *shared = ++next;
        cluster[q] = shared ? *shared - 1 : next++;
    }
    free(of_keyword);
    *count = next;
    return cluster;
}

/* ---- the questions of a line ---- */

struct kv_rates_walk kv_rates_walk(const struct kv_rowset *set, uint32_t line)
{
    return (struct kv_rates_walk){set, set->line_at[line], set->line_at[line + 1]};
}

/* The rows of a line are in the order of their questions. */
bool kv_rates_next(struct kv_rates_walk *w, struct kv_rates_asked *asked)
{
    const struct kv_fact *facts = w->set->facts;
    const uint32_t *by_line = w->set->by_line;
    *asked = (struct kv_rates_asked){0};
    while (w->at < w->end && !asked->n) {
        asked->question = facts[by_line[w->at]].question;
        for (; w->at < w->end; w->at++) {
            const struct kv_fact *f = &facts[by_line[w->at]];
            if (f->question != asked->question)
                break;
            asked->n += kv_rates_is_scored(f);
            asked->passed += f->outcome == KV_RESULT_PASSED;
        }
    }
    return asked->n > 0;
}

/* What all lines are counted with. */
struct shared {
    const struct kv_rowset *set;
    const char *by;
    uint32_t *cluster; /* of each question, or NULL */
    size_t clusters;
    size_t *member_at;       /* of each keyword, keywords + 1 places in member */
    uint32_t *member;        /* questions that have it */
    uint32_t *order;         /* keywords by name */
    struct kv_cluster *seen; /* of each question, for one line at a time; NULL without keywords */
};

/* Moves those that hold something to the front; answers how many they are. */
static size_t compact(struct kv_cluster *clusters, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (clusters[i].n > 0)
            clusters[kept++] = clusters[i];
    return kept;
}

struct kv_cluster *kv_rates_clustered(
    const struct kv_rowset *set, uint32_t line, const uint32_t *cluster, size_t *count)
{
    struct kv_cluster *all = kv_calloc(*count ? *count : 1, sizeof *all);
    struct kv_rates_walk w = kv_rates_walk(set, line);
    struct kv_rates_asked asked;
    while (kv_rates_next(&w, &asked)) {
        struct kv_cluster *c = &all[cluster ? cluster[asked.question] : asked.question];
        c->n += asked.n;
        c->passed += asked.passed;
    }
    *count = compact(all, *count);
    return all;
}

/* ---- outcomes and the rate ---- */

static void count_rows(struct kv_line_rates *r, const struct shared *s)
{
    const struct kv_rowset *set = s->set;
    size_t from = set->line_at[r->line], to = set->line_at[r->line + 1];
    r->tasks = to - from;
    for (size_t i = from; i < to; i++) {
        const struct kv_fact *f = &set->facts[set->by_line[i]];
        r->outcomes[f->outcome]++;
        r->scored += kv_rates_is_scored(f);
    }
    r->passed = r->outcomes[KV_RESULT_PASSED];
}

static void count_questions(struct kv_line_rates *r, const struct shared *s)
{
    struct kv_rates_walk w = kv_rates_walk(s->set, r->line);
    struct kv_rates_asked asked;
    while (kv_rates_next(&w, &asked)) {
        r->questions++;
        r->unstable += asked.passed > 0 && asked.passed < asked.n;
        if (asked.n > r->replicates)
            r->replicates = asked.n;
    }
}

static void take_rate(struct kv_line_rates *r, const struct shared *s)
{
    size_t count = s->clusters;
    struct kv_cluster *clusters = kv_rates_clustered(s->set, r->line, s->cluster, &count);
    double tasks = (double)r->tasks, passed = (double)r->passed;
    double unknown = (double)(r->tasks - r->scored);
    r->rate = r->scored ? passed / (double)r->scored : NAN;
    r->se = kv_statistics_clustered_se(clusters, count);
    r->interval = kv_statistics_rate_interval(clusters, count);
    r->bounds = (struct kv_interval){NAN, NAN};
    if (r->tasks)
        r->bounds = (struct kv_interval){passed / tasks, (passed + unknown) / tasks};
    free(clusters);
}

/* ---- replicates ---- */

/* 1 to 10, then round numbers, and the last. */
static uint32_t next_k(uint32_t k, uint32_t last)
{
    uint32_t next = k < 10 ? k + 1 : k < 20 ? 20 : k < 50 ? 50 : k < 100 ? 100 : 2 * k;
    return k < last && next > last ? last : next;
}

/* The mean over the questions with at least k scored rows. */
static struct kv_mean mean_at(const struct kv_line_rates *r, const struct shared *s, uint32_t k,
    double (*value_of)(uint64_t n, uint64_t passed, uint64_t k), double *values)
{
    struct kv_rates_walk w = kv_rates_walk(s->set, r->line);
    struct kv_rates_asked asked;
    size_t n = 0;
    while (kv_rates_next(&w, &asked))
        if (asked.n >= k)
            values[n++] = value_of(asked.n, asked.passed, k);
    return kv_statistics_mean(values, n);
}

static void take_at_k(struct kv_line_rates *r, const struct shared *s)
{
    double *values = kv_calloc(r->questions ? r->questions : 1, sizeof *values);
    uint32_t last = (uint32_t)r->replicates;
    for (uint32_t k = 1; k <= last; k = next_k(k, last)) {
        struct kv_mean at = mean_at(r, s, k, kv_statistics_pass_at, values);
        struct kv_mean hat = mean_at(r, s, k, kv_statistics_pass_hat, values);
        r->at_k = kv_grow(r->at_k, r->at_k_count, sizeof *r->at_k);
        r->at_k[r->at_k_count++] = (struct kv_rates_at_k){k, r->questions - at.n, at, hat};
    }
    free(values);
}

/* ---- keywords ---- */

static void add_keyword(
    struct kv_line_rates *r, uint32_t keyword, struct kv_cluster *of, size_t count)
{
    struct kv_rates_keyword k = {.keyword = keyword, .questions = count};
    double n = 0, passed = 0;
    for (size_t i = 0; i < count; i++) {
        n += of[i].n;
        passed += of[i].passed;
    }
    k.n = (size_t)n;
    k.passed = (size_t)passed;
    k.rate = n > 0 ? passed / n : NAN;
    k.interval = kv_statistics_rate_interval(of, count);
    r->keywords[r->keyword_count++] = k;
}

static void find_members(struct shared *s)
{
    const struct kv_rowset *set = s->set;
    size_t k = set->keywords.n, total = 0;
    s->member_at = kv_calloc(k + 1, sizeof *s->member_at);
    for (uint32_t q = 0; q < set->questions.n; q++) {
        const struct kv_rowset_keywords has = kv_rowset_keywords_of(set, q);
        for (size_t i = 0; i < has.n; i++, total++)
            s->member_at[has.ids[i] + 1]++;
    }
    for (size_t i = 1; i <= k; i++)
        s->member_at[i] += s->member_at[i - 1];
    s->member = kv_calloc(total ? total : 1, sizeof *s->member);
    size_t *next = kv_calloc(k ? k : 1, sizeof *next);
    for (size_t i = 0; i < k; i++)
        next[i] = s->member_at[i];
    for (uint32_t q = 0; q < set->questions.n; q++) {
        const struct kv_rowset_keywords has = kv_rowset_keywords_of(set, q);
        for (size_t i = 0; i < has.n; i++)
            s->member[next[has.ids[i]]++] = q;
    }
    free(next);
    s->order = kv_names_sorted(&set->keywords);
    if (k)
        s->seen = kv_calloc(set->questions.n, sizeof *s->seen);
}

/* What each question adds to a line stands in seen. */
static void see(const struct kv_line_rates *r, const struct shared *s)
{
    struct kv_rates_walk w = kv_rates_walk(s->set, r->line);
    struct kv_rates_asked asked;
    memset(s->seen, 0, s->set->questions.n * sizeof *s->seen);
    while (kv_rates_next(&w, &asked))
        s->seen[asked.question] = (struct kv_cluster){asked.n, asked.passed};
}

static void take_keywords(struct kv_line_rates *r, const struct shared *s)
{
    size_t n = s->set->keywords.n;
    if (!n)
        return;
    struct kv_cluster *of = kv_calloc(s->set->questions.n, sizeof *of);
    r->keywords = kv_calloc(n, sizeof *r->keywords);
    see(r, s);
    for (size_t i = 0; i < n; i++) {
        uint32_t keyword = s->order[i];
        size_t count = 0;
        if (!keyword_begins(s->set, keyword, s->by))
            continue;
        for (size_t at = s->member_at[keyword]; at < s->member_at[keyword + 1]; at++) {
            const struct kv_cluster *c = &s->seen[s->member[at]];
            if (c->n)
                of[count++] = *c;
        }
        if (count)
            add_keyword(r, keyword, of, count);
    }
    free(of);
}

const struct kv_rates_keyword *kv_rates_keyword_of(
    const struct kv_line_rates *rates, uint32_t keyword)
{
    for (size_t i = 0; i < rates->keyword_count; i++)
        if (rates->keywords[i].keyword == keyword)
            return &rates->keywords[i];
    return NULL;
}

/* ---- time ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t rank_all(double *values, size_t n, double *ranks)
{
    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 0; i < KV_RATES_QUANTILES; i++)
        ranks[i] = kv_statistics_rank(values, n, kv_rates_quantile[i]);
    return n;
}

static void take_time(struct kv_line_rates *r, const struct kv_rowset *set)
{
    size_t from = set->line_at[r->line], to = set->line_at[r->line + 1], timed = 0, streamed = 0;
    double *seconds = kv_calloc(r->tasks ? r->tasks : 1, sizeof *seconds);
    double *first = kv_calloc(r->tasks ? r->tasks : 1, sizeof *first);
    struct kv_detail d = {0};
    for (size_t i = from; i < to; i++) {
        kv_rowset_detail(set, &set->facts[set->by_line[i]], &d);
        if (!isnan(d.seconds))
            seconds[timed++] = d.seconds;
        if (!isnan(d.first_token))
            first[streamed++] = d.first_token;
    }
    kv_detail_release(&d);
    r->timed = rank_all(seconds, timed, r->seconds);
    r->streamed = rank_all(first, streamed, r->first_token);
    free(seconds);
    free(first);
}

/* ---- all lines ---- */

static void make_line(struct kv_line_rates *r, const struct shared *s)
{
    count_rows(r, s);
    count_questions(r, s);
    take_rate(r, s);
    take_at_k(r, s);
    take_keywords(r, s);
    take_time(r, s->set);
}

struct kv_line_rates *kv_rates_make(
    const struct kv_rowset *set, const char *cluster, const char *by)
{
    struct kv_line_rates *rates = kv_calloc(set->line_count ? set->line_count : 1, sizeof *rates);
    struct shared s = {.set = set, .by = by};
    s.cluster = kv_rates_clusters(set, cluster, &s.clusters);
    find_members(&s);
    for (uint32_t i = 0; i < set->line_count; i++) {
        rates[i].line = i;
        make_line(&rates[i], &s);
    }
    free(s.cluster);
    free(s.seen);
    free(s.member_at);
    free(s.member);
    free(s.order);
    return rates;
}

void kv_rates_free(struct kv_line_rates *rates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rates[i].at_k);
        free(rates[i].keywords);
    }
    free(rates);
}
