/* elsewhere - kv-run's options for calls that are asked elsewhere: --defer, --defer-for, --replies. */
#ifndef KV_ELSEWHERE_H
#define KV_ELSEWHERE_H

#include "cli.h"
#include "session.h"

struct kv_elsewhere {
    const char *directory, *only; /* of --defer and --defer-for; NULL: not given */
    const char *list;             /* the option that `only` is of; NULL: --defer-for */
    const char *batch_as;         /* of --batch-as; or NULL */
    struct kv_opt_list replies;
};

/* What else is given: the operand TASKS, and the arguments of options; NULL: not given. */
struct kv_elsewhere_others {
    const char *tasks, *exec, *answer, *judge, *fallback;
};

/* Ends the program if the options do not fit together, or with others. */
void kv_elsewhere_check(const struct kv_elsewhere *e, const struct kv_elsewhere_others *others);
/* True if calls of this kind, "answers" or "judges", are named; ends the program for other words. */
bool kv_elsewhere_defers(const struct kv_elsewhere *e, const char *kind);
/* Fills in what a session is told of them. */
void kv_elsewhere_options(const struct kv_elsewhere *e, struct kv_session_options *o);

/* Puts what a run has deferred in its place, and tells. Not where it was stopped before it had looked
 * at everything: what was there stays. */
int kv_elsewhere_end(
    struct kv_session *session, const struct kv_run_tally *tally, struct kv_err *err);
/* The same where nothing is pending: what an earlier run has deferred is not to be asked any more. */
int kv_elsewhere_empty(const struct kv_elsewhere *e, struct kv_err *err);

#endif
