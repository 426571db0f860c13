/* reask - a judge whose reply cannot be used is asked again, with what was wrong.
 *
 * One budget for every stage that asks a judge: the first request and two more. A stage begins with
 * kv_reask_begin, adds what is remembered to each query, and asks whether it may go again:
 *
 *     kv_reask_begin(&r);
 *     … kv_reask_add(&r, query); …
 *     if (… not usable … && kv_reask_again(&r, shared, response, why)) … the same query again …
 *     kv_reask_release(&r);
 */
#ifndef KV_REASK_H
#define KV_REASK_H

#include "answer_stage.h"
#include "query.h"

struct kv_reask {
    int asked;                     /* requests that were of no use */
    struct kv_buf reply, feedback; /* the last of them, and what was wrong with it */
    int room;                      /* of the next query: more, once one was cut off; 0: as usual */
};

void kv_reask_begin(struct kv_reask *r);
void kv_reask_release(struct kv_reask *r);

/* 0 if the reply is whole, so that it may be read. A judge that ended by its limit, by a filter or
 * by declining has given no verdict, whatever stands in the text: -1 with KV_INPUT. */
int kv_reask_whole(const struct kv_answer *response, struct kv_err *err);

/* Behind a first request: adds the reply that could not be used, and what was wrong with it. */
void kv_reask_add(const struct kv_reask *r, struct kv_query *query);

/* Notes a reply that cannot be used, and why. One that was cut off gets more room in place of an
 * explanation. False if that was the last request. */
bool kv_reask_again(struct kv_reask *r, const struct kv_pipeline_shared *shared,
    const struct kv_answer *response, const char *why);

#endif
