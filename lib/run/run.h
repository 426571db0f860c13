/* run - the engine: jobs in, results out, as many calls in flight as are allowed.
 *
 * One thread. It starts jobs when the scheduler has room, sends their queries over HTTP or to
 * commands, feeds replies to the pipelines, and hands out each result as soon as it is complete.
 *
 *     struct kv_run *run = kv_run_open(&setup);
 *     while (kv_run_turn(run, &err) == 1) …       one round of the event loop
 *     kv_run_tally(run, &tally);
 *     kv_run_close(run);
 *
 * Stopping has two degrees. Draining (a signal, a limit, a provider that refuses) starts no new job
 * and lets what was begun come to its end within the grace period. After that, or at once when the
 * reader of the results has gone, calls in flight are given up. Either way an answer that is there
 * is never thrown away: if its judge was not asked, its result says so and the task stays pending.
 * Results are handed out as their reader takes them. While it takes none, what is in flight goes
 * on and nothing new is begun; at the end they are waited for, until a second signal.
 */
#ifndef KV_RUN_H
#define KV_RUN_H

#include "answer_stage.h"
#include "batch_ids.h"
#include "budget.h"
#include "defer.h"
#include "dispatch.h"
#include "job_queue.h"
#include "jobs.h"
#include "journal.h"
#include "output.h"
#include "pipeline.h"
#include "replies.h"
#include "requests.h"
#include "tries.h"

struct kv_run_setup {
    const struct kv_pipeline_shared *shared; /* NULL: any jobs, which only exec runs */
    const struct kv_bench *bench;
    const struct kv_plan *plan;
    const struct kv_state *state;
    const struct kv_jobs *work;
    struct kv_endpoint *answering, *judging;
    struct kv_sched *sched;
    struct kv_http *http; /* NULL if no endpoint needs it */
    const struct kv_secrets *ring;
    struct kv_journal *journal; /* of replies; NULL: none is kept */
    struct kv_replies *replies; /* of calls that were asked elsewhere; NULL: none */
    struct kv_batch_ids *held;  /* calls that are ordered in batches: not asked; NULL: none */
    struct kv_defer *defer;     /* where calls of deferred endpoints go; NULL: there are none */
    const char *nonce;          /* in names of calls */
    int in_flight;
    struct kv_requests *requests; /* jobs are requests, in place of the pipeline; or NULL */
    struct kv_endpoint *exec;     /* a command a task, in place of the pipeline; or NULL */
    int64_t command_timeout_ms;
    int64_t grace_ms; /* for what is under way when the run stops; -1: as usual for the occasion */
    bool warm, salvage_any;   /* as in kv_dispatch */
    struct kv_ledger *ledger; /* likewise */
    struct kv_run_budget budget;
    struct kv_tries *tries;            /* after how many failures a task is given up; NULL: never */
    struct kv_translator *translator;  /* of templates that have to be executed; NULL: none */
    int lock;                          /* of the run, if it can be lost; else -1 */
    int signal_fd;                     /* a byte a signal, its number; -1: none */
    struct kv_out_queue *out;          /* where results go: a line each */
    double tokens_before, cost_before; /* of earlier runs, for the budget */

    void *closure;
    void (*say)(void *closure, const char *text);  /* a message */
    void (*tell)(void *closure, const char *text); /* … details for --verbose; or NULL */
    void (*look)(void *closure, int64_t now_ms);   /* in each round, before it waits */
    void (*status)(void *closure);                 /* SIGUSR1, SIGUSR2: says how far it is */
    int (*task)(void *closure, struct kv_slice key, struct kv_buf *json); /* what exec is given */
};

struct kv_run_tally {
    int64_t results;             /* handed out */
    struct kv_outcomes outcomes; /* of those that settle their task */
    int64_t kept;        /* answers kept for the next run: results whose tasks stay pending */
    int64_t deferred;    /* tasks that wait for replies to come from elsewhere */
    int64_t unanswered;  /* tasks without a result, for reasons that may pass */
    int64_t unusable;    /* tasks not begun: something is wrong with their question */
    int64_t refusals;    /* of kept and unanswered: those whose requests a server refused */
    int64_t replayed;    /* replies that were asked for elsewhere */
    int64_t reused;      /* replies that an earlier run had paid for */
    int64_t left;        /* tasks not begun, or given up */
    double tokens, cost; /* said and guessed */
    double reserved;     /* what the calls under way may cost */
    double put_off;      /* tokens that the deferred calls may use */
    double possible;     /* … and those that were sent and not replied to */
    int64_t replies, guessed, unpriced, lost_calls; /* calls */
    int in_flight, throttled;
    int signal;        /* that stopped the run; 0: none */
    const char *limit; /* that stopped it: "--max-tasks", …; NULL: none */
    bool refused;      /* a provider stopped it */
    bool reader_gone;  /* … of the results, which stopped it */
    bool broken;       /* results could not be written, and the user was told */
    bool lock_lost;    /* another host may have the lock of the run, which stopped it */
    bool lost;         /* results were not taken: likewise */
};

struct kv_run;
struct kv_run *kv_run_open(const struct kv_run_setup *setup);
/* One round: 1 if there is more to do, 0 at the end, -1 if waiting itself fails (KV_SYSTEM). */
int kv_run_turn(struct kv_run *run, struct kv_err *err);
void kv_run_tally(const struct kv_run *run, struct kv_run_tally *tally);
void kv_run_close(struct kv_run *run);

#endif
