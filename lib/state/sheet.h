/* sheet - a CSV export read back: what is left of a run whose output path ends in ".csv".
 *
 * It has no manifest and no keys, but for each result the question, the models as people read them,
 * and the replicate: enough to tell whether a task was answered.
 *
 *     if (kv_sheet_stands(&paths))                        no pair, and a CSV export in its place
 *         kv_sheet_read(paths.output, each, closure, &err);
 *
 * Format: results.md 12, the CSV of csv.h.
 */
#ifndef KV_SHEET_H
#define KV_SHEET_H

#include "buf.h"
#include "err.h"
#include "paths.h"

#include <stdbool.h>

/* Cells as text, borrowed. Of a run of any JSON jobs, question_id is the task_id and the others are
 * empty. */
struct kv_sheet_row {
    struct kv_slice question_id, question_text, answering, parsing, replicate, success;
};

/* Is the pair gone, and a file with the columns of a CSV export at the output path? Opens nothing
 * unless that ends in ".csv". */
bool kv_sheet_stands(const struct kv_paths *paths);

/* Shows every row to `each`, which returns 0, or another number to stop. 0, what `each` returned,
 * or -1. */
int kv_sheet_read(const char *path, int (*each)(void *closure, const struct kv_sheet_row *row),
    void *closure, struct kv_err *err);

#endif
