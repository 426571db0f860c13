/* batch_rest - what a step by batches has left: is there anything to wait for? */
#include "batch_rest.h"

#include "batch_beside.h"
#include "batch_ids.h"
#include "batch_lines.h"
#include "json.h"
#include "request_line.h"
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

enum { SMALL = 50, SHARE = 100 };

static int count_file(
    struct kv_batch_rest *r, struct kv_batch_ids *ids, const char *path, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_request_line one;
    struct kv_slice line;
    struct kv_buf id = {0};
    int got = kv_batch_lines_open(&lines, path, err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1) {
        if ((got = kv_request_line_read(&one, line, err)) != 0)
            break;
        kv_buf_clear(&id);
        kv_json_unescape(one.id, &id);
        r->deferred++;
        r->tried += (kv_batch_ids_find(ids, kv_slice_of(&id)) & KV_BATCH_ID_AGAIN) != 0;
    }
    kv_batch_lines_close(&lines);
    kv_buf_release(&id);
    return got;
}

static int count_deferred(
    struct kv_batch_rest *r, struct kv_batch_ids *ids, const char *directory, struct kv_err *err)
{
    DIR *d = opendir(directory);
    struct dirent *e;
    int failed = !d && errno != ENOENT ? kv_err_sys(err, "%s", directory) : 0;
    while (d && !failed && (errno = 0, e = readdir(d))) {
        struct kv_buf path = {0};
        kv_buf_printf(&path, "%s/%s", directory, e->d_name);
        if (strncmp(e->d_name, "requests-", 9) == 0)
            failed = count_file(r, ids, path.p, err);
        kv_buf_release(&path);
    }
    if (d && !failed && errno)
        failed = kv_err_sys(err, "%s", directory);
    if (d)
        closedir(d);
    return failed;
}

int kv_batch_rest_read(struct kv_batch_rest *r, const struct kv_paths *paths, const char *directory,
    const char *replies, struct kv_err *err)
{
    struct kv_batch_beside b;
    struct kv_batch_ids *ids = kv_batch_ids_open();
    *r = (struct kv_batch_rest){0};
    int failed = kv_batch_beside_read(&b, paths, err) ||
                 kv_batch_ids_add_replies(ids, replies, err) ||
                 count_deferred(r, ids, directory, err);
    r->open = b.open;
    kv_batch_ids_close(ids);
    return failed ? -1 : 0;
}

bool kv_batch_rest_is_last(const struct kv_batch_rest *r)
{
    return r->open == 0 && r->tried == r->deferred;
}

int kv_batch_rest_is_small(const struct kv_paths *paths, int64_t *pending, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(paths->state, err);
    if (!s || kv_state_load(s, KV_LOAD_TASKS, err) != 0) {
        kv_state_close(s);
        return -1;
    }
    const struct kv_state_info *info = kv_state_info(s);
    *pending = info->pending_count;
    bool small = *pending > 0 && *pending <= SMALL && *pending * SHARE <= info->total_tasks;
    kv_state_close(s);
    return small;
}
