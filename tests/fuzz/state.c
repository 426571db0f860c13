/* state - fuzz target: a pair of files, the state first, then a NUL byte, then the results.
 *
 * Read only: what a reader does with files it did not write.
 */
#include "state.h"

#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_pair(void)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    struct kv_err err;
    struct kv_state *s = kv_state_open(scratch_path("r.json.state"), &err);
    if (!s)
        return;
    kv_state_check(s, &err);
    if (kv_state_load(s, KV_LOAD_TASKS | KV_LOAD_ROWS, &err) == 0 &&
        kv_tasks_begin(&walk, s, KV_KEYS_MANIFEST, &err) == 0) {
        while (kv_tasks_next(&walk, &task, &err) == 1)
            ;
        kv_tasks_end(&walk);
    }
    kv_state_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice rest = {(const char *)bytes, n}, first = scratch_part(&rest);
    scratch_write("r.json.state", first);
    scratch_write("r.json.tmp", rest);
    scratch_write("r.json.results.jsonl", rest);
    read_pair();
    return 0;
}
