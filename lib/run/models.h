/* models - the models of a run, opened: endpoints, the scheduler and the transport they share.
 *
 * Decides how many calls may be in flight, which models have something to do and so need a key,
 * and whether anything speaks HTTP at all. With a command for whole tasks there is no model.
 *
 *     struct kv_models m = {0};
 *     if (kv_models_open(&m, &options, &err) == 0)
 *         … m.answering[i], m.sched, m.http …
 *     kv_models_close(&m);
 */
#ifndef KV_MODELS_H
#define KV_MODELS_H

#include "endpoint.h"
#include "jobs.h"

struct kv_models_options {
    const struct kv_config *config; /* NULL: tasks of any kind, by exec_command */
    const struct kv_jobs *work;
    struct kv_secrets *ring;
    kv_env_fn *env;
    int jobs; /* in flight; 0: what the configuration says */
    bool adaptive;
    double rpm, tpm;
    uint64_t seed;
    const char *exec_command, *answer_command, *judge_command;
    const char *judge_fallback; /* id or name of a judge; NULL: none */
    struct kv_streaming streaming;
    struct kv_pricing *pricing;        /* of the configuration; NULL: tasks of any kind */
    bool cost_limited, tokens_limited; /* a limit is set: what it needs has to be there */
    bool defer_answers, defer_judges;  /* calls are written down, not made … */
    bool only_batches;                 /* … where the service has batches, … */
    const char *batch_as;              /* … as this shape says of all of them; or NULL */
    bool every_model;                  /* also those that nothing is to be asked of … */
    bool judgeless;                    /* … but no judge: the tasks are requests */
};

struct kv_models {
    const struct kv_config *config; /* borrowed */
    struct kv_sched *sched;
    struct kv_http *http; /* NULL: nothing speaks it */
    struct kv_endpoint *answering, *judging, *exec;
    int in_flight, in_flight_wanted; /* less than wanted where descriptors do not suffice */
};

/* On failure what was opened stays so until kv_models_close. Options are borrowed for the call, the
 * commands, the configuration and the ring until the close. */
int kv_models_open(
    struct kv_models *m, const struct kv_models_options *options, struct kv_err *err);
/* Says what is assumed of the prices of models that may be asked, a line each. */
void kv_models_tell_prices(
    const struct kv_models *m, void (*say)(void *closure, const char *text), void *closure);
void kv_models_close(struct kv_models *m); /* twice is fine */

#endif
