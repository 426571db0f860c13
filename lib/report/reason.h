/* reason - why a task failed, with what differs from row to row taken out.
 *
 * Two failures are of one kind if they read the same but for a number, a quoted text, a hash or the
 * path of a URL. This makes such reasons equal, so that they can be counted together:
 *
 *     "HTTP 429 from https://api.example.com/v1/chat: try in 3.5 s (id 9f86d081884c7d65)"
 *     "HTTP N from api.example.com: try in N s (id H)"
 */
#ifndef KV_REASON_H
#define KV_REASON_H

#include "buf.h"

enum { KV_REASON_MAX = 120 }; /* characters */

/* Appends `text` made common: text in quotes becomes '…', a number N, eight or more hexadecimal
 * digits H, a URL its host; white space is folded, and what is longer than KV_REASON_MAX is cut. */
void kv_reason_add_common(struct kv_buf *out, struct kv_slice text);

#endif
