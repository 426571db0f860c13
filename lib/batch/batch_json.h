/* batch_json - members of the small objects that ledgers and services are written in.
 *
 * A member that is missing or of another type is what the caller says it is then. Pure, but for the
 * time of day.
 */
#ifndef KV_BATCH_JSON_H
#define KV_BATCH_JSON_H

#include "buf.h"

#include <stdint.h>

/* A text of the caller's; "" if there is none. */
char *kv_batch_json_text(struct kv_slice object, const char *name);
int64_t kv_batch_json_whole(struct kv_slice object, const char *name, int64_t otherwise);
double kv_batch_json_number(struct kv_slice object, const char *name, double otherwise);
/* A time: Unix seconds, or milliseconds above 10^12, or RFC 3339. Milliseconds; 0 for none. */
int64_t kv_batch_json_time(struct kv_slice object, const char *name);

/* Appends a time as RFC 3339; as a member, as json_out.h does, where one of 0 becomes null. */
void kv_batch_json_time_text(struct kv_buf *out, int64_t ms);
void kv_batch_json_add_time(struct kv_buf *out, const char *name, int64_t ms);

int64_t kv_batch_now_ms(void); /* milliseconds since 1970 */

#endif
