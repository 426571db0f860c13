/* shadow - one growing document under the lock: its visible version and its hidden spare. */
#include "shadow.h"

#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef KV_FAULTS
unsigned kv_shadow_faults;
#endif

enum { DRAFT_CHUNK = 1 << 20 };

static const struct kv_slice TAIL = {"\n]}\n", KV_DOC_VERSION_TAIL};

const char *kv_shadow_way_text(enum kv_shadow_way way)
{
    static const char *const texts[] = {
        [KV_SHADOW_IN_PLACE] = "appended in place",
        [KV_SHADOW_REWRITTEN] = "written anew",
        [KV_SHADOW_NO_RECORD] = "copied whole: nothing is known of an earlier commit",
        [KV_SHADOW_RESTARTED] = "copied whole: the machine restarted in the middle of a commit",
        [KV_SHADOW_EDITED] = "copied whole: the document was changed by another program",
        [KV_SHADOW_NO_SPARE] = "copied whole: the spare is missing or was touched",
        [KV_SHADOW_BUSY] = "copied whole: a reader holds the spare",
        [KV_SHADOW_NO_LEASES] = "copied whole: this file system has no reliable leases",
    };
    return texts[way];
}

/* ---- life ---- */

void kv_shadow_init(struct kv_shadow *g, const char *name)
{
    *g = (struct kv_shadow){.name = kv_strdup(name), .view.fd = -1, .fd = -1};
    for (int k = 0; k < KV_SHADOW_SPARES; k++) {
        struct kv_buf b = {0};
        kv_buf_printf(&b, ".%s.spare%d", name, k);
        g->spares[k] = kv_buf_detach(&b);
    }
}

void kv_shadow_release(struct kv_shadow *g)
{
    kv_shadow_close(g);
    kv_buf_release(&g->text);
    free(g->name);
    free(g->draft);
    for (int k = 0; k < KV_SHADOW_SPARES; k++)
        free(g->spares[k]);
}

int kv_shadow_fence(struct kv_shadow *g, int dir, struct kv_err *err)
{
    struct kv_buf name = {0};
    uint64_t number;
    kv_buf_printf(&name, ".%s.spare", g->name);
    int failed = kv_io_remove_numbered(dir, name.p, err);
    kv_random(&number, sizeof number);
    kv_buf_printf(&name, "%016llx", (unsigned long long)number);
    free(g->draft);
    g->draft = kv_buf_detach(&name);
    return failed;
}

int kv_shadow_open(struct kv_shadow *g, int dir, struct kv_err *err)
{
    if (kv_doc_version_open_at(&g->view, dir, g->name, err))
        return -1;
    g->at = g->view.end;
    g->empty = g->view.empty;
    g->seen = g->reused = -1;
    return 0;
}

