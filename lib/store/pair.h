/* pair - the two files of a run under the writer's lock, whatever their layout.
 *
 * A layout (layout1.h, layout2.h) opens a pair; from then on it is worked with through the table of
 * functions here, in this order:
 *
 *     struct kv_pair *p = kv_layout1_open(paths, notes);
 *     p->layout->begin(p, true, &err);      locked; p->accounting knows all keys and rows
 *     p->layout->ready(p, &err);            before the first add: 1 if it has been read again
 *     p->layout->add_row(p, row);           staged, as are keys
 *     p->layout->commit(p, &err);           durable, and unlocked
 *     p->layout->close(p);
 *
 * What a row or a key means is accounting.h and store.h; a layout knows the files.
 */
#ifndef KV_PAIR_H
#define KV_PAIR_H

#include "accounting.h"
#include "digest.h"
#include "header.h"
#include "io_at.h"
#include "io_lock.h"
#include "notes.h"
#include "paths.h"
#include "result.h"

#include <stdbool.h>

struct kv_pair;

struct kv_pair_layout {
    void (*close)(struct kv_pair *p); /* ends what was begun */

    /* KV_BUSY only with wait == false. KV_INPUT with the place if the pair cannot be read; it is
     * then as it was. */
    int (*begin)(struct kv_pair *p, bool wait, struct kv_err *err);

    /* Makes sure that the pair can be added to. Nothing may be staged yet. 1 if it had to be
     * written anew for that and has been read again, 0 if it was in order. On failure the batch is
     * over. */
    int (*ready)(struct kv_pair *p, struct kv_err *err);

    /* Stage a row (answers the offset at which it will lie), the key it completes, and a further
     * key for the manifest. The accounting is told by the caller. */
    uint64_t (*add_row)(struct kv_pair *p, struct kv_slice row);
    void (*add_key)(struct kv_pair *p, struct kv_slice key);
    void (*extend)(struct kv_pair *p, struct kv_slice key);

    /* Stages another configuration (JSON, in the spelling of a .state) and its hash. Costs a
     * writing of the whole .state. */
    void (*set_config)(struct kv_pair *p, struct kv_slice config, const char *hash);

    /* Nothing staged and nothing to repair: costs nothing. On failure nothing has changed, or the
     * rows are there and not known to be durable. Unlocks in any case. */
    int (*commit)(struct kv_pair *p, struct kv_err *err);
    void (*abort)(struct kv_pair *p);

    /* Removes the pair and everything private beside it, durably. Between begin and commit, instead
     * of it; ends the batch. */
    int (*remove)(struct kv_pair *p, struct kv_err *err);

    /* The key a row belongs to in this pair; replaces what *key holds. */
    int (*row_key)(
        struct kv_pair *p, const struct kv_result *row, struct kv_buf *key, struct kv_err *err);

    /* 1 if this row, byte for byte, lies at the offset, 0 if not; -1. */
    int (*has_row)(struct kv_pair *p, uint64_t offset, struct kv_slice row, struct kv_err *err);

    /* Shows every completed key to `each`, as the files have them, with those that begin has staged
     * and without asking a private file. `each` returns 0, or another number to stop. 0, what
     * `each` returned, -1. */
    int (*completed)(struct kv_pair *p, int (*each)(void *closure, struct kv_slice key),
        void *closure, struct kv_err *err);

    /* Removes what private files say of the keys: the next begin reads everything. */
    void (*forget)(struct kv_pair *p);
};

/* What every layout begins with; its own things are behind. */
struct kv_pair {
    const struct kv_pair_layout *layout;
    const struct kv_paths *paths;
    const struct kv_notes *notes;
    const struct kv_patience *patience; /* with the lock; NULL: as long as it takes */
    struct kv_header counts;            /* with all that is staged */
    struct kv_accounting accounting;    /* stages */
    struct kv_buf config, hash;   /* staged in place of those of .state, as JSON; n == 0: none */
    struct kv_file_id state_file; /* begin: what the .state is; and a name for the history it */
    struct kv_digest128 history;  /* belongs to, which no other run has (doc.h), or 0 */
    bool all_read; /* begin has read all of both files: what is known is not from a private file */
};

/* For the layouts: what set_config stages, and its end. */
void kv_pair_set_config(struct kv_pair *p, struct kv_slice config, const char *hash);
void kv_pair_drop_config(struct kv_pair *p);

#endif
