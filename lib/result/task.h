/* task - what a unit of work is called: key and back, model identities.
 *
 * Pure functions over bytes (kv-state(5)). A task is one question, one
 * answering model, one judge and one replicate; its key is
 *     question TAB answering key TAB parsing key [TAB "rep" N]
 * and a model's key is interface:name[:id]:tools. Keys are compared as bytes, never normalised.
 */
#ifndef KV_TASK_H
#define KV_TASK_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_model;

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

#endif
