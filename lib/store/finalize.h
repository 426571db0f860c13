/* finalize - a run becomes one file: the export is written whole, then the pair is taken away.
 *
 * Owns what belongs in the final export (the newest row of each task, in the order of completion)
 * and the order of the steps that makes an interruption harmless: first the export is published,
 * then the pair is removed, .state last. Whoever comes later finds either the pair, and does it all
 * again, or the export without a pair, and says so. Memory does not grow with the number of rows
 * but by one bit a row.
 *
 *     struct kv_finalized done;
 *     struct kv_finalize how = {.now = …, .keep = true};
 *     if (kv_finalize("results.json.state", &how, &done, &err) == 0)
 *         kv_finalized_add_json(&out, &done);
 *     kv_finalized_release(&done);
 *
 * Formats: kv-results(5). What is not in it: what a row means (result.h), how a pair is locked,
 * repaired and removed (store.h).
 */
#ifndef KV_FINALIZE_H
#define KV_FINALIZE_H

#include "buf.h"
#include "err.h"
#include "notes.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_finalize {
    bool partial; /* tasks may remain: the export says is_complete false, the pair stays */
    bool csv;     /* a CSV export too, beside the JSON */
    bool jsonl;   /* the results as JSON Lines too, likewise */
    bool keep;    /* the pair stays */
    double now;   /* POSIX seconds: the end of the run */
    const struct kv_notes *notes; /* told what was found and repaired; NULL: nobody */
};

struct kv_finalized {
    char *output_path; /* NULL if only CSV was written */
    char *csv_path;    /* NULL if none was written */
    char *jsonl_path;  /* likewise */
    bool already;      /* it had been finalized before; the figures are those of its header */
    bool is_complete, removed;
    int64_t total, completed, pending;
    int64_t superseded;         /* rows that a newer one of the same task replaced */
    int64_t successful, failed; /* tasks, by whether the newest row is a failure */
    struct kv_tally rows;       /* of the rows in the export */
    bool has_duration;
    double duration; /* seconds since the run was created */
};

/* Writes the export at the output path that belongs to `operand` (the .state file or the output
 * path) and removes the pair. An output path that ends in ".csv" gets the CSV export and no JSON.
 * Fails with, and then nothing was touched:
 *   KV_NO      tasks remain and `partial` was not given; the text says how many and how to go on
 *   KV_INPUT   no such pair; a completed task without a row (its key); a row that is no result (its
 *              place); a pair without results file whose export is not there either
 *   KV_BUSY    a run holds the state
 *   KV_SYSTEM  the export could not be written or the pair not be removed
 * Release *done in any case. */
int kv_finalize(const char *operand, const struct kv_finalize *how, struct kv_finalized *done,
    struct kv_err *err);

/* Appends the summary as one compact JSON object, without a line end. */
void kv_finalized_add_json(struct kv_buf *out, const struct kv_finalized *done);
void kv_finalized_release(struct kv_finalized *done);

#endif
