/* failure - how a task can fail: categories, and the groups that decide what to do about them. */
#include "failure.h"

#include "json.h"
#include "json_out.h"

/* One list, in the order of enum kv_failure. */
const char *const kv_failure_names[] = {"content", "recursion_limit", "trace_validation",
    "deep_judgment", "deep_judgment_rubric", "timeout", "connection", "rate_limit", "server_error",
    "abstention", "sufficiency", "template_validation", "parsing", "unexpected_error", NULL};

static const enum kv_failure_group groups[] = {
    [KV_FAIL_NONE] = KV_GROUP_NONE,
    [KV_FAIL_CONTENT] = KV_GROUP_CONTENT,
    [KV_FAIL_RECURSION_LIMIT] = KV_GROUP_AUTOFAIL,
    [KV_FAIL_TRACE_VALIDATION] = KV_GROUP_AUTOFAIL,
    [KV_FAIL_DEEP_JUDGMENT] = KV_GROUP_AUTOFAIL,
    [KV_FAIL_DEEP_JUDGMENT_RUBRIC] = KV_GROUP_AUTOFAIL,
    [KV_FAIL_TIMEOUT] = KV_GROUP_RETRY,
    [KV_FAIL_CONNECTION] = KV_GROUP_RETRY,
    [KV_FAIL_RATE_LIMIT] = KV_GROUP_RETRY,
    [KV_FAIL_SERVER_ERROR] = KV_GROUP_RETRY,
    [KV_FAIL_ABSTENTION] = KV_GROUP_ABSTAINED,
    [KV_FAIL_SUFFICIENCY] = KV_GROUP_ABSTAINED,
    [KV_FAIL_TEMPLATE_VALIDATION] = KV_GROUP_SYSTEM,
    [KV_FAIL_PARSING] = KV_GROUP_SYSTEM,
    [KV_FAIL_UNEXPECTED_ERROR] = KV_GROUP_SYSTEM,
    [KV_FAIL_OTHER] = KV_GROUP_NONE,
};

const char *kv_failure_name(enum kv_failure f)
{
    return f == KV_FAIL_NONE || f == KV_FAIL_OTHER ? NULL : kv_failure_names[f - 1];
}

enum kv_failure kv_failure_find(struct kv_slice name)
{
    for (unsigned i = 0; kv_failure_names[i]; i++)
        if (kv_slice_is(name, kv_failure_names[i]))
            return (enum kv_failure)(i + 1);
    return KV_FAIL_NONE;
}

enum kv_failure kv_failure_of_json(struct kv_slice value)
{
    if (kv_json_type(value) == KV_JSON_STRING)
        for (unsigned i = 0; kv_failure_names[i]; i++)
            if (kv_json_string_is(value, kv_failure_names[i]))
                return (enum kv_failure)(i + 1);
    return KV_FAIL_NONE;
}

enum kv_failure_group kv_failure_group(enum kv_failure f)
{
    return groups[f];
}

const char *kv_failure_group_name(enum kv_failure_group g)
{
    static const char *const names[] = {
        NULL, "content", "autofail", "retry", "abstained", "system"};
    return names[g];
}

void kv_failure_add_unexpected(struct kv_buf *row, const char *stage, struct kv_slice reason)
{
    enum kv_failure f = KV_FAIL_UNEXPECTED_ERROR;
    kv_json_out_object(row, "failure");
    kv_json_out_str(row, "category", kv_failure_name(f));
    kv_json_out_str(row, "stage", stage);
    kv_json_out_text(row, "reason", reason);
    kv_json_out_null(row, "details");
    kv_json_out_str(row, "group", kv_failure_group_name(kv_failure_group(f)));
    kv_buf_add_char(row, '}');
}
