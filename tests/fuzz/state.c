/* state - fuzz target: a pair of files, the state first, then a NUL byte, then the results.
 *
 * Read only: what a reader does with files it did not write.
 */
#include "state.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char base[64];

static void remove_files(void)
{
    static const char *const suffixes[] = {".state", ".tmp", ".results.jsonl"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s%s", base, suffixes[i]);
        unlink(path);
    }
    *strrchr(base, '/') = '\0';
    rmdir(base);
}

static void write_file(const char *suffix, const uint8_t *bytes, size_t n)
{
    char path[96];
    snprintf(path, sizeof path, "%s%s", base, suffix);
    FILE *f = fopen(path, "w");
    if (!f || (n && fwrite(bytes, 1, n, f) != n) || fclose(f) != 0)
        abort();
}

static void read_pair(void)
{
    char path[96];
    struct kv_tasks walk;
    struct kv_task_state task;
    struct kv_err err;
    snprintf(path, sizeof path, "%s.state", base);
    struct kv_state *s = kv_state_open(path, &err);
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
    if (!base[0]) {
        strcpy(base, "/tmp/kv-fuzz-XXXXXX");
        if (!mkdtemp(base))
            abort();
        strcat(base, "/r.json");
        atexit(remove_files);
    }
    const uint8_t *nul = n ? memchr(bytes, 0, n) : NULL;
    size_t first = nul ? (size_t)(nul - bytes) : n;
    write_file(".state", bytes, first);
    write_file(".tmp", nul ? nul + 1 : bytes, nul ? n - first - 1 : 0);
    write_file(".results.jsonl", nul ? nul + 1 : bytes, nul ? n - first - 1 : 0);
    read_pair();
    return 0;
}
