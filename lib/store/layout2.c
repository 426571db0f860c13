/* layout2 - layout 2.0 under the writer's lock: lines appended in place, a .state written whole.
 *
 * Order of a commit: lines, sync; .state, sync, rename, sync. A death in between leaves rows whose
 * keys are not recorded, and rows are believed: karenina's loader repairs this the same way.
 *
 * The lines are locked too while they are written: a network file system refuses what comes from a
 * host that has lost the lock of the file it writes to, and of no other file.
 */
#include "layout2.h"

#include "control.h"
#include "io.h"
#include "io_at.h"
#include "io_lock.h"
#include "layout2_state.h"
#include "state.h"
#include "torn_tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STATE, LINES };

struct layout2 {
    struct kv_pair pair;
    struct kv_state *state;               /* as it was when last read */
    struct kv_key_index *index;           /* in memory */
    struct kv_key_list completed, failed; /* the two sets */
    struct kv_key_list more;              /* what the manifest has gained since `state` was read */
    struct kv_buf rows;                   /* staged lines */
    struct kv_header counts_kept;         /* and how far these were at the last commit: */
    size_t completed_kept, more_kept;
    uint64_t end;              /* of the .jsonl */
    struct kv_file_id seen[2]; /* .state and .jsonl as we left them */
    bool loaded, changed;
    int dir, lock; /* -1 outside a batch */
};

static struct layout2 *of(struct kv_pair *pair)
{
    return (struct layout2 *)pair; /* its first member */
}

/* ---- life ---- */

static void forget(struct layout2 *two)
{
    kv_state_close(two->state);
    kv_key_index_close(two->index);
    two->state = NULL;
    two->index = NULL;
    two->loaded = false;
    kv_key_list_release(&two->completed);
    kv_key_list_release(&two->failed);
    kv_key_list_release(&two->more);
}

static void unlock(struct layout2 *two)
{
    if (two->lock >= 0)
        close(two->lock);
    if (two->dir >= 0)
        close(two->dir);
    two->lock = two->dir = -1;
    kv_buf_clear(&two->rows);
}

static void abort_batch(struct kv_pair *pair)
{
    struct layout2 *two = of(pair);
    if (two->loaded) {
        kv_key_index_drop(two->index);
        kv_key_list_cut(&two->completed, two->completed_kept);
        kv_key_list_cut(&two->more, two->more_kept);
        two->pair.counts = two->counts_kept;
    }
    kv_pair_drop_config(pair);
    unlock(two);
}

static void close_pair(struct kv_pair *pair)
{
    struct layout2 *two = of(pair);
    abort_batch(pair);
    forget(two);
    kv_buf_release(&two->rows);
    free(two);
}

static const char *name_in_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int lock(struct layout2 *two, bool wait, struct kv_err *err)
{
    char *directory, *name;
    struct kv_buf lock_name = {0};
    kv_io_split(two->pair.paths->output, &directory, &name);
    kv_buf_printf(&lock_name, ".%s.lock", name); /* that of doc.h, were it a 1.0 pair */
    two->dir = kv_io_dir_open(directory, err);
    if (two->dir >= 0)
        two->lock = kv_io_lock(two->dir, lock_name.p, name_in_directory(two->pair.paths->state),
            wait, two->pair.patience, err);
    kv_buf_release(&lock_name);
    free(directory);
    free(name);
    if (two->lock < 0)
        unlock(two);
    return two->lock < 0 ? -1 : 0;
}

