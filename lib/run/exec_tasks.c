/* exec_tasks - the tasks of any jobs as their own file has them: what a command is given. */
#include "exec_tasks.h"

#include "io.h"
#include "json.h"

#include <stdlib.h>

static void key_of_line(struct kv_slice line, struct kv_buf *key)
{
    struct kv_slice v = line;
    if (kv_json_type(line) == KV_JSON_OBJECT)
        kv_json_get(line, "task_id", &v);
    kv_buf_clear(key);
    kv_json_unescape(v, key);
}

static int compare_lines(const void *a, const void *b)
{
    struct kv_buf ka = {0}, kb = {0};
    key_of_line(*(const struct kv_slice *)a, &ka);
    key_of_line(*(const struct kv_slice *)b, &kb);
    int c = kv_slice_cmp(kv_slice_of(&ka), kv_slice_of(&kb));
    kv_buf_release(&ka);
    kv_buf_release(&kb);
    return c;
}

int kv_exec_tasks_open(struct kv_exec_tasks *t, const char *path, struct kv_err *err)
{
    struct kv_slice rest, value;
    int got;
    if (kv_io_read(path, 0, &t->text, err) != 0)
        return -1;
    rest = kv_slice_of(&t->text);
    while ((got = kv_json_next(&rest, t->text.p, KV_JSON_STRICT, &value, err)) == 1) {
        if ((t->n & (t->n - 1)) == 0)
            t->lines = kv_array(t->lines, t->n ? 2 * t->n : 1, sizeof *t->lines);
        t->lines[t->n++] = value;
    }
    if (t->n)
        qsort(t->lines, t->n, sizeof *t->lines, compare_lines);
    return got < 0 ? kv_err_context(err, "%s", path) : 0;
}

void kv_exec_tasks_release(struct kv_exec_tasks *t)
{
    kv_buf_release(&t->text);
    free(t->lines);
    *t = (struct kv_exec_tasks){0};
}

void kv_exec_tasks_add(const struct kv_exec_tasks *t, struct kv_slice key, struct kv_buf *json)
{
    struct kv_buf quoted = {0};
    kv_json_quote(&quoted, key, KV_JSON_RAW);
    struct kv_slice wanted = kv_slice_of(&quoted);
    const struct kv_slice *line =
        t->n ? bsearch(&wanted, t->lines, t->n, sizeof *t->lines, compare_lines) : NULL;
    if (line && kv_json_type(*line) == KV_JSON_OBJECT)
        kv_json_compact(json, *line);
    else
        kv_buf_printf(json, "{\"task_id\":%s}", quoted.p);
    kv_buf_release(&quoted);
}
