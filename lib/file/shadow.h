/* shadow - one growing document under the lock: its visible version, what is staged for it, and the
 * hidden spare that becomes the next version.
 *
 * The steps of a commit, in the order in which doc.c calls them:
 *
 *     kv_shadow_open                       the visible version
 *     kv_shadow_add …                      stage
 *     kv_shadow_choose                     a spare under a lease, else an empty file to copy into
 *     kv_shadow_write                      the spare becomes the next version; the lease is returned
 *     … record, syncs …
 *     kv_shadow_publish                    the names change places
 *     kv_shadow_close
 *
 * or kv_shadow_undo when writing failed: the spare is then what it was before, so that a full disk
 * costs no copy. Where the file system has no leases, kv_shadow_fence comes before all of it. It
 * knows nothing of other documents, of the lock or of durability.
 */
#ifndef KV_SHADOW_H
#define KV_SHADOW_H

#include "control.h"
#include "doc_version.h"

#include <stdbool.h>

enum { KV_SHADOW_SPARES = 2 };

enum kv_shadow_way {
    KV_SHADOW_IN_PLACE,
    KV_SHADOW_REWRITTEN, /* by the caller */
    KV_SHADOW_NO_RECORD, /* this and all below: copied whole, because … */
    KV_SHADOW_RESTARTED,
    KV_SHADOW_EDITED,
    KV_SHADOW_NO_SPARE,
    KV_SHADOW_BUSY,
    KV_SHADOW_NO_LEASES,
};
const char *kv_shadow_way_text(enum kv_shadow_way way);

struct kv_shadow {
    char *name;
    char *spares[KV_SHADOW_SPARES];
    char *draft; /* the name of a copy where there are no leases; else NULL */
    struct kv_doc_version view;

    struct kv_buf text; /* staged and not yet written, separators included */
    off_t at;           /* where text goes */
    bool empty;         /* the array has no item so far */
    bool failed;        /* staging failed, as why says; found out by kv_shadow_write */
    struct kv_err why;
    bool rewriting; /* text goes to the spare, which is a draft */

    int fd;            /* the spare, -1: none chosen */
    const char *spare; /* its name */
    off_t shared;      /* it has the bytes of the visible version up to here */
    bool copying;      /* it was just made */
    int seen, reused;  /* members of the record: the visible version, the spare; -1: not there */
    struct kv_file next;
    enum kv_shadow_way way;
};

void kv_shadow_init(struct kv_shadow *g, const char *name);
void kv_shadow_release(struct kv_shadow *g);

/* Where a lock can be lost: removes what earlier holders of it have made and not published, so that
 * they cannot publish it any more, and chooses a name for a copy that nobody else will use. */
int kv_shadow_fence(struct kv_shadow *g, int dir, struct kv_err *err);

int kv_shadow_open(struct kv_shadow *g, int dir, struct kv_err *err);
void kv_shadow_close(struct kv_shadow *g); /* forgets what is staged; removes nothing */

/* Stages; see kv_doc_add, kv_doc_rewrite, kv_doc_text. */
off_t kv_shadow_add(struct kv_shadow *g, struct kv_slice item);
int kv_shadow_rewrite(struct kv_shadow *g, int dir, struct kv_err *err);
int kv_shadow_text(struct kv_shadow *g, struct kv_slice text, struct kv_err *err);

/* Chooses the spare for document i of the record (whose state is given). Members that can never be
 * used again are removed from *c and from the directory. Without leases every commit copies. */
int kv_shadow_choose(struct kv_shadow *g, int dir, struct kv_control *c, size_t i,
    enum kv_control_state state, bool leases, struct kv_err *err);

/* Makes the spare the next version; g->next is then what it is. */
int kv_shadow_write(struct kv_shadow *g, struct kv_err *err);
/* The members of the next record. */
void kv_shadow_record(const struct kv_shadow *g, const struct kv_control *old, size_t i,
    struct kv_member next[KV_CONTROL_MEMBERS]);

/* After a failure before publishing. True if the spare is again a version with the visible one's
 * beginning, which g->next and g->shared describe; false if it is of no use (and gone). */
bool kv_shadow_undo(struct kv_shadow *g, int dir);

/* KV_IO_EXCHANGED or KV_IO_REPLACED; -1 on failure. */
int kv_shadow_publish(struct kv_shadow *g, int dir, bool exchange, struct kv_err *err);

/* ---- negative controls of the torture tests; not in the product ---- */
#ifdef KV_FAULTS
enum kv_shadow_fault {
    KV_FAULT_NO_LEASE = 1,        /* write into the spare whoever reads it */
    KV_FAULT_NO_SYNC_FIRST = 2,   /* publish the first document unsynced */
    KV_FAULT_NO_SYNC_SECOND = 4,  /* the second one */
    KV_FAULT_NO_SYNC_NAMES = 8,   /* acknowledge before the names are on the medium */
    KV_FAULT_NO_SYNC_BEFORE = 16, /* do not make a killed writer's exchange durable first */
    KV_FAULT_SECOND_FIRST = 32,   /* publish the second document before the first */
    KV_FAULT_NO_LOCK = 64,        /* writers do not wait for each other */
    KV_FAULT_IN_PLACE = 128,      /* write into the visible document */
};
extern unsigned kv_shadow_faults;
#define KV_FAULT(which) ((kv_shadow_faults & KV_FAULT_##which) != 0)
#else
#define KV_FAULT(which) false
#endif

#endif
