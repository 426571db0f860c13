/* rate - how many calls may start at a server in a second. */
#include "rate.h"

#include <math.h>

enum {
    SLOT_MS = 125,   /* KV_RATE_SLOTS of these: the last second */
    LATE_MS = 4,     /* starts may be so late and are made up for: clocks are coarse */
    GROW_MS = 500,   /* a rate grows at most so often, … */
    GROW_STARTS = 4, /* … and after so many starts */
    FEW = 8,         /* calls that prove little */
    SOME = 5,        /* calls of a series that prove enough */
    PROVEN = 32,     /* calls without a refusal that show that a rate is good */
};
#define UNDER        0.97 /* of what a server has let through: the rate that is kept to */
#define HALF         0.5  /* of a rate, at least, is let through if the server bears it */
#define UNSURE       4.0  /* a second: fewer are not believed in because of a few calls */
#define GROWTH_LEAST 0.02 /* of a rate, beyond what was refused; it grows itself, … */
#define NEARER       0.2  /* and this part of the way to the rate that was refused last, … */
#define BEYOND       1.1  /* times which it grows faster each time */
#define GROWTH_MOST  0.1  /* … to this, … */
#define GROWTH_UNDO  0.5  /* … or this, where cuts were in vain */

/* ---- the last second ---- */

static void advance(struct kv_rate *r, int64_t now)
{
    int64_t slot = now / SLOT_MS;
    for (int64_t k = r->slot + 1; k <= slot && k <= r->slot + KV_RATE_SLOTS; k++)
        r->sent[k % KV_RATE_SLOTS] = r->refused[k % KV_RATE_SLOTS] = 0;
    r->slot = slot;
}

/* What was let through in it. */
static double recent(struct kv_rate *r, int64_t now)
{
    int sum = 0;
    advance(r, now);
    for (int i = 0; i < KV_RATE_SLOTS; i++)
        sum += r->sent[i] - r->refused[i];
    return fmax(0, sum) * 1000.0 / (double)((KV_RATE_SLOTS - 1) * SLOT_MS + now % SLOT_MS);
}

/* ---- starting ---- */

int64_t kv_rate_opens_at(const struct kv_rate *r, int64_t now)
{
    return r->per_s > 0 && r->next_ms > (double)now ? (int64_t)ceil(r->next_ms) : now;
}

/* Calls keep their distance from start to start. */
void kv_rate_start(struct kv_rate *r, int64_t now)
{
    if (!r->mark_ms)
        r->mark_ms = r->open_ms = now;
    if (r->per_s > 0) {
        r->starts++;
        r->paced += (double)now - r->next_ms < fmax(5, 250 / r->per_s);
        r->next_ms = fmax(r->next_ms, (double)now - LATE_MS) + 1000 / r->per_s;
    }
    advance(r, now);
    r->sent[r->slot % KV_RATE_SLOTS]++;
    r->accepted++;
    r->opened++;
}

/* ---- cutting ---- */

void kv_rate_set(struct kv_rate *r, double per_s, int64_t now)
{
    r->per_s = per_s;
    r->growth = GROWTH_LEAST;
    r->firm = true;
    r->grown_ms = now;
    r->starts = r->paced = 0;
    r->next_ms = (double)now + 1000 / per_s;
}

void kv_rate_note_refused(struct kv_rate *r, bool anew, int64_t now)
{
    advance(r, now);
    r->refused[r->slot % KV_RATE_SLOTS]++;
    r->accepted -= anew;
    r->opened -= r->opened > 0;
}

void kv_rate_mark(struct kv_rate *r, int64_t now)
{
    r->mark_ms = now;
    r->accepted = r->tried_from = 0;
}

/* What was let through, a second. *sure: between two times at which the server had no more to give. */
static double let_through(struct kv_rate *r, bool *sure, int64_t now)
{
    double since = (double)(now - r->mark_ms), last = recent(r, now);
    double series = (double)(now - r->series_ms);
    bool exact = r->accepted >= FEW && since >= 1000;
    if (r->cuts > 0 && exact) { /* also where the server has changed in the series */
        r->series_ms = r->mark_ms;
        r->series_accepted = r->accepted;
        series = since;
    }
    *sure = r->cuts == 0 && exact && since >= 2000;
    if (*sure)
        return r->accepted * 1000 / since;
    *sure = r->cuts > 0 && r->series_accepted >= SOME && series >= 1000;
    if (*sure)
        return r->granted = r->series_accepted * 1000 / series;
    return r->per_s > 0 ? last : fmax(last, r->accepted * 1000 / fmax(1000, since));
}

