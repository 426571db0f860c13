/* exec_result - results that a command made: one JSON object it printed, or the fact that it
 * failed. */
#ifndef KV_EXEC_RESULT_H
#define KV_EXEC_RESULT_H

#include "buf.h"

#include <stdbool.h>

/* Appends what a command printed for the task `key` as one line, with a "task_id" in front if it
 * names no task itself. False, with the reason appended to *why, if it is no JSON object, or names
 * another task, which would be taken for that one's result. */
bool kv_exec_result_read(
    struct kv_buf *line, struct kv_slice output, struct kv_slice key, struct kv_buf *why);

/* Appends the result of a task whose command failed. */
void kv_exec_result_failure(struct kv_buf *line, struct kv_slice key, struct kv_slice why);

#endif
