/* json_out - members of a JSON object, written one after the other.
 *
 *     kv_buf_add_char(out, '{');
 *     kv_json_out_count(out, "rows", 7);
 *     kv_json_out_list(out, "models");          "models":[
 *     kv_json_out_item(out);                    {
 *     … members …
 *     kv_buf_add_str(out, "}]}");
 *
 * A comma is put where the last byte says that something stands before. NaN is null.
 */
#ifndef KV_JSON_OUT_H
#define KV_JSON_OUT_H

#include "buf.h"
#include "statistics.h"

#include <stdbool.h>
#include <stdint.h>

void kv_json_out_comma(struct kv_buf *out);
void kv_json_out_key(struct kv_buf *out, const char *name); /* "name": of our own words */
void kv_json_out_text(struct kv_buf *out, const char *name, struct kv_slice value);
void kv_json_out_count(struct kv_buf *out, const char *name, uint64_t n);
void kv_json_out_number(struct kv_buf *out, const char *name, double x);
void kv_json_out_flag(struct kv_buf *out, const char *name, bool on);
void kv_json_out_interval(struct kv_buf *out, const char *name, struct kv_interval i);
void kv_json_out_list(struct kv_buf *out, const char *name);
void kv_json_out_item(struct kv_buf *out);

#endif
