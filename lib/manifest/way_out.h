/* way_out - what to type when a run that is there is not the one that is given.
 *
 * A refusal that only says no leaves its reader to search three pages. These end the messages of
 * begin with a command for the shell. Results are kept where that is right: a model or a question
 * that was added leaves all results good, so the new run begins with them; another temperature does
 * not, since the key of a task would be the same.
 */
#ifndef KV_WAY_OUT_H
#define KV_WAY_OUT_H

#include "manifest.h"
#include "same_run.h"

/* The output that commands name for a run beside the one that is there. */
const char *kv_way_out_new_output(const struct kv_manifest_options *o);

/* Appends "; PATH: OLD, given NEW" for each item of a list of differences (config_diff.h); of a
 * model that is new or gone only the id. */
void kv_way_out_add_differences(struct kv_buf *out, const struct kv_buf *items);

/* True if every difference is a model that was added; true also of no difference. */
bool kv_way_out_only_more(const struct kv_buf *differences);

/* Appends "kv-manifest …": the command that was given, with another output. Behind it --force may
 * stand. */
void kv_way_out_add_command(
    struct kv_buf *out, const struct kv_manifest_options *o, const char *output);

/* Appends "; <why>: kv-manifest …": the run that is given, begun with the rows of `rows` and to be
 * written to `output`; jobs get those rows by kv-append, and a new output. */
void kv_way_out_add_extend(struct kv_buf *out, const struct kv_manifest_options *o, const char *why,
    const char *output, const char *rows);

/* Appends the command for a run of its own, and the one that replaces what is there. */
void kv_way_out_add_other(struct kv_buf *out, const struct kv_manifest_options *o);

#endif
