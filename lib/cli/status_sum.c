/* status_sum - how far several runs are together. */
#include "header.h"
#include "num.h"
#include "status.h"
#include "status_figures.h"

static void add_outcomes(struct kv_outcomes *sum, const struct kv_outcomes *o)
{
    sum->passed += o->passed;
    sum->wrong += o->wrong;
    sum->declined += o->declined;
    sum->errors += o->errors;
    sum->unscored += o->unscored;
    for (int i = 0; i < KV_MARKS; i++)
        sum->marks[i] += o->marks[i];
}

void kv_status_sum_add(struct kv_status_sum *sum, struct kv_status *st)
{
    const struct kv_state_info *in = st->in;
    int64_t last, failed = kv_status_failed_count(st);
    sum->states++;
    sum->complete += kv_status_is_complete(st);
    sum->active += kv_paths_run_active(in->paths);
    sum->total += in->total_tasks;
    sum->completed += in->completed_count;
    sum->pending += in->pending_count;
    sum->failed += failed < 0 ? 0 : failed;
    sum->unknown += failed < 0;
    if (failed >= 0)
        add_outcomes(&sum->outcomes, &in->outcomes);
    if (in->has_start && (sum->first_start <= 0 || in->start_time < sum->first_start))
        sum->first_start = in->start_time;
    if (kv_header_read_time(kv_slice(in->last_updated_at), &last) &&
        (double)last > sum->last_update)
        sum->last_update = (double)last;
}

double kv_status_sum_rate(const struct kv_status_sum *sum)
{
    double seconds = sum->last_update - sum->first_start;
    return sum->first_start > 0 && seconds >= 1 ? (double)sum->completed / seconds * 60 : 0;
}

static void add_number(struct kv_buf *out, const char *name, double x, bool known)
{
    kv_buf_printf(out, ",\"%s\":", name);
    if (known)
        kv_num_add_double(out, x, KV_NUM_PYTHON);
    else
        kv_buf_add_str(out, "null");
}

void kv_status_sum_add_json(struct kv_buf *out, const struct kv_status_sum *sum)
{
    double per_minute = kv_status_sum_rate(sum);
    kv_buf_printf(out,
        "{\"states\":%lld,\"complete_states\":%lld,\"active_states\":%lld,"
        "\"progress\":{\"total_tasks\":%lld,\"completed_count\":%lld,\"pending_count\":%lld",
        (long long)sum->states, (long long)sum->complete, (long long)sum->active,
        (long long)sum->total, (long long)sum->completed, (long long)sum->pending);
    add_number(out, "progress_percent",
        sum->total ? (double)sum->completed / (double)sum->total * 100 : 0, true);
    if (sum->unknown)
        kv_buf_add_str(out, "},\"failed_count\":null");
    else
        kv_buf_printf(out, "},\"failed_count\":%lld,", (long long)sum->failed);
    if (!sum->unknown)
        kv_outcomes_add_json(out, &sum->outcomes);
    add_number(out, "rate_per_minute", per_minute, per_minute > 0);
    add_number(out, "eta_seconds", per_minute > 0 ? (double)sum->pending / per_minute * 60 : 0,
        per_minute > 0);
    kv_buf_printf(out, ",\"complete\":%s}", sum->complete == sum->states ? "true" : "false");
}
