/* length - how long calls take, beside how long they usually take. */
#include "length.h"

#include <math.h>

enum { LEAST_MS = 10 }; /* shorter calls are not told apart */

static bool is_in(const struct kv_lengths *w, const struct kv_call *call)
{
    return call->number > w->from && call->number <= w->to;
}

void kv_lengths_begin(struct kv_lengths *w, uint64_t started, double calls)
{
    w->from = started;
    w->to = started + (uint64_t)fmax(KV_LENGTH_ENOUGH, calls);
    w->ended = 0;
    w->measured = 0;
    w->sum = w->usual = 0;
}

void kv_lengths_end(struct kv_lengths *w, const struct kv_call *call)
{
    w->ended += is_in(w, call);
}

/* What is usual falls fast and rises slowly, by what may be chance: never because calls wait. */
static void note_usual(struct kv_length *own)
{
    double mean = fmax(own->sum / own->n, LEAST_MS);
    if (own->usual <= 0)
        own->usual = mean;
    else if (mean < own->usual)
        own->usual += 0.3 * (mean - own->usual);
    else if (mean < 1.3 * own->usual)
        own->usual += 0.02 * (mean - own->usual);
    own->sum = own->n = 0;
}

void kv_lengths_add(
    struct kv_lengths *w, struct kv_length *own, const struct kv_call *call, int64_t latency_ms)
{
    double latency = fmax(1, (double)latency_ms);
    if (!is_in(w, call))
        return;
    if (own->era != w->era)
        *own = (struct kv_length){.era = w->era};
    own->sum += latency;
    own->n++;
    w->sum += latency;
    w->usual += own->usual > 0 ? own->usual : latency;
    w->measured++;
    if (own->n >= KV_LENGTH_ENOUGH)
        note_usual(own);
}

double kv_lengths_mean(const struct kv_lengths *w)
{
    return w->measured ? w->sum / w->measured : w->last;
}

bool kv_lengths_are_complete(const struct kv_lengths *w)
{
    return w->ended >= w->to - w->from;
}

bool kv_lengths_are_known(const struct kv_lengths *w)
{
    return w->measured > 0;
}

double kv_lengths_stretch(const struct kv_lengths *w)
{
    return w->sum / w->usual;
}

double kv_lengths_times(const struct kv_lengths *w, double ms)
{
    return ms * w->measured / w->usual;
}

void kv_lengths_keep(struct kv_lengths *w)
{
    w->last = w->sum / w->measured;
    if (w->first <= 0)
        w->first = w->last;
}

void kv_lengths_forget(struct kv_lengths *w)
{
    w->era++;
}
