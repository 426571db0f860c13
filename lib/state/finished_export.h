/* finished_export - a finished export, told as the .state of the run it came from.
 *
 * Once a run is finalized its pair is gone, and only the export remains. Who asks about that run by
 * its name is still owed an answer: it is complete, with these tasks, these models, these failures.
 * This module finds out that it is so, and writes a .state that says it, which state.h then reads
 * as any other. Beside the known members stand end_time, and KV_MEMBER_KNOWN (private_members.h):
 * what the export says of the configuration, as part of one: the models of its header, with the ids
 * and prompts of the rows, and the replicates. What it does not hold (the configuration, the
 * benchmark's path) is absent.
 *
 *     if (kv_finished_export_is(paths.output, &err) == 1)           looks at the header only
 *         fd = kv_finished_export_open(paths.output, &err);         goes through all rows
 *
 * Formats: kv-results(5).
 */
#ifndef KV_FINISHED_EXPORT_H
#define KV_FINISHED_EXPORT_H

#include "buf.h"
#include "err.h"

/* 1 if an export is at `path` and is complete by its own word, 0 if not; -1 where it cannot be
 * read. */
int kv_finished_export_is(const char *path, struct kv_err *err);

/* Reads its header into *metadata; *summary, the job_summary in it, borrows from there. -1 if it is
 * none, or not complete. */
int kv_finished_export_read(
    const char *path, struct kv_buf *metadata, struct kv_slice *summary, struct kv_err *err);

/* A descriptor of an unnamed file with the text of the state; the caller closes it. The manifest
 * has each task once, in the order of the rows. -1 with KV_INPUT if it is no complete export or has
 * a row that is no result. */
int kv_finished_export_open(const char *path, struct kv_err *err);

#endif
