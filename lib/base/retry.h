/* retry - the classes of failures that may pass: whose budget another attempt is charged to.
 *
 * A configuration sets a budget for each class, a model's answer tells which one a failure belongs
 * to, and a result counts the attempts.
 */
#ifndef KV_RETRY_H
#define KV_RETRY_H

enum kv_retry_class {
    KV_RETRY_CONNECTION,
    KV_RETRY_TIMEOUT,
    KV_RETRY_RATE_LIMIT,
    KV_RETRY_SERVER_ERROR,
    KV_RETRY_NEVER, /* permanent: another attempt would fail again, and has no budget */
};
enum { KV_RETRY_CLASSES = KV_RETRY_NEVER }; /* how many have a budget */

#endif
