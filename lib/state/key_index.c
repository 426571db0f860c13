/* key_index - what is known of each task key: a hash table in a private file, or in memory.
 *
 * Open addressing with linear probing; a slot is free while its flags are 0. The file is one block
 * of header and then the slots, sparse until they are used; it is read and written in place,
 * a slot at a time, so that memory does not grow with it (a mapping would count). A table that is
 * filled from nothing is filled in memory and written in large pieces: a call a slot would be most
 * of the cost.
 *
 * In memory the entries lie one behind the other, in the order in which they came, and a slot is the
 * number of one: free slots, more than half of them, cost four bytes and not thirty-two.
 */
#include "key_index.h"

#include "io_at.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEADER = 4096,
    SLOT = sizeof(struct kv_key_index_entry),
    SMALLEST = 64,
    PROBE = 4,         /* slots of a file read at once */
    PIECE = 4096,      /* slots of a file written, or all read, at once */
    HELD_MAX = 1 << 21 /* entries of a file held in memory: 80 MB */
};
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
    struct header head;
    /* In memory: */
    uint32_t *slots;                    /* 1 + the number of an entry; 0: free */
    struct kv_key_index_entry *entries; /* head.used of them, room for `room` */
    size_t room;
    struct kv_digest128 last; /* what was found last, at this slot: it is mostly put next */
    uint64_t last_slot;
    bool has_last;
    struct kv_key_index *staged; /* a table in memory, or NULL */
    struct kv_key_index *held;   /* all of the file, or NULL */
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
    ix->slots = kv_calloc(ix->head.slots, sizeof *ix->slots);
    ix->room = expected;
    ix->entries = kv_array(NULL, expected, SLOT);
    return ix;
}

/* ---- slots, wherever they are ---- */

static int load(struct kv_key_index *ix, uint64_t slot, size_t n, struct kv_key_index_entry *to,
    struct kv_err *err)
{
    if (ix->fd >= 0)
        return kv_io_pread(ix->fd, to, n * SLOT, (off_t)(HEADER + slot * SLOT), err);
    for (size_t i = 0; i < n; i++)
        to[i] = ix->slots[slot + i] ? ix->entries[ix->slots[slot + i] - 1]
                                    : (struct kv_key_index_entry){0};
    return 0;
}

/* Puts an entry behind the others in memory. */
static void append(struct kv_key_index *ix, uint64_t slot, const struct kv_key_index_entry *entry)
{
    if (ix->head.used == ix->room) {
        ix->room = ix->room ? 2 * ix->room : SMALLEST;
        ix->entries = kv_array(ix->entries, ix->room, SLOT);
    }
    ix->entries[ix->head.used] = *entry;
    ix->slots[slot] = (uint32_t)(ix->head.used + 1);
}

