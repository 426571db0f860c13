/* control - the record that says which files are known to share a beginning.
 *
 * It lies in the lock file of a set of growing documents, is read and written under the lock, and
 * is never synced. Per document it names up to KV_CONTROL_MEMBERS files by what they exactly are
 * (kv_file_id), each with the length up to which it is known. Its meaning: the bytes
 * [KV_DOC_VERSION_HEAD, min(a.shared, b.shared)) of any two members a, b of a document are equal.
 * Nobody writes below that, so a member whose id still matches has that beginning, whatever
 * happened to its end. Member 0 is the version written last, member 1 the one that was visible
 * then.
 *
 * `durable` says that member 0 is what the visible name stands for on the medium. A record that is
 * not durable speaks of the page cache and is void after a restart. A record that was never quite
 * written, or comes from another machine, does not match its checksum.
 *
 * `given_up` names files that belong to no run any more, or not yet: what a creation or a removal
 * leaves if it is killed. It holds after a restart too.
 *
 * The record also keeps the lineage (doc.h), which is void after any restart: private files that
 * depend on it are not synced.
 */
#ifndef KV_CONTROL_H
#define KV_CONTROL_H

#include "digest.h"
#include "io_at.h"

#include <stdbool.h>

enum { KV_CONTROL_DOCS = 2, KV_CONTROL_MEMBERS = 3, KV_CONTROL_GIVEN_UP = 3 };

struct kv_member {
    struct kv_file_id id; /* ino 0: no member */
    int64_t shared;
};

struct kv_control {
    char magic[8];
    char boot[KV_BOOT_MAX];
    struct kv_digest128 lineage;
    uint64_t durable;
    struct kv_member doc[KV_CONTROL_DOCS][KV_CONTROL_MEMBERS];
    struct kv_file_id given_up[KV_CONTROL_GIVEN_UP]; /* ino 0: none */
    struct kv_digest128 sum;                         /* of everything before it */
};

enum kv_control_state {
    KV_CONTROL_OK,
    KV_CONTROL_NONE,      /* nothing there, or nothing intelligible */
    KV_CONTROL_RESTARTED, /* it spoke of a page cache that is gone */
};

/* Reads the record of this lock file. Unless it is KV_CONTROL_OK, *c has no members. The boot text
 * of *c is that of now; *same_boot tells whether it was the record's too. */
enum kv_control_state kv_control_read(int lock, struct kv_control *c, bool *same_boot);

/* Writes the record. A failure is no harm (what is there matches no file any more, or is true), so
 * none is reported. */
void kv_control_write(int lock, struct kv_control *c);
/* Writes the record durably. On a network file system this fails if the lock was lost. */
int kv_control_sync(int lock, struct kv_control *c, struct kv_err *err);
void kv_control_void(int lock);

/* The member of document i that is exactly this file, -1 if none. */
int kv_control_find(const struct kv_control *c, size_t i, const struct kv_file_id *id);

/* True if this file is one of those that were given up. */
bool kv_control_gave_up(const struct kv_control *c, const struct kv_file_id *id);

/* Gives up these files (two of them), durably, before they are removed; the rest of the record
 * stays. */
int kv_control_give_up(
    int lock, struct kv_control *c, const struct kv_file_id ids[2], struct kv_err *err);

#endif
