/* tasks - fuzz target: a list of jobs and their configuration: the list, a NUL byte, the
 * configuration. */
#include "json.h"
#include "manifest.h"
#include "scratch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(const struct kv_manifest *m)
{
    struct kv_task_parts parts;
    struct kv_buf line = {0}, key = {0};
    struct kv_slice value;
    struct kv_err err;
    for (size_t i = 0; i < m->count; i++) {
        kv_task_parse_key(kv_manifest_key(m, i, &key), &parts, &err);
        kv_buf_clear(&line);
        kv_manifest_add_task(m, i, &line);
        assert(kv_json_check(kv_slice_of(&line), KV_JSON_STRICT, &value, &err) == 0);
    }
    kv_buf_release(&line);
    kv_buf_release(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice rest = {(const char *)bytes, n}, list = scratch_part(&rest);
    struct kv_manifest_options options = {.output = "r.json"};
    struct kv_manifest m;
    struct kv_err err;
    scratch_write("tasks", list);
    scratch_write("config", rest);
    options.tasks = scratch_path("tasks");
    options.config = rest.n ? scratch_path("config") : NULL;
    options.shard = n % 4 ? NULL : "1/2";
    if (kv_manifest_plan(&m, &options, &err) == 0)
        check(&m);
    kv_manifest_release(&m);
    return 0;
}
