/* plan - all tasks of a configuration over a list of questions: the manifest and its orders.
 *
 * Pure (kv-state(5)). A task of a plan is four indices; the i-th task in
 * generation order is computed, not stored, so a plan costs what its questions and models cost.
 */
#ifndef KV_PLAN_H
#define KV_PLAN_H

#include "buf.h"
#include "config.h"
#include "task.h"

#include <stdbool.h>
#include <stdint.h>

enum { KV_PLAN_MAX = 100000000 };

struct kv_task {
    size_t question, answering, parsing; /* indices */
    int64_t replicate;                   /* KV_NO_REPLICATE, or from 1 */
};

struct kv_plan {
    /* Private: the text in which the ids of the questions lie, where each does, `step` bytes apart, and
     * the places that are the plan's own. */
    const char *ids;
    const struct kv_span *id_of;
    size_t step;
    struct kv_span *own;
    size_t question_count;
    const struct kv_config *config; /* borrowed */
    char **answering, **parsing;    /* canonical keys, by model */
    uint32_t *by_id;                /* questions sorted by id: kv_plan_find */
};

/* Questions are added in order by their ids, slices of the one text `ids`, which stays the caller's
 * (kv_bench_ids); then it is ready. */
void kv_plan_init(struct kv_plan *p, const struct kv_config *config, const char *ids);
void kv_plan_add_question(struct kv_plan *p, struct kv_slice id);
/* In place of that: all n at once, by where their ids stand, each so many bytes behind the one before,
 * which stays the caller's. */
void kv_plan_take_questions(struct kv_plan *p, const struct kv_span *first, size_t step, size_t n);
void kv_plan_ready(struct kv_plan *p);
void kv_plan_release(struct kv_plan *p);

struct kv_slice kv_plan_question(const struct kv_plan *p, size_t question); /* its id */

/* Tasks in generation order, which is the order of the manifest: questions, answering models,
 * judges, replicates. Equal models give equal keys: the caller refuses what is repeated. */
bool kv_plan_count(const struct kv_plan *p, size_t *count); /* false: more than KV_PLAN_MAX */
struct kv_task kv_plan_task(const struct kv_plan *p, size_t i);
size_t kv_plan_number(const struct kv_plan *p, const struct kv_task *t); /* of kv_plan_task */
void kv_plan_add_key(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out);

/* Where a question of this id is. False: nowhere. */
bool kv_plan_find_question(const struct kv_plan *p, struct kv_slice id, size_t *question);

/* The task a key names, also where a question's id contains tabs. False: none of this plan. */
bool kv_plan_find(const struct kv_plan *p, struct kv_slice key, struct kv_task *out);

/* Appends the task as the programs print it: {"task_id":…,"question_id":…,"answering":{…},
 * "parsing":{…},"replicate":…}, without a line end. */
void kv_plan_add_json(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out);

/* Puts tasks, by their numbers in generation order, into the order in which they are executed. `seed`
 * is for KV_ORDER_RANDOM. */
void kv_plan_order(
    const struct kv_plan *p, enum kv_ordering ordering, uint64_t seed, uint64_t *tasks, size_t n);
/* What `auto` stands for with this plan's models; any other ordering is itself. */
enum kv_ordering kv_plan_ordering(const struct kv_plan *p, enum kv_ordering ordering);

#endif
