/* layout1_private - what a pair of layout 1.0 holds, for layout1.c and layout1_index.c. */
#ifndef KV_LAYOUT1_PRIVATE_H
#define KV_LAYOUT1_PRIVATE_H

#include "doc.h"
#include "key_index.h"
#include "pair.h"

#include <stdbool.h>

enum { KV_LAYOUT1_RESULTS, KV_LAYOUT1_STATE }; /* the documents of doc.h */

struct kv_layout1 {
    struct kv_pair pair;
    struct kv_doc *doc;
    struct kv_key_index *index;  /* open between begin and end */
    struct kv_key_index *memory; /* in place of the file where that cannot be made */
    struct kv_buf keys, more;    /* staged for the two arrays of .state: quoted, one a line */
    struct kv_buf members;       /* of a foreign .tmp, but for its rows, each with a comma behind */
    struct kv_model_keys models; /* of the row whose key was asked for last */
    uint64_t recorded;           /* rows that .state knows of */
    uint64_t end;                /* of the rows, with those staged */
    bool changed;                /* there is something to commit */
    bool foreign;                /* not in our form: good for looking at only */
    bool misnamed; /* the last array of one of the two files is not the one that should grow */
};

/* ---- layout1_index.c, which needs nothing of layout1.c ---- */

/* Stages a key of completed_task_ids, or of the manifest. */
void kv_layout1_add_key(struct kv_layout1 *p, struct kv_slice key);
void kv_layout1_extend(struct kv_layout1 *p, struct kv_slice key);

/* Makes the table reach as far as the documents do, `rows` rows of .tmp; anything that is to be
 * repaired is staged. A failing private file is no failure of the pair: memory will do. 1: the pair
 * is not in our form after all; 0; -1. */
int kv_layout1_prepare_index(struct kv_layout1 *p, uint64_t rows, struct kv_err *err);

/* Reads both documents whole: p->index anew, and the counts with it. As above. */
int kv_layout1_build_index(struct kv_layout1 *p, struct kv_err *err);

/* After a commit that has written both documents anew: their table, in memory; it changes hands. */
void kv_layout1_put_index(struct kv_layout1 *p, struct kv_key_index *table);

/* After a commit: what was staged is in, and how far the table reaches. */
void kv_layout1_mark_index(struct kv_layout1 *p);

void kv_layout1_close_index(struct kv_layout1 *p);

#endif
