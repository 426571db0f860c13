/* key_index - what is known of each task key, found at constant cost: a hash table in a private
 * file.
 *
 * A .state with a million tasks must not be read to learn whether one key is in it. The index holds
 * one entry a key, named by the key's digest: its flags, and where its newest row lies in the
 * results file. It is derived data and never the truth: it carries the lineage of the documents
 * (doc.h) and how far into them it reaches; whoever opens it compares, catches up from there, or
 * builds it anew. The same table can live in memory, for readers that write nothing.
 *
 *     ix = kv_key_index_open(path, &err);
 *     if (!kv_key_index_reaches(ix, lineage, &mark))
 *         new = kv_key_index_memory(expected), fill it, kv_key_index_take(ix, new, &err);
 *     kv_key_index_find(ix, kv_digest_128(key), &entry, &err);
 *     kv_key_index_put(ix, &entry, &err);         after the commit that it speaks of
 *     kv_key_index_mark(ix, lineage, mark, &err); last: it now reaches that far
 *
 * Entries are written before the mark, so a writer killed in between leaves a table that is ahead
 * of its mark in some entries; putting the same rows again gives the same table. Nothing is synced:
 * a lineage does not outlive a restart of the machine.
 */
#ifndef KV_KEY_INDEX_H
#define KV_KEY_INDEX_H

#include "digest.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kv_key_index_flag {
    KV_KEY_INDEX_MANIFEST = 1,  /* in the manifest */
    KV_KEY_INDEX_COMPLETED = 2, /* its key is in .state */
    KV_KEY_INDEX_ADOPTED = 4,   /* it is not, but a row settles it (memory only) */
    KV_KEY_INDEX_ROW = 8,       /* has a row */
    KV_KEY_INDEX_FAILED = 16,   /* the newest row is a failure */
    KV_KEY_INDEX_PARTIAL = 128, /* the newest row has an answer cut by time or tokens */
    KV_KEY_INDEX_LOST = 64,     /* its key is recorded, but its row was torn (memory only) */
    KV_KEY_INDEX_SEEN = 32,     /* for walks that hand out each key once (memory only) */
};

struct kv_key_index_entry {
    struct kv_digest128 id;
    uint64_t offset;  /* of the newest row in the results file */
    uint32_t flags;   /* not 0 */
    uint32_t outcome; /* code of the newest row (outcomes.h); 0: none that counts */
};

/* How far the table reaches into the documents. */
struct kv_key_index_mark {
    uint64_t rows;      /* this many rows of the results file */
    uint64_t end;       /* which end at this offset */
    uint64_t completed; /* this many keys of .state */
};

struct kv_key_index;

struct kv_key_index *kv_key_index_memory(size_t expected);

/* Opens the file, or creates an empty one. A file that is no index is as good as empty. NULL: the
 * system refused (the caller may do with memory). */
struct kv_key_index *kv_key_index_open(const char *path, struct kv_err *err);
void kv_key_index_close(struct kv_key_index *ix); /* NULL is fine */

/* True if the table was marked under this lineage; *mark is how far it reaches. */
bool kv_key_index_reaches(
    const struct kv_key_index *ix, struct kv_digest128 lineage, struct kv_key_index_mark *mark);

/* Forgets everything and makes room for `expected` entries (it grows beyond when it must). */
int kv_key_index_reset(struct kv_key_index *ix, size_t expected, struct kv_err *err);

/* Puts the table of `from`, which is in memory, in the place of its own; closes `from`. */
int kv_key_index_take(struct kv_key_index *ix, struct kv_key_index *from, struct kv_err *err);

/* 1 and the entry, 0 (*entry then has the id and nothing else), -1. */
int kv_key_index_find(struct kv_key_index *ix, struct kv_digest128 id,
    struct kv_key_index_entry *entry, struct kv_err *err);

int kv_key_index_put(
    struct kv_key_index *ix, const struct kv_key_index_entry *entry, struct kv_err *err);
int kv_key_index_mark(struct kv_key_index *ix, struct kv_digest128 lineage,
    const struct kv_key_index_mark *mark, struct kv_err *err);

/* Entries of a batch that is not committed yet: seen by kv_key_index_find, and by nobody else until
 * kv_key_index_keep puts them into the table (kept first, forgotten even if that fails). */
void kv_key_index_stage(struct kv_key_index *ix, const struct kv_key_index_entry *entry);
int kv_key_index_keep(struct kv_key_index *ix, struct kv_err *err);
void kv_key_index_drop(struct kv_key_index *ix);

/* Makes the file as good as empty, whatever becomes of the call. */
void kv_key_index_void(struct kv_key_index *ix);

/* Before many calls of kv_key_index_find: reads the table into memory, unless it is too large for
 * that; the next change forgets it. A wish: nothing fails. */
void kv_key_index_hold(struct kv_key_index *ix);

/* Walks all entries in no order: start with *at == 0. 1, 0 at the end, -1. */
int kv_key_index_next(
    struct kv_key_index *ix, uint64_t *at, struct kv_key_index_entry *entry, struct kv_err *err);

#endif
