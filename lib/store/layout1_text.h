/* layout1_text - the two documents of layout 1.0 as we write them, up to their growing arrays.
 *
 *     .tmp    head (header.h), metadata, shared_data, …, "results":[
 *     .state  head, output_path, config_hash, benchmark_path, config, private members,
 *             "task_manifest": [⏎ one key a line ⏎], "completed_task_ids": [
 *
 * karenina's loaders read both as they stand. Members are JSON as bytes and keep their spelling.
 */
#ifndef KV_LAYOUT1_TEXT_H
#define KV_LAYOUT1_TEXT_H

#include "buf.h"
#include "doc.h"
#include "err.h"
#include "header.h"

/* Appends the .tmp up to and with the bracket. `document` is an object with what else is to be in
 * it, for instance the old document without its rows: members that this form writes itself
 * (format_version, results; export_timestamp, job_summary, row_count in metadata) are left out, and
 * job_id, karenina_version, verification_config (from `config`) and shared_data are supplied where
 * they are missing. */
void kv_layout1_text_add_results(struct kv_buf *out, const struct kv_header *head,
    struct kv_slice document, struct kv_slice config);

/* Writes the .state up to and with the bracket of the manifest, as document i that is rewritten. What
 * is to be in it are the members of n objects, in their order, but those of the head, output_path and
 * the two arrays; config_hash is supplied, empty, where none has it. A member may be as long as there
 * are questions, so nothing is held a second time. */
int kv_layout1_text_put_state(struct kv_doc *d, size_t i, const struct kv_header *head,
    const struct kv_slice *objects, size_t n, const char *output_path, struct kv_err *err);

/* Appends one key of the manifest; `first` tells it from those after it. */
void kv_layout1_text_add_key(struct kv_buf *out, struct kv_slice key, bool first);

/* Appends what stands between the manifest and the completed keys, with the bracket. */
void kv_layout1_text_add_turn(struct kv_buf *out);

/* Appends a key as an item: quoted, ASCII only. */
void kv_layout1_text_quote_key(struct kv_buf *out, struct kv_slice key);

#endif
