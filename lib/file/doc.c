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
 */
#include "doc.h"

#include "control.h"
#include "io_lock.h"
#include "shadow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kv_doc {
    char *directory, *name, *lock_name;
    size_t count;
    struct kv_shadow part[KV_DOC_MAX];

    const struct kv_patience *patience;
    int dir, lock; /* -1 outside a transaction */
    bool leases;
    enum kv_control_state state;
    struct kv_control record;
    bool same_boot, known; /* the lineage is that of the record */
    bool unrelated, committed, removed;
};

/* ---- names ---- */

static char *private_name(const struct kv_doc *d, const char *name)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b, ".%s.%s", d->name, name);
    return kv_buf_detach(&b);
}

struct kv_doc *kv_doc_new(const char *base, const char *const *suffixes, size_t count)
{
    struct kv_doc *d = kv_calloc(1, sizeof *d);
    kv_io_split(base, &d->directory, &d->name);
    d->lock_name = private_name(d, "lock");
#ifdef KV_FAULTS
    if (KV_FAULT(NO_LOCK)) { /* one of its own */
        struct kv_buf own = {0};
        kv_buf_printf(&own, "lock.%ld", (long)getpid());
        free(d->lock_name);
        d->lock_name = private_name(d, own.p);
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
static int placed(const struct kv_doc *d, int failed, struct kv_err *err)
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

/* Are the visible versions those of the last commit, or of a commit that was killed before, between
 * or after its two exchanges (and of nothing else)? */
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
        kv_io_random(&d->record.lineage, sizeof d->record.lineage);
}

int kv_doc_begin(struct kv_doc *d, bool wait, struct kv_err *err)
{
    d->unrelated = d->committed = d->removed = false;
    d->known = true; /* nothing to adopt so far */
    d->dir = kv_io_dir_open(d->directory, err);
    if (d->dir < 0)
        return -1;
    d->lock = kv_io_lock(d->dir, d->lock_name, d->part[0].name, wait, d->patience, err);
    int failed = d->lock < 0 ? -1 : 0;
    for (size_t i = 0; i < d->count && !failed; i++)
        failed = kv_shadow_open(&d->part[i], d->dir, err);
    if (failed) {
        kv_doc_end(d);
        return placed(d, -1, err);
    }
    d->leases = kv_io_has_leases(d->dir);
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
    struct kv_err none;
    for (size_t i = 0; i < d->count; i++) {
        if (d->part[i].view.shape != KV_DOC_VERSION_GROWING)
            return;
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct kv_doc_version *v = &d->part[i].view;
        if (kv_control_find(c, i, &v->file.id) == 0)
            continue;
        if (kv_io_sync(v->fd, &none))
            return;
        memset(c->doc[i], 0, sizeof c->doc[i]);
        c->doc[i][0] = (struct kv_member){v->file.id, v->end};
        c->durable = false;
    }
    kv_control_write(d->lock, c);
}

/* Did we find no document, or remove them, and is there still none? */
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
    return placed(d, kv_shadow_rewrite(&d->part[i], d->dir, err), err);
}

int kv_doc_text(struct kv_doc *d, size_t i, struct kv_slice text, struct kv_err *err)
{
    return placed(d, kv_shadow_text(&d->part[i], text, err), err);
}

void kv_doc_unrelated(struct kv_doc *d)
{
    d->unrelated = true;
}

/* ---- commit ---- */

