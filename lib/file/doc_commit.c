/* doc_commit - growing documents committed and removed: the steps 3 to 10 of doc.c. */
#include "doc_private.h"

#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* True if this commit makes a pair where there was none, or an unrelated one. If it is killed,
 * neither the first document nor what was there before belongs to anybody. */
static bool is_creation(const struct kv_doc *d)
{
    return d->unrelated || d->part[d->count - 1].view.shape == KV_DOC_VERSION_ABSENT;
}

/* Step 6. */
static void record_versions(struct kv_doc *d, struct kv_control *next)
{
    *next = d->record;
    next->durable = false;
    if (is_creation(d)) {
        next->given_up[0] = d->part[0].next.id;
        next->given_up[1] = d->part[0].view.file.id;
    }
    for (size_t i = 0; i < d->count; i++) {
        kv_shadow_record(&d->part[i], &d->record, i, next->doc[i]);
        if (d->part[i].rewriting)
            kv_random(&next->lineage, sizeof next->lineage);
    }
}

/* Makes the record durable, which fails if the lock was lost: then nothing may be published, nor
 * acknowledged. The caller may try again with a lock that he has. */
static int record_surely(struct kv_doc *d, struct kv_control *c, struct kv_err *err)
{
    if (kv_control_sync(d->lock, c, err) == 0)
        return 0;
    kv_err_context(err, "%s", d->lock_name);
    err->sys = ESTALE;
    return -1;
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

/* Writers who reach the directory in ways that do not share locks (another mount of it, another
 * host) are seen at the last moment only: somebody else's version must not be taken away. The
 * caller may try again. */
static int refuse_other(const struct kv_shadow *g, struct kv_err *err)
{
    kv_err_set(err, KV_SYSTEM, "%s: changed by another writer; try again", g->name);
    err->sys = ESTALE;
    return -1;
}

static bool is_file(int dir, const char *name, const struct kv_file_id *id)
{
    struct kv_file now;
    return kv_io_look(dir, name, &now) == 0 && now.id.ino == id->ino && now.id.dev == id->dev;
}

/* Checks that the names are still those of the files that were read and written. */
static int check_names(struct kv_doc *d, struct kv_err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct kv_shadow *g = &d->part[i];
        struct kv_file now;
        bool there = kv_io_look(d->dir, g->name, &now) == 0;
        bool same = g->view.shape == KV_DOC_VERSION_ABSENT
                        ? !there
                        : there && kv_file_same(&now.id, &g->view.file.id);
        if (!KV_FAULT(IN_PLACE) && (!same || !is_file(d->dir, g->spare, &g->next.id)))
            return refuse_other(g, err);
    }
    return 0;
}

/* Last of all: the names are those of what was written, so that it may be acknowledged. */
static int check_result(struct kv_doc *d, struct kv_err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct kv_shadow *g = &d->part[i];
        if (!KV_FAULT(IN_PLACE) && !is_file(d->dir, g->name, &g->next.id))
            return refuse_other(g, err);
    }
    return 0;
}

/* Step 8 for one document. If the version that was exchanged for ours is not the one that ours was
 * made from, the exchange is undone. */
static int publish_one(struct kv_doc *d, struct kv_shadow *g, struct kv_err *err)
{
    int how = kv_shadow_publish(g, d->dir, d->leases, err);
    if (how < 0 && !d->leases && err->sys == ENOENT) /* the present holder of the lock removed it */
        return refuse_other(g, err);
    if (how != KV_IO_EXCHANGED || is_file(d->dir, g->spare, &g->view.file.id))
        return how;
    kv_shadow_publish(g, d->dir, true, err);
    return refuse_other(g, err);
}

