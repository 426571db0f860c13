/* doc - growing documents committed together: the lock, the record, the order of the syncs.
 *
 * A commit, and what the next one finds if this one is killed or the power fails there:
 *
 *  1  lock                          nothing has changed
 *  2  read the record, open the visible versions
 *  3  if the record is not durable: sync the directory. The exchange before ours must be on the
 *     medium before the file it hid is written to
 *  4  choose a spare of each        a spare without a record entry, which is removed
 *  5  write into the spares         spares that match no entry: copied whole; after a failure to
 *                                   write they are cut back and recorded, nothing is lost
 *  6  record the new members, not durable      on the same boot all is known; after a restart the
 *                                   record is void: copied whole
 *  7  sync the spares               the same
 *  8  exchange names, first document first     the first is one commit ahead, see the counters
 *  9  sync the directory            published but not acknowledged; step 3 makes it durable
 * 10  record durable; acknowledge   one sync of the directory too many
 *
 * Each of the syncs 3, 7, 7, 9 and the order in 8 is needed: tests/torture shows for each what
 * happens without it. The record itself, the visible version and its predecessor need no sync.
 *
 * Where there are no leases the directory may be on a network, and the lock can be lost: a host that
 * its server has not heard of for long is taken for dead, and another one gets the lock. It may go
 * on with what it was about to do at any later time, and must then do no harm:
 *
 *  1a  what others have made and not published is removed before the visible versions are opened
 *   5  the copies have names of their own, which nobody else ever uses
 *  7a  the record is written and synced: that fails if the lock is lost
 *   8  names are replaced, not exchanged
 *
 * If the lock was held at 7a, whoever got it later did his 1a after our 5. So either our 8 came
 * before, and he has read what we published, or it fails, because what it would publish is gone.
 */
#include "doc_private.h"

#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- names ---- */

char *kv_doc_name_private(const struct kv_doc *d, const char *name)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b, ".%s.%s", d->name, name);
    return kv_buf_detach(&b);
}

struct kv_doc *kv_doc_new(const char *base, const char *const *suffixes, size_t count)
{
    struct kv_doc *d = kv_calloc(1, sizeof *d);
    kv_io_split(base, &d->directory, &d->name);
    d->lock_name = kv_doc_name_private(d, "lock");
#ifdef KV_FAULTS
    if (KV_FAULT(NO_LOCK)) { /* one of its own */
        struct kv_buf own = {0};
        kv_buf_printf(&own, "lock.%ld", (long)getpid());
        free(d->lock_name);
        d->lock_name = kv_doc_name_private(d, own.p);
        kv_buf_release(&own);
    }
#endif
    d->count = count < KV_DOC_MAX ? count : KV_DOC_MAX;
    d->dir = d->lock = -1;
    for (size_t i = 0; i < d->count; i++) {
        struct kv_buf b = {0};
        kv_buf_printf(&b, "%s%s", d->name, suffixes[i]);
        kv_shadow_init(&d->part[i], b.p);
        kv_buf_release(&b);
    }
    return d;
}

void kv_doc_free(struct kv_doc *d)
{
    if (!d)
        return;
    kv_doc_end(d);
    for (size_t i = 0; i < d->count; i++)
        kv_shadow_release(&d->part[i]);
    free(d->directory);
    free(d->name);
    free(d->lock_name);
    free(d);
}

/* Messages name files as they are called in the directory; the user gave a path. */
int kv_doc_placed(const struct kv_doc *d, int failed, struct kv_err *err)
{
    struct kv_err inner;
    if (!failed || strcmp(d->directory, ".") == 0)
        return failed;
    inner = *err;
    kv_err_set(err, inner.kind, "%s/%s", d->directory, inner.text);
    err->sys = inner.sys;
    return failed;
}

void kv_doc_be_patient(struct kv_doc *d, const struct kv_patience *patience)
{
    d->patience = patience;
}

/* ---- begin and end ---- */

/* True if the visible versions are those of the last commit, or of a commit that was killed before,
 * between or after its two exchanges (and of nothing else). */
static bool unbroken(const struct kv_doc *d)
{
    int newest = 0;
    for (size_t i = 0; i < d->count; i++) {
        int m = kv_control_find(&d->record, i, &d->part[i].view.file.id);
        if (d->part[i].view.shape != KV_DOC_VERSION_GROWING || m < newest ||
            m > (d->record.durable ? 0 : 1))
            return false;
        newest = m; /* the first document cannot be older than the second */
    }
    return true;
}

static void find_lineage(struct kv_doc *d)
{
    d->known = d->state == KV_CONTROL_OK && d->same_boot && unbroken(d);
    if (!d->known)
        kv_random(&d->record.lineage, sizeof d->record.lineage);
}

