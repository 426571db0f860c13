/* journal - replies that were paid for, kept until the pair has their results.
 *
 * In memory there is an id, an offset and a length a reply, and of short ones, until they are asked
 * for, the reply itself; the others are read back from the file. The file is only ever appended to by
 * the run that made it: what an earlier one left is copied into a new file, as far as it is still of
 * use. A task that was completed and failed may be done again: its replies are then told apart from
 * those that made the failed row by where that row lies, which is part of their id.
 */
#include "journal.h"

#include "io.h"
#include "io_at.h"
#include "json.h"
#include "num.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SYNC_MS = 250,
    RUN_ID = 16,
    ID_HEX = 32,
    LINE_MAX_BYTES = 1 << 29,
    COPY_BYTES = 1 << 20,
    KEPT_BYTES = 1 << 18,
    HELD = 1024,           /* so many replies are held in memory at most, … */
    HELD_BYTES = 1 << 14,  /* … none whose text is longer */
    AHEAD = 2 << 20,       /* reserved; more than what is usually under way */
    LONG_BYTES = 16 << 20, /* below this, shrinking is not worth a look */
};

struct entry {
    struct kv_digest128 id; /* all zero: free */
    uint64_t at;
    uint32_t n;
    uint32_t held; /* 1 + where in memory; 0: it is not */
};

struct held {
    struct kv_digest128 id; /* all zero: none */
    uint32_t spare;         /* 1 + the next one without a reply */
    struct kv_kept_answer kept;
};

struct kv_journal {
    char *operand, *path, *name, *draft;
    int dir, fd;         /* fd -1: there is no file yet */
    struct kv_file like; /* the .state: owner and mode */
    char run[RUN_ID + 1];
    struct entry *table;
    size_t cap, count;
    uint64_t size, reserved, long_at;
    int64_t synced_ms;
    struct kv_io_syncing *syncing; /* NULL: none is under way */
    bool dirty, broken;
    struct kv_buf line, scratch;
    struct held *held;
    uint32_t held_count, spare; /* 1 + the first one without a reply */
};

/* ---- the table ---- */

static struct entry *find(const struct kv_journal *j, struct kv_digest128 id)
{
    size_t i = (size_t)id.lo & (j->cap - 1);
    while ((j->table[i].id.hi || j->table[i].id.lo) &&
           (j->table[i].id.hi != id.hi || j->table[i].id.lo != id.lo))
        i = (i + 1) & (j->cap - 1);
    return &j->table[i];
}

static struct entry *note(struct kv_journal *j, struct kv_digest128 id, uint64_t at, size_t n)
{
    if (2 * (j->count + 1) > j->cap) {
        struct entry *old = j->table;
        size_t cap = j->cap;
        j->cap = cap ? 2 * cap : 256;
        j->table = kv_calloc(j->cap, sizeof *j->table);
        for (size_t i = 0; i < cap; i++)
            if (old[i].id.hi || old[i].id.lo)
                *find(j, old[i].id) = old[i];
        free(old);
    }
    struct entry *e = find(j, id);
    j->count += !e->n;
    *e = (struct entry){.id = id, .at = at, .n = (uint32_t)n};
    return e;
}

static void forget_all(struct kv_journal *j)
{
    free(j->table);
    j->table = NULL;
    j->cap = j->count = 0;
    for (uint32_t i = 0; i < j->held_count; i++)
        j->held[i].spare = i;
    j->spare = j->held_count;
    j->size = j->reserved = 0;
}

