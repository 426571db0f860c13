/* batch_paths - the names of the files of batches, beside those of a run. */
#include "batch_paths.h"

#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".batches";

int kv_batch_find_paths(const char *operand, struct kv_paths *paths, struct kv_err *err)
{
    size_t n = strlen(operand), m = sizeof suffix - 1;
    if (n <= m || strcmp(operand + n - m, suffix) != 0)
        return kv_paths_find(paths, operand, err);
    char *output = kv_strndup(operand, n - m);
    int failed = kv_paths_of_output(paths, output, err);
    free(output);
    return failed;
}

char *kv_batch_ledger_path(const struct kv_paths *paths)
{
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s%s", paths->output, suffix);
    return kv_buf_detach(&path);
}

char *kv_batch_request_path(const struct kv_paths *paths, int64_t part)
{
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s.batch-%lld.jsonl", paths->output, (long long)part);
    return kv_buf_detach(&path);
}

char *kv_batch_replies_path(const struct kv_paths *paths)
{
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s.replies", paths->output);
    return kv_buf_detach(&path);
}
