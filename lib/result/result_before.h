/* result_before - a row read as a result with the help of the one before: what both say alike is not read again.
 *
 * The rows of a run have the same members in the same order, and of most of them the same values. A row that
 * was read whole is kept; of the next one the bytes that are the same mean the same, and only the values that
 * differ are checked. A row with anything else in it is read whole, and kept in its place. What is accepted,
 * and what a result is, are as kv_result_read has it.
 *
 *     struct kv_result_before *before = NULL;
 *     while (… a line …)
 *         if (kv_result_read_after(line, flags, &before, &row, &err) == 0) …
 *     kv_result_before_free(before);
 */
#ifndef KV_RESULT_BEFORE_H
#define KV_RESULT_BEFORE_H

#include "result.h"

struct kv_result_before;

/* kv_result_read for many rows. *before begins as NULL and is the caller's to free. */
int kv_result_read_after(struct kv_slice line, unsigned flags, struct kv_result_before **before,
    struct kv_result *result, struct kv_err *err);

/* The same for a text that begins with a row, unchecked and without white space in front: true if it is like
 * the one before, false if that is not known; then the row is found in some other way and read by
 * kv_result_read_after. On success result->text is the row. */
bool kv_result_begins(struct kv_result_before *before, struct kv_slice text, unsigned flags,
    struct kv_result *result);
/* Appends the row that this was true of last, which must still be there, as kv_reformat_space does. */
void kv_result_add_spaced(struct kv_result_before *before, struct kv_buf *out);
/* Bytes of a text that mostly suffice for that. */
size_t kv_result_before_length(const struct kv_result_before *before);

void kv_result_before_free(struct kv_result_before *before); /* NULL is fine */

#endif
