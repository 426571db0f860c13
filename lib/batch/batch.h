/* batch - requests ordered in batches, looked after and collected, by processes that may die.
 *
 * One ledger and the services that its parts are ordered at. Everything that was ordered is in the
 * ledger before and after it is; what a death has left in doubt is settled before anything new is
 * done for its part. Nothing here waits for batches to end.
 *
 *     struct kv_batch *b = kv_batch_open(&options, &err);
 *     kv_batch_settle(b, &err);            what is in doubt (batch_doubt.h)
 *     kv_batch_restore(b, &err);           what an older copy of the ledger lacks (batch_restore.h)
 *     kv_batch_look(b, &err);              how far the open parts are (batch_look.h)
 *     kv_batch_collect(b, …, &err);        replies of those that ended (batch_collect.h)
 *     kv_batch_submit(b, …, &err);         what is still missing (batch_submit.h)
 *     kv_batch_close(b);
 *
 * A call fails (-1) for what concerns all parts: the disk, the ledger, a usage error. What concerns
 * one part or service is said and counted in the tally; the other parts go on.
 */
#ifndef KV_BATCH_H
#define KV_BATCH_H

#include "batch_paths.h"
#include "exchange.h"
#include "ledger.h"

struct kv_batch_options {
    const char *operand; /* the ledger NAME.batches, or a state */
    bool lock;           /* take the run lock; else the caller holds it */
    bool begins;         /* a ledger may be begun; else one that is not there is a mistake */
    kv_env_fn *env;
    struct kv_secrets *ring;                      /* borrowed, or NULL: one of its own */
    int signal_fd;                                /* a byte a signal; -1: none */
    double pace;                                  /* time passes so many times as fast; 0: 1 */
    void (*say)(void *closure, const char *text); /* a message, without the program's name */
    void *closure;
};

/* What happened besides: the exit status of a program follows from it. */
struct kv_batch_tally {
    int signal;   /* that ended it; 0: none */
    bool refused; /* a service said no: 5 */
    bool faulty;  /* a batch failed for a mistake of the requests: 3 */
    bool waits;   /* something is to be tried again later: 1 */
};

struct kv_batch;
/* KV_INPUT if there is no ledger and none is to be begun: then nothing is touched. */
struct kv_batch *kv_batch_open(const struct kv_batch_options *options, struct kv_err *err);
void kv_batch_close(struct kv_batch *b); /* NULL is fine */

struct kv_ledger *kv_batch_ledger(const struct kv_batch *b);
const struct kv_batch_tally *kv_batch_told(const struct kv_batch *b);

/* Appends what kv-batch status prints of a part: one JSON object and its LF. */
void kv_batch_add_status(const struct kv_batch_part *p, struct kv_buf *out);

/* The shape of the batch service behind a dialect (services.h); `given` is the user's word for those
 * that are not known to have batches, or NULL. NULL: none, and nothing may be ordered there. */
const char *kv_batch_shape(const char *dialect, const char *base_url, const char *given);

#endif
