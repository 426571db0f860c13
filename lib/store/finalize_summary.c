/* finalize_summary - what kv_finalize did, as one object. */
#include "finalize.h"

#include "json_out.h"

#include <math.h>
#include <stdlib.h>

void kv_finalized_add_json(struct kv_buf *out, const struct kv_finalized *done)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "output_path", done->output_path);
    kv_json_out_str(out, "csv_path", done->csv_path);
    if (done->jsonl_path)
        kv_json_out_str(out, "jsonl_path", done->jsonl_path);
    kv_json_out_flag(out, "is_complete", done->is_complete);
    kv_json_out_flag(out, "already_finalized", done->already);
    kv_json_out_int(out, "total_tasks", done->total);
    kv_json_out_int(out, "completed_count", done->completed);
    kv_json_out_int(out, "pending_count", done->pending);
    kv_json_out_int(out, "result_count", done->rows.results);
    kv_json_out_int(out, "superseded_count", done->superseded);
    kv_json_out_int(out, "successful_count", done->successful);
    kv_json_out_int(out, "failed_count", done->failed);
    if (!done->already)
        kv_tally_add_json(out, &done->rows);
    kv_json_out_number(out, "duration_seconds", done->has_duration ? done->duration : (double)NAN);
    kv_buf_add_char(out, '}');
}

void kv_finalized_release(struct kv_finalized *done)
{
    kv_tally_release(&done->rows);
    free(done->output_path);
    free(done->csv_path);
    free(done->jsonl_path);
    *done = (struct kv_finalized){0};
}
