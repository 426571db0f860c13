/* call_name - what a pending query is called by where it is found again in another run (call_id.h).
 *
 * The ledger of ordered answers, request lines and reply lines all know a call by this name.
 */
#ifndef KV_CALL_NAME_H
#define KV_CALL_NAME_H

#include "dispatch.h"
#include "state.h"

/* What a call is about besides its model and its query. */
struct kv_call_about {
    const char *nonce;
    const struct kv_model *answering;
    struct kv_slice question; /* its id */
    int64_t replicate;        /* KV_NO_REPLICATE: none */
    struct kv_slice answer;   /* that a judge judges */
    uint64_t again; /* 1 + the offset of the failed row that the task is done again for; 0: none */
};

/* Fills in e->call_id. Endpoint and query have been set. */
void kv_call_name(struct kv_pending_query *e, const struct kv_call_about *of);

/* Appends the settings of a model (its canonical JSON) as they stand in names: without where it is
 * asked and by whom. */
void kv_call_name_add_settings(struct kv_buf *out, struct kv_slice model);

/* The nonce of a run. KV_INPUT if the ledger beside it is that of another: replies that were collected by
 * it answer other questions, though their calls may have the names of this run's. */
int kv_call_name_nonce(
    const struct kv_state *state, char nonce[KV_CALL_NONCE + 1], struct kv_err *err);

#endif
