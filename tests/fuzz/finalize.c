/* finalize - fuzz target: a pair of files made into an export, the state first, then a NUL byte,
 * then the results; or, without a NUL byte, an export that is there already.
 *
 * What is written is JSON, and can be read as a finished run.
 */
#include "finalize.h"
#include "io.h"
#include "json.h"
#include "scratch.h"
#include "state.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* How many tasks the finished run has; -1: it is none. */
static int64_t look(void)
{
    struct kv_task_state task;
    struct kv_tasks walk;
    struct kv_err err;
    int64_t tasks = 0;
    struct kv_state *s = kv_state_open_any(scratch_path("r.json"), &err);
    if (!s || kv_state_load(s, KV_LOAD_TASKS | KV_LOAD_ROWS, &err) != 0 ||
        kv_tasks_begin(&walk, s, KV_KEYS_MANIFEST, &err) != 0) {
        kv_state_close(s);
        return -1;
    }
    while (kv_tasks_next(&walk, &task, &err) == 1)
        tasks++;
    kv_tasks_end(&walk);
    kv_state_close(s);
    return tasks;
}

static void check_export(void)
{
    struct kv_buf text = {0};
    struct kv_slice value;
    struct kv_err err;
    assert(kv_io_read(scratch_path("r.json"), 0, &text, &err) == 0);
    assert(kv_json_check(kv_slice_of(&text), KV_JSON_STRICT, &value, &err) == 0);
    kv_buf_release(&text);
}

static int finalize(bool partial)
{
    struct kv_finalize how = {.partial = partial, .csv = true, .now = 1800000000};
    struct kv_finalized done = {0};
    struct kv_buf text = {0};
    struct kv_err err;
    int rc = kv_finalize(scratch_path("r.json.state"), &how, &done, &err);
    if (rc == 0)
        kv_finalized_add_json(&text, &done);
    kv_buf_release(&text);
    kv_finalized_release(&done);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice rest = {(const char *)bytes, n}, first = scratch_part(&rest);
    bool pair = first.n != n;
    scratch_path("");
    if (pair) {
        scratch_write("r.json.state", first);
        scratch_write("r.json.tmp", rest);
        scratch_write("r.json.results.jsonl", rest);
        if (finalize(true) == 0)
            check_export();
    } else {
        scratch_write("r.json", first);
    }
    if (finalize(false) == 0 && pair) {
        check_export();
        assert(look() >= 0);
    } else {
        look();
    }
    scratch_empty();
    return 0;
}
