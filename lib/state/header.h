/* header - the first block of our two growing documents: what changes with every result.
 *
 * All counters and times stand at fixed width at the very beginning, so that one write of less than
 * 512 bytes brings them up to date and one read of as many answers "how far is it". Numbers are
 * padded in front, texts behind; both are legal white space in JSON. A document that does not begin
 * exactly so was not written by us (or not left alone), whatever else it says.
 *
 *     {"format_version": "1.0", "created_at": "…", …, "start_time": 1790000000.125         ,
 *     {"format_version": "2.2", "metadata": {"export_timestamp": "…", …, "row_count": …,
 *
 * failed_count, pending_count, row_count and kv_outcomes are ours; karenina's readers pass over
 * them. kv_outcomes is passed, wrong, declined, errors, unscored and the marks of marks.h, in their
 * order.
 */
#ifndef KV_HEADER_H
#define KV_HEADER_H

#include "buf.h"
#include "outcomes.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_header {
    char created[21];            /* 2026-09-21T14:13:20Z */
    char start[25];              /* POSIX seconds as a JSON number, or null */
    int64_t updated;             /* POSIX seconds of this version */
    int64_t total;               /* length of the manifest */
    int64_t completed;           /* distinct completed keys, also those not in the manifest */
    int64_t failed;              /* keys whose newest row is a failure other than a wrong answer */
    int64_t pending;             /* distinct keys of the manifest not completed */
    int64_t rows;                /* rows of the .tmp this version belongs to */
    struct kv_outcomes outcomes; /* of the newest rows of completed keys */
};

enum kv_header_of { KV_HEADER_RESULTS, KV_HEADER_STATE }; /* .tmp, .state */

/* Appends the head: always the same number of bytes for a document, below 512. */
void kv_header_add(struct kv_buf *out, const struct kv_header *h, enum kv_header_of which);

/* Reads it back from the first bytes of a file. False if they are not a head of ours. Fields that a
 * document does not have stay as they are. */
bool kv_header_read(struct kv_header *h, struct kv_slice text, enum kv_header_of which);

/* How many bytes a head takes. */
size_t kv_header_size(enum kv_header_of which);

/* Appends a time of day in UTC, without asking the system for its zone (which costs a file). */
void kv_header_add_time(struct kv_buf *out, int64_t seconds, enum kv_header_of which);

/* Reads "2026-09-21T14:13:20Z" back. */
bool kv_header_read_time(struct kv_slice text, int64_t *seconds);

#endif
