/* statistics - the formulas of a report: intervals, paired tests, agreement.
 *
 * Student's quantile is the one function here that the C library lacks; it is found by bisection of
 * the distribution, which is an incomplete beta function (continued fraction, modified Lentz). A
 * library for that one number would be the largest thing kv links to.
 */
#include "statistics.h"

#include "buf.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    FEW_CLUSTERS = 30, /* below, a normal interval is too narrow (arXiv 2503.01747) */
    DRAWS = 2000,
};

static const struct kv_interval undefined = {NAN, NAN};

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

static double log_choose(double n, double k)
{
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* ---- one rate ---- */

struct kv_interval kv_statistics_wilson(double rate, double n)
{
    const double zz = KV_STATISTICS_Z * KV_STATISTICS_Z;
    if (!(n > 0) || isnan(rate))
        return undefined;
    double wide = 1 + zz / n;
    double centre = (rate + zz / (2 * n)) / wide;
    double half = KV_STATISTICS_Z * sqrt(rate * (1 - rate) / n + zz / (4 * n * n)) / wide;
    /* Rounding must not leave 0 of n above 0, nor n of n below 1. */
    return (struct kv_interval){
        rate <= 0 ? 0 : most(0, centre - half), rate >= 1 ? 1 : least(1, centre + half)};
}

/* Of all rows: more than a cluster has. */
struct total {
    double n, passed;
};

static void sum(const struct kv_cluster *clusters, size_t count, struct total *all)
{
    *all = (struct total){0};
    for (size_t i = 0; i < count; i++) {
        all->n += clusters[i].n;
        all->passed += clusters[i].passed;
    }
}

double kv_statistics_clustered_se(const struct kv_cluster *clusters, size_t count)
{
    struct total all;
    double squares = 0;
    sum(clusters, count, &all);
    if (count < 2 || !(all.n > 0))
        return NAN;
    for (size_t i = 0; i < count; i++) {
        double off = clusters[i].passed - clusters[i].n * (all.passed / all.n);
        squares += off * off;
    }
    return sqrt((double)count / (double)(count - 1) * squares) / all.n;
}

static bool are_single(const struct kv_cluster *clusters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (clusters[i].n > 1)
            return false;
    return true;
}

/* How many independent rows the clusters are worth: between their number and that of the rows. */
static double effective_n(double rate, double se, double clusters, double rows)
{
    if (isnan(se) || rate <= 0 || rate >= 1)
        return clusters;
    if (se <= 0)
        return rows;
    return most(least(rate * (1 - rate) / (se * se), rows), 1);
}

struct kv_rate_interval kv_statistics_rate_interval(const struct kv_cluster *clusters, size_t count)
{
    struct kv_rate_interval r = {undefined, KV_INTERVAL_NONE, NAN};
    struct total all;
    sum(clusters, count, &all);
    if (!(all.n > 0))
        return r;
    double rate = all.passed / all.n;
    double se = kv_statistics_clustered_se(clusters, count);
    if (are_single(clusters, count)) {
        r.method = KV_INTERVAL_WILSON;
        r.effective = all.n;
    } else if (count >= FEW_CLUSTERS && se > 0) {
        double half = kv_statistics_t((double)(count - 1)) * se;
        r.method = KV_INTERVAL_CLUSTERED;
        r.interval = (struct kv_interval){most(0, rate - half), least(1, rate + half)};
        return r;
    } else {
        r.method = KV_INTERVAL_EFFECTIVE;
        r.effective = effective_n(rate, se, (double)count, all.n);
    }
    r.interval = kv_statistics_wilson(rate, r.effective);
    return r;
}

/* The continued fraction of the incomplete beta function. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), value;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m <= 1000; m++) {
        double step = 1;
        for (int odd = 0; odd < 2; odd++) {
            double up = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                            : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + up * d;
            c = 1 + up / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return value;
}

static double incomplete_beta(double a, double b, double x)
{
    int sign;
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                       a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double kv_statistics_t(double df)
{
    double low = 1.9, high = 13; /* of one degree of freedom: 12.7 */
    if (!(df >= 1))
        return NAN;
    if (df > 1e7)
        return KV_STATISTICS_Z;
    for (int i = 0; i < 100 && high - low > 1e-13; i++) {
        double t = (low + high) / 2;
        if (incomplete_beta(df / 2, 0.5, df / (df + t * t)) > 0.05)
            low = t;
        else
            high = t;
    }
    return (low + high) / 2;
}

/* ---- differences ---- */

struct kv_mean kv_statistics_mean(const double *values, size_t n)
{
    struct kv_mean m = {NAN, NAN, n};
    double total = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        total += values[i];
    if (n > 0)
        m.mean = total / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - m.mean) * (values[i] - m.mean);
    if (n > 1)
        m.se = sqrt(squares / (double)(n - 1) / (double)n);
    return m;
}

struct kv_interval kv_statistics_mean_interval(const struct kv_mean *m, double low, double high)
{
    if (m->n < 2)
        return undefined;
    double half = kv_statistics_t((double)(m->n - 1)) * m->se;
    return (struct kv_interval){most(low, m->mean - half), least(high, m->mean + half)};
}

double kv_statistics_sign_test(uint64_t b, uint64_t c)
{
    double n = (double)(b + c), p = 0;
    uint64_t few = b < c ? b : c;
    if (b + c == 0)
        return 1;
    for (uint64_t i = 0; i <= few; i++)
        p += exp(log_choose(n, (double)i) - n * log(2));
    return least(1, 2 * p);
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->at > y->at) - (x->at < y->at);
}

