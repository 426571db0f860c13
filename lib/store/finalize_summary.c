/* finalize_summary - what kv_finalize did, as one object. */
#include "finalize.h"

#include "json.h"
#include "num.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void kv_finalized_add_json(struct kv_buf *out, const struct kv_finalized *done)
{
    kv_buf_add_str(out, "{\"output_path\":");
    kv_json_quote_str(out, done->output_path);
    kv_buf_add_str(out, ",\"csv_path\":");
    kv_json_quote_str(out, done->csv_path);
    kv_buf_printf(out,
        ",\"is_complete\":%s,\"already_finalized\":%s,\"total_tasks\":%" PRId64
        ",\"completed_count\":%" PRId64 ",\"pending_count\":%" PRId64 ",\"result_count\":%" PRId64
        ",\"superseded_count\":%" PRId64 ",\"successful_count\":%" PRId64
        ",\"failed_count\":%" PRId64,
        done->is_complete ? "true" : "false", done->already ? "true" : "false", done->total,
        done->completed, done->pending, done->rows.results, done->superseded, done->successful,
        done->failed);
    if (!done->already) {
        kv_buf_add_char(out, ',');
        kv_tally_add_json(out, &done->rows);
    }
    kv_buf_add_str(out, ",\"duration_seconds\":");
    kv_num_add_double(out, done->has_duration ? done->duration : NAN, KV_NUM_COMPACT);
    kv_buf_add_char(out, '}');
}

void kv_finalized_release(struct kv_finalized *done)
{
    kv_tally_release(&done->rows);
    free(done->output_path);
    free(done->csv_path);
    *done = (struct kv_finalized){0};
}
