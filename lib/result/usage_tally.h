/* usage_tally - what each model used and what it cost, as the rows of a run tell it.
 *
 * A row states the usage of its stages under the names of their models (stage_usage.h). The answer
 * that several judges were shown stands in the row of each; where there are several judges it is
 * counted once, which takes some memory an answer. A cost is what the service said, else what the
 * run that paid for it had priced it at. The result of a request counts under the name of the model
 * that its reply names (reply_usage.h).
 *
 *     struct kv_usage_tally t = {.shared = judges > 1};
 *     kv_usage_tally_add(&t, &row);
 *     kv_usage_tally_add_json(&out, &t);
 *     kv_usage_tally_release(&t);
 */
#ifndef KV_USAGE_TALLY_H
#define KV_USAGE_TALLY_H

#include "account.h"
#include "result.h"

struct kv_usage_tally_model {
    char *name;
    struct kv_account account;
};

struct kv_usage_tally {
    bool shared;                         /* set by the caller: answers may stand in several rows */
    struct kv_usage_tally_model *models; /* by first appearance; beyond a thousand together */
    size_t count;
    /* private */
    struct kv_mark_set {
        uint64_t *slot;
        size_t size, n;
    } seen;
    struct kv_buf name;
};

void kv_usage_tally_add(struct kv_usage_tally *t, const struct kv_result *row);
void kv_usage_tally_release(struct kv_usage_tally *t);

/* Appends members without braces: "usage":[…an object a model…],"cost":…; the cost is null where
 * that of any call is not known, or nothing was asked. */
void kv_usage_tally_add_json(struct kv_buf *out, const struct kv_usage_tally *t);

/* The fingerprint of a row's answer: the same in the rows of all judges. True the first time. */
bool kv_mark_set_answer(struct kv_mark_set *s, const struct kv_result *row);

#endif
