/* json_out - JSON text of our own, written member by member.
 *
 *     kv_json_out_object(out, NULL);            {
 *     kv_json_out_count(out, "rows", 7);        "rows":7
 *     kv_json_out_list(out, "models");          ,"models":[
 *     kv_json_out_object(out, NULL);            {
 *     … members …
 *     kv_buf_add_str(out, "}]}");
 *
 * The name of a member is a word of ours that needs no escape; NULL writes an item of a list, or
 * the whole value. The last byte of the buffer says whether a comma is due: none at the beginning of the
 * buffer or of a line, nor behind an open bracket or a colon. Brackets are closed by the caller.
 * Nothing here fails, and nothing is taken over.
 */
#ifndef KV_JSON_OUT_H
#define KV_JSON_OUT_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

/* The comma that is due, and the name: what is written next is the value. */
void kv_json_out_key(struct kv_buf *out, const char *name);
/* The same with spaces, `, "name": `, as Python writes them. */
void kv_json_out_spaced(struct kv_buf *out, const char *name);

void kv_json_out_object(struct kv_buf *out, const char *name); /* opens { */
void kv_json_out_list(struct kv_buf *out, const char *name);   /* opens [ */

void kv_json_out_text(struct kv_buf *out, const char *name, struct kv_slice text);
void kv_json_out_text_or_null(struct kv_buf *out, const char *name, struct kv_slice text); /* p */
void kv_json_out_str(struct kv_buf *out, const char *name, const char *text); /* NULL: null */
void kv_json_out_int(struct kv_buf *out, const char *name, int64_t n);
void kv_json_out_count(struct kv_buf *out, const char *name, uint64_t n);
void kv_json_out_number(struct kv_buf *out, const char *name, double x); /* NaN: null */
void kv_json_out_python(struct kv_buf *out, const char *name, double x); /* as Python spells it */
void kv_json_out_flag(struct kv_buf *out, const char *name, bool on);
void kv_json_out_null(struct kv_buf *out, const char *name);

/* A value that is JSON already, its bytes as they are; null for an empty one. */
void kv_json_out_json(struct kv_buf *out, const char *name, struct kv_slice value);
/* The same under a key with its quotes, as a walk over an object gives it. */
void kv_json_out_member(struct kv_buf *out, struct kv_slice key, struct kv_slice value);

#endif
