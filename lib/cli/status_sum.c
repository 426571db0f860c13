/* status_sum - how far several runs are together. */
#include "header.h"
#include "json_out.h"
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

void kv_status_sum_add_json(struct kv_buf *out, const struct kv_status_sum *sum)
{
    double per_minute = kv_status_sum_rate(sum);
    kv_json_out_object(out, NULL);
    kv_json_out_int(out, "states", sum->states);
    kv_json_out_int(out, "complete_states", sum->complete);
    kv_json_out_int(out, "active_states", sum->active);
    kv_json_out_object(out, "progress");
    kv_json_out_int(out, "total_tasks", sum->total);
    kv_json_out_int(out, "completed_count", sum->completed);
    kv_json_out_int(out, "pending_count", sum->pending);
    kv_json_out_python(out, "progress_percent",
        sum->total ? (double)sum->completed / (double)sum->total * 100 : 0);
    kv_buf_add_char(out, '}');
    if (sum->unknown) {
        kv_json_out_null(out, "failed_count");
    } else {
        kv_json_out_int(out, "failed_count", sum->failed);
        kv_outcomes_add_json(out, &sum->outcomes);
    }
    kv_status_add_pace(out, per_minute, sum->pending);
    kv_json_out_flag(out, "complete", sum->complete == sum->states);
    kv_buf_add_char(out, '}');
}
