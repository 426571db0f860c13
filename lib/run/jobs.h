/* jobs - what a run has to do: the pending tasks, grouped into jobs, in the order of execution.
 *
 * A job is one answer (question, answering model, replicate) and the judges that wait for it, so
 * that an answer is never paid for twice. In a manifest of any JSON jobs a job is one task key.
 *
 *     struct kv_jobs w = {0};
 *     kv_jobs_choose(&w, text, name, &err);             only these, if the user names some
 *     kv_jobs_collect(&w, state, plan, &options, &err);
 *     kv_jobs_recall(&w, state, plan, &options, &err);  answers that were paid for already
 *     … w.jobs[i], w.judges[job.first …] …
 *     kv_jobs_release(&w);
 */
#ifndef KV_JOBS_H
#define KV_JOBS_H

#include "plan.h"
#include "shard.h"
#include "state.h"
#include "task.h"

struct kv_job {
    size_t question, answering;
    int64_t replicate;
    size_t first, count; /* in judges */
    bool known;          /* its answer stands in a replay file: the model is not asked */
    uint64_t row;        /* 1 + offset of a recorded row with its answer; 0: none */
    size_t key;          /* without a plan: where in `keys` its task key stands */
};

struct kv_jobs {
    struct kv_job *jobs;
    size_t n;
    size_t *judges; /* indices of parsing models */
    size_t tasks;   /* of all jobs */
    bool again;     /* some of them have a row already, and are done again */
    struct kv_buf keys;
    size_t chosen_count; /* tasks that the user named, each once */
    char **chosen;       /* private: they, sorted */
    bool *met;           /* private: true of a task of this state */
};

struct kv_jobs_options {
    bool retry_failed;
    const char *categories; /* "timeout,connection": only these; "" or NULL: all */
    struct kv_shard shard;  /* count 0: all */
    uint64_t seed;          /* of a random order */
};

void kv_jobs_release(struct kv_jobs *w);

/* Restricts the run to tasks as kv-status --pending prints them: JSON Lines of objects with a
 * "task_id", or of strings. `name` is the file's. KV_INPUT names the line. Those that are done
 * already are passed over; a name that is no task of the state fails kv_jobs_collect. */
int kv_jobs_choose(struct kv_jobs *w, struct kv_slice text, const char *name, struct kv_err *err);

/* Collects the pending tasks of a state that has been loaded (KV_LOAD_ROWS if failed ones are to be
 * retried, else KV_LOAD_TASKS). `plan` NULL: any JSON jobs. KV_INPUT if a pending task is none of
 * the plan's. */
int kv_jobs_collect(struct kv_jobs *w, const struct kv_state *s, const struct kv_plan *plan,
    const struct kv_jobs_options *options, struct kv_err *err);

/* Looks through the results file for answers that the jobs can use again, and notes where they lie.
 * An answer is used again unless it was cut short; a failed task that is retried gets a new one,
 * except where only judging had failed. */
int kv_jobs_recall(struct kv_jobs *w, const struct kv_state *s, const struct kv_plan *plan,
    const struct kv_jobs_options *options, struct kv_err *err);

/* Puts the jobs that the caller says so of behind the others; the order is kept otherwise. */
void kv_jobs_put_last(
    struct kv_jobs *w, bool (*is_last)(void *closure, const struct kv_job *job), void *closure);

/* Reads the row at a job's `row` (replaces what *row holds). */
int kv_jobs_row(
    const struct kv_state *s, const struct kv_job *job, struct kv_buf *row, struct kv_err *err);

#endif
