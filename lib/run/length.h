/* length - how long calls take, beside how long they usually take.
 *
 * Calls are looked at a window at a time: in the order in which they were sent, and all of a window,
 * since short ones come back first. What is usual is known for each lane; a window has calls of all
 * lanes of a server.
 *
 *     kv_lengths_begin(&w, 0, 0);
 *     … of each call
 *     kv_lengths_end(&w, call);                         when it is over
 *     kv_lengths_add(&w, &own, call, latency_ms);       … and was served
 *     if (kv_lengths_are_complete(&w)) {
 *         if (kv_lengths_are_known(&w)) {
 *             … kv_lengths_stretch(&w) …
 *             kv_lengths_keep(&w);
 *         }
 *         kv_lengths_begin(&w, started, in_flight);     the next window
 *     }
 */
#ifndef KV_LENGTH_H
#define KV_LENGTH_H

#include "call.h"

#include <stdbool.h>
#include <stdint.h>

enum { KV_LENGTH_ENOUGH = 16 }; /* calls whose mean is trusted */

/* How long the calls of one lane usually take, in ms. All zero at first. */
struct kv_length {
    double usual, sum;
    int n;
    unsigned era;
};

struct kv_lengths {     /* zero at first */
    double last, first; /* means of the newest window that was kept, and of the first; 0: none */
    /* private: the window; calls by their numbers */
    uint64_t from, to, ended;
    double sum, usual;
    int measured;
    unsigned era;
};

/* From now on: of the calls after number `started` at least so many. */
void kv_lengths_begin(struct kv_lengths *w, uint64_t started, double calls);
void kv_lengths_end(struct kv_lengths *w, const struct kv_call *call);
void kv_lengths_add(
    struct kv_lengths *w, struct kv_length *own, const struct kv_call *call, int64_t latency_ms);

/* The mean of what has come of the window; of the one before, while nothing has. */
double kv_lengths_mean(const struct kv_lengths *w);

bool kv_lengths_are_complete(const struct kv_lengths *w); /* all calls of the window are over */
bool kv_lengths_are_known(const struct kv_lengths *w);    /* some of them were served */

/* Of a window that is known. */
double kv_lengths_stretch(const struct kv_lengths *w); /* how many times as long as usual */
double kv_lengths_times(const struct kv_lengths *w, double ms); /* … a call of `ms` would take */
void kv_lengths_keep(struct kv_lengths *w);

/* Calls have become longer by themselves: what was usual is forgotten. */
void kv_lengths_forget(struct kv_lengths *w);

#endif
