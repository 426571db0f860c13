/* job_queue - which job comes next: the work in its order, where its model has room. */
#ifndef KV_JOB_QUEUE_H
#define KV_JOB_QUEUE_H

#include "endpoint.h"
#include "jobs.h"

struct kv_job_queue {
    const struct kv_jobs *work;
    struct kv_endpoint *models; /* answering models, or the one command for all */
    bool command;               /* the latter */
    /* private: a queue a model */
    size_t queues, *length, *at;
    uint32_t **queue;
};

/* `queues` models; with `command` there is one queue for all jobs. */
void kv_job_queue_init(struct kv_job_queue *a, const struct kv_jobs *work,
    struct kv_endpoint *models, size_t queues, bool command);
void kv_job_queue_release(struct kv_job_queue *a);

/* Takes the first job in order that may begin now: one that has its answer, or whose model would
 * be asked at once. False if there is none. */
bool kv_job_queue_next(
    struct kv_job_queue *a, struct kv_sched *sched, int64_t now, struct kv_job *job);
/* How long until a job may begin; -1: not before something else has happened. */
int64_t kv_job_queue_wait_ms(const struct kv_job_queue *a, struct kv_sched *sched, int64_t now);
bool kv_job_queue_empty(const struct kv_job_queue *a);

#endif