/* Steps 3 to 5. */
static int write_versions(struct kv_doc *d, struct kv_err *err)
{
    struct kv_control *c = &d->record;
    bool copying = false;
    if (!(d->state == KV_CONTROL_OK && c->durable) && !KV_FAULT(NO_SYNC_BEFORE)) {
        if (kv_io_sync_dir(d->dir, err))
            return -1;
    }
    for (size_t i = 0; i < d->count; i++) {
        struct kv_shadow *g = &d->part[i];
        if (g->rewriting) {
            g->seen = -1;
            continue;
        }
        if (g->view.shape != KV_DOC_VERSION_GROWING)
            return kv_err_set(err, KV_INPUT, "%s: cannot be added to as it is", g->name);
        if (kv_shadow_choose(g, d->dir, c, i, d->state, d->leases, err))
            return -1;
        copying = copying || g->copying;
    }
    if (copying && d->state == KV_CONTROL_OK)
        kv_control_write(d->lock, c); /* without the members that were given up */
    for (size_t i = 0; i < d->count; i++) {
        if (kv_shadow_write(&d->part[i], err))
            return -1;
    }
    return 0;
}

/* Step 6. */
static void record_versions(struct kv_doc *d, struct kv_control *next)
{
    *next = d->record;
    next->durable = false;
    for (size_t i = 0; i < d->count; i++) {
        kv_shadow_record(&d->part[i], &d->record, i, next->doc[i]);
        if (d->part[i].rewriting)
            kv_io_random(&next->lineage, sizeof next->lineage);
    }
    kv_control_write(d->lock, next);
}

/* Step 7. The hint lets the blocks of the second document ride in the first one's transaction. */
static int sync_versions(struct kv_doc *d, struct kv_err *err)
{
    for (size_t i = 1; i < d->count && !KV_FAULT(NO_SYNC_SECOND); i++)
        kv_io_sync_hint(d->part[i].fd);
    for (size_t i = 0; i < d->count; i++) {
        struct kv_shadow *g = &d->part[i];
        if (i == 0 ? KV_FAULT(NO_SYNC_FIRST) : KV_FAULT(NO_SYNC_SECOND))
            continue;
        /* A version of unknown origin becomes a spare that later commits believe. */
        bool foreign = !g->rewriting && g->seen < 0 && d->leases;
        if (kv_io_sync(g->fd, err) || (foreign && kv_io_sync(g->view.fd, err)))
            return kv_err_context(err, "%s", g->name);
    }
    return 0;
}

static int remove_second(struct kv_doc *d, struct kv_err *err)
{
    const char *name = d->part[d->count - 1].name;
    if (d->part[d->count - 1].view.shape == KV_DOC_VERSION_ABSENT)
        return 0;
    if (kv_io_remove(d->dir, name) != 0)
        return kv_err_sys(err, "%s", name);
    return kv_io_sync_dir(d->dir, err);
}

/* Step 8. *kept: every version has changed places with its predecessor. */
static int publish_versions(struct kv_doc *d, bool *kept, struct kv_err *err)
{
    if (!kv_io_lock_holds(d->dir, d->lock_name, d->lock))
        return kv_err_set(
            err, KV_SYSTEM, "%s: removed by another program; try again", d->lock_name);
    if (d->unrelated && d->count > 1 && remove_second(d, err))
        return -1;
    *kept = true;
    for (size_t k = 0; k < d->count; k++) {
        size_t i = KV_FAULT(SECOND_FIRST) ? d->count - 1 - k : k;
        int how = kv_shadow_publish(&d->part[i], d->dir, d->leases, err);
        if (how < 0)
            return -1;
        *kept = *kept && how == KV_IO_EXCHANGED;
    }
    return 0;
}

/* Writing failed before anything was published. Where that was for want of room the spares are as
 * good as before. */
static void undo(struct kv_doc *d)
{
    struct kv_control next = d->record;
    next.durable = false;
    memset(next.doc, 0, sizeof next.doc);
    for (size_t i = 0; i < d->count; i++) {
        struct kv_shadow *g = &d->part[i];
        if (g->view.shape == KV_DOC_VERSION_GROWING && g->seen >= 0)
            next.doc[i][0] = (struct kv_member){g->view.file.id, g->view.end};
        /* Entry 1 would be one that may be visible; this one never was. */
        if (kv_shadow_undo(g, d->dir) && g->seen >= 0)
            next.doc[i][2] = (struct kv_member){g->next.id, g->shared};
    }
    kv_control_write(d->lock, &next);
}

