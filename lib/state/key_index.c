/* key_index - what is known of each task key: a hash table in a private file, or in memory.
 *
 * Open addressing with linear probing; a slot is free while its flags are 0. The file is one block
 * of header and then the slots, sparse until they are used; it is read and written in place,
 * a slot at a time, so that memory does not grow with it (a mapping would count). A table that is
 * filled from nothing is filled in memory and written in one piece: a call a slot would be most of
 * the cost.
 */
#include "key_index.h"

#include "io_at.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 4096, SLOT = sizeof(struct kv_key_index_entry), SMALLEST = 64, PROBE = 4 };
static const char magic[] = "kvindex1"; /* in a file without its NUL */

struct header {
    char magic[8];
    uint64_t slots; /* a power of two */
    uint64_t used;  /* may lag behind by one killed batch */
    struct kv_digest128 lineage;
    struct kv_key_index_mark mark;
    uint64_t marked;
};

struct kv_key_index {
    int fd; /* -1: in memory */
    struct kv_key_index_entry *slots;
    struct header head;
    struct kv_key_index *staged; /* a table in memory, or NULL */
};

static uint64_t slots_for(size_t expected)
{
    uint64_t n = SMALLEST;
    while (n / 2 < expected)
        n *= 2;
    return n;
}

struct kv_key_index *kv_key_index_memory(size_t expected)
{
    struct kv_key_index *ix = kv_calloc(1, sizeof *ix);
    ix->fd = -1;
    ix->head.slots = slots_for(expected);
    ix->slots = kv_calloc(ix->head.slots, SLOT);
    return ix;
}

/* ---- slots, wherever they are ---- */

static int load(struct kv_key_index *ix, uint64_t slot, size_t n, struct kv_key_index_entry *to,
    struct kv_err *err)
{
    if (ix->fd >= 0)
        return kv_io_pread(ix->fd, to, n * SLOT, (off_t)(HEADER + slot * SLOT), err);
    memcpy(to, ix->slots + slot, n * SLOT);
    return 0;
}

static int save(struct kv_key_index *ix, uint64_t slot, const struct kv_key_index_entry *entry,
    struct kv_err *err)
{
    if (ix->fd >= 0)
        return kv_io_pwrite(ix->fd, (struct kv_slice){(const char *)entry, SLOT},
            (off_t)(HEADER + slot * SLOT), err);
    ix->slots[slot] = *entry;
    return 0;
}

static int save_header(struct kv_key_index *ix, struct kv_err *err)
{
    if (ix->fd < 0)
        return 0;
    return kv_io_pwrite(
        ix->fd, (struct kv_slice){(const char *)&ix->head, sizeof ix->head}, 0, err);
}

/* ---- the file ---- */

static bool header_matches(int fd, struct header *head)
{
    struct kv_file file;
    if (kv_io_stat(fd, &file) != 0 || file.id.size < HEADER ||
        kv_io_pread(fd, head, sizeof *head, 0, NULL) != 0)
        return false;
    return memcmp(head->magic, magic, sizeof head->magic) == 0 && head->slots >= SMALLEST &&
           (head->slots & (head->slots - 1)) == 0 && head->slots < (uint64_t)1 << 40 &&
           (uint64_t)file.id.size == HEADER + head->slots * SLOT && head->used <= head->slots;
}

static int open_or_create(const char *path)
{
    char *directory, *name;
    kv_io_split(path, &directory, &name);
    int dir = kv_io_dir_open(directory, NULL), fd = -1;
    if (dir >= 0) {
        fd = kv_io_open(dir, name, KV_IO_UPDATE);
        if (fd < 0 && errno == ENOENT)
            fd = kv_io_open(dir, name, KV_IO_CREATE);
        int saved = errno;
        close(dir);
        errno = saved;
    }
    free(directory);
    free(name);
    return fd;
}

struct kv_key_index *kv_key_index_open(const char *path, struct kv_err *err)
{
    int fd = open_or_create(path);
    if (fd < 0) {
        kv_err_sys(err, "%s", path);
        return NULL;
    }
    struct kv_key_index *ix = kv_calloc(1, sizeof *ix);
    ix->fd = fd;
    if (header_matches(fd, &ix->head))
        return ix;
    if (kv_key_index_reset(ix, 0, err) == 0)
        return ix;
    kv_err_context(err, "%s", path);
    kv_key_index_close(ix);
    return NULL;
}

void kv_key_index_close(struct kv_key_index *ix)
{
    if (!ix)
        return;
    if (ix->fd >= 0)
        close(ix->fd);
    kv_key_index_close(ix->staged);
    free(ix->slots);
    free(ix);
}

bool kv_key_index_reaches(
    const struct kv_key_index *ix, struct kv_digest128 lineage, struct kv_key_index_mark *mark)
{
    if (!ix->head.marked || ix->head.lineage.hi != lineage.hi || ix->head.lineage.lo != lineage.lo)
        return false;
    *mark = ix->head.mark;
    return true;
}

/* An empty table of so many slots. */
static int make(struct kv_key_index *ix, uint64_t slots, struct kv_err *err)
{
    ix->head = (struct header){.slots = slots};
    memcpy(ix->head.magic, magic, sizeof ix->head.magic);
    if (ix->fd < 0) {
        free(ix->slots);
        ix->slots = kv_calloc(slots, SLOT);
        return 0;
    }
    if (kv_io_truncate(ix->fd, 0, err) != 0 ||
        kv_io_truncate(ix->fd, (off_t)(HEADER + slots * SLOT), err) != 0)
        return -1;
    return save_header(ix, err);
}

int kv_key_index_reset(struct kv_key_index *ix, size_t expected, struct kv_err *err)
{
    return make(ix, slots_for(expected), err);
}

