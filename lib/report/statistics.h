/* statistics - the formulas of a report: intervals, paired tests, agreement.
 *
 * Pure functions of numbers: no rows, no files, no clock, no random state of its own. What is not
 * defined is NaN, and callers print it as such, never as 0. Which formula is used where, and why,
 * is in README.md of this room; each has its vectors in tests/data/report.
 */
#ifndef KV_STATISTICS_H
#define KV_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#define KV_STATISTICS_Z 1.959963984540054 /* 97.5 % of the normal distribution */

struct kv_interval {
    double low, high; /* both NaN: undefined */
};

/* ---- one rate ---- */

/* Wilson's interval of a rate over n trials, at 95 %. n may be a fraction (an effective number).
 * Undefined for n <= 0. */
struct kv_interval kv_statistics_wilson(double rate, double n);

/* What one question adds to a rate: so many rows, so many of them passed. */
struct kv_cluster {
    uint32_t n, passed;
};

/* The standard error of (sum of passed) / (sum of n) over clusters that may depend within
 * themselves. Undefined below two clusters. */
double kv_statistics_clustered_se(const struct kv_cluster *clusters, size_t count);

enum kv_interval_method {
    KV_INTERVAL_NONE,      /* undefined */
    KV_INTERVAL_WILSON,    /* one row a cluster */
    KV_INTERVAL_EFFECTIVE, /* Wilson, with the number of rows the clusters are worth */
    KV_INTERVAL_CLUSTERED, /* rate +- t * clustered SE */
};

struct kv_rate_interval {
    struct kv_interval interval;
    enum kv_interval_method method;
    double effective; /* the n that went into Wilson's formula; NaN for KV_INTERVAL_CLUSTERED */
};

/* The interval of a rate at 95 %: Wilson where each cluster has one row; rate +- t * SE, cut to 0
 * and 1, from 30 clusters on; below, or where all clusters agree and SE says nothing, Wilson with
 * an effective n. */
struct kv_rate_interval kv_statistics_rate_interval(
    const struct kv_cluster *clusters, size_t count);

/* 97.5 % of Student's t with df degrees of freedom. */
double kv_statistics_t(double df);

/* ---- differences ---- */

struct kv_mean {
    double mean, se; /* se: s / sqrt(n), with n - 1 in s; NaN for n < 2 */
    size_t n;
};
struct kv_mean kv_statistics_mean(const double *values, size_t n);

/* mean +- t * se, cut to [low, high]. */
struct kv_interval kv_statistics_mean_interval(const struct kv_mean *m, double low, double high);

/* Two-sided exact sign test: the probability of a split of b + c at least as uneven, if both sides
 * are equally likely. McNemar's exact test for the counts of questions only one side passed. */
double kv_statistics_sign_test(uint64_t b, uint64_t c);

/* Holm's correction, in place; the order of the values stays. */
void kv_statistics_holm(double *p, size_t n);

/* The smallest difference that a comparison with this SE would show four times in five. NaN where
 * the SE is 0 or undefined: all questions came out alike, and nothing is known of others. */
double kv_statistics_detectable(double se);

/* ---- replicates: n of a question, c of them passed ---- */

double kv_statistics_pass_at(uint64_t n, uint64_t c, uint64_t k);  /* one of k passes; NaN: n < k */
double kv_statistics_pass_hat(uint64_t n, uint64_t c, uint64_t k); /* all k pass; NaN: n < k */

/* ---- agreement ---- */

/* Two judges on the same answers. */
struct kv_two_by_two {
    uint64_t both, first, second, neither; /* passed by both, by one only, by none */
};
uint64_t kv_statistics_total(const struct kv_two_by_two *t);
double kv_statistics_agreement(const struct kv_two_by_two *t);
double kv_statistics_kappa(const struct kv_two_by_two *t); /* Cohen; NaN if chance agrees always */
double kv_statistics_ac1(const struct kv_two_by_two *t);   /* Gwet */

/* Krippendorff's alpha for verdicts with gaps: shown one answer at a time. */
struct kv_alpha {
    double disagreement, passed, failed;
};
void kv_statistics_alpha_add(struct kv_alpha *a, uint64_t passed, uint64_t failed);
double kv_statistics_alpha(const struct kv_alpha *a);

/* The rate that a judge's passes stand for, if it finds true ones with tpr and false ones with tnr
 * (Rogan and Gladen), cut to 0 and 1. */
double kv_statistics_corrected(double rate, double tpr, double tnr);

/* The interval of that rate at 95 %: percentiles over 2,000 draws, seeded, in which both the labels
 * and the clusters are drawn anew. labels: both = said true and is true, first = said true only,
 * second = is true only. */
struct kv_interval kv_statistics_corrected_interval(
    const struct kv_two_by_two *labels, const struct kv_cluster *clusters, size_t count);

/* ---- quantities ---- */

/* The q-th of sorted values by nearest rank; NaN for none. */
double kv_statistics_rank(const double *sorted, size_t n, double q);

#endif
