/* worked - how long runs have worked at a state, without the pauses between them.
 *
 * The time from the creation of a state to its last result tells nothing about the time that is
 * left: it has the nights in it. So kv-run notes in its lock file (paths.h) when it began and how
 * many tasks were completed then, with the sums of the runs before:
 *
 *     kv_worked_begin(run_lock, &paths, completed_count, last_update);    kv-run
 *     if (kv_worked_read(&paths, completed_count, last_update, &w)) …           whoever looks
 *
 * It is for estimates only: where the file is missing or says something else, nothing is known.
 */
#ifndef KV_WORKED_H
#define KV_WORKED_H

#include "paths.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_worked {
    double seconds;    /* until the last update, of runs that completed something */
    int64_t completed; /* tasks, in that time */
};

/* Notes the begin of a run on the descriptor of its lock, whose file is that of `p`. `last_update`
 * is that of the state, in POSIX seconds. What cannot be written is not known later. */
void kv_worked_begin(
    int run_lock, const struct kv_paths *p, int64_t completed, int64_t last_update);

/* False if nothing is noted. */
bool kv_worked_read(
    const struct kv_paths *p, int64_t completed, int64_t last_update, struct kv_worked *w);

#endif
