/* paid_call - what makes a call the same call in another run, and the tasks its reply is for.
 *
 * A call is named by what is asked and for whom: two replicates that ask the same are two calls.
 * Pure.
 */
#ifndef KV_PAID_CALL_H
#define KV_PAID_CALL_H

#include "digest.h"
#include "query.h"

/* What makes a call the same call in another run. Texts that are not there are empty. */
struct kv_paid_call {
    struct kv_slice question, answering, judging; /* id, and canonical keys of the models */
    int64_t replicate;
    uint64_t after;               /* as of its tasks: the largest */
    int number;                   /* of the queries that it repeats (query.h) */
    const char *command;          /* in place of a model; NULL: none */
    const struct kv_query *query; /* NULL: a command's task */
};
struct kv_digest128 kv_paid_call_id(
    const struct kv_paid_call *c, const char *run, struct kv_buf *scratch);

/* The tasks that a reply is for. It is dropped when one of them is completed by another row than the
 * one at `after`: 1 + the offset of the failed row that the task is done again for; 0: none. */
struct kv_paid_tasks {
    struct kv_buf keys, after; /* items of JSON arrays */
    uint64_t last;             /* the largest `after` */
};
void kv_paid_tasks_begin(struct kv_paid_tasks *t); /* zero at first */
void kv_paid_tasks_add(struct kv_paid_tasks *t, struct kv_slice key, uint64_t after);
void kv_paid_tasks_release(struct kv_paid_tasks *t);

#endif
