/* corrections - rows of a finished export replaced by newer ones of the same tasks.
 *
 * Once a run is finalized its export is all there is. Rows that were judged again go into it here:
 * the file is written anew, whole or not at all, with these rows in the place of the old ones and
 * the counts of its header corrected; everything else is kept, byte for byte. What is given is held
 * in memory until then.
 *
 *     struct kv_corrections *c = kv_corrections_open("results.json", &err);
 *     kv_corrections_add(c, line, &key, &err);     as often as wanted
 *     kv_corrections_commit(c, &err);              durable
 *     kv_corrections_close(c);
 */
#ifndef KV_CORRECTIONS_H
#define KV_CORRECTIONS_H

#include "buf.h"
#include "err.h"

#include <stdint.h>

struct kv_corrections;

/* `operand` names a finished run (kv_state_is_finished). KV_INPUT if its rows cannot be read, or if
 * only a CSV is there. */
struct kv_corrections *kv_corrections_open(const char *operand, struct kv_err *err);
void kv_corrections_close(struct kv_corrections *c); /* NULL is fine */

/* Takes a row: one line of JSON. KV_INPUT if it is no result, or of no task of the export. *key is
 * its task's, borrowed until the next. */
int kv_corrections_add(
    struct kv_corrections *c, struct kv_slice line, struct kv_slice *key, struct kv_err *err);

int64_t kv_corrections_total(const struct kv_corrections *c); /* rows of the export */

/* Nothing given: nothing is written. */
int kv_corrections_commit(struct kv_corrections *c, struct kv_err *err);

#endif
