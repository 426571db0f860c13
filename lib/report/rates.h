/* rates - what each line of a report comes to: outcomes, the rate and its interval, replicates.
 *
 * The unit is the question: replicates of one question depend on each other, and so may questions
 * on one text. x is 1 for a row that passed, 0 for one that was answered otherwise; declined and
 * insufficient answers are answers. Errors and unscored rows are no data: they are counted, and
 * what they could hide is said by bounds.
 *
 *     struct kv_line_rates *rates = kv_rates_make(set, NULL, NULL);   one for each line, in their order
 *     kv_rates_free(rates, set->line_count);
 */
#ifndef KV_RATES_H
#define KV_RATES_H

#include "rowset.h"
#include "statistics.h"

/* At one k: over the questions that have at least k scored rows. */
struct kv_rates_at_k {
    uint32_t k;
    size_t left_out;        /* questions with fewer */
    struct kv_mean at, hat; /* pass@k, pass^k */
};

struct kv_rates_keyword {
    uint32_t keyword;            /* a name */
    size_t n, questions, passed; /* n: scored rows */
    double rate;
    struct kv_rate_interval interval; /* over questions */
};

enum { KV_RATES_QUANTILES = 4 };
extern const double kv_rates_quantile[KV_RATES_QUANTILES]; /* 0.5, 0.9, 0.95, 0.99 */

struct kv_line_rates {
    uint32_t line;
    size_t tasks, scored, questions, passed; /* questions: that have a scored row */
    size_t outcomes[KV_RESULT_OUTCOMES];
    double rate, se; /* se: clustered */
    struct kv_rate_interval interval;
    struct kv_interval bounds; /* if all errors had failed, if all had passed */
    size_t replicates;         /* the most scored rows of a question */
    size_t unstable;           /* questions that passed sometimes */
    struct kv_rates_at_k *at_k;
    size_t at_k_count;
    struct kv_rates_keyword *keywords; /* in order of their names */
    size_t keyword_count;
    double seconds[KV_RATES_QUANTILES], first_token[KV_RATES_QUANTILES]; /* NaN: none said */
    size_t timed, streamed;                                              /* rows that say so */
};

/* `cluster` (NULL: none) is the beginning of a keyword: questions that share one that begins so are
 * one cluster. `by` (NULL: all) likewise chooses the keywords that get a rate. */
struct kv_line_rates *kv_rates_make(
    const struct kv_rowset *set, const char *cluster, const char *by);
void kv_rates_free(struct kv_line_rates *rates, size_t count);

/* The rate of a line for one keyword; NULL if none of its questions has it. */
const struct kv_rates_keyword *kv_rates_keyword_of(
    const struct kv_line_rates *rates, uint32_t keyword);

/* "2.0 %", and "–" for NaN: how a report writes a share. */
void kv_rates_add_percent(struct kv_buf *out, double share);

/* Walks the questions of a line that have a scored row, by their number. They are counted anew each
 * time, from the rows: kept, they would be as many as the rows.
 *
 *     struct kv_rates_walk w = kv_rates_walk(set, line);
 *     struct kv_rates_asked asked;
 *     while (kv_rates_next(&w, &asked)) …
 */
struct kv_rates_walk { /* private */
    const struct kv_rowset *set;
    uint32_t at, end;
};
struct kv_rates_asked {
    uint32_t question, n, passed; /* n: scored rows */
};
struct kv_rates_walk kv_rates_walk(const struct kv_rowset *set, uint32_t line);
bool kv_rates_next(struct kv_rates_walk *w, struct kv_rates_asked *asked);

/* The number of the cluster of each question; *count is how many there are. NULL without a prefix:
 * each question is one of its own, and has its number. The caller frees. */
uint32_t *kv_rates_clusters(const struct kv_rowset *set, const char *prefix, size_t *count);

/* What the rate of a line is made of: its clusters that have a scored row. `cluster` and *count are
 * as from kv_rates_clusters; *count becomes how many there are. The caller frees. */
struct kv_cluster *kv_rates_clustered(
    const struct kv_rowset *set, uint32_t line, const uint32_t *cluster, size_t *count);

bool kv_rates_is_scored(const struct kv_fact *fact);

#endif
