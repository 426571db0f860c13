/* session_elsewhere - what a session knows of calls that are asked elsewhere. */
#ifndef KV_SESSION_ELSEWHERE_H
#define KV_SESSION_ELSEWHERE_H

#include "session.h"

/* Opens the ledger of answers in the background, replies, what open batches hold, and the directory of
 * what is deferred: each where it is wanted. The models are open. */
int kv_session_open_elsewhere(
    struct kv_session *s, const struct kv_session_options *options, struct kv_err *err);

#endif
