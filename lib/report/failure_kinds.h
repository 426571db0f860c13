/* failure_kinds - what did not pass, grouped: by reason, by field, and where the reference is in
 * doubt.
 *
 * A kind of failure is a category, a stage and a reason made common (reason.h); for a wrong answer
 * the reason is the fields that did not pass. For each question and field the commonest value that
 * was extracted instead is found: where many models agree on one, the reference may be what is
 * wrong.
 *
 *     struct kv_failure_kinds k;
 *     kv_failure_kinds_make(&k, set);
 *     kv_failure_kinds_release(&k);
 */
#ifndef KV_FAILURE_KINDS_H
#define KV_FAILURE_KINDS_H

#include "rowset.h"

enum {
    KV_FAILURE_EXAMPLES = 3,
    KV_FIELD_MISSES = 100, /* the most that a report lists with their values */
};

struct kv_failure_kind {
    uint32_t reason; /* a name: "category TAB stage TAB reason" */
    enum kv_result_outcome outcome;
    size_t count, models;                  /* rows; answering models that have it */
    uint32_t example[KV_FAILURE_EXAMPLES]; /* facts, of different questions */
    size_t examples;
};

/* A field of a question that did not pass, and what was extracted most often instead. */
struct kv_field_miss {
    uint32_t question, field;
    size_t answers, failed; /* scored rows of the question; those in which the field failed */
    size_t same, models;    /* of those, how many have the commonest value; of how many models */
    bool nothing;           /* the commonest is that nothing was extracted */
    uint32_t example;       /* a fact that has it */
};

enum kv_doubt {
    KV_DOUBT_NONE,
    KV_DOUBT_ALL_FAIL, /* two models or more, and none ever passed */
    KV_DOUBT_ALL_SAY,  /* and all extractions of a field are one other value: check the reference */
};

struct kv_failure_kinds {
    struct kv_failure_kind *kinds; /* most frequent first */
    size_t kind_count;
    struct kv_field_miss *misses; /* by `same`, most first; no more than KV_FIELD_MISSES */
    size_t miss_count;            /* of all there are */
    unsigned char *doubt;         /* of each question: enum kv_doubt */
    size_t all_fail, all_say;     /* questions */
};

void kv_failure_kinds_make(struct kv_failure_kinds *k, const struct kv_rowset *set);
void kv_failure_kinds_release(struct kv_failure_kinds *k);

/* The parts of a reason's name. */
void kv_failure_kinds_parts(struct kv_slice name, struct kv_slice *category, struct kv_slice *stage,
    struct kv_slice *reason);

#endif
