/* status_figures - what the object and the table of a status have in common. Private to status*.c. */
#ifndef KV_STATUS_FIGURES_H
#define KV_STATUS_FIGURES_H

#include "status.h"

struct kv_status {
    struct kv_state *state;
    const struct kv_state_info *in;
    double now;
    bool rows_loaded;
    struct kv_shard shard; /* count 0: all of it */
};

double kv_status_percent(const struct kv_state_info *in);

/* Tasks a minute, while a run worked (worked.h); where that is not noted, from the start to the last
 * result. 0 if it cannot be told. */
double kv_status_rate(const struct kv_status *st);

/* Reads rows where only these tell; -1 where they do not. */
int64_t kv_status_failed_count(struct kv_status *st);

/* Appends the members "rate_per_minute" and "eta_seconds", null where the rate is 0. */
void kv_status_add_pace(struct kv_buf *out, double per_minute, int64_t pending);

/* Reads rows where they tell more than the .state; a results file that cannot be read tells nothing,
 * and the status is shown without. */
void kv_status_load_rows(struct kv_status *st);

#endif