static struct kv_file_id identify(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct kv_file_id){0};
    return (struct kv_file_id){(uint64_t)st.st_dev, (uint64_t)st.st_ino, st.st_size,
        st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

static bool unchanged(const struct layout2 *two)
{
    struct kv_file_id state = identify(two->pair.paths->state),
                      lines = identify(two->pair.paths->jsonl);
    return two->loaded && kv_file_same(&state, &two->seen[STATE]) &&
           kv_file_same(&lines, &two->seen[LINES]);
}

/* ---- the tail of the lines ---- */

static int open_lines(struct layout2 *two, struct kv_torn_tail *tail, struct kv_err *err)
{
    struct kv_file file;
    const char *name = name_in_directory(two->pair.paths->jsonl);
    *tail = (struct kv_torn_tail){0};
    int fd = kv_io_open(two->dir, name, KV_IO_UPDATE);
    if (fd < 0)
        return errno == ENOENT ? 0 : kv_err_sys(err, "%s", two->pair.paths->jsonl);
    int failed = 0;
    if (kv_io_stat(fd, &file) != 0)
        failed = kv_err_sys(err, "%s", two->pair.paths->jsonl);
    else if (kv_torn_tail_read(tail, fd, (uint64_t)file.id.size, err) != 0)
        failed = kv_err_context(err, "%s", two->pair.paths->jsonl);
    close(fd);
    return failed;
}

/* Ends a last line that only lacks its LF; cuts off one that is torn. */
static int mend_tail(struct layout2 *two, const struct kv_torn_tail *tail, struct kv_err *err)
{
    if (!tail->open && !tail->torn.n)
        return 0;
    int fd = kv_io_open(two->dir, name_in_directory(two->pair.paths->jsonl), KV_IO_UPDATE);
    if (fd < 0)
        return kv_err_sys(err, "%s", two->pair.paths->jsonl);
    int failed = kv_io_lock_open(fd, err);
    if (!failed)
        failed = tail->open ? kv_io_pwrite(fd, KV_SLICE("\n"), (off_t)tail->end, err)
                            : kv_io_truncate(fd, (off_t)tail->end, err);
    if (!failed)
        failed = kv_io_sync(fd, err);
    if (failed)
        kv_err_context(err, "%s", two->pair.paths->jsonl);
    close(fd);
    two->end += tail->open;
    return failed;
}

static int write_state(struct layout2 *two, struct kv_err *err)
{
    struct kv_publish p;
    struct kv_layout2_state text = {two->state, two->index, &two->pair.counts, &two->completed,
        &two->failed, &two->more, kv_slice_of(&two->pair.config), kv_slice_of(&two->pair.hash)};
    if (kv_publish_begin_like(&p, two->pair.paths->state, two->pair.paths->state, err) != 0)
        return -1;
    if (kv_layout2_state_write(p.fd, &text, err) != 0) {
        kv_publish_abandon(&p);
        return kv_err_context(err, "%s", two->pair.paths->state);
    }
    return kv_publish_end(&p, err);
}

/* ---- reading ---- */

static int enter_manifest(struct layout2 *two, struct kv_accounting *l, struct kv_err *err)
{
    struct kv_keys k;
    int got;
    if (kv_keys_begin(&k, kv_state_file(two->state), KV_KEYS_MANIFEST, err) != 0)
        return -1;
    while ((got = kv_keys_next(&k, err)) == 1)
        if (kv_accounting_manifest(l, kv_slice_of(&k.key), err) < 0)
            break;
    kv_keys_end(&k);
    return got;
}

static int enter_row(
    struct layout2 *two, struct kv_accounting *l, const struct kv_row *row, struct kv_err *err)
{
    struct kv_result result;
    struct kv_buf key = {0};
    bool completes = false;
    if (kv_result_read(row->text, KV_JSON_FOREIGN, &result, err) != 0) {
        kv_note(two->pair.notes, "%s:%zu: %s; passed over", two->pair.paths->jsonl, row->line,
            err->text);
        return 0;
    }
    if (result.preview)
        return 0;
    int failed = kv_state_row_key(two->state, &result, &key, err);
    if (!failed)
        failed = kv_accounting_row(l, &result, kv_slice_of(&key), row->offset, &completes, err);
    if (!failed && completes)
        kv_key_list_add(&two->completed, kv_slice_of(&key));
    kv_buf_release(&key);
    return failed;
}

static int enter_rows(struct layout2 *two, struct kv_accounting *l, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row = {0};
    int got;
    if (kv_rows_begin(&rows, two->pair.paths->jsonl, KV_LAYOUT_2, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) != 0) {
        if (got < 0 && err->kind != KV_INPUT)
            break;
        if (got < 0 && row.offset < two->end) /* a torn one is told of elsewhere */
            kv_note(two->pair.notes, "%s; passed over", err->text);
        else if (got < 0)
            continue;
        else if ((got = enter_row(two, l, &row, err)) != 0)
            break;
    }
    kv_rows_end(&rows);
    return got;
}

/* Recorded keys without a row are holes and stay recorded, but for that of a record that was torn.
 */
static int enter_holes(struct layout2 *two, struct kv_accounting *l,
    const struct kv_key_list *holes, const struct kv_torn_tail *tail, struct kv_err *err)
{
    for (size_t i = 0; i < holes->count; i++) {
        struct kv_slice key = kv_key_list_get(holes, i);
        if (kv_torn_tail_lost(tail, holes, key)) {
            kv_note(two->pair.notes, "%.*s: pending again", (int)key.n, key.p);
            continue;
        }
        int got = kv_accounting_completed(l, key, err);
        if (got < 0)
            return -1;
        if (got)
            kv_key_list_add(&two->completed, key);
    }
    return 0;
}

static int enter_recorded(struct layout2 *two, struct kv_accounting *l,
    const struct kv_torn_tail *tail, struct kv_err *err)
{
    struct kv_keys k;
    struct kv_key_list holes = {0};
    struct kv_key_index_entry e;
    int got;
    if (kv_keys_begin(&k, kv_state_file(two->state), KV_KEYS_COMPLETED, err) != 0)
        return -1;
    while ((got = kv_keys_next(&k, err)) == 1) {
        struct kv_slice key = kv_slice_of(&k.key);
        kv_key_index_find(two->index, kv_digest_128(key), &e, err);
        if (!(e.flags & KV_KEY_INDEX_ROW))
            kv_key_list_add(&holes, key);
        else if (kv_accounting_completed(l, key, err) == 1)
            kv_key_list_add(&two->completed, key);
    }
    kv_keys_end(&k);
    if (got == 0)
        got = enter_holes(two, l, &holes, tail, err);
    kv_key_list_release(&holes);
    return got;
}

static int enter_failed(struct layout2 *two, struct kv_err *err)
{
    struct kv_keys k;
    int got;
    if (kv_keys_begin(&k, kv_state_file(two->state), KV_KEYS_FAILED, err) != 0)
        return -1;
    while ((got = kv_keys_next(&k, err)) == 1)
        kv_key_list_add(&two->failed, kv_slice_of(&k.key));
    kv_keys_end(&k);
    return got;
}

static int read_all(struct layout2 *two, const struct kv_torn_tail *tail, struct kv_err *err)
{
    struct kv_accounting direct = {two->index, &two->pair.counts, false};
    if (enter_manifest(two, &direct, err) == 0 && enter_rows(two, &direct, err) == 0 &&
        enter_recorded(two, &direct, tail, err) == 0 && enter_failed(two, err) == 0)
        return 0;
    if (err->text[0] >= '0' && err->text[0] <= '9')
        kv_err_context(err, "%s", two->pair.paths->state);
    return -1;
}

/* A torn record costs its task the key before it is cut: so a death in between is no loss. */
static int load(struct layout2 *two, struct kv_err *err)
{
    struct kv_torn_tail tail = {0};
    two->state = kv_state_open(two->pair.paths->state, err);
    if (!two->state || kv_state_check(two->state, err) != 0)
        return -1;
    if (kv_state_info(two->state)->layout != KV_LAYOUT_2)
        return kv_err_set(err, KV_INPUT, "%s: changed by another program", two->pair.paths->state);
    two->index = kv_key_index_memory(0);
    two->pair.counts = (struct kv_header){0};
    int failed = open_lines(two, &tail, err);
    two->end = tail.end;
    if (!failed && tail.torn.n)
        kv_note(two->pair.notes, "%s: a torn record of %zu bytes at its end is cut",
            two->pair.paths->jsonl, tail.torn.n);
    if (!failed && tail.open)
        kv_note(two->pair.notes, "%s: its last line is ended now", two->pair.paths->jsonl);
    failed = failed || read_all(two, &tail, err) != 0 ||
             (tail.torn.n && write_state(two, err) != 0) || mend_tail(two, &tail, err) != 0;
    kv_torn_tail_release(&tail);
    return failed ? -1 : 0;
}

static int begin(struct kv_pair *pair, bool wait, struct kv_err *err)
{
    struct layout2 *two = of(pair);
    if (lock(two, wait, err) != 0)
        return -1;
    pair->state_file = identify(pair->paths->state);
    if (unchanged(two))
        return 0;
    forget(two);
    if (load(two, err) != 0) {
        forget(two);
        unlock(two);
        return -1;
    }
    two->loaded = pair->all_read = true;
    two->pair.accounting = (struct kv_accounting){two->index, &two->pair.counts, true};
    two->counts_kept = two->pair.counts;
    two->completed_kept = two->completed.count;
    two->more_kept = 0;
    two->changed = kv_state_info(two->state)->completed_count != (int64_t)two->completed.count;
    return 0;
}

/* ---- staging ---- */

static uint64_t add_row(struct kv_pair *pair, struct kv_slice row)
{
    struct layout2 *two = of(pair);
    uint64_t at = two->end + two->rows.n;
    kv_json_compact(&two->rows, row);
    kv_buf_add_char(&two->rows, '\n');
    return at;
}

static void add_key(struct kv_pair *pair, struct kv_slice key)
{
    kv_key_list_add(&of(pair)->completed, key);
}

static void extend(struct kv_pair *pair, struct kv_slice key)
{
    kv_key_list_add(&of(pair)->more, key);
}

/* ---- writing ---- */

static int append_lines(struct layout2 *two, struct kv_err *err)
{
    const char *name = name_in_directory(two->pair.paths->jsonl);
    bool made = false;
    int fd = kv_io_open(two->dir, name, KV_IO_UPDATE);
    if (fd < 0) {
        fd = kv_io_open(two->dir, name, KV_IO_CREATE);
        made = true;
    }
    if (fd < 0)
        return kv_err_sys(err, "%s", two->pair.paths->jsonl);
    if (kv_io_lock_open(fd, err) != 0) {
        close(fd);
        return kv_err_context(err, "%s", two->pair.paths->jsonl);
    }
    int failed = kv_io_pwrite(fd, kv_slice_of(&two->rows), (off_t)two->end, err) != 0 ||
                 kv_io_sync(fd, err) != 0 || (made && kv_io_sync_dir(two->dir, err) != 0);
    if (failed) {
        kv_err_context(err, "%s", two->pair.paths->jsonl);
        kv_io_truncate(fd, (off_t)two->end, NULL); /* as before, as far as it goes */
    }
    close(fd);
    return failed ? -1 : 0;
}

static void set_config(struct kv_pair *pair, struct kv_slice config, const char *hash)
{
    kv_pair_set_config(pair, config, hash);
    of(pair)->changed = true;
}

static int commit(struct kv_pair *pair, struct kv_err *err)
{
    struct layout2 *two = of(pair);
    int failed = 0;
    if (two->rows.n || two->changed || two->more.count != two->more_kept) {
        failed = (two->rows.n && append_lines(two, err) != 0) || write_state(two, err) != 0;
        if (!failed)
            kv_note(two->pair.notes, "%s: appended in place; %s: written whole",
                two->pair.paths->jsonl, two->pair.paths->state);
    }
    if (failed || pair->config.n) { /* what is kept of .state is no longer so */
        abort_batch(pair);
        forget(two);
        return failed ? -1 : 0;
    }
    kv_key_index_keep(two->index, err);
    two->end += two->rows.n;
    two->counts_kept = two->pair.counts;
    two->completed_kept = two->completed.count;
    two->more_kept = two->more.count;
    two->changed = false;
    two->seen[STATE] = identify(two->pair.paths->state);
    two->seen[LINES] = identify(two->pair.paths->jsonl);
    unlock(two);
    return 0;
}

/* So that whoever finds the .state alone knows that it is a left-over. */
static int give_up(struct layout2 *two, struct kv_err *err)
{
    struct kv_control record;
    bool same_boot;
    const struct kv_file_id ids[2] = {
        identify(two->pair.paths->jsonl), identify(two->pair.paths->state)};
    kv_control_read(two->lock, &record, &same_boot);
    return kv_control_give_up(two->lock, &record, ids, err);
}

static int remove_pair(struct kv_pair *pair, struct kv_err *err)
{
    struct layout2 *two = of(pair);
    struct kv_buf private = {0};
    const char *output = name_in_directory(two->pair.paths->output);
    const char *const names[] = {
        name_in_directory(two->pair.paths->jsonl), name_in_directory(two->pair.paths->state)};
    int failed = give_up(two, err);
    for (size_t i = 0; i < 2 && !failed; i++)
        if (kv_io_remove(two->dir, names[i]) != 0)
            failed = kv_err_sys(err, "%s", names[i]);
    static const char *const also[] = {
        "run", "feed", "draft", "tries", "journal", "journal.draft", "index", "lock"};
    for (size_t i = 0; i < sizeof also / sizeof *also && !failed; i++) {
        kv_buf_clear(&private);
        kv_buf_printf(&private, ".%s.%s", output, also[i]);
        kv_io_remove(two->dir, private.p);
    }
    kv_buf_release(&private);
    if (!failed)
        failed = kv_io_sync_dir(two->dir, err);
    abort_batch(pair);
    forget(two);
    return failed;
}

/* ---- the table ---- */

/* A .state that is not indented as karenina's is written with the next batch anyway. */
static int ready(struct kv_pair *pair, struct kv_err *err)
{
    (void)pair, (void)err;
    return 0;
}

static int row_key(
    struct kv_pair *pair, const struct kv_result *row, struct kv_buf *key, struct kv_err *err)
{
    return kv_state_row_key(of(pair)->state, row, key, err);
}

/* A failure that is sent again is kept again, as in karenina. */
static int has_row(struct kv_pair *pair, uint64_t offset, struct kv_slice row, struct kv_err *err)
{
    (void)pair, (void)offset, (void)row, (void)err;
    return 0;
}

static int completed(struct kv_pair *pair, int (*each)(void *closure, struct kv_slice key),
    void *closure, struct kv_err *err)
{
    const struct kv_key_list *list = &of(pair)->completed;
    int stop = 0;
    (void)err;
    for (size_t i = 0; i < list->count && !stop; i++)
        stop = each(closure, kv_key_list_get(list, i));
    return stop;
}

/* What is known is in memory, and was read by this process. */
static void forget_private(struct kv_pair *pair)
{
    forget(of(pair));
}

static const struct kv_pair_layout layout2 = {
    .close = close_pair,
    .begin = begin,
    .ready = ready,
    .add_row = add_row,
    .add_key = add_key,
    .extend = extend,
    .set_config = set_config,
    .commit = commit,
    .abort = abort_batch,
    .remove = remove_pair,
    .row_key = row_key,
    .has_row = has_row,
    .completed = completed,
    .forget = forget_private,
};

struct kv_pair *kv_layout2_open(const struct kv_paths *paths, const struct kv_notes *notes)
{
    struct layout2 *two = kv_calloc(1, sizeof *two);
    two->pair = (struct kv_pair){.layout = &layout2, .paths = paths, .notes = notes};
    two->dir = two->lock = -1;
    return &two->pair;
}
