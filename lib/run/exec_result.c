/* exec_result - results that a command made: one JSON object it printed, or the fact that it
 * failed. */
#include "exec_result.h"

#include "failure.h"
#include "json.h"
#include "json_out.h"
#include "result.h"

static void begin_with_key(struct kv_buf *line, struct kv_slice key)
{
    kv_json_out_object(line, NULL);
    kv_json_out_text(line, "task_id", key);
}

/* Appends the key of the task that a result names; nothing if it names none. */
static void add_named_key(struct kv_slice object, struct kv_buf *key)
{
    struct kv_slice v;
    struct kv_result result;
    if (kv_json_get(object, "task_id", &v))
        kv_json_unescape(v, key);
    else if (kv_result_read(object, KV_JSON_PORTABLE | KV_RESULT_CHECKED, &result, NULL) == 0)
        kv_result_key(&result, key);
}

/* The turns of a scenario are named by it, whoever answered them. */
static bool is_of_scenario(struct kv_slice object)
{
    struct kv_slice v;
    return kv_json_path(object, &v, "metadata", "scenario_id", NULL) && !kv_json_is_null(v);
}

static bool names_another(struct kv_slice object, struct kv_slice key, struct kv_buf *why)
{
    struct kv_buf named = {0};
    add_named_key(object, &named);
    bool another = !kv_slice_eq(kv_slice_of(&named), key) && !is_of_scenario(object);
    if (another) {
        kv_buf_add_str(why, "the command's result is of another task: ");
        kv_json_quote(why, kv_slice_of(&named), KV_JSON_RAW);
    }
    kv_buf_release(&named);
    return another;
}

bool kv_exec_result_read(
    struct kv_buf *line, struct kv_slice output, struct kv_slice key, struct kv_buf *why)
{
    struct kv_slice object, v;
    struct kv_err err;
    if (kv_json_check(output, KV_JSON_PORTABLE, &object, &err) != 0 ||
        kv_json_type(object) != KV_JSON_OBJECT) {
        kv_buf_add_str(why, "the command did not print a JSON object");
        return false;
    }
    bool named = kv_json_get(object, "task_id", &v) || kv_json_get(object, "metadata", &v);
    if (named && names_another(object, key, why))
        return false;
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
    kv_failure_add_unexpected(line, "exec", why);
    kv_buf_add_str(line, "}\n");
}
