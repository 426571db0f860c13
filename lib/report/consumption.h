/* consumption - what the models used: tokens, money where the service said it, retries.
 *
 * By model and by what it did, answering or judging. An answer that several judges read stands in
 * the row of each and is counted once.
 *
 *     struct kv_consumptions c;
 *     kv_consumptions_make(&c, set);
 *     kv_consumptions_release(&c);
 */
#ifndef KV_CONSUMPTION_H
#define KV_CONSUMPTION_H

#include "rowset.h"

struct kv_consumer {
    uint32_t model;   /* a name */
    bool judges;      /* else it answers */
    size_t rows;      /* answers, each once; or judgings */
    size_t estimated; /* of them: whose tokens the service did not count */
    size_t uncosted;  /* that used tokens, and the service did not name the cost */
    struct kv_consumption used;
    size_t passed;                    /* rows that passed; of an answering model, over all judges */
    size_t retries[KV_RETRY_CLASSES]; /* of its rows; 0 for judges, whose rows share them */
};

struct kv_consumptions {
    struct kv_consumer *items; /* answering models by name, then judges by name */
    size_t n;
    struct kv_consumption total;
    bool counted; /* some service counted tokens of the total */
};

void kv_consumptions_make(struct kv_consumptions *c, const struct kv_rowset *set);

/* What an answer that passed cost, of an answering model; NaN for judges, where the cost is not
 * known of all answers, and where several judges say different things of what passed. */
double kv_consumptions_per_pass(const struct kv_consumptions *c, const struct kv_consumer *of);

/* False if no service counted any of its tokens: what it used is not known. */
bool kv_consumptions_counted(const struct kv_consumer *of);

void kv_consumptions_release(struct kv_consumptions *c);

#endif
