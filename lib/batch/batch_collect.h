/* batch_collect - fetches the results of batches that ended into the file of replies.
 *
 * Results are streamed to disk and read line by line: memory does not grow with them. They are in
 * NAME.replies, on the medium, and have been handed on before the part counts as collected; whoever
 * dies between collects again, and who reads replies takes the first success of an id.
 */
#ifndef KV_BATCH_COLLECT_H
#define KV_BATCH_COLLECT_H

#include "batch_private.h"

struct kv_batch_sink {
    /* Gets whole reply lines; NULL: nobody wants them. A failure leaves the part uncollected. */
    int (*put)(void *closure, struct kv_slice lines, struct kv_err *err);
    void *closure;
};

int kv_batch_collect(struct kv_batch *b, const struct kv_batch_sink *sink, struct kv_err *err);

/* Hands on all that was ever collected. */
int kv_batch_collected(struct kv_batch *b, const struct kv_batch_sink *sink, struct kv_err *err);

/* Fetches a file of the service, or all results of a batch that ended, to the end of an empty file. 1: it
 * all came, 0: it did not, as b->x says, -1: it cannot be written. */
int kv_batch_fetch_file(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const char *id, int fd, struct kv_err *err);
int kv_batch_fetch_results(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, int fd, struct kv_err *err);

#endif
