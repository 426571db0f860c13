/* row_copier - rows of a results file brought into an export while the rows behind them are read.
 *
 * Who surveys a results file hands over each row that belongs in the export; a thread writes them, in
 * that order, with ",\n" in between. Rows that stand as they should one behind the other, 64 KB and more,
 * are copied by the system as one range of bytes: these are read again, and the caller sees to it that
 * the file is still the one that was surveyed. All others are written from the bytes handed over. Little
 * is done without a thread. What a row is, and which of them are due, is the caller's business; so is
 * everything in front of the first and behind the last.
 *
 *     struct kv_row_copier *c = kv_row_copier_open(source, target);
 *     kv_row_copier_add(c, &row);                  for each
 *     kv_row_copier_close(c, true, &err);          waits: all of them are written
 */
#ifndef KV_ROW_COPIER_H
#define KV_ROW_COPIER_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* How a row comes to stand on its line of an export. */
enum kv_row_spelling {
    KV_ROW_AS_IS,     /* as it is */
    KV_ROW_SPACED,    /* with karenina's white space (kv_reformat_space) */
    KV_ROW_RESPELLED, /* with its numbers too (kv_reformat_export) */
    KV_ROW_DONE,      /* as it is, which is not as it stands in the source */
};

/* Appends a row, checked JSON, so spelled. */
void kv_row_spell(struct kv_buf *out, struct kv_slice row, enum kv_row_spelling spelling);

struct kv_row_place {
    uint64_t from;        /* where it begins in the source */
    struct kv_slice text; /* its bytes, checked JSON; borrowed for the call */
    enum kv_row_spelling spelling;
    /* It and the row before it in the source stand on a line each, and between the two is a comma, the
     * line end and nothing else. */
    bool follows;
};

struct kv_row_copier;

/* Writes to `target` where it stands. Both stay the caller's, who leaves them alone until the close. */
struct kv_row_copier *kv_row_copier_open(int source, int target);
void kv_row_copier_add(struct kv_row_copier *c, const struct kv_row_place *row);
/* With `whole` waits until all rows are written; else gives up. Frees it. -1 if any could not be. */
int kv_row_copier_close(struct kv_row_copier *c, bool whole, struct kv_err *err);

#endif
