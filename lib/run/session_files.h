/* session_files - the files that a state names: benchmark, recorded answers, tasks.
 *
 * A state comes from anywhere, and so do the names in it: a pipe or a device is refused, since
 * nobody would know what the run waits for. Private to session.
 */
#ifndef KV_SESSION_FILES_H
#define KV_SESSION_FILES_H

#include "session.h"

/* Opens the benchmark. KV_INPUT, with the way out, if its questions are not those of the run any
 * more. */
int kv_session_files_bench(struct kv_session *s, struct kv_err *err);

/* Opens recorded answers: those that the user names, else those of the state, else none. */
int kv_session_files_recorded(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err);

/* Refuses a run with models of recorded answers whose answers are nowhere, which is how karenina's
 * states are: every task would be recorded as one that has none. */
int kv_session_files_check_traces(
    const struct kv_session *s, const struct kv_session_options *o, struct kv_err *err);

/* Opens the tasks' own objects, if the file they came from is still there. */
int kv_session_files_tasks(struct kv_session *s, struct kv_err *err);

#endif