void kv_statistics_holm(double *p, size_t n)
{
    struct ranked *order = kv_calloc(n ? n : 1, sizeof *order);
    double highest = 0;
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){p[i], i};
    qsort(order, n, sizeof *order, by_p);
    for (size_t i = 0; i < n; i++) {
        highest = most(highest, least(1, (double)(n - i) * order[i].p));
        p[order[i].at] = highest;
    }
    free(order);
}

double kv_statistics_detectable(double se)
{
    return se > 0 ? 2.8 * se : NAN;
}

/* ---- replicates ---- */

double kv_statistics_pass_at(uint64_t n, uint64_t c, uint64_t k)
{
    double missed = 1;
    if (n < k || c > n)
        return NAN;
    if (n - c < k)
        return 1;
    for (uint64_t i = n - c + 1; i <= n; i++)
        missed *= 1 - (double)k / (double)i;
    return 1 - missed;
}

double kv_statistics_pass_hat(uint64_t n, uint64_t c, uint64_t k)
{
    double all = 1;
    if (n < k || c > n)
        return NAN;
    if (c < k)
        return 0;
    for (uint64_t i = 0; i < k; i++)
        all *= (double)(c - i) / (double)(n - i);
    return all;
}

/* ---- agreement ---- */

uint64_t kv_statistics_total(const struct kv_two_by_two *t)
{
    return t->both + t->first + t->second + t->neither;
}

double kv_statistics_agreement(const struct kv_two_by_two *t)
{
    uint64_t n = kv_statistics_total(t);
    return n ? (double)(t->both + t->neither) / (double)n : NAN;
}

double kv_statistics_kappa(const struct kv_two_by_two *t)
{
    double n = (double)kv_statistics_total(t);
    double first = (double)(t->both + t->first), second = (double)(t->both + t->second);
    double chance = (first * second + (n - first) * (n - second)) / (n * n);
    if (!(n > 0) || chance >= 1)
        return NAN;
    return (kv_statistics_agreement(t) - chance) / (1 - chance);
}

double kv_statistics_ac1(const struct kv_two_by_two *t)
{
    double n = (double)kv_statistics_total(t);
    double share = ((double)(2 * t->both + t->first + t->second)) / (2 * n);
    double chance = 2 * share * (1 - share);
    return n > 0 ? (kv_statistics_agreement(t) - chance) / (1 - chance) : NAN;
}

void kv_statistics_alpha_add(struct kv_alpha *a, uint64_t passed, uint64_t failed)
{
    double p = (double)passed, f = (double)failed;
    if (passed + failed < 2)
        return;
    a->disagreement += 2 * p * f / (p + f - 1);
    a->passed += p;
    a->failed += f;
}

double kv_statistics_alpha(const struct kv_alpha *a)
{
    double n = a->passed + a->failed;
    double expected = 2 * a->passed * a->failed / (n * (n - 1));
    return expected > 0 ? 1 - a->disagreement / n / expected : NAN;
}

/* ---- a judge corrected by labels ---- */

double kv_statistics_corrected(double rate, double tpr, double tnr)
{
    double power = tpr + tnr - 1;
    return power > 0 ? most(0, least(1, (rate + tnr - 1) / power)) : NAN;
}

/* splitmix64: one word of state, the same on every machine. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t draw_below(uint64_t *state, size_t n)
{
    return (size_t)((double)(draw(state) >> 11) * 0x1p-53 * (double)n);
}

static uint64_t draw_binomial(uint64_t *state, uint64_t n, double p)
{
    uint64_t hits = 0;
    for (uint64_t i = 0; i < n; i++)
        hits += (double)(draw(state) >> 11) * 0x1p-53 < p;
    return hits;
}

static double draw_rate(uint64_t *state, const struct kv_cluster *clusters, size_t count)
{
    struct total all = {0};
    for (size_t i = 0; i < count; i++) {
        const struct kv_cluster *one = &clusters[draw_below(state, count)];
        all.n += one->n;
        all.passed += one->passed;
    }
    return all.passed / all.n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct kv_interval kv_statistics_corrected_interval(
    const struct kv_two_by_two *labels, const struct kv_cluster *clusters, size_t count)
{
    uint64_t state = 15, good = labels->both + labels->second,
             bad = labels->first + labels->neither;
    double *values = kv_calloc(DRAWS, sizeof *values);
    size_t n = 0;
    for (int i = 0; i < DRAWS && good && bad && count; i++) {
        double tpr = (double)labels->both / (double)good;
        double tnr = (double)labels->neither / (double)bad;
        tpr = (double)draw_binomial(&state, good, tpr) / (double)good;
        tnr = (double)draw_binomial(&state, bad, tnr) / (double)bad;
        double rate = kv_statistics_corrected(draw_rate(&state, clusters, count), tpr, tnr);
        if (!isnan(rate))
            values[n++] = rate;
    }
    qsort(values, n, sizeof *values, by_value);
    struct kv_interval found = {
        kv_statistics_rank(values, n, 0.025), kv_statistics_rank(values, n, 0.975)};
    free(values);
    return found;
}

/* ---- quantities ---- */

double kv_statistics_rank(const double *sorted, size_t n, double q)
{
    if (n == 0)
        return NAN;
    double rank = ceil(q * (double)n);
    return sorted[(size_t)most(1, least(rank, (double)n)) - 1];
}
