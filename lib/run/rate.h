/* rate - how many calls may start at a server in a second.
 *
 * A rate is set by refusals, and is what the server let through: between two times at which it had
 * no more to give, which is exact for every kind of limit; in the last second, where that is not known
 * yet. A call is let through until it is refused, which is known long before it is served. Cuts that
 * follow each other before the rate has held are a series. A rate that has held grows fast towards the
 * one that was refused last, slowly about it, and faster again beyond it.
 *
 *     if (kv_rate_opens_at(&r, now) <= now)
 *         kv_rate_start(&r, now);
 *     … of a refusal, of any call
 *     kv_rate_note_refused(&r, is_new, now);
 *     … and, if the rate is to blame
 *     kv_rate_cut(&r, now);
 *     … while calls are served
 *     kv_rate_grow(&r, may_try_more, now);
 */
#ifndef KV_RATE_H
#define KV_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { KV_RATE_SLOTS = 9 }; /* of the last second, the newest one in part */

struct kv_rate {    /* zero at first */
    double per_s;   /* 0: any number */
    bool firm;      /* found by refusals; if not, it only keeps calls apart */
    double granted; /* what was let through in the last series of cuts; 0: not known */
    int cuts;       /* in the series under way; 0: the rate has held, or there is none */

    /* private */
    double series_per_s; /* before the series */
    double failed, proven, tried, growth, next_ms;
    int starts, paced, tried_from;
    int64_t grown_ms;
    int64_t mark_ms,
        open_ms;          /* the last cut, and when calls were let through again the last time */
    int accepted, opened; /* calls that were let through since then */
    int64_t series_ms;
    int series_accepted;
    bool held;
    int64_t slot;
    int sent[KV_RATE_SLOTS], refused[KV_RATE_SLOTS];
};

int64_t kv_rate_opens_at(const struct kv_rate *r, int64_t now);
void kv_rate_start(struct kv_rate *r, int64_t now);

/* `anew`: the call was sent after the last cut. */
void kv_rate_note_refused(struct kv_rate *r, bool anew, int64_t now);

void kv_rate_cut(struct kv_rate *r, int64_t now);
/* Something was cut, though not the rate: what was let through is counted anew. */
void kv_rate_mark(struct kv_rate *r, int64_t now);
/* A refusal that belongs to the last cut: less was let through than it seemed. */
void kv_rate_correct(struct kv_rate *r, int64_t now);
/* Calls are let through again after a time at which none was. */
void kv_rate_reopened(struct kv_rate *r, bool sure, int64_t now);

/* Grows while the rate is what holds calls back and more may be tried. True if it did. */
bool kv_rate_grow(struct kv_rate *r, bool may_try, int64_t now);
/* Keeps calls apart where no rate was found. */
void kv_rate_loosely(struct kv_rate *r, double per_s);
void kv_rate_set(struct kv_rate *r, double per_s, int64_t now);
/* The cuts of the series cured nothing. */
void kv_rate_undo(struct kv_rate *r, int64_t now);
/* True if the server has been seen to let through as much as the rate is. */
bool kv_rate_is_borne(const struct kv_rate *r, int64_t now);

#endif
