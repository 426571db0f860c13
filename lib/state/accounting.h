/* accounting - what a key or a row does to the counts and to the index: the rules of the run.
 *
 * A key is completed once, by the first row that settles its task (kv_result_settles).
 *
 * The newest row of a task says whether the task failed, and where its result lies. An answer that
 * is only kept, of a pending task, is no failure.
 *
 * A recorded failure, a result of an answer that was cut off, and an answer that was only kept, is
 * superseded by any later row that is not the same again; a good result by none. The turns of a
 * scenario share one key and are rows of their own: they supersede turn by turn.
 *
 * Layout and files are none of its business: it is given an index (key_index.h) and counts
 * (header.h).
 */
#ifndef KV_ACCOUNTING_H
#define KV_ACCOUNTING_H

#include "header.h"
#include "key_index.h"
#include "result.h"

struct kv_accounting {
    struct kv_key_index *index;
    struct kv_header *counts;
    bool staging; /* entries are staged (kv_key_index_stage) instead of put */
};

/* Enter a key of the manifest, or a recorded one. 1 if it was new there, 0 if it was not, -1. */
int kv_accounting_manifest(struct kv_accounting *l, struct kv_slice key, struct kv_err *err);
int kv_accounting_completed(struct kv_accounting *l, struct kv_slice key, struct kv_err *err);

/* Enter a row of `key` that lies at `offset`. *completes: it completes its task, whose key is not
 * recorded yet. */
int kv_accounting_row(struct kv_accounting *l, const struct kv_result *row, struct kv_slice key,
    uint64_t offset, bool *completes, struct kv_err *err);

/* Appends what rows supersede one another by: the key, and the turn of a scenario. */
void kv_accounting_row_id(struct kv_buf *id, struct kv_slice key, const struct kv_result *row);

/* What is known of the task and of the row that this one would supersede. *task and *row are the
 * same entry but for scenarios. */
int kv_accounting_find(struct kv_accounting *l, const struct kv_result *result, struct kv_slice key,
    struct kv_key_index_entry *task, struct kv_key_index_entry *row, struct kv_err *err);

#endif
