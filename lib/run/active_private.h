/* active_private - what the parts of active_job share. */
#ifndef KV_ACTIVE_PRIVATE_H
#define KV_ACTIVE_PRIVATE_H

#include "active_job.h"
#include "given.h"

struct kv_judgement {
    struct kv_pipeline pipeline;
    struct kv_pending_query pending;
    bool written, stood_in; /* another judge was asked */
};

struct kv_active_job {
    struct kv_job job;
    size_t tasks; /* of the job that are done here: its first ones */
    struct kv_prepared_question *prepared;
    struct kv_given given;
    struct kv_pending_query pending; /* for the answer, or the command */
    struct kv_judgement *judgements;
    size_t open; /* judgements not yet written */
    bool asked;  /* the answer was; else an earlier row or file has it */
    struct kv_active_job *next, *prev;
    /* not cleared for the next job */
    struct kv_answer_stage generation;
    struct kv_judgement single; /* of a job of one task */
};

/* ---- active_ask ---- */

/* Of a pending query of a judge; NULL: it is for the answer, or for a command. */
struct kv_judgement *kv_active_judgement(struct kv_active_job *f, const struct kv_pending_query *e);
const char *kv_active_task_key(const struct kv_active_jobs *a, const struct kv_job *job);
/* Fills a->tasks with those a pending query is for: of an answer all that wait for it, of a judgement
 * its own. */
void kv_active_list_tasks(
    struct kv_active_jobs *a, const struct kv_active_job *f, const struct kv_judgement *j);

/* The last failed row that one of them is done again for: 1 + its offset; 0: there is none. */
uint64_t kv_active_last_row(
    struct kv_active_jobs *a, const struct kv_active_job *f, const struct kv_judgement *j);

/* Asks, unless the reply is there. */
void kv_active_ask(struct kv_active_jobs *a, struct kv_active_job *f, struct kv_pending_query *e);
/* As `keep` and `recall` of dispatch.h. */
bool kv_active_keep(void *closure, const struct kv_pending_query *e, const struct kv_answer *r);
bool kv_active_recall(void *closure, struct kv_pending_query *e, struct kv_answer *r);

#endif