void kv_key_index_void(struct kv_key_index *ix)
{
    ix->head.marked = 0;
    if (ix->fd >= 0)
        kv_io_truncate(ix->fd, 0, NULL);
}

int kv_key_index_mark(struct kv_key_index *ix, struct kv_digest128 lineage,
    const struct kv_key_index_mark *mark, struct kv_err *err)
{
    ix->head.lineage = lineage;
    ix->head.mark = *mark;
    ix->head.marked = 1;
    return save_header(ix, err);
}

/* ---- entries ---- */

static bool same_id(struct kv_digest128 a, struct kv_digest128 b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* Finds the slot of an id, or the free one where it would go. 1 found, 0 free, -1. */
static int probe(struct kv_key_index *ix, struct kv_digest128 id, uint64_t *slot,
    struct kv_key_index_entry *entry, struct kv_err *err)
{
    struct kv_key_index_entry some[PROBE];
    uint64_t start = id.lo & (ix->head.slots - 1);
    for (uint64_t tried = 0; tried < ix->head.slots;) {
        uint64_t at = (start + tried) & (ix->head.slots - 1);
        size_t n = ix->head.slots - at < PROBE ? (size_t)(ix->head.slots - at) : PROBE;
        if (load(ix, at, n, some, err) != 0)
            return -1;
        for (size_t i = 0; i < n; i++, tried++) {
            *slot = at + i;
            if (some[i].flags && !same_id(some[i].id, id))
                continue;
            *entry = some[i];
            return some[i].flags != 0;
        }
    }
    return kv_err_set(err, KV_SYSTEM, "index is full");
}

int kv_key_index_find(struct kv_key_index *ix, struct kv_digest128 id,
    struct kv_key_index_entry *entry, struct kv_err *err)
{
    uint64_t slot;
    if (ix->staged && probe(ix->staged, id, &slot, entry, err) == 1)
        return 1;
    int found = probe(ix, id, &slot, entry, err);
    if (found == 0)
        *entry = (struct kv_key_index_entry){.id = id};
    return found;
}

int kv_key_index_next(
    struct kv_key_index *ix, uint64_t *at, struct kv_key_index_entry *entry, struct kv_err *err)
{
    for (; *at < ix->head.slots; ++*at) {
        if (load(ix, *at, 1, entry, err) != 0)
            return -1;
        if (entry->flags)
            return ++*at, 1;
    }
    return 0;
}

static int grow_file(struct kv_key_index *ix, struct kv_err *err)
{
    struct kv_key_index_entry *all = NULL, one;
    size_t n = 0;
    uint64_t at = 0;
    int got;
    while ((got = kv_key_index_next(ix, &at, &one, err)) == 1) {
        all = kv_grow(all, n, SLOT);
        all[n++] = one;
    }
    if (got == 0)
        got = make(ix, ix->head.slots * 2, err);
    for (size_t i = 0; i < n && got == 0; i++)
        got = kv_key_index_put(ix, &all[i], err);
    free(all);
    return got;
}

/* Twice the slots. Rare: the first size has room for the whole manifest. */
static int grow(struct kv_key_index *ix, struct kv_err *err)
{
    struct kv_key_index old = *ix;
    int failed = 0;
    if (ix->fd >= 0)
        return grow_file(ix, err);
    ix->slots = NULL;
    failed = make(ix, old.head.slots * 2, err);
    for (uint64_t i = 0; i < old.head.slots && !failed; i++)
        if (old.slots[i].flags)
            failed = kv_key_index_put(ix, &old.slots[i], err);
    free(old.slots);
    return failed;
}

int kv_key_index_put(
    struct kv_key_index *ix, const struct kv_key_index_entry *entry, struct kv_err *err)
{
    struct kv_key_index_entry old;
    uint64_t slot;
    int found = probe(ix, entry->id, &slot, &old, err);
    if (found < 0)
        return -1;
    if (!found && ix->head.used * 4 >= ix->head.slots * 3)
        return grow(ix, err) != 0 ? -1 : kv_key_index_put(ix, entry, err);
    if (save(ix, slot, entry, err) != 0)
        return -1;
    ix->head.used += !found;
    return 0;
}

int kv_key_index_take(struct kv_key_index *ix, struct kv_key_index *from, struct kv_err *err)
{
    struct kv_slice all = {(const char *)from->slots, from->head.slots * SLOT};
    int failed = 0;
    if (ix->fd < 0) {
        free(ix->slots);
        ix->slots = from->slots;
        ix->head = from->head;
        from->slots = NULL;
    } else if ((failed = make(ix, from->head.slots, err)) == 0) {
        ix->head.used = from->head.used;
        failed = kv_io_pwrite(ix->fd, all, HEADER, err);
    }
    kv_key_index_close(from);
    return failed;
}

/* ---- a batch ---- */

void kv_key_index_stage(struct kv_key_index *ix, const struct kv_key_index_entry *entry)
{
    if (!ix->staged)
        ix->staged = kv_key_index_memory(0);
    kv_key_index_put(ix->staged, entry, NULL);
}

int kv_key_index_keep(struct kv_key_index *ix, struct kv_err *err)
{
    struct kv_key_index *staged = ix->staged;
    struct kv_key_index_entry e;
    uint64_t at = 0;
    int failed = 0;
    ix->staged = NULL;
    while (staged && !failed && kv_key_index_next(staged, &at, &e, err) == 1)
        failed = kv_key_index_put(ix, &e, err);
    kv_key_index_close(staged);
    return failed;
}

void kv_key_index_drop(struct kv_key_index *ix)
{
    kv_key_index_close(ix->staged);
    ix->staged = NULL;
}
