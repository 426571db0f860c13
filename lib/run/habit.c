/* habit - the part of all calls that a server refuses whatever its load is. */
#include "habit.h"

#include <math.h>

enum { MEMORY = 40 };      /* calls over which what is refused is a mean */
#define NEVER        0.01  /* of calls that may be refused by chance where no habit is known */
#define SELDOM       0.005 /* of calls at a pace that a server bears, that it refuses after all */
#define MORE         0.1   /* of all calls refused beyond the habit: too much */
#define LITTLE       0.03  /* or so much, where the habit is small */
#define FIRST_SIGN   2.3   /* one refusal, where no habit is known */
#define CERTAIN      4.0   /* a sum that leaves no doubt */
#define RARE         0.1   /* less is easily a chance, as is another habit: there … */
#define MORE_CERTAIN 8.0   /* … has to be less doubt */
#define DOUBTFUL     3.0   /* a sum that leaves little of a habit */
#define NO_CHANCE    1e-4  /* so seldom that it is no chance */
#define LEAST_PART   0.01
#define MOST_PART    0.5

/* The sum with one more call: for the part `other`, against the part `this`. */
static double add(double sum, bool refused, double this, double other)
{
    double sign = refused ? log(other / this) : log((1 - other) / (1 - this));
    return fmax(0, sum + sign);
}

static double within(double part)
{
    return fmin(MOST_PART, fmax(LEAST_PART, part));
}

/* What a habit was taken for at first is a guess. */
static void follow(struct kv_habit *h, bool refused)
{
    double pull = h->followed++ < 2 * MEMORY ? 1.0 / MEMORY : 1.0 / (10 * MEMORY);
    h->part = fmin(within(h->part + (refused - h->part) * pull), 1.5 * h->guess);
}

/* Where fewer calls go out than the server bears, a habit stays as it is. */
static void doubt(struct kv_habit *h, bool refused)
{
    h->doubts = add(h->doubts, !refused, 1 - h->part, 1 - h->part / 4);
    if (h->doubts >= DOUBTFUL)
        kv_habit_give_up(h);
}

bool kv_habit_is_exceeded(struct kv_habit *h, bool refused, bool borne)
{
    if (h->part > 0 && borne)
        doubt(h, refused);
    double part = fmax(NEVER, h->part);
    h->recent += (refused - h->recent) / MEMORY;
    if (h->part > 0)
        follow(h, refused);
    double more = h->part > 0 ? fmin(MORE, fmax(h->part, LITTLE)) : MORE;
    if (refused || h->excess > 0)
        h->excess = add(h->excess, refused, part, part + more * (1 - part));
    return refused && h->excess >= (h->part > 0 ? CERTAIN : FIRST_SIGN);
}

void kv_habit_forgive(struct kv_habit *h)
{
    h->excess = 0;
    if (h->recent > 2 * h->part + MORE)
        h->part = 0;
}

bool kv_habit_appears(struct kv_habit *h, bool refused)
{
    double least = fmax(SELDOM, h->part), recent = within(h->recent);
    if (recent <= 1.2 * least)
        return false;
    if (refused || h->signs > 0)
        h->signs = add(h->signs, refused, least, recent);
    if (!refused || h->signs < (recent < RARE || h->part > 0 ? MORE_CERTAIN : CERTAIN))
        return false;
    h->part = h->guess = recent;
    h->followed = 0;
    h->signs = h->excess = h->doubts = 0;
    return true;
}

void kv_habit_give_up(struct kv_habit *h)
{
    h->part = h->signs = h->excess = h->doubts = 0;
}

int kv_habit_row(const struct kv_habit *h)
{
    return h->part > 0 ? 2 + (int)(log(NO_CHANCE) / log(h->part)) : 2;
}
