/* by_batches - kv-run --batch: one step of a run whose calls go through batches.
 *
 * A step is three programs one after the other, joined by files: kv-batch collects what has ended,
 * kv-run goes over all replies, prints results and writes down the calls that have none, kv-batch
 * orders those. Each of them may be killed; the next step finds out what was done.
 */
#ifndef KV_BY_BATCHES_H
#define KV_BY_BATCHES_H

#include "elsewhere.h"

#include <stdbool.h>

struct kv_by_batches {
    const char *list;         /* of --batch: "answers", "judges" or "" */
    const char *wait;         /* of --batch-wait: "" for as long as it takes; NULL: one step */
    const char *size, *shape; /* of --batch-size and --batch-as, for kv-batch; or NULL */
    bool no_probe;
    bool tidy;                     /* what is collected is deleted at the service */
    bool journal;                  /* the run keeps one */
    struct kv_elsewhere elsewhere; /* which calls go through batches: of kv_by_batches_check */
    /* private: of the program: options, then operands from `first` on, the state first */
    char **argv;
    int argc, first;
};

/* Ends the program if the options do not fit together, or with those of `e` and others; `another` is
 * one that asks in another way, or NULL. */
void kv_by_batches_check(struct kv_by_batches *how, const struct kv_elsewhere *e,
    const char *another, const struct kv_elsewhere_others *others);

/* Refuses a run that its steps would refuse only after something is paid: of models whose service has
 * batches that nobody has tried with these programs. Tells which models have none. `run` is what its
 * session is opened with; nothing is locked, and no key is taken. */
int kv_by_batches_check_run(
    const struct kv_by_batches *how, const struct kv_session_options *run, struct kv_err *err);

/* Takes one step, or several: the exit status, as the last call of main. Operands begin at `first`. */
int kv_by_batches(struct kv_by_batches *how, int argc, char **argv, int first);

/* True in the run of the task that --batch does first; quiet: the next run prints its result. */
bool kv_by_batches_probes(void);
bool kv_by_batches_quiet(void);

/* Time passes so many times as fast for what waits for batches: KV_BATCH_SPEED, or 1. */
double kv_by_batches_pace(void);

/* True if calls of this state are ordered in batches, which are not asked as well: says so. */
bool kv_by_batches_hold(const char *operand);

#endif
