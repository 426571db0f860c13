/* status_figures - what the object, the table, the lists and the sum of a status have in common. */
#include "status_figures.h"

#include "header.h"
#include "json_out.h"
#include "worked.h"

#include <math.h>

void kv_status_load_rows(struct kv_status *st)
{
    struct kv_err ignored;
    if (!st->rows_loaded && (!st->in->growing || kv_state_lacks_rows(st->state)))
        st->rows_loaded = kv_state_load(st->state, KV_LOAD_ROWS, &ignored) == 0;
}

double kv_status_percent(const struct kv_state_info *in)
{
    return in->total_tasks > 0 ? (double)in->completed_count / (double)in->total_tasks * 100 : 0;
}

double kv_status_rate(const struct kv_status *st)
{
    int64_t last;
    struct kv_worked w;
    if (!st->in->has_start || !kv_header_read_time(kv_slice(st->in->last_updated_at), &last))
        return 0;
    if (kv_worked_read(st->in->paths, st->in->completed_count, last, &w))
        return w.seconds > 0 ? (double)w.completed / w.seconds * 60 : 0;
    double seconds = (double)last - st->in->start_time;
    return seconds >= 1 ? (double)st->in->completed_count / seconds * 60 : 0;
}

int64_t kv_status_failed_count(struct kv_status *st)
{
    kv_status_load_rows(st);
    if (st->in->growing || st->rows_loaded)
        return st->in->failed_count;
    return -1;
}

void kv_status_add_pace(struct kv_buf *out, double per_minute, int64_t pending)
{
    bool known = per_minute > 0;
    kv_json_out_python(out, "rate_per_minute", known ? per_minute : (double)NAN);
    kv_json_out_python(out, "eta_seconds", known ? (double)pending / per_minute * 60 : (double)NAN);
}
