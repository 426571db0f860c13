/* extend_rows - the rows of a finished export, to begin a run with: read over and over, one at a
 * time.
 *
 *     struct kv_extend_rows prior = {.path = "results.json"};
 *     while ((got = kv_extend_rows_next(&prior, &row, &err)) == 1) …
 *     kv_extend_rows_end(&prior);
 */
#ifndef KV_EXTEND_ROWS_H
#define KV_EXTEND_ROWS_H

#include "rows.h"

#include <stdbool.h>

struct kv_extend_rows {
    const char *path;
    struct kv_rows rows;
    size_t line; /* of the row given last */
    bool open;
};

/* 1 and a row, 0 at the end, -1, also where the file is no export, without results; the call after
 * a 0 begins again (layout1_create.h wants it so). The first argument is a struct kv_extend_rows.
 */
int kv_extend_rows_next(void *closure, struct kv_slice *row, struct kv_err *err);
void kv_extend_rows_end(struct kv_extend_rows *p); /* twice is fine */

#endif