/* ---- lines ---- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(struct kv_slice text, struct kv_digest128 *id)
{
    uint64_t half[2] = {0, 0};
    if (text.n != ID_HEX + 2)
        return false;
    for (size_t i = 0; i < ID_HEX; i++) {
        int v = hex_value(text.p[i + 1]);
        if (v < 0)
            return false;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)v;
    }
    *id = (struct kv_digest128){half[0], half[1]};
    return half[0] || half[1];
}

/* True if the pair has the result of one of the tasks that this reply was for. */
static bool has_result(const struct kv_state *state, struct kv_slice line)
{
    struct kv_slice tasks, rows, key, row;
    struct kv_json_walk w, v;
    struct kv_buf text = {0};
    bool found = false;
    kv_json_get(line, "tasks", &tasks);
    kv_json_get(line, "after", &rows);
    kv_json_begin(&w, tasks);
    kv_json_begin(&v, rows);
    while (!found && kv_json_item(&w, &key)) {
        struct kv_task_state task;
        int64_t after = 0;
        if (kv_json_item(&v, &row) && !kv_num_int64(row, &after))
            after = 0;
        kv_buf_clear(&text);
        kv_buf_reserve(&text, 1);
        kv_json_unescape(key, &text);
        kv_state_find(state, kv_slice_of(&text), &task);
        found =
            task.completed && (after == 0 || (task.has_row && task.offset + 1 != (uint64_t)after));
    }
    kv_buf_release(&text);
    return found;
}

/* ---- the file ---- */

static int create(struct kv_journal *j, const char *name, struct kv_err *err)
{
    kv_io_remove(j->dir, name); /* whatever was put there is not written to */
    j->fd = kv_io_open(j->dir, name, KV_IO_CREATE);
    if (j->fd < 0)
        return kv_err_sys(err, "%s", j->path);
    j->size = j->reserved = 0;
    kv_buf_clear(&j->line);
    kv_buf_printf(&j->line, "{\"kv_journal\":1,\"run\":\"%s\"}\n", j->run);
    if (kv_io_dress(j->fd, &j->like, err) != 0 ||
        kv_io_pwrite(j->fd, kv_slice_of(&j->line), 0, err) != 0)
        return kv_err_context(err, "%s", j->path);
    j->size = j->line.n;
    j->dirty = true;
    return 0;
}

static void drop_file(struct kv_journal *j)
{
    if (j->syncing)
        kv_io_sync_end(j->syncing, true, NULL);
    j->syncing = NULL;
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    forget_all(j);
}

/* A descriptor of the journal that is there, or -1: none, or not ours to use. */
static int open_old(const struct kv_journal *j)
{
    struct kv_file file;
    int fd = kv_io_open(j->dir, j->name, KV_IO_UPDATE);
    if (fd < 0)
        return -1;
    bool ours = kv_io_stat(fd, &file) == 0 && file.regular && file.links == 1 &&
                (file.uid == geteuid() || file.uid == j->like.uid);
    if (ours)
        return fd;
    close(fd);
    return -1;
}

static bool is_of_run(const struct kv_journal *j, struct kv_slice line)
{
    struct kv_slice value;
    return kv_json_check(line, KV_JSON_STRICT, &line, NULL) == 0 &&
           kv_json_get(line, "run", &value) && kv_json_string_is(value, j->run);
}

/* Copies one line of an older file, if it is of use. */
static int copy_line(struct kv_journal *j, const struct kv_state *state, struct kv_slice line,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice value, id_text;
    struct kv_digest128 id;
    if (kv_json_check(line, KV_JSON_STRICT, &value, NULL) != 0 ||
        !kv_json_get(value, "id", &id_text) || !read_id(id_text, &id) || has_result(state, value))
        return 0;
    if (j->fd < 0 && create(j, j->draft, err) != 0)
        return -1;
    note(j, id, j->size + out->n, line.n);
    kv_buf_add_slice(out, line);
    kv_buf_add_char(out, '\n');
    if (out->n < COPY_BYTES)
        return 0;
    int rc = kv_io_pwrite(j->fd, kv_slice_of(out), (off_t)j->size, err);
    j->size += out->n;
    kv_buf_clear(out);
    return rc;
}

