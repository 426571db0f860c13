/* kvtest state - the state modules as the tests see them.
 *
 *     kvtest state create OUTPUT [CONFIG]      a pair whose manifest is the lines of standard input
 *     kvtest state load STATE                  what a resume would find, as one JSON object
 *     kvtest state rows STATE                  the key of every row, one a line as JSON
 *     kvtest state hold STATE                  takes the run lock, says "held", waits for its input
 */
#include "kvtest.h"

#include "io.h"
#include "json.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const struct kv_err *err)
{
    fprintf(stderr, "%s\n", err->text);
    return (int)err->kind;
}

static int create(const char *output, const char *config)
{
    struct kv_err err;
    struct kv_buf text = {0}, more = {0};
    struct kv_slice *keys = NULL;
    size_t n = 0;
    if (kv_io_read("-", 0, &text, &err) != 0 || (config && kv_io_read(config, 0, &more, &err) != 0))
        return fail(&err);
    for (char *at = text.p, *lf; at && (lf = strchr(at, '\n')); at = lf + 1) {
        if ((n & (n - 1)) == 0)
            keys = kv_array(keys, n ? 2 * n : 1, sizeof *keys);
        keys[n++] = (struct kv_slice){at, (size_t)(lf - at)};
    }
    struct kv_store_plan plan = {
        .output_path = output,
        .benchmark_path = "bench.jsonld",
        .config = config ? kv_slice_strip(kv_slice_of(&more)) : KV_SLICE("{}"),
        .config_hash = "",
        .task = kv_store_plan_listed,
        .tasks = keys,
        .manifest_count = n,
        .start_time = 1790000000.125,
        .members = KV_SLICE("{\"kv_note\": \"ours\"}"),
    };
    int failed = kv_store_create(&plan, &err);
    free(keys);
    kv_buf_release(&text);
    kv_buf_release(&more);
    return failed ? fail(&err) : 0;
}

static void print_keys(struct kv_state *s, enum kv_keys_of which, const char *name, bool pending)
{
    struct kv_tasks t;
    struct kv_task_state task;
    struct kv_err err;
    struct kv_buf out = {0};
    kv_buf_printf(&out, ",\"%s\":[", name);
    size_t start = out.n;
    if (kv_tasks_begin(&t, s, which, &err) != 0)
        exit(fail(&err));
    while (kv_tasks_next(&t, &task, &err) == 1) {
        if (pending && task.recorded)
            continue;
        kv_buf_add_str(&out, out.n > start ? "," : "");
        kv_json_quote(&out, task.key, KV_JSON_RAW);
    }
    kv_tasks_end(&t);
    printf("%s]", out.p);
    kv_buf_release(&out);
}

static int load(const char *path)
{
    struct kv_err err;
    struct kv_state *s = kv_state_open(path, &err);
    if (!s || kv_state_check(s, &err) != 0 || kv_state_load(s, KV_LOAD_ROWS, &err) != 0) {
        kv_state_close(s);
        return fail(&err);
    }
    const struct kv_state_info *in = kv_state_info(s);
    printf("{\"total_tasks\":%lld,\"completed_count\":%lld,\"adopted\":%lld,\"pending_count\":%lld,"
           "\"results\":%lld,\"failed_count\":%lld",
        (long long)in->manifest_length, (long long)in->recorded_count, (long long)in->adopted_count,
        (long long)in->pending_count, (long long)in->row_count, (long long)in->failed_count);
    struct kv_buf text = {0};
    kv_json_quote_str(&text, in->benchmark_path);
    kv_buf_add_str(&text, ",\"config_hash\":");
    kv_json_quote_str(&text, in->config_hash);
    kv_buf_add_str(&text, ",\"output_path\":");
    kv_json_quote_str(&text, in->paths->output);
    printf(",\"benchmark_path\":%s,\"start_time\":%.*s", text.p, (int)in->start_text.n,
        in->start_text.p);
    kv_buf_release(&text);
    print_keys(s, KV_KEYS_MANIFEST, "pending", true);
    print_keys(s, KV_KEYS_COMPLETED, "completed", false);
    printf("}\n");
    kv_state_close(s);
    return 0;
}

static int rows(const char *path)
{
    struct kv_err err;
    struct kv_rows walk;
    struct kv_row row;
    struct kv_result result;
    struct kv_buf key = {0}, line = {0};
    int got;
    struct kv_state *s = kv_state_open(path, &err);
    if (!s)
        return fail(&err);
    const struct kv_state_info *in = kv_state_info(s);
    if (kv_rows_begin(&walk, in->results_path, in->layout, &err) != 0)
        return fail(&err);
    while ((got = kv_rows_next(&walk, &row, &err)) != 0) {
        if (got < 0 && in->layout == KV_LAYOUT_1)
            return fail(&err);
        if (got < 0 || kv_result_read(row.text, KV_JSON_NONFINITE, &result, &err) != 0 ||
            kv_state_row_key(s, &result, &key, &err) != 0)
            continue;
        kv_buf_clear(&line);
        kv_json_quote(&line, kv_slice_of(&key), KV_JSON_RAW);
        puts(line.p);
    }
    kv_rows_end(&walk);
    kv_state_close(s);
    kv_buf_release(&key);
    kv_buf_release(&line);
    return 0;
}

static int hold(const char *path)
{
    struct kv_err err;
    struct kv_paths p;
    int fd;
    if (kv_paths_find(&p, path, &err) != 0)
        return fail(&err);
    if (kv_paths_run_lock(&p, &fd, &err) != 0) {
        kv_paths_release(&p);
        return fail(&err);
    }
    puts("held");
    fflush(stdout);
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0)
        continue;
    close(fd);
    kv_paths_release(&p);
    return 0;
}

int kvtest_state(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "create") == 0)
        return create(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc == 3 && strcmp(argv[1], "load") == 0)
        return load(argv[2]);
    if (argc == 3 && strcmp(argv[1], "rows") == 0)
        return rows(argv[2]);
    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2]);
    fputs("usage: kvtest state create|load|rows|hold PATH\n", stderr);
    return 2;
}
