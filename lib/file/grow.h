/* grow - one growing document under the lock: its visible version, what is staged for it, and the
 * hidden spare that becomes the next version.
 *
 * The steps of a commit, in the order in which doc.c calls them:
 *
 *     kv_grow_open                       the visible version
 *     kv_grow_add …                      stage
 *     kv_grow_choose                     a spare under a lease, else an empty file to copy into
 *     kv_grow_write                      the spare becomes the next version; the lease is returned
 *     … record, syncs …
 *     kv_grow_publish                    the names change places
 *     kv_grow_close
 *
 * or kv_grow_undo when writing failed: the spare is then what it was before, so that a full disk
 * costs no copy. It knows nothing of other documents, of the lock or of durability.
 */
#ifndef KV_GROW_H
#define KV_GROW_H

#include "control.h"
#include "view.h"

#include <stdbool.h>

enum { KV_GROW_SPARES = 2 };

enum kv_grow_way {
    KV_GROW_IN_PLACE,
    KV_GROW_REWRITTEN, /* by the caller */
    KV_GROW_NO_RECORD, /* this and all below: copied whole, because … */
    KV_GROW_RESTARTED,
    KV_GROW_EDITED,
    KV_GROW_NO_SPARE,
    KV_GROW_BUSY,
    KV_GROW_NO_LEASES,
};
const char *kv_grow_way_text(enum kv_grow_way way);

struct kv_grow {
    char *name;
    char *spares[KV_GROW_SPARES];
    struct kv_view view;

    struct kv_buf text; /* staged and not yet written, separators included */
    off_t at;           /* where text goes */
    bool empty;         /* the array has no item so far */
    bool failed;        /* staging failed, as why says; found out by kv_grow_write */
    struct kv_err why;
    bool rewriting; /* text goes to the spare, which is a draft */

    int fd;            /* the spare, -1: none chosen */
    const char *spare; /* its name */
    off_t shared;      /* it has the bytes of the visible version up to here */
    bool copying;      /* it was just made */
    int seen, reused;  /* members of the record: the visible version, the spare; -1: not there */
    struct kv_file next;
    enum kv_grow_way way;
};

void kv_grow_init(struct kv_grow *g, const char *name);
void kv_grow_release(struct kv_grow *g);

int kv_grow_open(struct kv_grow *g, int dir, struct kv_err *err);
void kv_grow_close(struct kv_grow *g); /* forgets what is staged; removes nothing */

/* Stages; see kv_doc_add, kv_doc_rewrite, kv_doc_text. */
off_t kv_grow_add(struct kv_grow *g, struct kv_slice item);
int kv_grow_rewrite(struct kv_grow *g, int dir, struct kv_err *err);
int kv_grow_text(struct kv_grow *g, struct kv_slice text, struct kv_err *err);

/* Chooses the spare for document i of the record (whose state is given). Members that can never be
 * used again are removed from *c and from the directory. Without leases every commit copies. */
int kv_grow_choose(struct kv_grow *g, int dir, struct kv_control *c, size_t i,
    enum kv_control_state state, bool leases, struct kv_err *err);

/* Makes the spare the next version; g->next is then what it is. */
int kv_grow_write(struct kv_grow *g, struct kv_err *err);
/* The members of the next record. */
void kv_grow_record(const struct kv_grow *g, const struct kv_control *old, size_t i,
    struct kv_member next[KV_CONTROL_MEMBERS]);

/* After a failure before publishing. True if the spare is again a version with the visible one's
 * beginning, which g->next and g->shared describe; false if it is of no use (and gone). */
bool kv_grow_undo(struct kv_grow *g, int dir);

/* KV_IO_EXCHANGED or KV_IO_REPLACED; -1 on failure. */
int kv_grow_publish(struct kv_grow *g, int dir, bool exchange, struct kv_err *err);

/* ---- negative controls of the torture tests; not in the product ---- */
#ifdef KV_FAULTS
enum kv_grow_fault {
    KV_FAULT_NO_LEASE = 1,        /* write into the spare whoever reads it */
    KV_FAULT_NO_SYNC_FIRST = 2,   /* publish the first document unsynced */
    KV_FAULT_NO_SYNC_SECOND = 4,  /* the second one */
    KV_FAULT_NO_SYNC_NAMES = 8,   /* acknowledge before the names are on the medium */
    KV_FAULT_NO_SYNC_BEFORE = 16, /* do not make a killed writer's exchange durable first */
    KV_FAULT_SECOND_FIRST = 32,   /* publish the second document before the first */
    KV_FAULT_NO_LOCK = 64,        /* writers do not wait for each other */
    KV_FAULT_IN_PLACE = 128,      /* write into the visible document */
};
extern unsigned kv_grow_faults;
#define KV_FAULT(which) ((kv_grow_faults & KV_FAULT_##which) != 0)
#else
#define KV_FAULT(which) false
#endif

#endif
