/* finished_csv - a CSV export read back: what is left of a run whose output path ends in ".csv".
 *
 * It has no manifest and no keys, but for each result the question, the models as people read them,
 * and the replicate: enough to tell whether a task was answered.
 *
 *     if (kv_finished_csv_stands(&paths, &err) == 1)    no pair, and a CSV export in its place
 *         kv_finished_csv_read(paths.output, each, closure, &err);
 *
 * Format: kv-results(5), the CSV of csv.h.
 */
#ifndef KV_FINISHED_CSV_H
#define KV_FINISHED_CSV_H

#include "buf.h"
#include "err.h"
#include "paths.h"

#include <stdbool.h>

/* Cells as text, borrowed. Of a run of any JSON jobs, question_id is the task_id and the others are
 * empty. */
struct kv_finished_csv_row {
    struct kv_slice question_id, question_text, answering, parsing, replicate, success;
};

/* 1 if the pair is gone, and a file with the columns of a CSV export is at the output path; 0 if
 * not; -1 where it cannot be read. Opens nothing unless the path ends in ".csv". */
int kv_finished_csv_stands(const struct kv_paths *paths, struct kv_err *err);

/* Shows every row to `each`, which returns 0, or another number to stop. 0, what `each` returned,
 * or -1. */
int kv_finished_csv_read(const char *path,
    int (*each)(void *closure, const struct kv_finished_csv_row *row), void *closure,
    struct kv_err *err);

#endif
