/* same_run - whether a run can go on: with the benchmark as it is now, and with a configuration.
 *
 * Stands between a state and the inputs a user gives. A state of ours carries digests of those
 * questions its manifest names (question_digests.h); an older one has a single digest of all of
 * them in their order. Questions that are added to the benchmark, or that were never part of the
 * run, do not count.
 *
 *     struct kv_same_run_verdict v = {0};
 *     if (kv_same_run_judge(state, &given, false, &v, &err) == 0 && !v.compatible) … v.reason …
 *     kv_same_run_release(&v);
 */
#ifndef KV_SAME_RUN_H
#define KV_SAME_RUN_H

#include "bench.h"
#include "config.h"
#include "err.h"
#include "question_digests.h"
#include "state.h"

#include <stdbool.h>

/* ---- which questions a manifest names ---- */

struct kv_same_run {
    const struct kv_bench *bench; /* borrowed */
    uint32_t *by_id;
    bool *named;          /* by question */
    struct kv_slice last; /* the id the last key began with */
};
void kv_same_run_begin(struct kv_same_run *o, const struct kv_bench *bench);
/* Marks the question of a key. A key of no question is no error: it was made from another one. */
void kv_same_run_add(struct kv_same_run *o, struct kv_slice key);
/* The digests of the named questions (question_digests.h), for kv_question_digests_add. */
struct kv_question_digests *kv_same_run_digests(const struct kv_same_run *o);
void kv_same_run_end(struct kv_same_run *o);

/* ---- a state against the benchmark and configuration given ---- */

/* The configuration of a state; of a finished one, that part of it which the export holds. */
struct kv_slice kv_same_run_config(const struct kv_state *s);

/* True if the state carries a digest, so that the benchmark has to be read to judge. */
bool kv_same_run_has_digest(const struct kv_state *s);

/* What has changed in the benchmark since the state was made. Nothing of a state without digests;
 * of an older one it is told that something has, but not what. */
int kv_same_run_changes(const struct kv_state *s, const struct kv_bench *bench,
    struct kv_question_changes *changes, struct kv_err *err);

struct kv_same_run_given {
    const struct kv_config *config;
    const char *benchmark_path;   /* compared as it stands */
    const struct kv_bench *bench; /* NULL: content is not compared */
};

struct kv_same_run_verdict {
    bool compatible;
    struct kv_buf reason;              /* empty if compatible */
    struct kv_buf different, harmless; /* items of JSON arrays: config_diff.h */
    struct kv_buf unknown;             /* likewise: paths of what could not be compared */
    struct kv_question_changes questions;
    struct kv_buf lost; /* likewise: open batches whose replies would be of no use (lost_parts.h) */
};

/* Compares. `exact` is karenina's own rule. Fails if the state cannot be read. */
int kv_same_run_judge(const struct kv_state *s, const struct kv_same_run_given *given, bool exact,
    struct kv_same_run_verdict *v, struct kv_err *err);

/* The same for a list of jobs, whose configuration is just kept: `config` is the canonical text of
 * the one given (kv_manifest_jobs_config), n == 0 for none. Every difference counts. */
void kv_same_run_judge_jobs(
    const struct kv_state *s, struct kv_slice config, struct kv_same_run_verdict *v);

/* Appends {"compatible":…,"reason":…} with "differences", "harmless", "not_compared",
 * "changed_questions" and "lost_batches" where there are any. */
void kv_same_run_add_json(struct kv_buf *out, const struct kv_same_run_verdict *v);
void kv_same_run_release(struct kv_same_run_verdict *v);

#endif
