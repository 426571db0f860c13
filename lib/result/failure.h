/* failure - how a task can fail: categories, and the groups that decide what to do about them.
 *
 * The names are those of metadata.failure in a result (kv-results(5)). Which failure a pipeline
 * records when is its own business.
 */
#ifndef KV_FAILURE_H
#define KV_FAILURE_H

#include "buf.h"

enum kv_failure {
    KV_FAIL_NONE,
    KV_FAIL_CONTENT,
    KV_FAIL_RECURSION_LIMIT,
    KV_FAIL_TRACE_VALIDATION,
    KV_FAIL_DEEP_JUDGMENT,
    KV_FAIL_DEEP_JUDGMENT_RUBRIC,
    KV_FAIL_TIMEOUT,
    KV_FAIL_CONNECTION,
    KV_FAIL_RATE_LIMIT,
    KV_FAIL_SERVER_ERROR,
    KV_FAIL_ABSTENTION,
    KV_FAIL_SUFFICIENCY,
    KV_FAIL_TEMPLATE_VALIDATION,
    KV_FAIL_PARSING,
    KV_FAIL_UNEXPECTED_ERROR,
    KV_FAIL_OTHER, /* a generic row that says it failed, in its own words */
};

enum kv_failure_group {
    KV_GROUP_NONE,
    KV_GROUP_CONTENT,
    KV_GROUP_AUTOFAIL,
    KV_GROUP_RETRY,
    KV_GROUP_ABSTAINED,
    KV_GROUP_SYSTEM,
};

enum { KV_FAILURE_REASON_MAX = 500 }; /* characters, not bytes */

const char *kv_failure_name(
    enum kv_failure f); /* "rate_limit"; KV_FAIL_NONE, KV_FAIL_OTHER: NULL */
enum kv_failure kv_failure_find(struct kv_slice name); /* KV_FAIL_NONE if it is no category */
enum kv_failure_group kv_failure_group(enum kv_failure f);
const char *kv_failure_group_name(enum kv_failure_group g); /* "retry"; KV_GROUP_NONE: NULL */

/* The category a JSON value names: as find, for a string with its quotes; any other value is none.
 */
enum kv_failure kv_failure_of_json(struct kv_slice value);

/* Appends the member "failure" of a row that no pipeline has made: what was done at `stage` has failed
 * for `reason`, unexpectedly. */
void kv_failure_add_unexpected(struct kv_buf *row, const char *stage, struct kv_slice reason);

/* The names of all categories, NULL behind the last. */
extern const char *const kv_failure_names[];

#endif
