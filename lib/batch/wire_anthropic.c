/* wire_anthropic - Message Batches: all requests in the body that creates the batch. */
#include "batch_json.h"
#include "batch_wire.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"processing", "succeeded", "errored", "canceled", "expired"};

/* The counts move only at the end: until then everything is in work. */
static void read_counts(struct kv_slice object, struct kv_batch_seen *seen)
{
    struct kv_slice counts;
    int64_t n[5], total = 0;
    if (!kv_json_get(object, "request_counts", &counts))
        return;
    for (size_t i = 0; i < 5; i++) {
        n[i] = kv_batch_json_whole(counts, kinds[i], 0);
        total += n[i];
    }
    seen->counts = (struct kv_batch_counts){total, n[1], total - n[0] - n[1]};
}

static void read(struct kv_slice object, struct kv_batch_seen *seen)
{
    kv_batch_seen_clear(seen);
    kv_batch_wire_id(object, "id", seen->id);
    kv_batch_wire_status(object, "processing_status", seen);
    seen->created_ms = kv_batch_json_time(object, "created_at");
    seen->ended_ms = kv_batch_json_time(object, "ended_at");
    seen->expires_ms = kv_batch_json_time(object, "expires_at");
    seen->archived = kv_batch_json_time(object, "archived_at") != 0;
    if (seen->created_ms)
        seen->results_until_ms = seen->created_ms + INT64_C(29) * 86400000;
    char *url = kv_batch_json_text(object, "results_url");
    kv_buf_add_str(&seen->results_url, url);
    free(url);
    read_counts(object, seen);
}

static bool add_request(struct kv_slice line, struct kv_buf *out)
{
    struct kv_slice id, body;
    if (!kv_json_get(line, "custom_id", &id) || !kv_json_get(line, "body", &body))
        return false;
    kv_buf_add_str(out, "{\"custom_id\":");
    kv_buf_add_slice(out, id);
    kv_buf_add_str(out, ",\"params\":");
    kv_json_compact(out, body);
    kv_buf_add_char(out, '}');
    return true;
}

const struct kv_batch_wire kv_batch_wire_anthropic = {
    .shape = "anthropic",
    .batches = "/messages/batches",
    .page = "limit=1000",
    .after = "after_id",
    .requests_max = 100000,
    .bytes_max = 256000000,
    .counts_all = true,
    .read = read,
    .add_request = add_request,
};
