/* elsewhere - kv-run's options for calls that are asked elsewhere: --defer, --defer-for, --replies. */
#ifndef KV_ELSEWHERE_H
#define KV_ELSEWHERE_H

#include "cli.h"
#include "session.h"

struct kv_elsewhere {
    const char *directory, *only; /* of --defer and --defer-for; NULL: not given */
    struct kv_opt_list replies;
};

/* Ends the program if the options do not fit together, or with the operand TASKS (or NULL). */
void kv_elsewhere_check(
    const struct kv_elsewhere *e, const char *tasks, const char *exec, const char *fallback);
/* Fills in what a session is told of them. */
void kv_elsewhere_options(const struct kv_elsewhere *e, struct kv_session_options *o);

/* Puts what a run has deferred in its place, and tells. Not where it was stopped before it had looked
 * at everything: what was there stays. */
int kv_elsewhere_end(
    struct kv_session *session, const struct kv_run_tally *tally, struct kv_err *err);
/* The same where nothing is pending: what an earlier run has deferred is not to be asked any more. */
int kv_elsewhere_empty(const struct kv_elsewhere *e, struct kv_err *err);

#endif
