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
#include "paths.h"

/* Inside a transaction of the documents .tmp and .state: stages both anew, from the files as they
 * stand. The caller commits. */
int kv_layout1_rewrite_pair(struct kv_doc *d, const struct kv_paths *paths, struct kv_err *err);

/* Likewise stages the .state alone, with further keys at the end of its manifest: `more` has them
 * quoted, one a line. Keys that are completed besides may be added before the commit. */
int kv_layout1_rewrite_extend(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_header *head, struct kv_slice more, struct kv_err *err);

#endif
