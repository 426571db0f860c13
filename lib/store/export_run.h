/* export_run - the exports of a run: which rows belong in them, and the files themselves.
 *
 * Goes through the rows of a pair (under its lock) or of a finished export. The survey reads every
 * row as a result, finds which are the newest of their tasks (a bit each) and counts, because the
 * counts stand in the header. Meanwhile the rows that belong in the export are copied into a draft
 * (row_copier.h), behind the header that the counts of the pair let expect. If another one is due that
 * has the same length, it takes its place; else the draft is thrown away, and the rows are read again
 * and written, whole or not at all.
 *
 * Where nothing was done twice, each completed task has one row, and no index is asked (key_match.h).
 *
 *     struct kv_export_run e = {.store = st, .info = info, .now = now};
 *     if (kv_export_run_survey(&e, &err) == 1 && kv_export_run_json(&e, "results.json", &err) == 0)
 *         … e.rows, e.superseded …
 *     kv_export_run_release(&e);
 *
 * Formats: kv-results(5). Memory does not grow with the number of rows but by one bit a row, and by
 * an entry for each row that was superseded.
 */
#ifndef KV_EXPORT_RUN_H
#define KV_EXPORT_RUN_H

#include "buf.h"
#include "csv.h"
#include "err.h"
#include "export.h"
#include "io.h"
#include "key_match.h"
#include "row_copier.h"
#include "scenario.h"
#include "store.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_export_run {
    /* Given, and borrowed. */
    struct kv_store *store; /* NULL: rows of an export, none of which supersedes another */
    const struct kv_state_info *info; /* where the rows are, and what the header tells of the run */
    double now;                       /* POSIX seconds: the end of the run */
    int64_t total;                    /* tasks of the run */
    bool is_complete;
    const char *draft_path; /* the JSON is drafted for there by the survey, so that rows are read
                             * once; NULL: it is not */
    /* Each completed key is expected to have one row, and no index is asked: what does not come true
     * is told by the survey. */
    bool one_each;
    int64_t expected, failed_expected; /* tasks that will be in it, and failures of them: what does
                                        * not come true costs a second reading, and no more */

    /* Found by the survey. */
    int64_t superseded;         /* rows that a newer one of the same task replaced */
    int64_t successful, failed; /* tasks, by whether the newest row is a failure */
    struct kv_tally rows;       /* of the rows in the export */

    /* Private. */
    unsigned char *newest; /* a bit a row */
    size_t count, room;
    size_t chosen;                /* of them */
    bool alone, alone_before;     /* the last row stands on a line of its own, and the one before */
    struct kv_digest128 sum;      /* of the completed tasks whose row was chosen */
    struct kv_key_match match;    /* in its place if one_each */
    struct kv_key_index *waiting; /* what was left out, until its newer row has come */
    int64_t awaited;
    struct kv_buf members; /* of the results document, but for its rows: an object */
    struct kv_slice rubric;
    struct kv_scenarios *scenarios;
    struct kv_buf key, id, row;
    struct kv_csv *csv;
    struct kv_publish draft; /* of the JSON, its head, and what has been written of it */
    struct kv_buf draft_head;
    struct kv_export out;
    bool drafted;
    struct kv_row_copier *copier; /* of its rows, during the survey */
};

/* 1 if the rows add up: the rows chosen are one a completed task of the .state, no more and no
 * fewer, and each row left out has a newer one of its task behind it. 0 if they do not: what chose
 * them (a private file of the pair) is wrong, and nothing may be exported, let alone removed. -1. */
int kv_export_run_survey(struct kv_export_run *e, struct kv_err *err);

/* After the survey: publish the file. On failure what was at `path` is there still. */
int kv_export_run_json(struct kv_export_run *e, const char *path, struct kv_err *err);
/* The rows as they are, a line each. */
int kv_export_run_jsonl(struct kv_export_run *e, const char *path, struct kv_err *err);
int kv_export_run_csv(struct kv_export_run *e, const char *path, struct kv_err *err);

void kv_export_run_release(struct kv_export_run *e);

#endif
