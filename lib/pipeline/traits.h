/* traits - rubric evaluation of one answer: which calls it takes, and the scores that come of them.
 *
 * Regex traits need no call. Boolean and score traits share one call, and literal traits another,
 * in the batch strategy; in the sequential one each trait has its own. Metric and template-kind
 * traits always have their own (pipeline.md 8.3 and 8.4). A failed batch loses the whole rubric, a
 * failed single call its trait.
 *
 *     kv_traits_begin(&t, desk, subject, text);
 *     while (kv_traits_query(&t, &query))
 *         { … kv_traits_take(&t, &response); }
 *     if (kv_traits_end(&t, &block)) … block borrows from t …
 *     kv_traits_release(&t);
 */
#ifndef KV_TRAITS_H
#define KV_TRAITS_H

#include "generation.h"
#include "query.h"
#include "record.h"

struct kv_traits {
    const struct kv_desk *desk;
    const struct kv_subject *subject;
    struct kv_slice text;         /* what is judged; borrowed */
    size_t step;                  /* which call is next: see passes in traits.c */
    const struct kv_trait *trait; /* of a single call; NULL: a batch */
    struct kv_buf warning;        /* the whole rubric failed: why */
    struct kv_buf llm, labels, regex, metric, lists, provenance; /* members, without braces */
    struct kv_buf system, user, schema;                          /* of the query */
    struct kv_record_rubric block;
};

void kv_traits_begin(struct kv_traits *t, const struct kv_desk *desk,
    const struct kv_subject *subject, struct kv_slice text);
bool kv_traits_query(struct kv_traits *t, struct kv_query *query);
void kv_traits_take(struct kv_traits *t, const struct kv_response *response);
/* The rubric block of the result; NULL if the rubric was lost (t->warning says why). */
const struct kv_record_rubric *kv_traits_end(struct kv_traits *t);
void kv_traits_release(struct kv_traits *t);

#endif