static int save(struct kv_key_index *ix, uint64_t slot, const struct kv_key_index_entry *entry,
    struct kv_err *err)
{
    if (ix->fd >= 0)
        return kv_io_pwrite(ix->fd, (struct kv_slice){(const char *)entry, SLOT},
            (off_t)(HEADER + slot * SLOT), err);
    if (ix->slots[slot])
        ix->entries[ix->slots[slot] - 1] = *entry;
    else
        append(ix, slot, entry);
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
    kv_key_index_close(ix->held);
    free(ix->slots);
    free(ix->entries);
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

static void let_go(struct kv_key_index *ix)
{
    kv_key_index_close(ix->held);
    ix->held = NULL;
}

/* An empty table of so many slots. */
static int make(struct kv_key_index *ix, uint64_t slots, struct kv_err *err)
{
    let_go(ix);
    ix->has_last = false;
    ix->head = (struct header){.slots = slots};
    memcpy(ix->head.magic, magic, sizeof ix->head.magic);
    if (ix->fd < 0) {
        free(ix->slots);
        ix->slots = kv_calloc(slots, sizeof *ix->slots);
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
    let_go(ix);
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
    if (ix->has_last && same_id(ix->last, id)) {
        *slot = ix->last_slot;
        load(ix, *slot, 1, entry, err);              /* memory does not fail */
        if (!entry->flags || same_id(entry->id, id)) /* another may have taken the free slot */
            return entry->flags != 0;
    }
    uint64_t start = id.lo & (ix->head.slots - 1);
    size_t step = ix->fd >= 0 ? PROBE : 1;
    for (uint64_t tried = 0; tried < ix->head.slots;) {
        uint64_t at = (start + tried) & (ix->head.slots - 1);
        size_t n = ix->head.slots - at < step ? (size_t)(ix->head.slots - at) : step;
        if (load(ix, at, n, some, err) != 0)
            return -1;
        for (size_t i = 0; i < n; i++, tried++) {
            *slot = at + i;
            if (some[i].flags && !same_id(some[i].id, id))
                continue;
            *entry = some[i];
            ix->last = id;
            ix->last_slot = at + i;
            ix->has_last = ix->fd < 0;
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
    int found = probe(ix->held ? ix->held : ix, id, &slot, entry, err);
    if (found == 0)
        *entry = (struct kv_key_index_entry){.id = id};
    return found;
}

int kv_key_index_next(
    struct kv_key_index *ix, uint64_t *at, struct kv_key_index_entry *entry, struct kv_err *err)
{
    if (ix->fd < 0) {
        bool more = *at < ix->head.used;
        if (more)
            *entry = ix->entries[(*at)++];
        return more;
    }
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
    if (ix->fd >= 0)
        return grow_file(ix, err);
    if (ix->head.used >= UINT32_MAX / 2)
        return kv_err_set(err, KV_SYSTEM, "index is full");
    uint64_t mask = (ix->head.slots *= 2) - 1;
    ix->has_last = false;
    free(ix->slots);
    ix->slots = kv_calloc(ix->head.slots, sizeof *ix->slots);
    for (size_t i = 0; i < ix->head.used; i++) {
        uint64_t at = ix->entries[i].id.lo & mask;
        while (ix->slots[at])
            at = (at + 1) & mask;
        ix->slots[at] = (uint32_t)(i + 1);
    }
    return 0;
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
    let_go(ix);
    if (save(ix, slot, entry, err) != 0)
        return -1;
    ix->head.used += !found;
    return 0;
}

void kv_key_index_hold(struct kv_key_index *ix)
{
    struct kv_key_index_entry *some;
    bool failed = false;
    if (ix->fd < 0 || ix->held || ix->head.used > HELD_MAX)
        return;
    some = kv_array(NULL, PIECE, SLOT);
    struct kv_key_index *held = kv_key_index_memory((size_t)ix->head.used);
    for (uint64_t at = 0; at < ix->head.slots && !failed; at += PIECE) {
        uint64_t left = ix->head.slots - at;
        size_t n = left < PIECE ? (size_t)left : PIECE;
        failed = load(ix, at, n, some, NULL) != 0;
        for (size_t i = 0; i < n && !failed; i++)
            if (some[i].flags)
                kv_key_index_put(held, &some[i], NULL);
    }
    free(some);
    if (failed)
        kv_key_index_close(held);
    else
        ix->held = held;
}

/* Writes all slots of a table in memory as a file has them. */
static int write_slots(int fd, struct kv_key_index *from, struct kv_err *err)
{
    struct kv_key_index_entry *some = kv_array(NULL, PIECE, SLOT);
    int failed = 0;
    for (uint64_t at = 0; at < from->head.slots && !failed; at += PIECE) {
        uint64_t left = from->head.slots - at;
        size_t n = left < PIECE ? (size_t)left : PIECE;
        failed = load(from, at, n, some, err) != 0 ||
                 kv_io_pwrite(fd, (struct kv_slice){(const char *)some, n * SLOT},
                     (off_t)(HEADER + at * SLOT), err) != 0;
    }
    free(some);
    return failed ? -1 : 0;
}

int kv_key_index_take(struct kv_key_index *ix, struct kv_key_index *from, struct kv_err *err)
{
    int failed = 0;
    if (ix->fd < 0) {
        struct kv_key_index old = *ix;
        *ix = *from;
        ix->staged = old.staged;
        old.staged = from->staged;
        *from = old;
    } else if ((failed = make(ix, from->head.slots, err)) == 0) {
        ix->head.used = from->head.used;
        failed = write_slots(ix->fd, from, err);
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