static int copy_lines(
    struct kv_journal *j, int from, const struct kv_state *state, struct kv_err *err)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_buf out = {0};
    int got, rc = 0;
    kv_lines_init(&lines, from, LINE_MAX_BYTES);
    while (rc == 0 && (got = kv_lines_next(&lines, &line, err)) != 0) {
        if (got < 0 && err->sys)
            rc = kv_err_context(err, "%s", j->path);
        else if (got > 0 && lines.number == 1 && !is_of_run(j, line))
            break;
        else if (got > 0 && lines.number > 1)
            rc = copy_line(j, state, line, &out, err);
    }
    if (rc == 0 && out.n)
        rc = kv_io_pwrite(j->fd, kv_slice_of(&out), (off_t)j->size, err);
    j->size += out.n;
    kv_buf_release(&out);
    kv_lines_release(&lines);
    return rc;
}

/* Puts the draft in the journal's place; without one there is no journal any more. */
static int publish(struct kv_journal *j, struct kv_err *err)
{
    if (j->fd < 0) {
        kv_io_remove(j->dir, j->name);
        return 0;
    }
    if (kv_io_sync(j->fd, err) != 0 || kv_io_at(j->dir, j->draft, j->name, false, err) < 0 ||
        kv_io_sync_dir(j->dir, err) != 0)
        return kv_err_context(err, "%s", j->path);
    j->dirty = false;
    return 0;
}

/* The journal anew, from what an older file of it has and the pair has not. */
static int renew(struct kv_journal *j, int from, const struct kv_state *state, struct kv_err *err)
{
    drop_file(j);
    int rc = copy_lines(j, from, state, err);
    if (rc != 0 && !strstr(err->text, j->path))
        kv_err_context(err, "%s", j->path);
    if (rc == 0)
        rc = publish(j, err);
    if (rc != 0)
        kv_io_remove(j->dir, j->draft);
    return rc;
}

/* ---- opening and closing ---- */

static void name_run(struct kv_journal *j, const struct kv_state_info *info)
{
    char hex[KV_SHA256_HEX + 1];
    kv_buf_clear(&j->scratch);
    kv_buf_printf(&j->scratch, "%s\n%s\n", info->created_at, info->config_hash);
    kv_buf_add_slice(&j->scratch, info->start_text);
    kv_digest_sha256(kv_slice_of(&j->scratch), hex);
    memcpy(j->run, hex, RUN_ID);
}

static int open_directory(
    struct kv_journal *j, const struct kv_state_info *info, struct kv_err *err)
{
    char *directory, *name;
    struct kv_buf text = {0};
    kv_io_split(info->paths->output, &directory, &name);
    kv_buf_printf(&text, ".%s.journal", name);
    j->name = kv_strdup(text.p);
    kv_buf_add_str(&text, ".draft");
    j->draft = kv_buf_detach(&text);
    kv_buf_printf(&text, strcmp(directory, ".") == 0 ? "%.0s%s" : "%s/%s", directory, j->name);
    j->path = kv_buf_detach(&text);
    j->dir = kv_io_dir_open(directory, err);
    free(directory);
    free(name);
    return j->dir < 0 ? -1 : 0;
}

struct kv_journal *kv_journal_open(const struct kv_state *state, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(state);
    struct kv_journal *j = kv_calloc(1, sizeof *j);
    j->dir = j->fd = -1;
    j->long_at = LONG_BYTES;
    j->operand = kv_strdup(info->paths->state);
    name_run(j, info);
    if (open_directory(j, info, err) != 0 || kv_io_stat(kv_state_file(state), &j->like) != 0) {
        kv_err_sys(err, "%s", info->paths->state);
        kv_journal_close(j);
        return NULL;
    }
    int old = open_old(j);
    int rc = old < 0 ? 0 : renew(j, old, state, err);
    if (old >= 0)
        close(old);
    if (rc == 0)
        return j;
    kv_journal_close(j);
    return NULL;
}

static void reserve(struct kv_journal *j)
{
    if (j->size + AHEAD / 2 <= j->reserved)
        return;
    kv_io_reserve(j->fd, (off_t)j->size, AHEAD);
    j->reserved = j->size + AHEAD;
}

int kv_journal_begin(struct kv_journal *j, struct kv_err *err)
{
    if (j->fd < 0 && (create(j, j->draft, err) != 0 || publish(j, err) != 0))
        return -1;
    reserve(j);
    return 0;
}

