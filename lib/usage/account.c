/* account - what one model used and what it cost, in sums. */
#include "account.h"

#include "json_out.h"

#include <math.h>

void kv_account_begin(struct kv_account *a)
{
    *a = (struct kv_account){.used = KV_USAGE_UNKNOWN};
}

void kv_account_add(struct kv_account *a, const struct kv_usage *used, double cost)
{
    a->calls++;
    a->uncounted += !kv_usage_known(used);
    kv_usage_add(&a->used, used);
    if (isnan(cost))
        a->unpriced++;
    else
        a->cost += cost;
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

double kv_account_tokens(const struct kv_account *a)
{
    return (double)known(a->used.in_total) + (double)known(a->used.out_total) + a->guessed_tokens;
}

double kv_account_spent(const struct kv_account *a)
{
    return a->cost + a->guessed_cost;
}

void kv_account_add_amount(struct kv_buf *out, double amount)
{
    if (isnan(amount))
        kv_buf_add_str(out, "null");
    else
        kv_buf_printf(out, "%.12g", amount);
}

static void add_count(struct kv_buf *out, const char *name, int64_t n)
{
    if (n < 0)
        kv_json_out_null(out, name);
    else
        kv_json_out_int(out, name, n);
}

void kv_account_add_json(struct kv_buf *out, const char *model, const struct kv_account *a)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "model", model);
    kv_json_out_int(out, "calls", a->calls);
    kv_json_out_int(out, "uncounted", a->uncounted);
    add_count(out, "input", a->used.in_total);
    add_count(out, "cached", a->used.in_read);
    add_count(out, "output", a->used.out_total);
    add_count(out, "reasoning", a->used.out_reasoning);
    kv_json_out_int(out, "truncated", a->truncated);
    kv_json_out_key(out, "cost");
    kv_account_add_amount(out, a->unpriced ? (double)NAN : a->cost);
    kv_buf_add_char(out, '}');
}
