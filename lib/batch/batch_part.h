/* batch_part - one batch of requests as its events in the ledger tell of it.
 *
 * A part is open from its first event until its replies are collected or it is given up. Times are
 * milliseconds since 1970; 0 where nothing is known.
 */
#ifndef KV_BATCH_PART_H
#define KV_BATCH_PART_H

#include "batch_status.h"
#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_batch_step {
    KV_BATCH_MADE,           /* its request file is there */
    KV_BATCH_SENDING_UPLOAD, /* in doubt: the file may be at the service */
    KV_BATCH_UPLOADED,
    KV_BATCH_SENDING_CREATE, /* in doubt: the batch may have been ordered */
    KV_BATCH_CREATED,
    KV_BATCH_ENDED,
    KV_BATCH_COLLECTED,
    KV_BATCH_GIVEN_UP,
};

/* Why a part was given up. */
enum kv_batch_loss {
    KV_BATCH_LOST,    /* it is to be ordered again */
    KV_BATCH_FAULTY,  /* the service refused it as a whole, for its requests */
    KV_BATCH_DROPPED, /* a person did it, or nothing of it is left */
    KV_BATCH_AGAIN,   /* what it lacks has been ordered again, or answered */
};

struct kv_batch_part {
    int64_t number; /* from 1 */
    enum kv_batch_step step;
    char *endpoint, *wire, *dialect, *shape, *url, *base_url, *model;
    int64_t requests, bytes;
    double prompt_tokens;
    char *file, *batch, *output, *errors, *results_url; /* ids at the service; "" for none */
    int64_t made_ms, sending_ms, created_ms, ended_ms, expires_ms, results_until_ms;
    int64_t stamp_ms; /* when its batch was created, by the clock of the service */
    int64_t seen_ms, not_before_ms;
    int64_t look_after_ms; /* as its service wants, of all parts there */
    int64_t looked_ms;     /* by this process */
    enum kv_batch_status status;
    struct kv_batch_counts counts;
    bool adopted;      /* its batch was found, not made */
    bool doubt_stands; /* it was looked for a moment ago, and nothing more is known yet */
    int doubt_looks;   /* in vain, for a batch that may have been ordered */
    int64_t doubt_ms;  /* the first of them */
    int missing_looks; /* in a row, that found no such batch */
    int64_t missing_ms;
    int64_t final_ms;    /* when it was first said to have ended, though its files are not there */
    int refusals;        /* for a full queue, in a row */
    int64_t queue_limit; /* of prompt tokens, as the service said */
    bool rate_limited;   /* its last refusal was 429, which concerns all of its service */
    bool tidied;
    char *reply; /* line of the one request for which all failed, in the place of results; "" */
    char *said;  /* its last refusal, or why the part was given up; "" */
    enum kv_batch_loss loss;   /* of a part that was given up, or whose rest was */
    bool told;                 /* that it lacks answers, by this process */
    double usage;              /* tokens as the service counts them; -1: not said */
    int64_t replies, failures; /* collected */
    int64_t replies_end;       /* size of NAME.replies then; 0: they have no line there */
    bool uncollected;          /* they are no more there, and to be fetched again */
};

/* Takes in one event of this part (checked JSON). */
void kv_batch_part_take(struct kv_batch_part *p, struct kv_slice event);
void kv_batch_part_release(struct kv_batch_part *p);
bool kv_batch_part_is_open(const struct kv_batch_part *p);
/* Requests of a part that is over which came to nothing, though no person gave them up: those that have
 * been ordered again since are among them. */
int64_t kv_batch_part_lacks(const struct kv_batch_part *p);
/* True if both are of one service. */
bool kv_batch_part_is_beside(const struct kv_batch_part *p, const struct kv_batch_part *q);
/* True if its replies are to be in NAME.replies, up to p->replies_end. The failure for which a batch was refused as a whole
 * does not count: nobody has paid for that. */
bool kv_batch_part_has_replies(const struct kv_batch_part *p);
/* True if a POST may have had an effect that nobody has written down. */
bool kv_batch_part_in_doubt(const struct kv_batch_part *p);

#endif
