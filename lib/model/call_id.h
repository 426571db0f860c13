/* call_id - the name of a call: the same in every run that asks the same for the same purpose.
 *
 * A call is named by what is asked, not by how the request is written, which changes with what
 * a server refuses: "kv1-" and the first 40 hex digits of the SHA-256 of ten items, each written as a
 * netstring ("3:abc,"), of which the first is "kv-call-1". 44 characters of [a-z0-9-], which every
 * service takes. Pure.
 */
#ifndef KV_CALL_ID_H
#define KV_CALL_ID_H

#include "buf.h"

#include <stdbool.h>

enum { KV_CALL_ID = 44, KV_CALL_NONCE = 16 };

/* Texts that are not there are empty. */
struct kv_call_name {
    struct kv_slice nonce;              /* of the run: two runs of a benchmark are two samples */
    struct kv_slice purpose;            /* "answer", "parse", "rubric/clarity", … */
    struct kv_slice question;           /* its id */
    struct kv_slice answering, judging; /* canonical keys of the models */
    struct kv_slice replicate;          /* as text */
    int number;                         /* of requests that this one follows up, as they failed */
    struct kv_slice answer;             /* that a judge judges; as digest, without a judge empty */
    struct kv_slice settings;           /* of the model that is asked, as digest: no key, no URL */
};
/* The nonce of a run that has no ledger: of its state's members, as they stand there. */
void kv_call_nonce(
    struct kv_slice created_at, struct kv_slice config_hash, char nonce[KV_CALL_NONCE + 1]);

void kv_call_id(const struct kv_call_name *n, char id[KV_CALL_ID + 1]);

/* True if an id has this form: it names a call of some run. */
bool kv_call_id_is_ours(struct kv_slice id);

#endif
