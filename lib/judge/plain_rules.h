/* plain_rules - what share/verify says of an answer, decided without jq.
 *
 * The rules are primitives.jq, strategy.jq and verdict.jq. Where those are the ones that are delivered, a
 * verdict that needs no message is the same arithmetic in C, at a hundredth of the cost. Whatever is
 * not plain - a check that cannot be made, a number that is not finite, a mode that is unknown - is
 * left to jq; tests/library/judge-plain.bats compares the two over everything that was recorded.
 *
 *     if (kv_plain_rules_are(text of the three files))
 *         for each verified field: facts are gathered (field_facts.h), kv_plain_rules_field
 *         kv_plain_rules_whole
 *     and as soon as one of them is false, all of it is asked of jq_rules.h
 */
#ifndef KV_PLAIN_RULES_H
#define KV_PLAIN_RULES_H

#include "field_facts.h"
#include "template.h"

#include <stdbool.h>

/* What is said of one verified field. */
struct kv_plain_check {
    bool made, passed; /* not made: null, of what the judge did not extract */
    double credit;     /* from 0 to 1 */
};

/* True of the text of the three files, one after the other, that the functions below were compared
 * with. */
bool kv_plain_rules_are(struct kv_slice text);

/* False if it takes jq to tell. */
bool kv_plain_rules_field(const struct kv_answer_field *f, const struct kv_field_facts *facts,
    struct kv_plain_check *out);

/* `checks`: one a verified field, in their order. False if it takes jq to tell. */
bool kv_plain_rules_whole(const struct kv_template *t, const struct kv_plain_check *checks,
    bool *passed, double *granular);

#endif
