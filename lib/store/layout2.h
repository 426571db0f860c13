/* layout2 - layout 2.0 under the writer's lock: results.json.results.jsonl, appended to in place,
 * and a .state that is written whole after every batch.
 *
 * The formats are karenina's and stay so: one compact result a line; the .state indented by two,
 * keys in its order, completed_task_ids and failed_task_ids sorted, everything else as it was.
 * Begin cuts a torn last line (naming it, and making its task pending again) so that nothing is
 * glued to it; a line in the middle that is no result is left alone. Rows are believed over the
 * recorded keys. The cost of a batch is that of the .state.
 *
 * Between batches what was read is kept, and read again only if another writer was there.
 */
#ifndef KV_LAYOUT2_H
#define KV_LAYOUT2_H

#include "pair.h"

/* Opens nothing yet; what is given is borrowed until close (pair.h). */
struct kv_pair *kv_layout2_open(const struct kv_paths *paths, const struct kv_notes *notes);

#endif
