/* usage - what one or more calls of a model used: tokens, and the cost where the service says it.
 */
#include "usage.h"

void kv_usage_begin(struct kv_usage *u)
{
    *u = (struct kv_usage)KV_USAGE_UNKNOWN;
}

static int64_t sum_of(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void kv_usage_settle(struct kv_usage *u)
{
    if (u->out_total >= 0 && u->out_reasoning > u->out_total)
        u->out_total = sum_of(u->out_total, u->out_reasoning);
}

bool kv_usage_known(const struct kv_usage *u)
{
    return u->in_total >= 0 && u->out_total >= 0;
}

static double sum_of_money(double a, double b)
{
    return isnan(b) ? a : isnan(a) ? b : a + b;
}

void kv_usage_add(struct kv_usage *sum, const struct kv_usage *more)
{
    sum->in_total = sum_of(sum->in_total, more->in_total);
    sum->in_read = sum_of(sum->in_read, more->in_read);
    sum->in_write = sum_of(sum->in_write, more->in_write);
    sum->in_write_1h = sum_of(sum->in_write_1h, more->in_write_1h);
    sum->out_total = sum_of(sum->out_total, more->out_total);
    sum->out_reasoning = sum_of(sum->out_reasoning, more->out_reasoning);
    sum->in_fresh = sum_of(sum->in_fresh, more->in_fresh);
    sum->cost = sum_of_money(sum->cost, more->cost);
    sum->priced = sum_of_money(sum->priced, more->priced);
}

static int64_t at_least_none(int64_t n)
{
    return n > 0 ? n : 0;
}

int64_t kv_usage_fresh(const struct kv_usage *u)
{
    int64_t rest = at_least_none(u->in_total) - at_least_none(u->in_read);
    rest = at_least_none(rest) - at_least_none(u->in_write);
    return at_least_none(at_least_none(rest) - at_least_none(u->in_write_1h));
}