static void close_spare(struct kv_shadow *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

void kv_shadow_close(struct kv_shadow *g)
{
    kv_doc_version_close(&g->view);
    close_spare(g);
    kv_buf_clear(&g->text);
    g->failed = g->rewriting = g->copying = false;
}

/* ---- staging ---- */

static int flush(struct kv_shadow *g, struct kv_err *err)
{
    off_t end = g->at + (off_t)g->text.n;
    if (kv_io_pwrite(g->fd, kv_slice_of(&g->text), g->at, err))
        return -1;
    kv_io_sync_along(g->fd, g->at, end);
    g->at = end;
    kv_buf_clear(&g->text);
    return 0;
}

off_t kv_shadow_add(struct kv_shadow *g, struct kv_slice item)
{
    if (g->failed)
        return 0;
    if (g->rewriting && g->text.n >= DRAFT_CHUNK)
        g->failed = flush(g, &g->why) != 0;
    if (memchr(item.p, '\n', item.n))
        g->failed = kv_err_set(&g->why, KV_SYSTEM, "an item of several lines") != 0;
    kv_buf_add_str(&g->text, g->empty ? "\n" : ",\n");
    g->empty = false;
    off_t place = g->at + (off_t)g->text.n;
    kv_buf_add_slice(&g->text, item);
    return place;
}

/* An empty file in the place of a spare, with the owner and the mode of the visible one. */
static int make_spare(struct kv_shadow *g, int dir, int slot, struct kv_err *err)
{
    bool replaces = g->view.shape != KV_DOC_VERSION_ABSENT;
    const char *name = g->draft ? g->draft : g->spares[slot];
    close_spare(g);
    if (kv_io_remove(dir, name) != 0)
        return kv_err_sys(err, "%s", name);
    g->fd = kv_io_open(dir, name, replaces ? KV_IO_SECRET : KV_IO_CREATE);
    if (g->fd < 0)
        return kv_err_sys(err, "%s", name);
    g->spare = name;
    g->copying = true;
    g->reused = -1;
    g->shared = 0;
    if (replaces && kv_io_dress(g->fd, &g->view.file, err))
        return kv_err_context(err, "%s", name);
    return 0;
}

int kv_shadow_rewrite(struct kv_shadow *g, int dir, struct kv_err *err)
{
    kv_buf_clear(&g->text);
    g->at = 0;
    g->empty = true;
    if (make_spare(g, dir, 0, err))
        return -1;
    g->rewriting = true;
    g->way = KV_SHADOW_REWRITTEN;
    return 0;
}

int kv_shadow_text(struct kv_shadow *g, struct kv_slice text, struct kv_err *err)
{
    while (text.n) { /* it may be long: it is not held a second time */
        size_t n = text.n < DRAFT_CHUNK ? text.n : DRAFT_CHUNK;
        kv_buf_add(&g->text, text.p, n);
        text = (struct kv_slice){text.p + n, text.n - n};
        if (g->text.n >= DRAFT_CHUNK && flush(g, err) != 0)
            return kv_err_context(err, "%s", g->name);
    }
    return 0;
}

/* ---- choosing the spare ---- */

/* A spare can be written in place if it is a known file that nobody else can see: not the visible
 * one, no hard link, the same owner and mode, and nobody holds it open. */
static bool is_known(const struct kv_shadow *g, int member, const struct kv_file *f)
{
    const struct kv_file *v = &g->view.file;
    return member >= 0 && member != g->seen && f->links == 1 && f->mode == v->mode &&
           f->uid == v->uid && f->gid == v->gid;
}

enum verdict { USABLE, BUSY, USELESS };

static enum verdict try_spare(struct kv_shadow *g, int dir, const struct kv_control *c, size_t i,
    const char *name, int *member)
{
    struct kv_file f;
    *member = -1;
    g->fd = kv_io_open(dir, name, KV_IO_UPDATE);
    if (g->fd < 0)
        return USELESS;
    if (kv_io_stat(g->fd, &f) == 0)
        *member = kv_control_find(c, i, &f.id);
    if (!is_known(g, *member, &f)) {
        close_spare(g);
        return USELESS;
    }
    if (kv_io_lease(g->fd) || KV_FAULT(NO_LEASE)) {
        int64_t theirs = c->doc[i][*member].shared, ours = c->doc[i][g->seen].shared;
        g->shared = theirs < ours ? theirs : ours;
        g->reused = *member;
        g->spare = name;
        return USABLE;
    }
    /* EAGAIN: another process has it open. Else it belongs to another user: only its owner may
     * lease a file. */
    enum verdict verdict = errno == EAGAIN ? BUSY : USELESS;
    close_spare(g);
    return verdict;
}

static void forget(struct kv_control *c, size_t i, int member)
{
    if (member >= 0)
        c->doc[i][member].id.ino = 0;
}

/* Looks for a spare to write in place. If there is none, *slot is the name to give up: one that is
 * of no use, else the one a reader has held longest. */
static bool find_spare(struct kv_shadow *g, int dir, struct kv_control *c, size_t i, int *slot)
{
    int member[KV_SHADOW_SPARES], oldest = -1;
    *slot = -1;
    g->way = KV_SHADOW_NO_SPARE;
    for (int k = 0; k < KV_SHADOW_SPARES; k++) {
        switch (try_spare(g, dir, c, i, g->spares[k], &member[k])) {
        case USABLE:
            g->way = KV_SHADOW_IN_PLACE;
            return true;
        case BUSY:
            g->way = KV_SHADOW_BUSY;
            if (oldest < 0 || c->doc[i][member[k]].shared < c->doc[i][member[oldest]].shared)
                oldest = k;
            break;
        case USELESS:
            if (*slot < 0)
                *slot = k;
            break;
        }
    }
    if (*slot < 0)
        *slot = oldest;
    if (member[*slot] != g->seen)
        forget(c, i, member[*slot]);
    return false;
}

int kv_shadow_choose(struct kv_shadow *g, int dir, struct kv_control *c, size_t i,
    enum kv_control_state state, bool leases, struct kv_err *err)
{
    int slot = 0;
    g->copying = false;
    g->reused = -1;
    g->seen = kv_control_find(c, i, &g->view.file.id);
    if (KV_FAULT(IN_PLACE)) {
        g->fd = kv_io_open(dir, g->name, KV_IO_UPDATE);
        g->shared = g->view.end;
        return g->fd < 0 ? kv_err_sys(err, "%s", g->name) : 0;
    }
    if (!leases)
        g->way = KV_SHADOW_NO_LEASES;
    else if (state != KV_CONTROL_OK)
        g->way = state == KV_CONTROL_RESTARTED ? KV_SHADOW_RESTARTED : KV_SHADOW_NO_RECORD;
    else if (g->seen < 0)
        g->way = KV_SHADOW_EDITED;
    else if (find_spare(g, dir, c, i, &slot))
        return 0;
    return make_spare(g, dir, slot, err);
}

/* ---- writing ---- */

/* The head comes last: until then a spare that cannot be completed can be cut back to the version
 * it was. */
static int bring_up_to_date(struct kv_shadow *g, struct kv_err *err)
{
    struct kv_slice head = {g->view.head, g->view.head_n};
    off_t size = g->view.end + (off_t)g->text.n + (off_t)TAIL.n;
    struct kv_file f;
    kv_buf_add_slice(&g->text, TAIL);
    if (kv_io_copy(g->view.fd, g->fd, g->shared, g->view.end, err) ||
        kv_io_pwrite(g->fd, kv_slice_of(&g->text), g->view.end, err) ||
        (KV_FAULT(IN_PLACE) && kv_io_sync(g->fd, err)) || kv_io_pwrite(g->fd, head, 0, err))
        return -1;
    if (kv_io_stat(g->fd, &f) != 0)
        return kv_err_sys(err, "stat");
    return f.id.size > size ? kv_io_truncate(g->fd, size, err) : 0;
}

static int finish_draft(struct kv_shadow *g, struct kv_err *err)
{
    kv_buf_add_slice(&g->text, TAIL);
    return flush(g, err);
}

int kv_shadow_write(struct kv_shadow *g, struct kv_err *err)
{
    if (g->failed) {
        *err = g->why;
        return kv_err_context(err, "%s", g->name);
    }
    if (g->rewriting ? finish_draft(g, err) : bring_up_to_date(g, err))
        return kv_err_context(err, "%s", g->name);
    /* It is whole again: whoever has been waiting in open(2) since before it was hidden may go on.
     */
    if (!g->copying)
        kv_io_lease_end(g->fd);
    return kv_io_stat(g->fd, &g->next) != 0 ? kv_err_sys(err, "%s", g->name) : 0;
}

void kv_shadow_record(const struct kv_shadow *g, const struct kv_control *old, size_t i,
    struct kv_member next[KV_CONTROL_MEMBERS])
{
    int n = 0;
    memset(next, 0, KV_CONTROL_MEMBERS * sizeof *next);
    next[n++] = (struct kv_member){g->next.id, g->rewriting ? g->next.id.size : g->view.end};
    if (g->rewriting)
        return;
    next[n++] = (struct kv_member){g->view.file.id, g->view.end};
    if (g->seen < 0)
        return;
    for (int m = 0; m < KV_CONTROL_MEMBERS && n < KV_CONTROL_MEMBERS; m++) {
        /* The draft of a writer that was killed may never have reached the medium. */
        bool unsynced = m == 0 && !old->durable;
        if (m != g->seen && m != g->reused && old->doc[i][m].id.ino && !unsynced)
            next[n++] = old->doc[i][m];
    }
}

bool kv_shadow_undo(struct kv_shadow *g, int dir)
{
    if (g->fd < 0)
        return false;
    if (KV_FAULT(IN_PLACE))
        return close_spare(g), false;
    bool whole = !g->copying && kv_io_lease(g->fd) && !kv_io_truncate(g->fd, g->shared, NULL) &&
                 !kv_io_pwrite(g->fd, TAIL, g->shared, NULL) && kv_io_stat(g->fd, &g->next) == 0;
    if (!whole)
        kv_io_remove(dir, g->spare);
    close_spare(g); /* which gives up the lease too */
    return whole;
}

int kv_shadow_publish(struct kv_shadow *g, int dir, bool exchange, struct kv_err *err)
{
    if (KV_FAULT(IN_PLACE))
        return KV_IO_REPLACED;
    /* A version that was written anew has no use for its predecessor. */
    int how = kv_io_at(dir, g->spare, g->name, exchange && !g->rewriting, err);
    return how < 0 ? kv_err_context(err, "%s", g->name) : how;
}
