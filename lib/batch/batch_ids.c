/* batch_ids - which calls are ordered, answered or failed: a set of their ids, 32 bytes each.
 *
 * An entry of the table has the flags of the id in its lowest byte; above them stands the file of the
 * line that asks for it, in `outcome` the number of that line, in `offset` a hash of what it asks.
 */
#include "batch_ids.h"

#include "batch_lines.h"
#include "batch_paths.h"
#include "key_index.h"
#include "request_line.h"

#include "io.h"
#include "json.h"

#include <stdlib.h>
#include <unistd.h>

struct kv_batch_ids {
    struct kv_key_index *index;
};

struct kv_batch_ids *kv_batch_ids_open(void)
{
    struct kv_batch_ids *ids = kv_calloc(1, sizeof *ids);
    ids->index = kv_key_index_memory(1024);
    return ids;
}

void kv_batch_ids_close(struct kv_batch_ids *ids)
{
    if (!ids)
        return;
    kv_key_index_close(ids->index);
    free(ids);
}

enum { FLAGS = 0x7f, CLAIMED = 0x80, FILE_SHIFT = 8 };

/* A table in memory never fails. */
static struct kv_key_index_entry entry_of(struct kv_batch_ids *ids, struct kv_slice id)
{
    struct kv_key_index_entry e;
    if (kv_key_index_find(ids->index, kv_digest_128(id), &e, NULL) != 1)
        e = (struct kv_key_index_entry){.id = e.id};
    return e;
}

static void put(struct kv_batch_ids *ids, const struct kv_key_index_entry *e)
{
    kv_key_index_put(ids->index, e, NULL);
}

unsigned kv_batch_ids_find(struct kv_batch_ids *ids, struct kv_slice id)
{
    return entry_of(ids, id).flags & FLAGS;
}

unsigned kv_batch_ids_add(struct kv_batch_ids *ids, struct kv_slice id, unsigned flags)
{
    struct kv_key_index_entry e = entry_of(ids, id);
    unsigned before = e.flags;
    e.flags |= flags;
    if (e.flags != before)
        put(ids, &e);
    return before & FLAGS;
}

bool kv_batch_ids_claim(struct kv_batch_ids *ids, struct kv_slice id,
    const struct kv_batch_ids_line *line, struct kv_batch_ids_line *first)
{
    struct kv_key_index_entry e = entry_of(ids, id);
    if (e.flags & CLAIMED) {
        *first = (struct kv_batch_ids_line){e.offset, e.flags >> FILE_SHIFT, e.outcome};
        return false;
    }
    e.flags |= CLAIMED | line->file << FILE_SHIFT;
    e.offset = line->asked;
    e.outcome = line->number;
    put(ids, &e);
    return true;
}

int kv_batch_ids_add_requests(
    struct kv_batch_ids *ids, const char *path, unsigned flags, int64_t *fresh, struct kv_err *err)
{
    struct kv_batch_lines l;
    struct kv_request_line r;
    struct kv_slice line;
    struct kv_buf id = {0};
    int got = kv_batch_lines_open(&l, path, err);
    while (got >= 0 && (got = kv_batch_lines_next(&l, &line, err)) == 1) {
        if (kv_request_line_read(&r, line, err) != 0) {
            got = kv_batch_lines_blame(&l, err);
            break;
        }
        kv_buf_clear(&id);
        kv_json_unescape(r.id, &id);
        unsigned known = kv_batch_ids_add(ids, kv_slice_of(&id), flags);
        if (fresh)
            *fresh += !known;
    }
    kv_buf_release(&id);
    kv_batch_lines_close(&l);
    return got < 0 ? -1 : 0;
}

int kv_batch_ids_add_open(struct kv_batch_ids *ids, const struct kv_ledger *ledger,
    const struct kv_paths *paths, struct kv_err *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < kv_ledger_parts(ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(ledger, i);
        if (!kv_batch_part_is_open(p))
            continue;
        char *path = kv_batch_request_path(paths, p->number);
        int there = kv_io_exists(path, err);
        failed = there > 0 ? kv_batch_ids_add_requests(ids, path, KV_BATCH_ID_HELD, NULL, err) : -1;
        if (there == 0)
            kv_err_set(err, KV_INPUT,
                "%s: the request file of an open part is gone, so what is ordered is not known: "
                "kv-batch collect %s fetches it again",
                path, kv_ledger_path(ledger));
        free(path);
    }
    return failed;
}

unsigned kv_batch_ids_flag(const struct kv_reply_line *r)
{
    if (r->end != KV_REPLY_CAME)
        return 0;
    if (r->success)
        return KV_BATCH_ID_ANSWERED;
    bool passes = r->status < 400 || r->status >= 500 || r->status == 408 || r->status == 429;
    return passes ? KV_BATCH_ID_OTHER : KV_BATCH_ID_FAILED;
}

int kv_batch_ids_add_replies(struct kv_batch_ids *ids, const char *path, struct kv_err *err)
{
    struct kv_batch_lines l;
    struct kv_reply_line r = {0};
    struct kv_slice line;
    int got = kv_io_exists(path, err);
    if (got <= 0)
        return got;
    got = kv_batch_lines_open(&l, path, err);
    while (got >= 0 && (got = kv_batch_lines_next(&l, &line, err)) == 1) {
        if (kv_reply_line_read(&r, line, err) != 0) {
            got = kv_batch_lines_blame(&l, err);
            break;
        }
        unsigned flag = kv_batch_ids_flag(&r);
        unsigned known = kv_batch_ids_add(ids, kv_slice_of(&r.id), flag);
        if (flag == KV_BATCH_ID_OTHER && (known & flag))
            kv_batch_ids_add(ids, kv_slice_of(&r.id), KV_BATCH_ID_AGAIN);
    }
    kv_reply_line_release(&r);
    kv_batch_lines_close(&l);
    return got < 0 ? -1 : 0;
}

int kv_batch_ids_add_known(struct kv_batch_ids *ids, const struct kv_ledger *ledger,
    const struct kv_paths *paths, struct kv_err *err)
{
    int failed = kv_batch_ids_add_open(ids, ledger, paths, err);
    char *path = kv_batch_replies_path(paths);
    failed = failed || kv_batch_ids_add_replies(ids, path, err);
    free(path);
    return failed ? -1 : 0;
}
