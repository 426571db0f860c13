/* store - fuzz target: adding to a pair of files that somebody else wrote or broke: the state
 * first, then a NUL byte, then the results.
 *
 * If an add is acknowledged, the pair reads well, has the key, and takes the key no second time.
 */
#include "store.h"
#include "io.h"
#include "json.h"

#include <assert.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char base[64];
static const char row[] = "{\"task_id\":\"fuzz\",\"error\":null}";

static void empty_directory(void)
{
    DIR *d = opendir(base);
    for (struct dirent *e; d && (e = readdir(d));)
        if (*e->d_name != '.' || strlen(e->d_name) > 2)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

static void remove_directory(void)
{
    empty_directory();
    rmdir(base);
}

static void write_file(const char *name, const uint8_t *bytes, size_t n)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *f = fopen(path, "w");
    if (!f || (n && fwrite(bytes, 1, n, f) != n) || fclose(f) != 0)
        abort();
}

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
        rc = kv_store_add(st, KV_SLICE(row), &added, &key, &err);
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

static void check_pair(const char *path)
{
    struct kv_task_state task;
    struct kv_err err;
    struct kv_state *s = kv_state_open(path, &err);
    assert(s);
    assert(kv_state_load(s, KV_LOAD_TASKS | KV_LOAD_ROWS, &err) == 0);
    kv_state_find(s, KV_SLICE("fuzz"), &task);
    assert(task.in_manifest && task.recorded && task.has_row && !task.failed);
    check_document(path);
    if (kv_state_info(s)->layout == KV_LAYOUT_1)
        check_document(kv_state_info(s)->results_path);
    kv_state_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[96];
    if (!base[0]) {
        strcpy(base,
            access("/dev/shm", W_OK) == 0 ? "/dev/shm/kv-fuzz-XXXXXX" : "/tmp/kv-fuzz-XXXXXX");
        if (!mkdtemp(base))
            abort();
        atexit(remove_directory);
    }
    snprintf(path, sizeof path, "%s/r.json.state", base);
    const uint8_t *nul = n ? memchr(bytes, 0, n) : NULL;
    size_t first = nul ? (size_t)(nul - bytes) : n;
    write_file("r.json.state", bytes, first);
    write_file("r.json.tmp", nul ? nul + 1 : bytes, nul ? n - first - 1 : 0);
    write_file("r.json.results.jsonl", nul ? nul + 1 : bytes, nul ? n - first - 1 : 0);
    if (add(path) == 1) {
        check_pair(path);
        assert(add(path) == 0);
        check_pair(path);
    }
    empty_directory();
    return 0;
}
