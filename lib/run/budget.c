/* budget - the limits of a run: checked before new work, so the overshoot is what is in flight. */
#include "budget.h"

#include <stddef.h>

bool kv_run_budget_pledged(const struct kv_run_budget *b)
{
    return b->max_cost >= 0 && b->cost + b->reserved >= b->max_cost;
}

const char *kv_run_budget_spent(const struct kv_run_budget *b, int64_t now)
{
    if (b->max_tasks >= 0 && b->tasks >= b->max_tasks)
        return "--max-tasks";
    if (b->max_tokens >= 0 && b->tokens >= b->max_tokens)
        return "--max-tokens";
    if (b->max_cost >= 0 && (b->cost >= b->max_cost || b->unpriced))
        return "--max-cost";
    if (b->max_failures >= 0 && b->failures >= b->max_failures)
        return "--max-failures";
    if (b->deadline_ms && now >= b->deadline_ms)
        return "--time-limit";
    return NULL;
}
