/* layout2 - layout 2.0 under the writer's lock: results.json.results.jsonl, appended to in place,
 * and a .state that is written whole after every batch.
 *
 * The formats are karenina's and stay so: one compact result a line; the .state indented by two,
 * keys in its order, completed_task_ids and failed_task_ids sorted, everything else as it was.
 * Begin cuts a torn last line (naming it, and making its task pending again) so that nothing is
 * glued to it; a line in the middle that is no result is left alone. Rows are believed over the
 * recorded keys. The cost of a batch is that of the .state.
 *
 *     kv_layout2_init(&two, paths, notes);
 *     kv_layout2_begin(&two, true, &err);
 *     kv_layout2_add(&two, row, key or none);
 *     kv_layout2_commit(&two, &err);
 *     kv_layout2_release(&two);
 *
 * Between batches what was read is kept, and read again only if another writer was there.
 */
#ifndef KV_LAYOUT2_H
#define KV_LAYOUT2_H

#include "accounting.h"
#include "io_at.h"
#include "layout1.h"
#include "state.h"

struct kv_layout2 {
    const struct kv_paths *paths;
    const struct kv_notes *notes;
    struct kv_state *state;               /* as it was when last read */
    struct kv_key_index *index;           /* in memory */
    struct kv_header counts;              /* with all that is staged */
    struct kv_accounting ledger;          /* stages */
    struct kv_key_list completed, failed; /* the two sets */
    struct kv_key_list more;              /* what the manifest has gained since `state` was read */
    struct kv_buf rows;                   /* staged lines */
    struct kv_header counts_kept;         /* and how far these were at the last commit: */
    size_t completed_kept, more_kept;
    uint64_t end;              /* of the .jsonl */
    struct kv_file_id seen[2]; /* .state and .jsonl as we left them */
    bool loaded, changed;
    int dir, lock; /* -1 outside a batch */
};

void kv_layout2_init(
    struct kv_layout2 *two, const struct kv_paths *paths, const struct kv_notes *notes);
void kv_layout2_release(struct kv_layout2 *two);

int kv_layout2_begin(struct kv_layout2 *two, bool wait, struct kv_err *err);
uint64_t kv_layout2_add_row(struct kv_layout2 *two, struct kv_slice row);
void kv_layout2_add_key(struct kv_layout2 *two, struct kv_slice key);
void kv_layout2_extend(struct kv_layout2 *two, struct kv_slice key);
int kv_layout2_commit(struct kv_layout2 *two, struct kv_err *err);
void kv_layout2_abort(struct kv_layout2 *two);
int kv_layout2_remove(struct kv_layout2 *two, struct kv_err *err);

#endif
