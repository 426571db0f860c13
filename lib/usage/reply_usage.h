/* reply_usage - what a reply says of its use, whichever protocol it is of.
 *
 * For replies to requests that were sent as they were given: nothing else is known of them, and
 * their results are the replies as they came (kv-results(5)). A run, a report and a summary count
 * them by this alone.
 *
 *     struct kv_stage_usage u = {0};
 *     if (kv_reply_usage_of_result(&u, row))
 *         … kv_usage_known(&u.used), u.served …
 */
#ifndef KV_REPLY_USAGE_H
#define KV_REPLY_USAGE_H

#include "stage_usage.h"

/* Reads the body of a reply (a checked JSON object) into all but stage and model of *u. Slices
 * borrow from it; what it does not say is unknown, or empty. */
void kv_reply_usage_read(struct kv_stage_usage *u, struct kv_slice body);

/* The same of the result of a request (checked JSON), with a cost that the service said beside the
 * reply, and what its run had priced it at. False if no reply stands in it: *u is untouched then. */
bool kv_reply_usage_of_result(struct kv_stage_usage *u, struct kv_slice row);

#endif
