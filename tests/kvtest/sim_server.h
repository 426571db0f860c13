/* sim_server - a server of the scheduler's simulation, with the limits that real ones have.
 *
 * Times are milliseconds of the simulation. A limit of 0 is none; several may hold at once.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "call.h"

#include <stdint.h>

enum { SIM_SERVER_PASSED = 4096 }; /* the most that a sliding window counts */

struct sim_server {
    /* what it does; set by the caller */
    double service_ms, spread;  /* a reply takes so long, by up to this part more or less … */
    double tail;                /* … and by so much as a logarithm, normally distributed … */
    double grow_ms;             /* … and so much more for each call that is being served */
    double rate, burst, delay;  /* requests a second, as nginx counts them; delay 1: held back */
    double counted;             /* requests in a second, refused ones too, as haproxy counts */
    double sliding, sliding_ms; /* requests in any so many ms … */
    double sliding_all;         /* … 1: refused ones too */
    double conns;               /* requests at once */
    double slots, queue_ms;     /* served at once, others wait: so long at most, 0: for ever */
    double window_ms, count;    /* so many requests in each window */
    double noise;               /* part of all requests that is refused whatever the load is */
    double refuse_ms;           /* how long a refusal takes */
    double wait_ms, jitter;     /* Retry-After of a refusal, -1: none; by up to this part more */
    double true_wait;           /* 1: Retry-After is the time until a window has room, in whole s */
    double timeout_ms;          /* the caller's patience */
    double change_ms, change;   /* from then on rate, conns and slots are times `change`, … */
    double slow;                /* … and the time that calls take is times this */
    double down_ms, down_for_ms; /* from then on, for so long, no connection is made, … */
    double lost_ms;              /* … which is known after so long */

    /* private */
    double excess, seen_ms, window, left;
    double second, this_second, last_second;
    double slot_free_ms[64], hint_ms;
    int64_t
        passed_ms[SIM_SERVER_PASSED]; /* a ring: when requests came that a sliding window counts */
    uint64_t passed;
    long busy;
    uint64_t random;
};

/* Takes a request in at `now`: how it ends and when; *accepted if it is served, and sim_server_end
 * is to be called then. */
int64_t sim_server_take(struct sim_server *s, int64_t now, struct kv_call_end *end, bool *accepted);
void sim_server_end(struct sim_server *s);

/* A server whose kind, limits and latency are drawn at random; the same for the same seed. All else
 * of it is zero. */
void sim_server_draw(struct sim_server *s, uint64_t seed);

/* What limits it, in one word. */
const char *sim_server_kind(const struct sim_server *s);

/* The most that it can serve a second in the long run; INFINITY: any number. */
double sim_server_possible(const struct sim_server *s);

#endif
