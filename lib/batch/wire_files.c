/* wire_files - the batch service of OpenAI and its kin: a file is uploaded, a batch made of it. */
#include "batch_json.h"
#include "batch_wire.h"
#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>

/* The window and the label; the endpoint is the url of the lines. */
static void add_create(const struct kv_batch_part *p, const char *label, struct kv_buf *body)
{
    kv_json_out_object(body, NULL);
    kv_json_out_str(body, "input_file_id", p->file);
    kv_json_out_str(body, "endpoint", p->url);
    kv_json_out_str(body, "completion_window", "24h");
    kv_json_out_object(body, "metadata");
    kv_json_out_str(body, "kv", label);
    kv_buf_add_str(body, "}}");
}

static void read_counts(struct kv_slice object, struct kv_batch_seen *seen)
{
    struct kv_slice counts;
    if (!kv_json_get(object, "request_counts", &counts))
        return;
    seen->counts.total = kv_batch_json_whole(counts, "total", -1);
    seen->counts.done = kv_batch_json_whole(counts, "completed", -1);
    seen->counts.failed = kv_batch_json_whole(counts, "failed", -1);
}

/* The first of its errors. */
static void read_errors(struct kv_slice object, struct kv_batch_seen *seen)
{
    struct kv_slice data, item;
    struct kv_json_walk w;
    if (!kv_json_path(object, &data, "errors", "data", NULL))
        return;
    kv_json_begin(&w, data);
    if (kv_json_type(data) != KV_JSON_ARRAY || !kv_json_item(&w, &item))
        return;
    char *code = kv_batch_json_text(item, "code"), *text = kv_batch_json_text(item, "message");
    kv_buf_add_str(&seen->code, code);
    kv_buf_add_plain(&seen->message, kv_slice(text));
    seen->line = kv_batch_json_whole(item, "line", 0);
    free(code);
    free(text);
}

/* Its end has a name for each kind. */
static int64_t read_end(struct kv_slice object)
{
    static const char *const names[] = {"completed_at", "expired_at", "cancelled_at", "failed_at"};
    int64_t ms = 0;
    for (size_t i = 0; !ms && i < sizeof names / sizeof *names; i++)
        ms = kv_batch_json_time(object, names[i]);
    return ms;
}

static void read(struct kv_slice object, struct kv_batch_seen *seen)
{
    struct kv_slice metadata, usage;
    kv_batch_seen_clear(seen);
    kv_batch_wire_id(object, "id", seen->id);
    kv_batch_wire_id(object, "input_file_id", seen->input);
    kv_batch_wire_id(object, "output_file_id", seen->output);
    kv_batch_wire_id(object, "error_file_id", seen->errors);
    if (kv_json_get(object, "metadata", &metadata))
        kv_batch_wire_text(metadata, "kv", seen->mark, sizeof seen->mark);
    kv_batch_wire_status(object, "status", seen);
    seen->created_ms = kv_batch_json_time(object, "created_at");
    seen->ended_ms = read_end(object);
    seen->expires_ms = kv_batch_json_time(object, "expires_at");
    if (kv_json_get(object, "usage", &usage))
        seen->tokens = kv_batch_json_number(usage, "total_tokens", -1);
    read_counts(object, seen);
    read_errors(object, seen);
}

const struct kv_batch_wire kv_batch_wire_files = {
    .shape = "files",
    .has_files = true,
    .batches = "/batches",
    .page = "limit=100",
    .after = "after",
    .requests_max = 50000,
    .bytes_max = 200000000,
    .add_create = add_create,
    .read = read,
};
