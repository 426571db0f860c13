/* layout1 - layout 1.0 under the writer's lock: both documents, their index, the counts, in order.
 *
 * What begin may find, and does:
 *
 *   .tmp one commit ahead (a writer died between the two exchanges)   the missing keys are staged
 *   the index behind, or of another lineage                           caught up, or built anew
 *   counts that do not fit                                            counted again, staged
 *   a document that is not in our form                                read as any JSON; both are
 *                                                                     written anew before an add
 *
 * Two counters tie the documents together: `row_count` in both heads. The .tmp is published first,
 * so a .state can lack rows and never be ahead, unless somebody else has touched the files; then
 * the lineage tells (doc.h) and everything is read again. A further key of the manifest makes the
 * commit write the .state anew at O(n).
 */
#ifndef KV_LAYOUT1_H
#define KV_LAYOUT1_H

#include "pair.h"

/* Opens nothing yet; what is given is borrowed until close (pair.h). */
struct kv_pair *kv_layout1_open(const struct kv_paths *paths, const struct kv_notes *notes);

#endif
