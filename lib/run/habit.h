/* habit - the part of all calls that a server refuses whatever its load is.
 *
 * Three questions of one stream of calls, each answered by a running sum of logarithms of likelihoods
 * that never falls below 0 (Page's CUSUM): is more refused than the habit, which would be for the load;
 * are calls refused that the load does not explain, which would be a habit; and are they not any more
 * where fewer go out, which would have been none.
 *
 *     if (kv_habit_is_exceeded(&h, refused, borne)) … slow down, and kv_habit_forgive(&h) …
 *     … of a call whose pace the server has been seen to bear
 *     if (kv_habit_appears(&h, refused)) … undo what was done for such refusals: it has not helped …
 */
#ifndef KV_HABIT_H
#define KV_HABIT_H

#include <stdbool.h>

struct kv_habit { /* zero at first */
    double part;  /* the habit; 0: none is known */
    /* private */
    double excess, signs, doubts; /* the sums */
    double recent, guess;         /* the part that was refused of late, and then */
    int followed;                 /* calls since */
};

/* Every call when it starts, as not refused, and once more if it is. `borne`: at a pace that the server
 * has been seen to bear. True if refusals have become more than the habit; while none is known the
 * first one is. */
bool kv_habit_is_exceeded(struct kv_habit *h, bool refused, bool borne);
/* Begins that sum again. What is far beyond a habit was none. */
void kv_habit_forgive(struct kv_habit *h);

/* True of the refusal with which a habit, or a greater one, is beyond doubt: `part` is set, and follows
 * what is refused from now on. */
bool kv_habit_appears(struct kv_habit *h, bool refused);
void kv_habit_give_up(struct kv_habit *h); /* it was none */

/* So many refusals in a row are more than the habit explains. */
int kv_habit_row(const struct kv_habit *h);

#endif
