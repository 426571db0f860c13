/* batch_beside - what other programs ask of the ledger beside a run: no network, no lock. */
#include "batch_beside.h"

#include "batch_json.h"
#include "batch_paths.h"
#include "io.h"
#include "io_at.h"
#include "json_out.h"
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAIL = 1024 }; /* more than what follows the reply in its line */

static void earlier(int64_t *least, int64_t ms)
{
    if (!*least || ms < *least)
        *least = ms;
}

static void count(struct kv_batch_beside *b, const struct kv_batch_part *p)
{
    b->answered += p->replies;
    b->faulty += p->step == KV_BATCH_GIVEN_UP && p->loss == KV_BATCH_FAULTY;
    if (!kv_batch_part_is_open(p))
        return;
    b->open++;
    b->requests += p->requests;
    earlier(&b->oldest_ms, p->made_ms);
    if (p->step == KV_BATCH_ENDED)
        earlier(&b->uncollected_ms, p->ended_ms);
}

int kv_batch_beside_read(
    struct kv_batch_beside *b, const struct kv_paths *paths, struct kv_err *err)
{
    *b = (struct kv_batch_beside){0};
    struct kv_ledger *l = kv_ledger_open(paths, err);
    if (!l)
        return -1;
    b->there = kv_ledger_parts(l) > 0;
    for (size_t i = 0; i < kv_ledger_parts(l); i++)
        count(b, kv_ledger_part(l, i));
    kv_ledger_close(l);
    return 0;
}

int kv_batch_beside_held(
    const struct kv_paths *paths, struct kv_batch_ids **held, struct kv_err *err)
{
    *held = NULL;
    struct kv_ledger *l = kv_ledger_open(paths, err);
    if (!l)
        return -1;
    int failed = 0;
    if (kv_ledger_open_parts(l)) {
        *held = kv_batch_ids_open();
        failed = kv_batch_ids_add_open(*held, l, paths, err);
    }
    kv_ledger_close(l);
    if (failed) {
        kv_batch_ids_close(*held);
        *held = NULL;
    }
    return failed;
}

/* True if the last line of a part's replies stands where the ledger says: the file is only ever added to, so
 * that the others stand before it. */
static bool has_last_line(int fd, const struct kv_batch_part *p)
{
    char tail[TAIL];
    struct kv_buf mark = {0};
    struct kv_file file;
    size_t n = p->replies_end < TAIL ? (size_t)p->replies_end : TAIL;
    if (fd < 0 || kv_io_stat(fd, &file) != 0 || file.id.size < p->replies_end ||
        kv_io_pread(fd, tail, n, (off_t)(p->replies_end - (int64_t)n), NULL) != 0)
        return false;
    kv_json_out_str(&mark, "batch", p->batch);
    bool there = tail[n - 1] == '\n' && memmem(tail, n, mark.p, mark.n);
    kv_buf_release(&mark);
    return there;
}

int kv_batch_beside_lost(const struct kv_ledger *ledger, const struct kv_paths *paths,
    void (*lost)(void *closure, struct kv_batch_part *p), void *closure, struct kv_err *err)
{
    char *path = kv_batch_replies_path(paths);
    int n = 0, fd = kv_io_open(AT_FDCWD, path, KV_IO_READ);
    if (fd < 0 && errno != ENOENT)
        n = kv_err_sys(err, "%s", path);
    for (size_t i = 0; n >= 0 && i < kv_ledger_parts(ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(ledger, i);
        if (!kv_batch_part_has_replies(p) || has_last_line(fd, p))
            continue;
        n++;
        if (lost)
            lost(closure, p);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return n;
}

int kv_batch_beside_replies(const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_ledger *l = kv_ledger_open(paths, err);
    if (!l)
        return -1;
    int lacks = kv_batch_beside_lost(l, paths, NULL, NULL, err);
    if (lacks > 0)
        kv_err_set(err, KV_INPUT,
            "%s.replies: replies that were collected are gone: kv-batch collect %s fetches them "
            "again; --race asks all the same",
            paths->output, kv_ledger_path(l));
    kv_ledger_close(l);
    return lacks ? -1 : 0;
}

void kv_batch_beside_add(const struct kv_batch_beside *b, struct kv_buf *out)
{
    if (!b->there)
        return;
    kv_json_out_object(out, "batches");
    kv_json_out_int(out, "open", b->open);
    kv_json_out_int(out, "requests", b->requests);
    kv_json_out_int(out, "answered", b->answered);
    kv_batch_json_add_time(out, "oldest", b->oldest_ms);
    kv_batch_json_add_time(out, "uncollected_since", b->uncollected_ms);
    kv_buf_add_char(out, '}');
    kv_json_out_int(out, "waiting_for_batch", b->requests);
}

static int remove_path(char *path, struct kv_err *err)
{
    int failed = kv_io_remove(AT_FDCWD, path) != 0 ? kv_err_sys(err, "%s", path) : 0;
    free(path);
    return failed;
}

int kv_batch_beside_remove(const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_ledger *l = kv_ledger_open(paths, err);
    if (!l)
        return -1;
    size_t open = kv_ledger_open_parts(l) + kv_ledger_open_calls(l);
    int failed = 0;
    if (open)
        failed = kv_err_set(err, KV_INPUT,
            "%s: %zu batch%s still ordered and not removed: kv-batch collect %s, or cancel before "
            "it; then kv-finalize %s removes what is left",
            kv_ledger_path(l), open, open == 1 ? " or answer is" : "es or answers are",
            kv_ledger_path(l), paths->output);
    for (size_t i = 0; !failed && i < kv_ledger_parts(l); i++)
        failed = remove_path(kv_batch_request_path(paths, kv_ledger_part(l, i)->number), err);
    if (!failed && kv_ledger_parts(l))
        failed = remove_path(kv_batch_replies_path(paths), err) || kv_ledger_remove(l, err);
    kv_ledger_close(l);
    return failed;
}
