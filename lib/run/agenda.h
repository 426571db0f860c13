/* agenda - which job comes next: the work in its order, where its model has room. */
#ifndef KV_AGENDA_H
#define KV_AGENDA_H

#include "endpoint.h"
#include "work.h"

struct kv_agenda {
    const struct kv_work *work;
    struct kv_endpoint *models; /* answering models, or the one command for all */
    bool command;               /* the latter */
    /* private: a queue a model */
    size_t queues, **queue, *length, *at;
};

/* `queues` models; with `command` there is one queue for all jobs. */
void kv_agenda_init(struct kv_agenda *a, const struct kv_work *work, struct kv_endpoint *models,
    size_t queues, bool command);
void kv_agenda_release(struct kv_agenda *a);

/* Takes the first job in order that may begin now: one that has its answer, or whose model would
 * be asked at once. NULL if there is none. */
const struct kv_job *kv_agenda_next(struct kv_agenda *a, struct kv_sched *sched, int64_t now);
bool kv_agenda_empty(const struct kv_agenda *a);

#endif
