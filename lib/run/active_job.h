/* active_job - the jobs under way: for each its answer, or its command, and one judgement a judge.
 *
 * A job is begun, asks through dispatch.h, hands out its results, and ends by itself: when its last
 * judgement has been written, or when its answer is not to be had. It owns its pending queries;
 * dispatch.h only borrows them. When a job may begin, and when all of it has to stop, is decided by
 * run.h.
 *
 *     struct kv_active_jobs a;
 *     kv_active_jobs_init(&a, &setup, &tally, &budget);
 *     kv_active_job_begin(&a, job, tasks);
 *     … kv_dispatch_send(&a.dispatch), kv_dispatch_wait, kv_dispatch_receive …
 *     kv_active_jobs_abandon(&a);            gives up all that is still open
 *     kv_active_jobs_release(&a);
 */
#ifndef KV_ACTIVE_JOB_H
#define KV_ACTIVE_JOB_H

#include "budget.h"
#include "dispatch.h"
#include "output.h"
#include "replay.h"
#include "run.h"

struct kv_active_job;

struct kv_active_jobs {
    const struct kv_run_setup *set; /* borrowed */
    struct kv_run_tally *tally;     /* borrowed; counts what becomes of tasks */
    struct kv_run_budget *budget;   /* borrowed; counts failures */
    struct kv_dispatch dispatch;
    struct kv_output output;
    bool stopping; /* set by run: what single tasks lack is explained by that */
    size_t n;      /* under way */
    /* private */
    struct kv_active_job *first, *spare;   /* spare: memory for further ones */
    struct kv_compiled_template *compiled; /* the last one */
    struct kv_buf line, key;
    struct kv_paid_tasks tasks;
    struct kv_kept_answer kept;
    struct kv_replay replay;
    bool unkept;    /* the user was told that replies cannot be written down */
    bool told_lost; /* … that a judge's value of a trait or a check was lost */
};

void kv_active_jobs_init(struct kv_active_jobs *a, const struct kv_run_setup *set,
    struct kv_run_tally *tally, struct kv_run_budget *budget);
void kv_active_jobs_release(struct kv_active_jobs *a);

/* Begins the first `tasks` tasks of a job, at least one: a limit may leave room for some only. */
void kv_active_job_begin(struct kv_active_jobs *a, const struct kv_job *job, size_t tasks);

/* Gives up every call, in flight or queued. Answers that are there are handed out all the same. */
void kv_active_jobs_abandon(struct kv_active_jobs *a);

#endif
