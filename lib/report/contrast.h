/* contrast - the difference between two lines on the questions that both were asked.
 *
 * The same questions, so paired: d is the mean over the replicates of one line less that of the
 * other, for each question; questions that only one of them has are counted and not used. The test
 * is exact, and asks how unevenly the questions split that one side did better on. Several
 * comparisons are corrected together (Holm).
 *
 *     struct kv_contrasts c;
 *     kv_contrasts_within(&c, set, rates, NULL);            each pair of answering models of a judge
 *     kv_contrasts_between(&c, old, old_rates, new, new_rates, NULL);   a line then and now
 *     kv_contrasts_release(&c);
 */
#ifndef KV_CONTRAST_H
#define KV_CONTRAST_H

#include "rates.h"

enum { KV_CONTRAST_MODELS_MAX = 64 }; /* of one judge: beyond, a report compares no further */

struct kv_contrast {
    uint32_t a, b; /* lines; between two files: one of then, one of now */
    size_t questions, only_a, only_b;
    size_t better, worse, equal; /* questions on which a (between files: now) did better, … */
    double difference, se;       /* in rate, a less b; between files now less then */
    struct kv_interval interval;
    double p, p_holm;
    double detectable; /* no smaller difference would have been seen, four times in five */
    bool replicated;   /* sign test over questions; else it is McNemar's */
};

struct kv_contrasts {
    struct kv_contrast *items; /* in order of the judge's name, a's, b's */
    size_t n;
    size_t left_out; /* lines beyond KV_CONTRAST_MODELS_MAX */
};

/* `cluster` as in kv_rates_make. */
void kv_contrasts_within(struct kv_contrasts *c, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const char *cluster);

/* Lines of the same models and judge in both; where both files have one answering model for a
 * judge, these two, whatever they are called. Differences are now (b) less then (a), and better
 * means now. */
void kv_contrasts_between(struct kv_contrasts *c, const struct kv_rowset *then,
    const struct kv_line_rates *then_rates, const struct kv_rowset *now,
    const struct kv_line_rates *now_rates, const char *cluster);

void kv_contrasts_release(struct kv_contrasts *c);

/* Of kv_contrasts_within: the comparison of two lines, in either order; NULL if there is none. */
const struct kv_contrast *kv_contrasts_find(
    const struct kv_contrasts *c, uint32_t line, uint32_t other);

/* True if the difference is larger than chance explains, at 5 %, all comparisons taken together. */
bool kv_contrast_is_clear(const struct kv_contrast *c);

#endif
