/* exec_tasks - the tasks of any jobs as their own file has them: what a command is given.
 *
 *     struct kv_exec_tasks t = {0};
 *     kv_exec_tasks_open(&t, path, &err);
 *     kv_exec_tasks_add(&t, key, &json);
 *     kv_exec_tasks_release(&t);
 */
#ifndef KV_EXEC_TASKS_H
#define KV_EXEC_TASKS_H

#include "buf.h"
#include "err.h"

#include <stddef.h>

struct kv_exec_tasks {
    struct kv_buf text;     /* the file's */
    struct kv_slice *lines; /* of `text`, sorted by key */
    size_t n;
};

/* Reads a file of tasks: JSON strings, or objects with a task_id. */
int kv_exec_tasks_open(struct kv_exec_tasks *t, const char *path, struct kv_err *err);
void kv_exec_tasks_release(struct kv_exec_tasks *t);

/* Appends the task of a key: the whole object of its line, else {"task_id":…}. */
void kv_exec_tasks_add(const struct kv_exec_tasks *t, struct kv_slice key, struct kv_buf *json);

#endif
