/* account - what one model used and what it cost, in sums.
 *
 * What replies said and what is only guessed are kept apart: a limit looks at both, people are told
 * which is which. Costs that are not known are counted, not taken for nought.
 */
#ifndef KV_ACCOUNT_H
#define KV_ACCOUNT_H

#include "buf.h"
#include "usage.h"

struct kv_account {
    int64_t calls; /* that were replied to */
    struct kv_usage used;
    double cost;
    int64_t uncounted; /* calls that did not say what they used */
    int64_t unpriced;  /* calls whose cost is not known */
    int64_t truncated; /* answers cut by a token limit */
    int64_t guessed;   /* replies that did not say what was used, … */
    double guessed_tokens, guessed_cost;
    int64_t lost;    /* calls that were sent and not replied to, … */
    double possible; /* … and what they may have cost */
};

void kv_account_begin(struct kv_account *a);
/* A reply with its cost; NAN: not known. */
void kv_account_add(struct kv_account *a, const struct kv_usage *used, double cost);

/* Tokens and money for limits: said and guessed. */
double kv_account_tokens(const struct kv_account *a);
double kv_account_spent(const struct kv_account *a);

/* Appends one object: {"model":…,"calls":…,"uncounted":…,"input":…,"cached":…,"output":…,
 * "reasoning":…,"truncated":…,"cost":…}. A count is null if no call said it, the cost if that of any
 * call is not known. */
void kv_account_add_json(struct kv_buf *out, const char *model, const struct kv_account *a);

/* Appends an amount as JSON, of twelve digits: sums of doubles have dust behind them. NAN: null. */
void kv_account_add_amount(struct kv_buf *out, double amount);

#endif