void kv_journal_close(struct kv_journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0 && j->dirty)
        kv_io_sync(j->fd, NULL);
    if (j->fd >= 0 && j->count == 0)
        kv_io_remove(j->dir, j->name);
    drop_file(j);
    if (j->dir >= 0)
        close(j->dir);
    kv_buf_release(&j->line);
    kv_buf_release(&j->scratch);
    for (size_t i = 0; i < j->held_count; i++)
        kv_kept_answer_release(&j->held[i].kept);
    free(j->held);
    free(j->operand);
    free(j->path);
    free(j->name);
    free(j->draft);
    free(j);
}

/* ---- ids ---- */

/* A long reply's memory is not kept for the next one. */
static void trim(struct kv_buf *b)
{
    if (b->cap > KEPT_BYTES)
        kv_buf_release(b);
}

struct kv_digest128 kv_journal_id(struct kv_journal *j, const struct kv_paid_call *call)
{
    struct kv_digest128 id = kv_paid_call_id(call, j->run, &j->scratch);
    trim(&j->scratch);
    return id;
}

/* ---- replies ---- */

size_t kv_journal_count(const struct kv_journal *j)
{
    return j->count;
}

bool kv_journal_has(const struct kv_journal *j, struct kv_digest128 id)
{
    return j->count && find(j, id)->n;
}

