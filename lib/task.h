/* task - what a unit of work is called: key and back, model identities, the manifest in its order.
 *
 * Pure functions over bytes (progressive-save.md, sections 3 and 4). A task is one question, one
 * answering model, one judge and one replicate; its key is
 *     question TAB answering key TAB parsing key [TAB "rep" N]
 * and a model's key is interface:name[:id]:tools. Keys are compared as bytes, never normalised.
 */
#ifndef KV_TASK_H
#define KV_TASK_H

#include "buf.h"
#include "config.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- identities of models ---- */

/* Who answered or judged. Slices borrow. */
struct kv_identity {
    struct kv_slice interface, model_name;
    struct kv_slice config_id; /* p == NULL: null */
    const struct kv_slice *tools;
    size_t tool_count;
};

enum kv_role { KV_ANSWERING, KV_PARSING }; /* only answering models have tools */

void kv_identity_of(const struct kv_model *model, enum kv_role role, struct kv_identity *out);

void kv_identity_add_key(struct kv_buf *out, const struct kv_identity *who);     /* canonical key */
void kv_identity_add_display(struct kv_buf *out, const struct kv_identity *who); /* for people */
void kv_identity_add_json(struct kv_buf *out, const struct kv_identity *who); /* compact object */

/* The canonical key of an identity object in a result (checked JSON). Fails if it is no object or a
 * member has the wrong type (KV_INPUT). */
int kv_identity_key_of_json(struct kv_slice object, struct kv_buf *out, struct kv_err *err);
/* Its display string, likewise. */
int kv_identity_display_of_json(struct kv_slice object, struct kv_buf *out, struct kv_err *err);

/* ---- keys ---- */

#define KV_NO_REPLICATE INT64_MIN

void kv_task_add_key(struct kv_buf *out, struct kv_slice question_id, struct kv_slice answering,
    struct kv_slice parsing, int64_t replicate);

struct kv_task_parts {
    struct kv_slice question_id, answering, parsing; /* of the key given */
    int64_t replicate;
};

/* Takes a key apart as karenina does: exactly three parts, or four with the last beginning "rep".
 * Fails (KV_INPUT, "Invalid task key format: …") otherwise. */
int kv_task_parse_key(struct kv_slice key, struct kv_task_parts *out, struct kv_err *err);

/* Builds the key a result belongs to from its `metadata` object (checked JSON): the scenario's or
 * question's id, the keys of both identities, the replicate. Fails with KV_INPUT and the member. */
int kv_task_key_of_metadata(struct kv_slice metadata, struct kv_buf *out, struct kv_err *err);

/* ---- the plan: all tasks of a configuration over a list of questions ---- */

struct kv_task {
    size_t question, answering, parsing; /* indices */
    int64_t replicate;                   /* KV_NO_REPLICATE, or from 1 */
};

struct kv_plan {
    const struct kv_slice *questions; /* ids, borrowed */
    size_t question_count;
    const struct kv_config *config; /* borrowed */
    char **answering, **parsing;    /* canonical keys, by model */
    size_t *by_id;                  /* questions sorted by id: kv_plan_find */
};

void kv_plan_init(struct kv_plan *p, const struct kv_config *config,
    const struct kv_slice *question_ids, size_t question_count);
void kv_plan_release(struct kv_plan *p);

/* Tasks in generation order, which is the order of the manifest: questions, answering models,
 * judges, replicates. */
size_t kv_plan_count(const struct kv_plan *p);
struct kv_task kv_plan_task(const struct kv_plan *p, size_t i);
void kv_plan_add_key(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out);

/* The task a key names, also where a question's id contains tabs. False: none of this plan. */
bool kv_plan_find(const struct kv_plan *p, struct kv_slice key, struct kv_task *out);

/* Appends the task as the programs print it: {"task_id":…,"question_id":…,"answering":{…},
 * "parsing":{…},"replicate":…}, without a line end. */
void kv_plan_add_json(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out);

/* Puts tasks into the order in which they are executed. `seed` is for KV_ORDER_RANDOM. */
void kv_plan_order(const struct kv_plan *p, enum kv_ordering ordering, uint64_t seed,
    struct kv_task *tasks, size_t n);
/* What `auto` stands for with this plan's models; any other ordering is itself. */
enum kv_ordering kv_plan_ordering(const struct kv_plan *p, enum kv_ordering ordering);

/* ---- shards ---- */

/* Reads "I/N", 1 <= I <= N. Fails with KV_USAGE. */
struct kv_shard {
    uint64_t index, count; /* index from 0 */
};
int kv_shard_parse(const char *text, struct kv_shard *out, struct kv_err *err);
/* Decided by a hash of the key alone, so a task stays where it is when others are added. */
bool kv_shard_has(const struct kv_shard *s, struct kv_slice key);

#endif
