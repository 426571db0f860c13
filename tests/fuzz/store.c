/* store - fuzz target: adding to a pair of files that somebody else wrote or broke: the state
 * first, then a NUL byte, then the results; behind another NUL byte the row, if it is not ours.
 *
 * If an add is acknowledged, the pair reads well, has the key, and takes it no second time.
 */
#include "store.h"
#include "io.h"
#include "json.h"
#include "scratch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct kv_slice row;
static struct kv_buf row_key; /* of the row that was added */

/* 1: acknowledged, 0: not wanted again, -1: refused. */
static int add(const char *state)
{
    struct kv_err err;
    enum kv_added added;
    struct kv_slice key;
    struct kv_store *st = kv_store_open(state, KV_STORE_EXTEND, &err);
    if (!st)
        return -1;
    int rc = kv_store_begin(st, &err);
    if (rc == 0)
        rc = kv_store_add(st, row, &added, &key, &err);
    kv_buf_clear(&row_key);
    if (rc == 0)
        kv_buf_add_slice(&row_key, key);
    if (rc == 0)
        rc = kv_store_commit(st, &err);
    kv_store_close(st);
    return rc != 0 ? -1 : added == KV_ADDED || added == KV_ADDED_AGAIN;
}

static void check_document(const char *path)
{
    struct kv_buf text = {0};
    struct kv_slice value;
    struct kv_err err;
    assert(kv_io_read(path, 0, &text, &err) == 0);
    assert(kv_json_check(kv_slice_of(&text), KV_JSON_NONFINITE, &value, &err) == 0);
    kv_buf_release(&text);
}

static void check_pair(const char *path, bool failed)
{
    struct kv_task_state task;
    struct kv_err err;
    struct kv_state *s = kv_state_open(path, &err);
    assert(s);
    assert(kv_state_load(s, KV_LOAD_TASKS | KV_LOAD_ROWS, &err) == 0);
    kv_state_find(s, kv_slice_of(&row_key), &task);
    assert(task.in_manifest && task.recorded && task.has_row && task.failed == failed);
    check_document(path);
    if (kv_state_info(s)->layout == KV_LAYOUT_1)
        check_document(kv_state_info(s)->results_path);
    kv_state_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice rest = {(const char *)bytes, n}, state = scratch_part(&rest);
    struct kv_slice results = scratch_part(&rest);
    struct kv_result result;
    struct kv_err err;
    char path[96];
    snprintf(path, sizeof path, "%s", scratch_path("r.json.state"));
    row = rest.n ? rest : KV_SLICE("{\"task_id\":\"fuzz\",\"error\":null}");
    scratch_write("r.json.state", state);
    scratch_write("r.json.tmp", results);
    scratch_write("r.json.results.jsonl", results);
    if (add(path) == 1) {
        assert(kv_result_read(row, KV_JSON_STRICT, &result, &err) == 0);
        bool failed = kv_result_failed(&result);
        check_pair(path, failed);
        assert(add(path) == failed);
        check_pair(path, failed);
    }
    scratch_empty();
    return 0;
}
