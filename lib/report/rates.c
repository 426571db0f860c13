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
    uint32_t *cluster = kv_calloc(n ? n : 1, sizeof *cluster);
    uint32_t *of_keyword = kv_calloc(k ? k : 1, sizeof *of_keyword); /* number + 1 */
    uint32_t next = 0;
    for (size_t q = 0; q < n; q++) {
        const struct kv_rowset_question *question = &set->question[q];
        uint32_t *shared = NULL;
        for (uint32_t i = 0; prefix && !shared && i < question->keyword_count; i++) {
            uint32_t keyword = set->keyword_ids[question->keyword_at + i];
            if (keyword_begins(set, keyword, prefix))
                shared = &of_keyword[keyword];
        }
        if (shared && !*shared)
            *shared = ++next;
        cluster[q] = shared ? *shared - 1 : next++;
    }
    free(of_keyword);
    *count = next;
    return cluster;
}

/* What a question adds to a line: scored rows, and those that passed. */
struct seen {
    uint32_t n, passed;
};

/* What all lines are counted with. */
struct shared {
    const struct kv_rowset *set;
    const char *by;
    uint32_t *cluster; /* of each question */
    size_t clusters;
    size_t *member_at; /* of each keyword, keywords + 1 places in member */
    uint32_t *member;  /* questions that have it */
    uint32_t *order;   /* keywords by name */
    struct seen *seen; /* of each question, for one line at a time */
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
    const struct kv_line_rates *r, const uint32_t *cluster, size_t *count)
{
    struct kv_cluster *all = kv_calloc(*count ? *count : 1, sizeof *all);
    for (size_t i = 0; i < r->questions; i++) {
        struct kv_cluster *c = &all[cluster[r->asked[i].question]];
        c->n += r->asked[i].n;
        c->passed += r->asked[i].passed;
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
        if (!kv_rates_is_scored(f))
            continue;
        r->scored++;
        r->questions += s->seen[f->question].n == 0;
        s->seen[f->question].n++;
        s->seen[f->question].passed += f->outcome == KV_RESULT_PASSED;
    }
    r->passed = r->outcomes[KV_RESULT_PASSED];
}

/* The rows of a line are in the order of their questions. */
static void list_questions(struct kv_line_rates *r, const struct shared *s)
{
    size_t from = s->set->line_at[r->line], to = s->set->line_at[r->line + 1], n = 0;
    r->asked = kv_calloc(r->questions ? r->questions : 1, sizeof *r->asked);
    for (size_t i = from; i < to; i++) {
        uint32_t q = s->set->facts[s->set->by_line[i]].question;
        const struct seen *c = &s->seen[q];
        if (!c->n || (n && r->asked[n - 1].question == q))
            continue;
        r->asked[n++] = (struct kv_rates_asked){q, c->n, c->passed};
        r->unstable += c->passed > 0 && c->passed < c->n;
        if (c->n > r->replicates)
            r->replicates = c->n;
    }
}

static void take_rate(struct kv_line_rates *r, const struct shared *s)
{
    size_t count = s->clusters;
    struct kv_cluster *clusters = kv_rates_clustered(r, s->cluster, &count);
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

static void take_at_k(struct kv_line_rates *r)
{
    size_t questions = r->questions;
    double *at = kv_calloc(questions ? questions : 1, sizeof *at);
    double *hat = kv_calloc(questions ? questions : 1, sizeof *hat);
    uint32_t last = (uint32_t)r->replicates;
    for (uint32_t k = 1; k <= last; k = next_k(k, last)) {
        size_t n = 0;
        for (size_t q = 0; q < questions; q++) {
            const struct kv_rates_asked *a = &r->asked[q];
            if (a->n < k)
                continue;
            at[n] = kv_statistics_pass_at(a->n, a->passed, k);
            hat[n++] = kv_statistics_pass_hat(a->n, a->passed, k);
        }
        r->at_k = kv_grow(r->at_k, r->at_k_count, sizeof *r->at_k);
        r->at_k[r->at_k_count++] = (struct kv_rates_at_k){
            k, r->questions - n, kv_statistics_mean(at, n), kv_statistics_mean(hat, n)};
    }
    free(at);
    free(hat);
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
    for (size_t q = 0; q < set->questions.n; q++)
        for (uint32_t i = 0; i < set->question[q].keyword_count; i++, total++)
            s->member_at[set->keyword_ids[set->question[q].keyword_at + i] + 1]++;
    for (size_t i = 1; i <= k; i++)
        s->member_at[i] += s->member_at[i - 1];
    s->member = kv_calloc(total ? total : 1, sizeof *s->member);
    size_t *next = kv_calloc(k ? k : 1, sizeof *next);
    for (size_t i = 0; i < k; i++)
        next[i] = s->member_at[i];
    for (size_t q = 0; q < set->questions.n; q++)
        for (uint32_t i = 0; i < set->question[q].keyword_count; i++)
            s->member[next[set->keyword_ids[set->question[q].keyword_at + i]]++] = (uint32_t)q;
    free(next);
    s->order = kv_names_sorted(&set->keywords);
}

static void take_keywords(struct kv_line_rates *r, const struct shared *s)
{
    size_t n = s->set->keywords.n, questions = s->set->questions.n;
    struct kv_cluster *of = kv_calloc(questions ? questions : 1, sizeof *of);
    r->keywords = kv_calloc(n ? n : 1, sizeof *r->keywords);
    for (size_t i = 0; i < n; i++) {
        uint32_t keyword = s->order[i];
        size_t count = 0;
        if (!keyword_begins(s->set, keyword, s->by))
            continue;
        for (size_t at = s->member_at[keyword]; at < s->member_at[keyword + 1]; at++) {
            const struct seen *c = &s->seen[s->member[at]];
            if (c->n)
                of[count++] = (struct kv_cluster){c->n, c->passed};
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
    list_questions(r, s);
    take_rate(r, s);
    take_at_k(r);
    take_keywords(r, s);
    take_time(r, s->set);
    for (size_t i = 0; i < r->questions; i++)
        s->seen[r->asked[i].question] = (struct seen){0};
}

struct kv_line_rates *kv_rates_make(
    const struct kv_rowset *set, const char *cluster, const char *by)
{
    struct kv_line_rates *rates = kv_calloc(set->line_count ? set->line_count : 1, sizeof *rates);
    struct shared s = {.set = set, .by = by};
    s.cluster = kv_rates_clusters(set, cluster, &s.clusters);
    s.seen = kv_calloc(set->questions.n ? set->questions.n : 1, sizeof *s.seen);
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
        free(rates[i].asked);
    }
    free(rates);
}
