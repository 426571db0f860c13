/* tries - how often a task could not be done for reasons that are not its own, over all runs.
 *
 * With --give-up N a task that failed N times for the infrastructure becomes a failed result, so
 * that loops end. The count is kept beside the pair, in ".results.json.tries", a line a failure: the
 * task's key as a JSON string. It is private: losing it costs some more tries. One run at a time
 * writes it, the one that holds the run lock.
 *
 *     struct kv_tries *t = kv_tries_open(paths->output, 3, &err);
 *     if (kv_tries_note(t, key)) … give it up …
 *     kv_tries_close(t);
 */
#ifndef KV_TRIES_H
#define KV_TRIES_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct kv_tries;

/* `most` from 1. */
struct kv_tries *kv_tries_open(const char *output, long most, struct kv_err *err);
void kv_tries_close(struct kv_tries *t); /* NULL is fine */

/* True if it has failed before. */
bool kv_tries_any(const struct kv_tries *t, struct kv_slice key);
/* Counts one more failure. True if it is to be given up. */
bool kv_tries_note(struct kv_tries *t, struct kv_slice key);

#endif
