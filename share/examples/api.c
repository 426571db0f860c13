/* api - karenina's tutorial of progressive save, step by step, from C.
 *
 *     cc api.c -o api $(pkg-config --cflags --libs kv)
 *     ./api preset.json results.json
 */
#include <kv.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "langchain:gpt-4.1-mini:a:"
#define JUDGE "langchain:gpt-4.1:j:"

static struct kv_error error;

static void must(int ok)
{
    if (!ok) {
        fprintf(stderr, "api: %s\n", error.text);
        exit(error.status);
    }
}

static void add(struct kv_save *save, const char *question)
{
    char row[1024];
    snprintf(
        row, sizeof row, "{\"task_id\":\"%s\\t" MODEL "\\t" JUDGE "\",\"verdict\":true}", question);
    must(kv_save_add_result(save, row, strlen(row), &error) == 0);
    printf("added %s: %d/%d\n", question, (int)kv_save_completed_count(save),
        (int)kv_save_total_tasks(save));
}

static int print_key(void *closure, const char *key, size_t size)
{
    (void)closure;
    printf("pending: %.*s\n", (int)size, key);
    return 0;
}

int main(int argc, char **argv)
{
    static char config[1 << 16], keys[3][128];
    const char *manifest[] = {keys[0], keys[1], keys[2]}, *reason;
    FILE *preset = argc == 3 ? fopen(argv[1], "r") : NULL;
    if (!preset)
        return fprintf(stderr, "usage: api PRESET OUTPUT\n"), 2;
    size_t size = fread(config, 1, sizeof config, preset);
    fclose(preset);
    for (int i = 0; i < 3; i++)
        kv_task_key(keys[i], sizeof keys[i], (const char *[]){"q1", "q2", "q3"}[i], MODEL, JUDGE,
            KV_TASK_NO_REPLICATE);

    /* Initialize, and add results: each is on disk when the call returns. */
    const struct kv_save_run run = {"bench.jsonld", config, size, manifest, 3};
    struct kv_save *save = kv_save_initialize(argv[2], &run, &error);
    must(save != NULL);
    add(save, "q1");
    add(save, "q2");

    /* Inspect, as another process would while this one is running. */
    struct kv_inspection status;
    must(kv_inspect_state_file(kv_save_state_path(save), &status, &error) == 0);
    printf("%.1f%% done, %d pending, %s\n", status.progress_percent, (int)status.pending_count,
        status.tmp_file_exists ? "results so far are there" : "no results");
    kv_save_close(save);

    /* Resume, as a new process would. */
    save = kv_save_load_for_resume(argv[2], &error);
    must(save != NULL);
    must(kv_save_each_pending(save, print_key, NULL, &error) == 0);
    printf("same config: %d\n",
        kv_save_is_compatible(save, config, size, "bench.jsonld", NULL, &error));
    kv_save_is_compatible(save, config, size, "other.jsonld", &reason, &error);
    printf("other path: %s\n", reason);
    add(save, "q3");

    /* Finalize: one file remains. */
    must(kv_save_finalize(save, &error) == 0);
    kv_save_close(save);
    return 0;
}
