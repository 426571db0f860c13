/* io_at - the calls behind a document that is replaced in place: exclusive lock, write lease,
 * copy, exchange of two names, sync.
 *
 * Everything here works on an open directory and names in it, so that a path is resolved once. The
 * Linux-only calls (leases, RENAME_EXCHANGE, FICLONE, sync_file_range, statfs magic, boot id) have
 * portable fall-backs: kv_io_has_leases answers false there, and its callers take the path that
 * needs none. Compiling with -DKV_PORTABLE gives the fall-backs on Linux, for tests.
 */
#ifndef KV_IO_AT_H
#define KV_IO_AT_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a file is at this moment. Two equal ids on one machine mean: nobody has written to it. */
struct kv_file_id {
    uint64_t dev, ino;
    int64_t size, mtime_s, mtime_ns;
};

struct kv_file {
    struct kv_file_id id;
    bool regular;
    mode_t mode; /* the permission bits */
    uid_t uid;
    gid_t gid;
    nlink_t links;
};

bool kv_file_same(const struct kv_file_id *a, const struct kv_file_id *b);

/* ---- directories and names ---- */

/* "out/results.json" -> directory "out" and name "results.json"; "results.json" -> ".". The caller
 * frees both. */
void kv_io_split(const char *path, char **directory, char **name);

/* Opens a directory for the calls below. Returns a descriptor or -1. */
int kv_io_dir_open(const char *directory, struct kv_err *err);

enum kv_io_open {
    KV_IO_READ,   /* must exist */
    KV_IO_UPDATE, /* must exist; not through a symbolic link */
    KV_IO_CREATE, /* must not exist; mode 0666 less the umask */
    KV_IO_SECRET, /* must not exist; mode 0600 */
};
/* Returns a descriptor, or -1 with errno: absence is often an answer, not a failure. */
int kv_io_open(int dir, const char *name, enum kv_io_open how);
/* All of *file, or -1 with errno. */
int kv_io_stat(int fd, struct kv_file *file);
/* The same of a name, as it is on the medium now, whatever a network file system remembers. */
int kv_io_look(int dir, const char *name, struct kv_file *file);
/* Removes a name; one that is not there is fine. -1 with errno otherwise. */
int kv_io_remove(int dir, const char *name);
/* Removes every name that is `stem` and one or more hexadecimal digits, as the directory is on the
 * medium now, whatever a network file system remembers. */
int kv_io_remove_numbered(int dir, const char *stem, struct kv_err *err);

/* ---- bytes at their place: all of them, or -1 with *err; the text names nothing ---- */

int kv_io_pread(int fd, void *to, size_t n, off_t at, struct kv_err *err);
int kv_io_pwrite(int fd, struct kv_slice bytes, off_t at, struct kv_err *err);
int kv_io_truncate(int fd, off_t size, struct kv_err *err);
/* Asks for room behind `from` that stays the file's also when the disk is full; its size does not
 * change. A wish: where the system or the file system has no such thing, nothing happens. */
void kv_io_reserve(int fd, off_t from, off_t n);
/* Bytes [from, to) of `source` to the same place in `target`; by reference where the file system
 * can share them and `from` is 0. */
int kv_io_copy(int source, int target, off_t from, off_t to, struct kv_err *err);
/* The same bytes to where `target` stands, as a write would; the system copies them itself where it
 * can. */
int kv_io_append(int source, off_t from, off_t to, int target, struct kv_err *err);
/* Gives the file the owner (where permitted) and the permission bits of another. */
int kv_io_dress(int fd, const struct kv_file *like, struct kv_err *err);

/* ---- leases ---- */

/* True where a write lease is refused as long as anybody has the file open: file systems whose
 * every opener is known to this kernel. (FUSE grants leases it cannot keep, hence a list.) */
bool kv_io_has_leases(int dir); /* or any file in it */
/* Takes a write lease: granted only if nobody else has the file open or mapped; until it is
 * returned, openers wait. */
bool kv_io_lease(int fd);
void kv_io_lease_end(int fd);

/* ---- names and durability ---- */

/* Starts writing back what is dirty, without waiting. */
void kv_io_sync_hint(int fd);
/* The same now and then, for whoever writes a long file from its beginning and has just written
 * [from, to): the medium is at work while more is made. */
void kv_io_sync_along(int fd, off_t from, off_t to);
int kv_io_sync(int fd, struct kv_err *err);      /* data and size of a file are on the medium */
int kv_io_sync_dir(int dir, struct kv_err *err); /* names are on the medium */

/* The same without waiting: one sync of a file, begun and asked after. */
struct kv_io_syncing;
struct kv_io_syncing *kv_io_sync_begin(int fd); /* NULL: it cannot be done so; use kv_io_sync */
/* 1: done, and freed; 0: still under way, with `wait` never; -1: failed, and freed. The descriptor
 * must stay open until it is done. */
int kv_io_sync_end(struct kv_io_syncing *s, bool wait, struct kv_err *err);

enum kv_io_at { KV_IO_EXCHANGED = 1, KV_IO_REPLACED = 2 };
/* Makes `fresh` what `name` stands for. KV_IO_EXCHANGED: the old file is now called `fresh`.
 * KV_IO_REPLACED: the old file is gone (no exchange here, not asked for, or there was none). */
int kv_io_at(int dir, const char *fresh, const char *name, bool exchange, struct kv_err *err);

/* ---- the machine ---- */

enum { KV_BOOT_MAX = 40 };
/* A text that changes at every boot; "" if the system has none. */
void kv_io_boot(char boot[KV_BOOT_MAX]);

#endif
