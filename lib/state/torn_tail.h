/* torn_tail - the end of a file of JSON Lines: whole, or torn by a writer that died.
 *
 * A record without its LF at the end is torn unless it is a whole result. Nothing may be glued to
 * it, and the task whose key was recorded for it has no result: it is pending again.
 */
#ifndef KV_TORN_TAIL_H
#define KV_TORN_TAIL_H

#include "buf.h"
#include "err.h"
#include "keys.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_torn_tail {
    uint64_t size;      /* of the file */
    uint64_t end;       /* of its whole records: what lies behind is torn */
    bool open;          /* the last record is whole and only lacks its LF */
    struct kv_buf torn; /* the bytes from end to size */
};

int kv_torn_tail_read(struct kv_torn_tail *t, int fd, uint64_t size, struct kv_err *err);
void kv_torn_tail_release(struct kv_torn_tail *t);

/* True if this was the record of the key. `holes` are all recorded keys without a row: where what is
 * left names no question of theirs, a single one is meant. */
bool kv_torn_tail_lost(
    const struct kv_torn_tail *t, const struct kv_key_list *holes, struct kv_slice key);

#endif
