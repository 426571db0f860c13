/* agreement - whether the judges, and people, say the same of the same answers.
 *
 * Judges are compared on what both judged: one answer of one model to one question, by replicate;
 * rows that are errors for either are left out. People's labels are lines of JSON,
 *
 *     {"question_id":"q1","answering":"langchain:gpt-4.1-mini","replicate":1,"label":true}
 *
 * where label says whether the answer is right, answering is the model as the report calls it, or
 * its bare name where only one has it, and may be absent where there is one answering model.
 */
#ifndef KV_AGREEMENT_H
#define KV_AGREEMENT_H

#include "rates.h"

enum { KV_AGREEMENT_EXAMPLES = 10, KV_AGREEMENT_JUDGES_MAX = 32, KV_AGREEMENT_LABELS_MIN = 30 };

struct kv_field_agreement {
    uint32_t field; /* a name */
    struct kv_two_by_two table;
};

struct kv_agreement {
    uint32_t a, b; /* judges: names of models; first in the table is a */
    struct kv_two_by_two table;
    double p;                          /* McNemar: small where one is milder */
    struct kv_field_agreement *fields; /* most disagreement first */
    size_t field_count;
    uint32_t example[KV_AGREEMENT_EXAMPLES][2]; /* facts, a's and b's, that disagree */
    size_t examples;
};

/* A judge against people. */
struct kv_label_check {
    uint32_t judge;
    struct kv_two_by_two table; /* first: the judge passed it only; second: people only */
    double tpr, tnr, kappa;
    bool enough; /* KV_AGREEMENT_LABELS_MIN of each kind, and a judge better than chance */
};

struct kv_corrected {
    uint32_t line;
    double rate;
    struct kv_interval interval;
};

struct kv_agreements {
    struct kv_agreement *pairs; /* in order of the judges' names */
    size_t pair_count, judges;
    double alpha; /* over all judges; NaN: undefined, or only one judge */
    struct kv_label_check *checks;
    size_t check_count;
    struct kv_corrected *corrected; /* of the lines whose judge was checked by enough labels */
    size_t corrected_count;
    size_t labels, unmatched; /* lines read; those that name no answer of the file */
};

void kv_agreements_make(struct kv_agreements *a, const struct kv_rowset *set);

/* Reads the labels at `path` and compares; `cluster` as the rates were made with. KV_INPUT, with the line, for what is no label. */
int kv_agreements_label(struct kv_agreements *a, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const char *cluster, const char *path, struct kv_err *err);

void kv_agreements_release(struct kv_agreements *a);

#endif
