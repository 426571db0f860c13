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
#include "header.h"

/* Appends the .tmp up to and with the bracket. `document` is an object with what else is to be in
 * it, for instance the old document without its rows: members that this form writes itself
 * (format_version, results; export_timestamp, job_summary, row_count in metadata) are left out, and
 * job_id, karenina_version, verification_config (from `config`) and shared_data are supplied where
 * they are missing. */
void kv_layout1_text_add_results(struct kv_buf *out, const struct kv_header *head,
    struct kv_slice document, struct kv_slice config);

/* Appends the .state up to and with the bracket of the manifest. `document` is an object; its
 * members but those of the head, output_path and the two arrays are kept, and config_hash is
 * supplied, empty, where it is missing. */
void kv_layout1_text_add_state(struct kv_buf *out, const struct kv_header *head,
    struct kv_slice document, const char *output_path);

/* Appends one key of the manifest; `first` tells it from those after it. */
void kv_layout1_text_add_key(struct kv_buf *out, struct kv_slice key, bool first);

/* Appends what stands between the manifest and the completed keys, with the bracket. */
void kv_layout1_text_add_turn(struct kv_buf *out);

/* Appends a key as an item: quoted, ASCII only. */
void kv_layout1_text_quote_key(struct kv_buf *out, struct kv_slice key);

#endif