int kv_doc_begin(struct kv_doc *d, bool wait, struct kv_err *err)
{
    d->unrelated = d->committed = d->removed = false;
    d->known = true; /* nothing to adopt so far */
    d->dir = kv_io_dir_open(d->directory, err);
    if (d->dir < 0)
        return -1;
    d->lock = kv_io_lock(d->dir, d->lock_name, d->part[0].name, wait, d->patience, err);
    d->leases = kv_io_has_leases(d->dir);
    int failed = d->lock < 0 ? -1 : 0;
    for (size_t i = 0; i < d->count && !failed && !d->leases; i++)
        failed = kv_shadow_fence(&d->part[i], d->dir, err);
    for (size_t i = 0; i < d->count && !failed; i++)
        failed = kv_shadow_open(&d->part[i], d->dir, err);
    if (failed) {
        kv_doc_end(d);
        return kv_doc_placed(d, -1, err);
    }
    d->state = kv_control_read(d->lock, &d->record, &d->same_boot);
    find_lineage(d);
    return 0;
}

/* Nothing was committed, but the caller has looked at documents of unknown history and may have
 * built something on the lineage they were given: keep it. What the record did not know is synced,
 * because from now on it will be believed. */
static void adopt(struct kv_doc *d)
{
    struct kv_control *c = &d->record;
    for (size_t i = 0; i < d->count; i++) {
        if (d->part[i].view.shape != KV_DOC_VERSION_GROWING)
            return;
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct kv_doc_version *v = &d->part[i].view;
        if (kv_control_find(c, i, &v->file.id) == 0)
            continue;
        if (kv_io_sync(v->fd, NULL))
            return;
        memset(c->doc[i], 0, sizeof c->doc[i]);
        c->doc[i][0] = (struct kv_member){v->file.id, v->end};
        c->durable = false;
    }
    kv_control_write(d->lock, c);
}

/* True if no document was found, or all were removed, and there is still none. */
static bool nothing_left(const struct kv_doc *d)
{
    for (size_t i = 0; i < d->count && !d->removed; i++) {
        if (d->part[i].view.shape != KV_DOC_VERSION_ABSENT)
            return false;
    }
    for (size_t i = 0; i < d->count; i++) {
        int fd = kv_io_open(d->dir, d->part[i].name, KV_IO_READ);
        if (fd >= 0)
            close(fd);
        if (fd >= 0 || errno != ENOENT)
            return false;
    }
    return true;
}

void kv_doc_end(struct kv_doc *d)
{
    if (d->lock >= 0 && !d->committed) {
        for (size_t i = 0; i < d->count; i++)
            kv_shadow_undo(&d->part[i], d->dir); /* a draft */
        if (!d->known)
            adopt(d);
    }
    for (size_t i = 0; i < d->count; i++)
        kv_shadow_close(&d->part[i]);
    if (d->lock >= 0 && nothing_left(d))
        kv_io_remove(d->dir, d->lock_name);
    if (d->lock >= 0)
        close(d->lock);
    if (d->dir >= 0)
        close(d->dir);
    d->lock = d->dir = -1;
}

struct kv_doc_version *kv_doc_view(struct kv_doc *d, size_t i)
{
    return &d->part[i].view;
}

struct kv_digest128 kv_doc_lineage(const struct kv_doc *d)
{
    return d->record.lineage;
}

/* ---- staging ---- */

off_t kv_doc_add(struct kv_doc *d, size_t i, struct kv_slice item)
{
    return kv_shadow_add(&d->part[i], item);
}

int kv_doc_rewrite(struct kv_doc *d, size_t i, struct kv_err *err)
{
    struct kv_control *c = &d->record;
    int seen = kv_control_find(c, i, &d->part[i].view.file.id);
    for (int m = 0; m < KV_CONTROL_MEMBERS && d->state == KV_CONTROL_OK; m++) {
        if (m != seen)
            c->doc[i][m].id.ino = 0; /* the draft may get the inode of the spare it displaces */
    }
    if (d->state == KV_CONTROL_OK)
        kv_control_write(d->lock, c);
    return kv_doc_placed(d, kv_shadow_rewrite(&d->part[i], d->dir, err), err);
}

int kv_doc_text(struct kv_doc *d, size_t i, struct kv_slice text, struct kv_err *err)
{
    return kv_doc_placed(d, kv_shadow_text(&d->part[i], text, err), err);
}

void kv_doc_unrelated(struct kv_doc *d)
{
    d->unrelated = true;
}

bool kv_doc_gave_up(const struct kv_doc *d, size_t i)
{
    return d->part[i].view.shape != KV_DOC_VERSION_ABSENT &&
           kv_control_gave_up(&d->record, &d->part[i].view.file.id);
}

/* ---- what it took ---- */

bool kv_doc_in_place(const struct kv_doc *d, size_t i)
{
    return d->part[i].way == KV_SHADOW_IN_PLACE;
}

const char *kv_doc_way(const struct kv_doc *d, size_t i)
{
    return kv_shadow_way_text(d->part[i].way);
}