static int commit_staged(struct kv_doc *d, struct kv_err *err)
{
    struct kv_control next;
    bool kept = false;
    if (write_versions(d, err)) {
        undo(d);
        return -1;
    }
    if (d->leases)
        record_versions(d, &next);
    if (sync_versions(d, err)) {
        for (size_t i = 0; i < d->count; i++)
            kv_io_remove(d->dir, d->part[i].spare); /* who knows what is in it */
        kv_control_void(d->lock);
        return -1;
    }
    if (!d->leases) {
        /* Network file systems settle the time of the last change when the data is written back. */
        for (size_t i = 0; i < d->count; i++)
            kv_io_stat(d->part[i].fd, &d->part[i].next);
        record_versions(d, &next);
    }
    int failed = publish_versions(d, &kept, err);
    if (!failed && !KV_FAULT(NO_SYNC_NAMES))
        failed = kv_io_sync_dir(d->dir, err);
    if (failed) {
        kv_control_void(d->lock); /* the visible versions are whole; only distrust the spares */
        return -1;
    }
    next.durable = true;
    for (size_t i = 0; i < d->count && !kept; i++)
        memset(&next.doc[i][1], 0, sizeof next.doc[i] - sizeof next.doc[i][0]);
    kv_control_write(d->lock, &next);
    d->record = next;
    return 0;
}

/* After a rewrite there is no spare. One empty commit makes it now, while its reader waits for a
 * slow command anyway, so that the next one is as fast as any. A failure changes nothing. */
static void prime(struct kv_doc *d)
{
    struct kv_err none;
    for (size_t i = 0; i < d->count; i++) {
        kv_shadow_close(&d->part[i]);
        if (kv_shadow_open(&d->part[i], d->dir, &none))
            return;
    }
    d->state = KV_CONTROL_OK;
    d->unrelated = false;
    commit_staged(d, &none);
}

int kv_doc_commit(struct kv_doc *d, struct kv_err *err)
{
    enum kv_shadow_way way[KV_DOC_MAX];
    bool rewritten = false;
    if (commit_staged(d, err)) {
        d->committed = true;
        return placed(d, -1, err);
    }
    d->committed = true;
    for (size_t i = 0; i < d->count; i++) {
        way[i] = d->part[i].way;
        rewritten = rewritten || d->part[i].rewriting;
    }
    if (rewritten && d->leases)
        prime(d);
    for (size_t i = 0; i < d->count; i++)
        d->part[i].way = way[i];
    return 0;
}

/* ---- removal ---- */

static int remove_private(struct kv_doc *d, const char *name, struct kv_err *err)
{
    char *path = private_name(d, name);
    int failed = kv_io_remove(d->dir, path) != 0 ? kv_err_sys(err, "%s", path) : 0;
    free(path);
    return failed;
}

static int remove_all(struct kv_doc *d, const char *const *also, struct kv_err *err)
{
    d->removed = d->committed = true;
    for (size_t i = 0; i < d->count; i++) {
        if (kv_io_remove(d->dir, d->part[i].name) != 0)
            return kv_err_sys(err, "%s", d->part[i].name);
    }
    for (size_t i = 0; i < d->count; i++) {
        for (int k = 0; k < KV_SHADOW_SPARES; k++) {
            if (kv_io_remove(d->dir, d->part[i].spares[k]) != 0)
                return kv_err_sys(err, "%s", d->part[i].spares[k]);
        }
    }
    for (; also && *also; also++) {
        if (remove_private(d, *also, err))
            return -1;
    }
    return kv_io_sync_dir(d->dir, err); /* the lock file goes in kv_doc_end */
}

int kv_doc_remove(struct kv_doc *d, const char *const *also, struct kv_err *err)
{
    return placed(d, remove_all(d, also, err), err);
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
