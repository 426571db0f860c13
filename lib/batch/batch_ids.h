/* batch_ids - which calls are ordered, answered or failed: a set of their ids, 32 bytes each. */
#ifndef KV_BATCH_IDS_H
#define KV_BATCH_IDS_H

#include "ledger.h"
#include "reply_line.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_batch_id_flag {
    KV_BATCH_ID_HELD = 1,     /* in an open part, or in this one */
    KV_BATCH_ID_ANSWERED = 2, /* there is a success */
    KV_BATCH_ID_FAILED = 4,   /* there is a failure that another attempt would meet again */
    KV_BATCH_ID_OTHER = 8,    /* there is another failure */
    KV_BATCH_ID_AGAIN = 16,   /* and one more that is such */
};

/* What a reply says of its call; 0: nothing was tried. 408 and 429 may pass, as every 5xx. */
unsigned kv_batch_ids_flag(const struct kv_reply_line *r);

struct kv_batch_ids;
struct kv_batch_ids *kv_batch_ids_open(void);
void kv_batch_ids_close(struct kv_batch_ids *ids); /* NULL is fine */

/* What is known of an id; `id` is its text. */
unsigned kv_batch_ids_find(struct kv_batch_ids *ids, struct kv_slice id);
/* Adds flags to an id; what was known before. */
unsigned kv_batch_ids_add(struct kv_batch_ids *ids, struct kv_slice id, unsigned flags);

/* The line of a file that asks for an id. */
struct kv_batch_ids_line {
    uint64_t asked; /* hash of what is asked */
    uint32_t file;  /* place of the file in a list, below 2^24 */
    uint32_t number;
};
/* Notes the line of an id. False if another one was noted: *first. */
bool kv_batch_ids_claim(struct kv_batch_ids *ids, struct kv_slice id,
    const struct kv_batch_ids_line *line, struct kv_batch_ids_line *first);

/* Adds the ids of a file of request lines. *fresh, if not NULL, grows by those of which nothing was
 * known. */
int kv_batch_ids_add_requests(
    struct kv_batch_ids *ids, const char *path, unsigned flags, int64_t *fresh, struct kv_err *err);
/* Adds those of all open parts as held. */
int kv_batch_ids_add_open(struct kv_batch_ids *ids, const struct kv_ledger *ledger,
    const struct kv_paths *paths, struct kv_err *err);
/* Adds what a file of collected replies tells; one that is not there tells nothing. */
int kv_batch_ids_add_replies(struct kv_batch_ids *ids, const char *path, struct kv_err *err);
/* Both: everything that must not be ordered again. */
int kv_batch_ids_add_known(struct kv_batch_ids *ids, const struct kv_ledger *ledger,
    const struct kv_paths *paths, struct kv_err *err);

#endif