static bool is_same(struct kv_digest128 a, struct kv_digest128 b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* 1 + the place of one more reply in memory, or 0. */
static uint32_t make_room(struct kv_journal *j)
{
    uint32_t place = j->spare;
    if (place) {
        j->spare = j->held[place - 1].spare;
        return place;
    }
    if (j->held_count == HELD)
        return 0;
    j->held = kv_grow(j->held, j->held_count, sizeof *j->held);
    j->held[j->held_count++] = (struct held){0};
    return j->held_count;
}

/* Holds a short reply in memory. Returns 1 + its place, or 0. */
static uint32_t hold(struct kv_journal *j, struct kv_digest128 id, const struct kv_answer *answer,
    struct kv_slice text)
{
    uint32_t place = text.n > HELD_BYTES ? 0 : make_room(j);
    if (place) {
        j->held[place - 1].id = id;
        kv_kept_answer_copy(&j->held[place - 1].kept, answer, text);
    }
    return place;
}

/* Hands out a reply that is held; the memory of the one before it is for the next. */
static bool hand_out(struct kv_journal *j, struct entry *e, struct kv_kept_answer *kept)
{
    uint32_t place = e->held;
    struct held *h = place ? &j->held[place - 1] : NULL;
    if (!h || !is_same(h->id, e->id))
        return false;
    if (kept->text.cap > 2 * HELD_BYTES)
        kv_kept_answer_release(kept);
    const struct kv_kept_answer memory = *kept;
    *kept = h->kept;
    *h = (struct held){.kept = memory, .spare = j->spare};
    j->spare = place;
    e->held = 0;
    return true;
}

bool kv_journal_read(struct kv_journal *j, struct kv_digest128 id, struct kv_kept_answer *kept)
{
    struct entry *e = j->count ? find(j, id) : NULL;
    struct kv_slice line, answer;
    if (!e || !e->n)
        return false;
    if (hand_out(j, e, kept))
        return true;
    kv_buf_clear(&j->line);
    kv_buf_reserve(&j->line, e->n);
    bool read = kv_io_pread(j->fd, j->line.p, e->n, (off_t)e->at, NULL) == 0;
    line = (struct kv_slice){j->line.p, e->n};
    read = read && kv_json_check(line, KV_JSON_STRICT, &line, NULL) == 0 &&
           kv_json_get(line, "answer", &answer) && kv_answer_json_read(kept, answer);
    trim(&j->line);
    if (!read)
        e->n = 0; /* its id keeps its place: others may have been put behind it */
    return read;
}

static int break_off(struct kv_journal *j, struct kv_err *err)
{
    j->broken = true;
    if (j->fd >= 0)
        kv_io_truncate(j->fd, (off_t)j->size, NULL); /* no half of a line */
    return kv_err_context(err, "%s", j->path);
}

static void add_id(struct kv_buf *out, struct kv_digest128 id)
{
    static const char digits[] = "0123456789abcdef";
    char hex[ID_HEX];
    for (int i = 0; i < ID_HEX / 2; i++) {
        hex[i] = digits[id.hi >> (60 - 4 * i) & 15];
        hex[ID_HEX / 2 + i] = digits[id.lo >> (60 - 4 * i) & 15];
    }
    kv_buf_add(out, hex, sizeof hex);
}

static void add_list(struct kv_buf *out, const struct kv_buf *items)
{
    kv_buf_add_char(out, '[');
    kv_buf_add_slice(out, kv_slice_of(items));
    kv_buf_add_char(out, ']');
}

int kv_journal_add(struct kv_journal *j, struct kv_digest128 id, const struct kv_paid_tasks *t,
    const struct kv_answer *answer, bool soon, struct kv_err *err)
{
    if (j->broken)
        return kv_err_set(err, KV_SYSTEM, "%s: cannot be written", j->path);
    if (kv_journal_begin(j, err) != 0) {
        j->broken = true;
        return -1;
    }
    kv_buf_clear(&j->line);
    kv_buf_add_str(&j->line, "{\"id\":\"");
    add_id(&j->line, id);
    kv_buf_add_str(&j->line, "\",\"tasks\":");
    add_list(&j->line, &t->keys);
    if (t->last) {
        kv_buf_add_str(&j->line, ",\"after\":");
        add_list(&j->line, &t->after);
    }
    kv_buf_add_str(&j->line, ",\"answer\":");
    struct kv_slice text = kv_answer_json_add(&j->line, answer);
    uint32_t held = soon ? hold(j, id, answer, text) : 0;
    kv_buf_add_str(&j->line, "}\n");
    if (kv_io_pwrite(j->fd, kv_slice_of(&j->line), (off_t)j->size, err) != 0)
        return break_off(j, err);
    note(j, id, j->size, j->line.n - 1)->held = held;
    j->size += j->line.n;
    j->dirty = true;
    trim(&j->line);
    return 0;
}

/* Nothing is waited for: replies go on coming while a disk is busy. */
int kv_journal_sync(struct kv_journal *j, int64_t now_ms, struct kv_err *err)
{
    if (j->syncing) {
        int rc = kv_io_sync_end(j->syncing, false, err);
        if (rc != 0)
            j->syncing = NULL;
        return rc < 0 ? break_off(j, err) : 0;
    }
    if (!j->dirty || j->fd < 0 || now_ms - j->synced_ms < SYNC_MS)
        return 0;
    j->synced_ms = now_ms;
    j->dirty = false;
    j->syncing = kv_io_sync_begin(j->fd);
    return j->syncing || kv_io_sync(j->fd, err) == 0 ? 0 : break_off(j, err);
}

/* ---- shrinking ---- */

bool kv_journal_is_long(const struct kv_journal *j)
{
    return j->size > j->long_at && !j->broken;
}

void kv_journal_shrink(struct kv_journal *j)
{
    struct kv_err ignored;
    struct kv_file file = {0};
    struct kv_state *state = kv_state_open(j->operand, &ignored);
    int old = open_old(j);
    if (state && old >= 0 && kv_state_load(state, KV_LOAD_TASKS, &ignored) == 0 &&
        kv_io_stat(kv_state_file(state), &file) == 0 && renew(j, old, state, &ignored) != 0)
        j->broken = true;
    kv_state_close(state);
    if (old >= 0)
        close(old);
    /* A look costs what the state is long: the next one when that much has come again. */
    uint64_t more = (uint64_t)file.id.size > LONG_BYTES ? (uint64_t)file.id.size : LONG_BYTES;
    j->long_at = j->size + (j->size > more ? j->size : more);
}

const char *kv_journal_path(const struct kv_journal *j)
{
    return j->path;
}
