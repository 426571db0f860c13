/* exec_result - results that a command made: one JSON object it printed, or the fact that it
 * failed. */
#include "exec_result.h"

#include "json.h"

static void begin_with_key(struct kv_buf *line, struct kv_slice key)
{
    kv_buf_add_str(line, "{\"task_id\":");
    kv_json_quote(line, key, KV_JSON_RAW);
}

bool kv_exec_result_read(struct kv_buf *line, struct kv_slice output, struct kv_slice key)
{
    struct kv_slice object, v;
    struct kv_err err;
    if (kv_json_check(output, KV_JSON_PORTABLE, &object, &err) != 0 ||
        kv_json_type(object) != KV_JSON_OBJECT)
        return false;
    bool named = kv_json_get(object, "task_id", &v) || kv_json_get(object, "metadata", &v);
    size_t start = line->n;
    if (!named) {
        begin_with_key(line, key);
        if (kv_json_count(object))
            kv_buf_add_char(line, ',');
    }
    size_t brace = line->n;
    kv_json_compact(line, object);
    if (brace > start)
        kv_buf_cut(line, brace, 1); /* ours opens the object */
    kv_buf_add_char(line, '\n');
    return true;
}

void kv_exec_result_failure(struct kv_buf *line, struct kv_slice key, struct kv_slice why)
{
    begin_with_key(line, key);
    kv_buf_add_str(line, ",\"failure\":{\"category\":\"unexpected_error\",\"stage\":\"exec\","
                         "\"reason\":");
    kv_json_quote(line, why, KV_JSON_RAW);
    kv_buf_add_str(line, ",\"details\":null,\"group\":\"system\"}}\n");
}
