/* layout1_rewrite - a pair of layout 1.0 that is not in our growing form, written anew in it.
 *
 * karenina's own pair, a copy that went through jq, an older pretty-printed .tmp: read as any JSON,
 * checked row by row, and rewritten once at O(n). Every member and every row is kept with its
 * spelling (white space between the tokens of a row that spans lines excepted); a key that only a
 * row shows becomes a completed one. Nothing is changed if anything is wrong.
 */
#ifndef KV_LAYOUT1_REWRITE_H
#define KV_LAYOUT1_REWRITE_H

#include "doc.h"
#include "header.h"
#include "key_index.h"
#include "paths.h"

/* What a survey of both files, every row read as a result, has found. */
struct kv_layout1_survey {
    const struct kv_header *counts;
    struct kv_key_index *index; /* in memory, with the places of the rows as they are */
    struct kv_slice keys;       /* completed by a row alone: quoted, one a line */
    struct kv_slice members;    /* of the .tmp, but for its rows, each with a comma behind */
};

/* Inside a transaction of the documents .tmp and .state: stages both anew, from the files as they
 * were surveyed. The caller commits. The places in the index are those of the new .tmp then; *end is
 * where its rows end. KV_SYSTEM if the .tmp has changed since the transaction began. */
int kv_layout1_rewrite_pair(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_layout1_survey *found, uint64_t *end, struct kv_err *err);

/* What is new in a .state that is otherwise as it was. */
struct kv_layout1_news {
    struct kv_slice keys;         /* at the end of the manifest: quoted, one a line */
    struct kv_slice config, hash; /* JSON; n == 0: as they were */
};

/* Likewise stages the .state alone. Keys that are completed besides may be added before the commit.
 */
int kv_layout1_rewrite_state(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_header *head, const struct kv_layout1_news *news, struct kv_err *err);

#endif
