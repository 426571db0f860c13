/* result_members - a row read with its members, for the sources of this room that need more of it than result.h
 * tells.
 */
#ifndef KV_RESULT_MEMBERS_H
#define KV_RESULT_MEMBERS_H

#include "result.h"
#include "result_table.h"

/* Values as slices of the row, empty where there are none. */
struct kv_result_members {
    struct kv_slice blocks[KV_SHAPE_MEMBERS_MAX]; /* of the row, by KV_ROW_… */
    struct kv_shape_part
        parts[KV_ROW_template + 1]; /* of those two blocks, where they are objects */
};

/* As kv_result_read. Of a generic row the parts tell nothing. */
int kv_result_read_members(struct kv_slice line, unsigned flags, struct kv_result *result,
    struct kv_result_members *members, struct kv_err *err);

/* The same of members that are known to be right, of a row that is not generic: result->text stays, all else
 * of *result is set. */
void kv_result_take_members(const struct kv_result_members *members, struct kv_result *result);

#endif
