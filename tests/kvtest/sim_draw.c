/* sim_draw - servers of the scheduler's simulation that nobody chose: their limits are drawn. */
#include "sim_server.h"

#include <math.h>

enum kind {
    TOKENS,  /* a rate with a burst, refused or held back beyond it */
    FIXED,   /* so many in each window */
    SLIDING, /* so many in any window */
    COUNTED, /* so many a second, refused ones too */
    NUMBER,  /* so many at once */
    QUEUE,   /* a queue before few slots */
    KINDS
};

static double draw(uint64_t *r) /* uniform in [0, 1): splitmix64 */
{
    uint64_t z = *r += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static bool chance(uint64_t *r, double of)
{
    return draw(r) < of;
}

static double between(uint64_t *r, double least, double most) /* all magnitudes alike */
{
    return least * pow(most / least, draw(r));
}

static void draw_calls(struct sim_server *s, uint64_t *r)
{
    s->service_ms = between(r, 30, 3000);
    if (chance(r, 0.4))
        s->tail = 0.3 + 0.7 * draw(r);
    else
        s->spread = 0.9 * draw(r);
    s->refuse_ms = between(r, 1, 150);
    s->wait_ms = -1;
    if (chance(r, 0.3))
        s->wait_ms = 1000;
    s->true_wait = chance(r, 0.3);
}

static void draw_rate(struct sim_server *s, uint64_t *r, enum kind kind)
{
    double rate = between(r, 2, 100);
    if (kind == TOKENS) {
        s->rate = rate;
        s->burst = chance(r, 0.3) ? 0 : round(rate * between(r, 0.1, 3));
        s->delay = chance(r, 0.2);
    } else if (kind == FIXED) {
        s->window_ms = between(r, 1000, 15000);
        s->count = ceil(rate * s->window_ms / 1000);
    } else if (kind == SLIDING) {
        s->sliding_ms = between(r, 1000, 15000);
        s->sliding = ceil(rate * s->sliding_ms / 1000);
        s->sliding_all = chance(r, 0.5);
    } else {
        s->counted = ceil(rate);
    }
}

static void draw_number(struct sim_server *s, uint64_t *r, enum kind kind)
{
    if (kind == NUMBER) {
        s->conns = round(between(r, 2, 64));
        return;
    }
    s->slots = round(between(r, 1, 32));
    if (chance(r, 0.5))
        s->queue_ms = between(r, 1000, 10000);
    else
        s->timeout_ms = fmax(5000, s->service_ms * between(r, 10, 60));
}

void sim_server_draw(struct sim_server *s, uint64_t seed)
{
    uint64_t r = seed * 0xD1342543DE82EF95u;
    enum kind kind = (enum kind)(draw(&r) * KINDS), other = (enum kind)(draw(&r) * COUNTED);
    draw_calls(s, &r);
    if (kind <= COUNTED)
        draw_rate(s, &r, kind);
    else
        draw_number(s, &r, kind);
    if (kind == NUMBER && chance(&r, 0.3))
        draw_rate(s, &r, other);
    if (chance(&r, 0.15))
        s->noise = between(&r, 0.01, 0.3);
}

const char *sim_server_kind(const struct sim_server *s)
{
    return s->conns > 0       ? "number"
           : s->slots > 0     ? "queue"
           : s->counted > 0   ? "counted"
           : s->sliding > 0   ? "sliding"
           : s->window_ms > 0 ? "fixed"
           : s->rate > 0      ? "tokens"
                              : "none";
}

double sim_server_possible(const struct sim_server *s)
{
    double most = INFINITY, at_once = INFINITY;
    if (s->rate > 0)
        most = fmin(most, s->rate);
    if (s->counted > 0)
        most = fmin(most, s->counted);
    if (s->window_ms > 0)
        most = fmin(most, s->count * 1000 / s->window_ms);
    if (s->sliding > 0)
        most = fmin(most, s->sliding * 1000 / s->sliding_ms);
    if (s->conns > 0)
        at_once = s->conns;
    if (s->slots > 0)
        at_once = fmin(at_once, s->slots);
    return fmin(most, at_once * 1000 / s->service_ms);
}
