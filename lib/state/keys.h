/* keys - task keys: one array of a .state file walked in stored order, and lists in memory.
 *
 *     kv_keys_begin(&k, fd, KV_KEYS_MANIFEST, &err);
 *     while ((got = kv_keys_next(&k, &err)) == 1)
 *         … kv_slice_of(&k.key) …
 *     kv_keys_end(&k);
 *
 * Reads by position, so that several walks may share a descriptor; memory stays flat. A key may
 * come more than once, as it is stored. Failures are KV_INPUT and begin with the place
 * (json_reader.h).
 */
#ifndef KV_KEYS_H
#define KV_KEYS_H

#include "json_reader.h"

enum kv_keys_of {
    KV_KEYS_MANIFEST,  /* task_manifest */
    KV_KEYS_COMPLETED, /* completed_task_ids */
    KV_KEYS_FAILED,    /* failed_task_ids, layout 2.0 only */
};

const char *kv_keys_member(enum kv_keys_of which); /* its name in the file */

struct kv_keys {
    struct kv_json_reader reader;
    struct kv_buf key; /* the last one, unescaped */
    bool inside;
};

int kv_keys_begin(struct kv_keys *k, int fd, enum kv_keys_of which, struct kv_err *err);
int kv_keys_next(struct kv_keys *k, struct kv_err *err); /* 1, 0, -1 */
void kv_keys_end(struct kv_keys *k);                     /* twice is fine */

/* ---- lists ---- */

/* Task keys in memory, in the order in which they came. */
struct kv_key_list {
    struct kv_buf text;
    size_t *ends; /* of key i in text; it begins where key i - 1 ends */
    size_t count;
};
void kv_key_list_add(struct kv_key_list *l, struct kv_slice key);
struct kv_slice kv_key_list_get(const struct kv_key_list *l, size_t i);
void kv_key_list_cut(struct kv_key_list *l, size_t count); /* forgets those behind */
void kv_key_list_release(struct kv_key_list *l);
/* The keys by code point; the caller frees the array, which borrows from the list. */
struct kv_slice *kv_key_list_sorted(const struct kv_key_list *l);

/* ---- scenarios ----
 *
 * Layout 2.0 gives a turn of a scenario to the one key of the manifest that has this scenario and
 * replicate, if there is exactly one, whatever models the turn used (kv-state(5)). */
struct kv_scenario {
    struct kv_buf given, found; /* the last answer, which the next turn usually repeats */
};
/* Replaces *key by that key of the manifest in `fd`; leaves it if there is none, or more. */
int kv_scenario_map(struct kv_scenario *s, int fd, struct kv_buf *key, struct kv_err *err);
void kv_scenario_release(struct kv_scenario *s);

#endif
