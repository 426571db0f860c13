/* job_queue - which job comes next: the work in its order, where its model has room. */
#include "job_queue.h"

#include <stdlib.h>

static size_t queue_of(const struct kv_job_queue *a, const struct kv_jobs *work, size_t job)
{
    return a->queues == 1 ? 0 : kv_jobs_at(work, job).answering;
}

void kv_job_queue_init(struct kv_job_queue *a, const struct kv_jobs *work,
    struct kv_endpoint *models, size_t queues, bool command)
{
    *a = (struct kv_job_queue){
        .work = work, .models = models, .command = command, .queues = command ? 1 : queues};
    a->queue = kv_calloc(a->queues, sizeof *a->queue);
    a->length = kv_calloc(a->queues, sizeof *a->length);
    a->at = kv_calloc(a->queues, sizeof *a->at);
    for (size_t i = 0; i < work->n; i++)
        a->length[queue_of(a, work, i)]++;
    for (size_t q = 0; q < a->queues; q++) {
        a->queue[q] = kv_array(NULL, a->length[q], sizeof **a->queue);
        a->length[q] = 0;
    }
    for (size_t i = 0; i < work->n; i++) {
        size_t q = queue_of(a, work, i);
        a->queue[q][a->length[q]++] = (uint32_t)i;
    }
}

void kv_job_queue_release(struct kv_job_queue *a)
{
    for (size_t q = 0; q < a->queues; q++)
        free(a->queue[q]);
    free(a->queue);
    free(a->length);
    free(a->at);
}

/* True if this job begins with a call to its model. */
static bool must_ask(const struct kv_job_queue *a, size_t i)
{
    const struct kv_job job = kv_jobs_at(a->work, i);
    return a->command || (!job.row && !a->models[job.answering].silent);
}

bool kv_job_queue_next(
    struct kv_job_queue *a, struct kv_sched *sched, int64_t now, struct kv_job *job)
{
    size_t best = SIZE_MAX, from = 0;
    for (size_t q = 0; q < a->queues; q++) {
        if (a->at[q] == a->length[q])
            continue;
        size_t i = a->queue[q][a->at[q]];
        bool room = !a->models[q].held && kv_sched_room_ms(sched, a->models[q].lane, now) == 0;
        if (i < best && (room || !must_ask(a, i))) {
            best = i;
            from = q;
        }
    }
    if (best == SIZE_MAX)
        return false;
    a->at[from]++;
    *job = kv_jobs_at(a->work, best);
    return true;
}

int64_t kv_job_queue_wait_ms(const struct kv_job_queue *a, struct kv_sched *sched, int64_t now)
{
    int64_t soonest = -1;
    for (size_t q = 0; q < a->queues; q++) {
        if (a->at[q] == a->length[q] || a->models[q].held)
            continue;
        int64_t wait = kv_sched_room_ms(sched, a->models[q].lane, now);
        if (wait >= 0 && (soonest < 0 || wait < soonest))
            soonest = wait;
    }
    return soonest;
}

bool kv_job_queue_empty(const struct kv_job_queue *a)
{
    for (size_t q = 0; q < a->queues; q++)
        if (a->at[q] < a->length[q])
            return false;
    return true;
}
