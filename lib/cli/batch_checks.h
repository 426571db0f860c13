/* batch_checks - what is wrong with the words about batches is told before anything is paid. */
#ifndef KV_BATCH_CHECKS_H
#define KV_BATCH_CHECKS_H

#include "batch_cut.h"
#include "elsewhere.h"

/* Reads the "N[,BYTES]" of --batch-size; NULL: no limits of the user's. Ends the program if it is
 * none. */
void kv_batch_checks_size(const char *text, struct kv_batch_limits *limits);
/* Ends the program if --batch-as names no shape that is supported; NULL is fine. */
void kv_batch_checks_shape(const char *shape);

/* Looks whether the calls that `e` defers are of services that have batches; tells which have none,
 * and are asked at once. The session is opened offline with these options; `shape` is that of
 * --batch-as, or NULL. KV_INPUT names the first model whose service is said to have batches that are
 * only ordered where the user says so, and the way out. */
int kv_batch_checks_services(struct kv_session *session, const struct kv_session_options *options,
    const struct kv_elsewhere *e, const char *shape, struct kv_err *err);

#endif
