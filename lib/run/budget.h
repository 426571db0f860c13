/* budget - the limits of a run: checked before new work, so the overshoot is what is in flight. */
#ifndef KV_BUDGET_H
#define KV_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct kv_run_budget {
    double max_tasks, max_tokens, max_cost, max_failures; /* negative: no limit */
    int64_t deadline_ms;                                  /* 0: none */
    double tasks, tokens, cost, failures;                 /* spent */
    double reserved;                                      /* cost of what is in flight, at most */
    bool unpriced; /* something was used whose price is not known: no limit of money holds */
};

/* True if all the money that is left is promised to calls in flight. */
bool kv_run_budget_pledged(const struct kv_run_budget *b);

/* Which limit forbids new work now: "--max-tasks", …; NULL if none. */
const char *kv_run_budget_spent(const struct kv_run_budget *b, int64_t now);

#endif