/* How much of a rate is kept at least: few calls prove little, and a rate that has held is not given up
 * for one refusal. */
static double kept_part(const struct kv_rate *r, bool sure, double through)
{
    if (sure)
        return 0.5;
    if (r->cuts == 0 && r->held)
        return 0.9;
    if (through >= FEW)
        return 0;
    return r->held ? 0.7 : 0.5;
}

void kv_rate_cut(struct kv_rate *r, int64_t now)
{
    bool sure, first = r->cuts == 0;
    r->series_accepted = first ? 0 : r->series_accepted + r->accepted;
    double through = let_through(r, &sure, now), least = sure ? 0 : UNSURE;
    double part = kept_part(r, sure, through);
    if (r->firm && r->accepted >= PROVEN)
        least = fmax(least, r->proven);
    if (r->per_s > 0)
        least = fmin(least, r->per_s);
    if (r->per_s > 0)
        through = fmin(r->per_s, fmax(through, r->per_s * part));
    if (first) {
        r->series_per_s = r->firm ? r->per_s : 0;
        r->series_ms = now;
    }
    r->failed = r->per_s;
    r->cuts++;
    kv_rate_mark(r, now);
    if (through > 0)
        kv_rate_set(r, fmax(UNDER * through, least), now);
}

void kv_rate_correct(struct kv_rate *r, int64_t now)
{
    double last = recent(r, now);
    if (!r->held && r->firm && last > 0)
        r->per_s = fmin(r->per_s, fmax(UNDER * last, 1));
}

void kv_rate_reopened(struct kv_rate *r, bool sure, int64_t now)
{
    double since = (double)(now - r->open_ms), through = r->opened * 1000 / fmax(1, since);
    bool lower = (r->firm || sure) && (r->per_s <= 0 || through < r->per_s);
    if (since >= 1000 && r->opened >= SOME && lower) {
        kv_rate_set(r, UNDER * through, now);
        r->granted = through;
    }
    r->open_ms = now;
    r->opened = 0;
}

/* ---- growing ---- */

bool kv_rate_grow(struct kv_rate *r, bool may_try, int64_t now)
{
    if (!r->firm || r->starts < GROW_STARTS || now - r->grown_ms < GROW_MS)
        return false;
    bool binds = 2 * r->paced >= r->starts;
    r->starts = r->paced = 0;
    r->grown_ms = now;
    if (!binds || !may_try)
        return false;
    if (r->cuts > 0) {
        r->cuts = 0;
        r->held = true;
        r->proven = r->tried = r->per_s;
        r->tried_from = r->accepted;
    }
    if (r->accepted - r->tried_from >= PROVEN) {
        r->proven = r->tried;
        r->tried = r->per_s;
        r->tried_from = r->accepted;
    }
    double near = NEARER * fmax(0, r->failed / r->per_s - 1);
    if (r->per_s > BEYOND * r->failed)
        r->growth = fmin(fmax(r->growth, GROWTH_MOST), 1.5 * r->growth);
    r->per_s *= 1 + fmax(r->growth, fmin(GROWTH_MOST, r->growth + near));
    return true;
}

void kv_rate_loosely(struct kv_rate *r, double per_s)
{
    if (!r->firm)
        r->per_s = per_s;
}

void kv_rate_undo(struct kv_rate *r, int64_t now)
{
    r->cuts = 0;
    r->firm = r->series_per_s > 0;
    r->per_s = r->series_per_s;
    r->growth = GROWTH_UNDO;
    kv_rate_mark(r, now);
}

bool kv_rate_is_borne(const struct kv_rate *r, int64_t now)
{
    double since = (double)(now - r->series_ms);
    if (!r->firm || r->granted <= 0 || r->per_s > r->granted)
        return false;
    return r->cuts == 0 ||
           (since >= 1000 && (r->series_accepted + r->accepted) * 1000 >= HALF * r->per_s * since);
}
