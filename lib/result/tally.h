/* tally - what a run achieved: results, verdicts and tokens, in all and by pair of models.
 *
 * Counts rows as they are shown to it and prints the sums. Which rows count, and what a task is, is
 * its caller's business.
 *
 *     struct kv_tally t = {0};
 *     kv_tally_add(&t, &row);
 *     kv_tally_add_json(&out, &t);
 *     kv_tally_release(&t);
 */
#ifndef KV_TALLY_H
#define KV_TALLY_H

#include "buf.h"
#include "outcomes.h"
#include "usage_tally.h"

#include <stdint.h>

/* What one pair of models achieved; names are display strings. */
struct kv_tally_pair {
    char *answering, *parsing;
    int64_t results;
    struct kv_outcomes outcomes;
};

struct kv_tally {
    int64_t results;
    struct kv_outcomes outcomes;
    struct kv_tokens tokens; /* as the rows state them: judges that share an answer each state it */
    int64_t counted;         /* rows that state any */
    struct kv_tally_pair *pairs; /* in order of appearance; beyond a thousand counted together */
    size_t pair_count;
    struct kv_buf last_models;   /* private: of the last row, */
    size_t last_pair;            /* and where its pair is */
    struct kv_usage_tally usage; /* its `shared` is set by the caller */
};

void kv_tally_add(struct kv_tally *t, const struct kv_result *row);
void kv_tally_release(struct kv_tally *t);

/* Appends members, without braces, with the comma that is due in front:
 * the counts of outcomes.h,"models":[{"answering","parsing","results","passed","wrong","declined",
 * "errors"}],"tokens":{…},"usage":[…],"cost":… (usage_tally.h); tokens that no result states are
 * null */
void kv_tally_add_json(struct kv_buf *out, const struct kv_tally *t);

#endif
