/* same_export - whether the finished export at the output path is of exactly the run of a manifest.
 *
 * make and cron repeat the command of yesterday. If the export at the output path answers every
 * task of the manifest, from the same models, questions and templates, there is nothing to do. An
 * export does not hold all settings; those that it does not hold are not compared, and named.
 */
#ifndef KV_SAME_EXPORT_H
#define KV_SAME_EXPORT_H

#include "manifest.h"
#include "same_run.h"
#include "state.h"

/* Compares what is given with what the export holds. `s` is a finished one, and the benchmark must
 * be there. -1: the export or the benchmark cannot be read. */
int kv_same_export_judge(const struct kv_state *s, const struct kv_same_run_given *given,
    struct kv_same_run_verdict *v, struct kv_err *err);

/* Why a finished run is another. */
struct kv_same_export_reason {
    struct kv_buf text;
    bool only_more; /* its results are good, there are only more tasks */
};
void kv_same_export_reason_release(struct kv_same_export_reason *why);

/* 1: `s` (a finished one) answers the manifest. 0, with *why: it is another run's, or of other
 * questions. -1: it cannot be read. */
int kv_same_export_matches(const struct kv_manifest *m, struct kv_state *s,
    struct kv_same_export_reason *why, struct kv_err *err);

/* The same of a run of which there is only a CSV export (finished_csv.h). That has the names of its
 * models and the questions, but no settings and no templates. */
int kv_same_export_csv_matches(const struct kv_manifest *m, const char *path,
    struct kv_same_export_reason *why, struct kv_err *err);

#endif