/* Step 8. *kept: every version has changed places with its predecessor. */
static int publish_versions(struct kv_doc *d, bool *kept, struct kv_err *err)
{
    if (!kv_io_lock_holds(d->dir, d->lock_name, d->lock))
        return kv_err_set(
            err, KV_SYSTEM, "%s: removed by another program; try again", d->lock_name);
    if (check_names(d, err) != 0)
        return -1;
    if (d->unrelated && d->count > 1 && remove_second(d, err))
        return -1;
    *kept = true;
    for (size_t k = 0; k < d->count; k++) {
        size_t i = KV_FAULT(SECOND_FIRST) ? d->count - 1 - k : k;
        int how = publish_one(d, &d->part[i], err);
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
        /* This version was never visible, so it is entry 2: entry 1 is for one that may be. */
        if (kv_shadow_undo(g, d->dir) && g->seen >= 0)
            next.doc[i][2] = (struct kv_member){g->next.id, g->shared};
    }
    kv_control_write(d->lock, &next);
}

static void remove_spares(struct kv_doc *d)
{
    for (size_t i = 0; i < d->count; i++)
        kv_io_remove(d->dir, d->part[i].spare);
}

/* Steps 6 and 7. */
static int sync_and_record(struct kv_doc *d, struct kv_control *next, struct kv_err *err)
{
    if (d->leases) {
        record_versions(d, next);
        kv_control_write(d->lock, next);
        return sync_versions(d, err);
    }
    if (sync_versions(d, err))
        return -1;
    for (size_t i = 0; i < d->count; i++) {
        struct kv_shadow *g = &d->part[i];
        /* Network file systems settle the time of the last change when the data is written back,
         * and would hide a file that is open instead of removing it. */
        kv_io_stat(g->fd, &g->next);
        kv_doc_version_close(&g->view);
    }
    record_versions(d, next);
    return record_surely(d, next, err);
}

static int commit_staged(struct kv_doc *d, struct kv_err *err)
{
    struct kv_control next;
    bool kept = false;
    if (write_versions(d, err)) {
        undo(d);
        return -1;
    }
    if (sync_and_record(d, &next, err)) {
        remove_spares(d); /* how much of them reached the medium is not known */
        kv_control_void(d->lock);
        return -1;
    }
    bool unsynced = d->leases && is_creation(d);
    int failed =
        (unsynced && kv_io_sync(d->lock, err) != 0) || publish_versions(d, &kept, err) != 0;
    if (!failed && !KV_FAULT(NO_SYNC_NAMES))
        failed = kv_io_sync_dir(d->dir, err);
    if (!failed)
        failed = check_result(d, err);
    if (failed) { /* the visible versions are whole */
        if (!d->leases)
            remove_spares(d);
        kv_control_void(d->lock);
        return -1;
    }
    next.durable = true;
    memset(next.given_up, 0, sizeof next.given_up);
    for (size_t i = 0; i < d->count && !kept; i++)
        memset(&next.doc[i][1], 0, sizeof next.doc[i] - sizeof next.doc[i][0]);
    d->record = next;
    if (!d->leases)
        return record_surely(d, &next, err);
    kv_control_write(d->lock, &next);
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
        return kv_doc_placed(d, -1, err);
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
    char *path = kv_doc_name_private(d, name);
    int failed = kv_io_remove(d->dir, path) != 0 ? kv_err_sys(err, "%s", path) : 0;
    free(path);
    return failed;
}

static int remove_all(struct kv_doc *d, const char *const *also, struct kv_err *err)
{
    struct kv_file_id ids[2] = {d->part[0].view.file.id, d->part[d->count - 1].view.file.id};
    if (kv_control_give_up(d->lock, &d->record, ids, err) != 0)
        return kv_err_context(err, "%s", d->lock_name);
    for (size_t i = 0; i < d->count; i++) {
        const struct kv_shadow *g = &d->part[i];
        struct kv_file now;
        if (g->view.shape != KV_DOC_VERSION_ABSENT &&
            (kv_io_look(d->dir, g->name, &now) != 0 || !kv_file_same(&now.id, &g->view.file.id))) {
            kv_control_void(d->lock); /* it says that they were given up */
            return refuse_other(g, err);
        }
    }
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
    return kv_doc_placed(d, remove_all(d, also, err), err);
}
