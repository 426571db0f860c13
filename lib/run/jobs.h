/* jobs - what a run has to do: the pending tasks, grouped into jobs, in the order of execution.
 *
 * A job is one answer (question, answering model, replicate) and the judges that wait for it, so
 * that an answer is never paid for twice. In a manifest of any JSON jobs a job is one task key.
 *
 * There may be a million of them, so a job is not held as it is handed out: of most there is one
 * number, that of their task in the plan.
 *
 *     struct kv_jobs w = {0};
 *     kv_jobs_choose(&w, text, name, &err);             only these, if the user names some
 *     kv_jobs_find(&w, state, &options, &err);          which tasks: a bit each
 *     kv_jobs_collect(&w, state, plan, &options, &err);
 *     kv_jobs_recall(&w, state, plan, &options, &err);  answers that were paid for already
 *     … kv_jobs_at(&w, i), kv_jobs_judge(&w, &job, k) …
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
    size_t count;        /* of its tasks: a judge each */
    size_t judge, first; /* private: kv_jobs_judge */
    bool known;          /* its answer stands in a replay file: the model is not asked */
    uint64_t row;        /* 1 + offset of a recorded row with its answer; 0: none */
    size_t key;          /* without a plan: where in `keys` its task key stands */
};

struct kv_jobs {
    size_t n, tasks; /* jobs, and their tasks */
    bool again;      /* some of them have a row already, and are done again */
    struct kv_buf keys;
    size_t chosen_count; /* tasks that the user named, each once */
    /* Private from here: what was chosen, sorted, and whether it is a task of this state; */
    char **chosen;
    bool *met;
    /* which tasks of the manifest are to be done: a bit each (NULL: all), of so many so many; */
    uint64_t *wanted;
    size_t walked, found;
    /* of each job its first task in the plan, or without a plan where in `keys` its key stands; */
    const struct kv_plan *plan;
    uint64_t *number;
    /* of each job its judges, indices of parsing models; NULL: each has the one of its task; */
    struct judged *lists;
    uint32_t *judges;
    /* of each job its row, whether it is known, and without a plan who answers; NULL: none, no, 0. */
    uint64_t *rows;
    bool *known;
    uint32_t *models;
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
 * already are passed over; a name that is no task of the state fails kv_jobs_find. */
int kv_jobs_choose(struct kv_jobs *w, struct kv_slice text, const char *name, struct kv_err *err);

/* Finds the pending tasks of a state that has been loaded (KV_LOAD_ROWS if failed ones are to be
 * retried, else KV_LOAD_TASKS). It may be forgotten then (kv_state_forget). */
int kv_jobs_find(struct kv_jobs *w, const struct kv_state *s, const struct kv_jobs_options *options,
    struct kv_err *err);

/* Collects the tasks that were found. `plan` NULL: any JSON jobs; it is borrowed. KV_INPUT if one is
 * none of the plan's. */
int kv_jobs_collect(struct kv_jobs *w, const struct kv_state *s, const struct kv_plan *plan,
    const struct kv_jobs_options *options, struct kv_err *err);

/* The i-th job in order, and the judge of its k-th task. */
struct kv_job kv_jobs_at(const struct kv_jobs *w, size_t i);
size_t kv_jobs_judge(const struct kv_jobs *w, const struct kv_job *job, size_t k);

/* Says of a job that its answer is known, or, without a plan, which model answers it. */
void kv_jobs_set_known(struct kv_jobs *w, size_t i);
void kv_jobs_set_model(struct kv_jobs *w, size_t i, size_t answering);

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
