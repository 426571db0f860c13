/* layout1 - layout 1.0 under the writer's lock: both documents, their index, the counts, in order.
 *
 *     kv_layout1_init(&p, paths);
 *     kv_layout1_begin(&p, true, &err);   locked; the ledger knows every key and row
 *     kv_layout1_ready(&p, &err);         before the first add: a foreign pair is written anew
 *     kv_layout1_add(&p, row, key or none)
 *     kv_layout1_commit(&p, &err);        durable, and unlocked
 *     kv_layout1_release(&p);
 *
 * What begin may find, and does:
 *
 *   .tmp one commit ahead (a writer died between the two exchanges)   the missing keys are staged
 *   the index behind, or of another lineage                           caught up, or built anew
 *   a document that is not in our form                                read as any JSON; both are
 *                                                                     written anew before an add
 * (layout1_rewrite.h) counts that do not fit                                            counted
 * again, staged
 *
 * Two counters tie the documents together: `row_count` in both heads. The .tmp is published first,
 * so a .state can lack rows and never be ahead, unless somebody else has touched the files; then
 * the lineage tells (doc.h) and everything is read again.
 */
#ifndef KV_LAYOUT1_H
#define KV_LAYOUT1_H

#include "accounting.h"
#include "doc.h"
#include "header.h"
#include "key_index.h"
#include "paths.h"

#include <stdbool.h>

struct kv_notes { /* where to say what was found; say may be NULL */
    void (*say)(void *closure, const char *text);
    void *closure;
};
void kv_note(const struct kv_notes *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct kv_layout1 {
    const struct kv_paths *paths;
    const struct kv_notes *notes;
    struct kv_doc *doc;
    struct kv_key_index *index;  /* open between begin and end */
    struct kv_key_index *memory; /* in place of the file where that cannot be made */
    struct kv_header counts;     /* with all that is staged */
    struct kv_accounting ledger; /* stages */
    struct kv_buf keys, more;    /* staged for the two arrays of .state: quoted, one a line */
    uint64_t end;                /* of the rows, with those staged */
    bool changed;                /* there is something to commit */
    bool foreign;                /* not in our form: good for looking at only */
    bool misnamed; /* what grows at an end of the two files is not what it should be */
};

void kv_layout1_init(
    struct kv_layout1 *p, const struct kv_paths *paths, const struct kv_notes *notes);
void kv_layout1_release(struct kv_layout1 *p); /* ends what was begun */

/* KV_BUSY only with wait == false. KV_INPUT with the place if the pair cannot be read; it is then
 * as it was. */
int kv_layout1_begin(struct kv_layout1 *p, bool wait, struct kv_err *err);

/* Makes sure that the pair can be added to. Nothing may be staged yet. On failure the batch is
 * over. */
int kv_layout1_ready(struct kv_layout1 *p, struct kv_err *err);

/* Stage a row (answers the offset at which it will lie), the key it completes, and a further key
 * for the manifest, which makes the commit write the .state anew at O(n). The ledger is told by the
 * caller.
 */
uint64_t kv_layout1_add_row(struct kv_layout1 *p, struct kv_slice row);
void kv_layout1_add_key(struct kv_layout1 *p, struct kv_slice key);
void kv_layout1_extend(struct kv_layout1 *p, struct kv_slice key);

/* Nothing staged and nothing to mend: costs nothing. On failure nothing has changed, or the rows
 * are there and not known to be durable. Unlocks in any case. */
int kv_layout1_commit(struct kv_layout1 *p, struct kv_err *err);
void kv_layout1_abort(struct kv_layout1 *p);

/* Removes the pair and everything private beside it, durably. Between begin and commit, instead of
 * it; ends the batch. */
int kv_layout1_remove(struct kv_layout1 *p, struct kv_err *err);

#endif
