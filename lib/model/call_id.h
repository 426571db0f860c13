/* call_id - the name of a call: the same in every run that asks the same for the same purpose.
 *
 * A call is named by what is asked, not by how the request is written, which changes with what
 * a server refuses. The name has 44 characters of [a-z0-9-].
 */
#ifndef KV_CALL_ID_H
#define KV_CALL_ID_H

#include "buf.h"

enum { KV_CALL_ID = 44 };

/* Texts that are not there are empty. */
struct kv_call_name {
    struct kv_slice nonce;              /* of the run: two runs of a benchmark are two samples */
    struct kv_slice purpose;            /* "answer", "parse", … */
    struct kv_slice question;           /* its id */
    struct kv_slice answering, judging; /* canonical keys of the models */
    struct kv_slice replicate;          /* as text */
    int number;                         /* of the query within its judgement, from 0 */
    struct kv_slice answer;             /* what a judge is shown */
    struct kv_slice settings;           /* of the model that is asked */
};
void kv_call_id(const struct kv_call_name *n, char id[KV_CALL_ID + 1]);

#endif
