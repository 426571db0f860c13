/* store - the pair as it is written: create, add, repair, take away.
 *
 * One face for both layouts: layout1.c and layout2.c know the files, accounting.c the rules; here
 * is what happens to a row.
 */
#include "store.h"

#include "control.h"
#include "io.h"
#include "io_at.h"
#include "key_index.h"
#include "layout1.h"
#include "layout2.h"
#include "nearest.h"
#include "private_members.h"
#include "result_before.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HINTS = 10 }; /* a hint costs a walk over the manifest */

struct kv_store {
    struct kv_paths paths;
    unsigned flags;
    struct kv_notes notes;
    struct kv_pair *pair;
    struct kv_state *state;          /* for kv_store_state; opened when asked for */
    struct kv_result_before *before; /* of the rows that are added */
    struct kv_buf key;
    int hints;
    bool finished;               /* there is an export and no pair */
    struct kv_buf run;           /* the name of the run that was there when it was opened, */
    struct kv_file_id opened;    /* the .state that said so, */
    bool other;                  /* it is there no more: another run is */
    struct kv_digest128 history; /* and what is known to be of the same run; 0: nothing */
    bool begun;
    bool in_doubt;           /* what is known of the keys could not be read */
    bool summed;             /* in this batch, without a repetition: */
    struct kv_digest128 sum; /* of the completed keys */
};

/* The name of a run: its random one, or of a pair that was not made here when it began and with what
 * configuration. */
static void name_run(const struct kv_state *s, struct kv_buf *name)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct kv_slice id;
    kv_buf_clear(name);
    if (kv_state_member(s, KV_MEMBER_RUN, &id))
        kv_buf_add_slice(name, id);
    else
        kv_buf_printf(name, "%.17g %s", info->start_time, info->config_hash);
}

struct kv_store *kv_store_open(const char *operand, unsigned flags, struct kv_err *err)
{
    struct kv_state *s = kv_state_open_any(operand, err);
    if (!s)
        return NULL;
    enum kv_layout layout = kv_state_info(s)->layout;
    bool finished = kv_state_info(s)->finished;
    struct kv_store *st = kv_calloc(1, sizeof *st);
    struct kv_file file = {0};
    name_run(s, &st->run);
    if (kv_io_stat(kv_state_file(s), &file) == 0)
        st->opened = file.id;
    kv_state_close(s);
    st->flags = flags;
    st->finished = finished;
    st->hints = HINTS;
    if (kv_paths_find(&st->paths, operand, err) != 0) {
        kv_buf_release(&st->run);
        free(st);
        return NULL;
    }
    st->pair = layout == KV_LAYOUT_1 ? kv_layout1_open(&st->paths, &st->notes)
                                     : kv_layout2_open(&st->paths, &st->notes);
    if (!st->paths.odd || finished)
        return st;
    kv_err_set(err, KV_INPUT, "%s: the name does not end in .state", st->paths.state);
    kv_store_close(st);
    return NULL;
}

void kv_store_close(struct kv_store *st)
{
    if (!st)
        return;
    kv_state_close(st->state);
    st->pair->layout->close(st->pair);
    kv_paths_release(&st->paths);
    kv_buf_release(&st->key);
    kv_buf_release(&st->run);
    kv_result_before_free(st->before);
    free(st);
}

void kv_store_on_note(struct kv_store *st, const struct kv_notes *notes)
{
    st->notes = notes ? *notes : (struct kv_notes){0};
}

void kv_store_be_patient(struct kv_store *st, const struct kv_patience *patience)
{
    st->pair->patience = patience;
}

static bool is_same_history(const struct kv_digest128 *a, const struct kv_digest128 *b)
{
    return (a->hi || a->lo) && a->hi == b->hi && a->lo == b->lo;
}

/* Checks that the run is still the one that was opened: its results belong to no other. */
static int check_run(struct kv_store *st, struct kv_err *err)
{
    const struct kv_pair *p = st->pair;
    if (is_same_history(&st->history, &p->history))
        return 0;
    if (!kv_file_same(&p->state_file, &st->opened)) {
        const struct kv_state *s = kv_store_state(st, err);
        struct kv_buf name = {0};
        if (!s)
            return -1;
        name_run(s, &name);
        bool same = kv_slice_eq(kv_slice_of(&name), kv_slice_of(&st->run));
        kv_buf_release(&name);
        st->other = !same;
        if (!same)
            return kv_err_set(err, KV_INPUT,
                "%s: became another run since this program was started; it takes nothing of the "
                "old one",
                st->paths.state);
    }
    st->history = p->history;
    return 0;
}

int kv_store_begin(struct kv_store *st, struct kv_err *err)
{
    bool wait = !(st->flags & KV_STORE_TRY);
    if (st->finished)
        return kv_err_set(err, KV_INPUT,
            "%s: the run is finished and takes no more results; begin one that goes on from it by "
            "kv-manifest --extend-from",
            st->paths.output);
    int failed = st->pair->layout->begin(st->pair, wait, err);
    if (failed && err->kind == KV_BUSY)
        kv_err_set(err, KV_BUSY, "%s: another writer holds it", st->paths.state);
    st->begun = !failed;
    if (failed || check_run(st, err) == 0)
        return failed;
    kv_store_abort(st);
    return -1;
}

/* Ends the batch on our side. */
static void end(struct kv_store *st)
{
    kv_state_close(st->state);
    st->state = NULL;
    st->begun = st->summed = false;
}

void kv_store_abort(struct kv_store *st)
{
    end(st);
    st->pair->layout->abort(st->pair);
}

int kv_store_commit(struct kv_store *st, struct kv_err *err)
{
    end(st);
    return st->pair->layout->commit(st->pair, err);
}

int kv_store_remove(struct kv_store *st, struct kv_err *err)
{
    end(st);
    return st->pair->layout->remove(st->pair, err);
}

/* ---- looking ---- */

const struct kv_state *kv_store_state(struct kv_store *st, struct kv_err *err)
{
    if (!st->state)
        st->state = kv_state_open(st->paths.state, err);
    return st->state;
}

void kv_store_counts(const struct kv_store *st, struct kv_store_counts *c)
{
    const struct kv_header *h = &st->pair->counts;
    *c = (struct kv_store_counts){h->total, h->completed, h->failed, h->pending, h->rows};
}

int kv_store_row_key(
    struct kv_store *st, const struct kv_result *row, struct kv_buf *key, struct kv_err *err)
{
    return st->pair->layout->row_key(st->pair, row, key, err);
}

void kv_store_row_id(struct kv_slice key, const struct kv_result *row, struct kv_buf *id)
{
    kv_accounting_row_id(id, key, row);
}

int kv_store_find(
    struct kv_store *st, struct kv_slice key, struct kv_task_state *task, struct kv_err *err)
{
    struct kv_key_index_entry e;
    if (kv_key_index_find(st->pair->accounting.index, kv_digest_128(key), &e, err) < 0) {
        st->in_doubt = true;
        return -1;
    }
    *task = (struct kv_task_state){
        .key = key,
        .in_manifest = e.flags & KV_KEY_INDEX_MANIFEST,
        .completed = e.flags & KV_KEY_INDEX_COMPLETED,
        .recorded = e.flags & KV_KEY_INDEX_COMPLETED,
        .failed = e.flags & KV_KEY_INDEX_FAILED,
        .has_row = e.flags & KV_KEY_INDEX_ROW,
        .offset = e.offset,
    };
    return 0;
}

/* A walk over the completed keys, each looked up. */
struct walk {
    struct kv_store *store;
    struct kv_err *err;
    struct kv_buf *first;
    int64_t count, holes, failed;
    struct kv_digest128 sum;
    struct kv_key_index *seen; /* where keys repeat */
};

static bool is_repeated(struct walk *w, struct kv_slice key)
{
    struct kv_key_index_entry e;
    if (!w->seen)
        return false;
    if (kv_key_index_find(w->seen, kv_digest_128(key), &e, NULL) == 1)
        return true;
    e.flags = KV_KEY_INDEX_SEEN;
    kv_key_index_put(w->seen, &e, NULL);
    return false;
}

static int note_completed(void *closure, struct kv_slice key)
{
    struct walk *w = closure;
    struct kv_task_state task;
    w->count++;
    if (is_repeated(w, key))
        return 0;
    if (kv_store_find(w->store, key, &task, w->err) != 0)
        return -1;
    if (task.has_row || task.in_manifest)
        kv_store_sum(&w->sum, key);
    w->failed += task.has_row && task.failed;
    if (!task.has_row && task.in_manifest && w->holes++ == 0 && w->first)
        kv_buf_add_slice(w->first, key);
    return 0;
}

int kv_store_holes(struct kv_store *st, int64_t *count, struct kv_buf *key, int64_t *failed_rows,
    struct kv_err *err)
{
    struct walk w = {.store = st, .err = err, .first = key};
    if (st->pair->accounting.index)
        kv_key_index_hold(st->pair->accounting.index);
    int failed = st->pair->layout->completed(st->pair, note_completed, &w, err);
    *count = w.holes;
    *failed_rows = w.failed;
    st->summed = !failed && w.count == st->pair->counts.completed;
    st->sum = w.sum;
    return failed;
}

void kv_store_sum(struct kv_digest128 *sum, struct kv_slice key)
{
    struct kv_digest128 d = kv_digest_128(key);
    sum->hi += d.hi;
    sum->lo += d.lo;
}

int kv_store_sum_completed(struct kv_store *st, struct kv_digest128 *sum, struct kv_err *err)
{
    struct walk w = {.store = st, .err = err};
    if (st->summed) {
        *sum = st->sum;
        return 0;
    }
    int failed = st->pair->layout->completed(st->pair, note_completed, &w, err);
    if (!failed && w.count != st->pair->counts.completed) { /* a file of others may repeat keys */
        w = (struct walk){.store = st, .err = err, .seen = kv_key_index_memory((size_t)w.count)};
        failed = st->pair->layout->completed(st->pair, note_completed, &w, err);
        kv_key_index_close(w.seen);
    }
    *sum = w.sum;
    return failed;
}

int kv_store_read_again(struct kv_store *st, struct kv_err *err)
{
    if (st->pair->all_read)
        return 0;
    st->in_doubt = false;
    kv_note(&st->notes, "%s: does not add up; all is read again", st->paths.index);
    st->pair->layout->forget(st->pair);
    kv_store_abort(st);
    return kv_store_begin(st, err) == 0 ? 1 : -1;
}

/* ---- adding ---- */

static void add_hint(struct kv_store *st, struct kv_slice key, struct kv_buf *hint)
{
    struct kv_nearest n;
    struct kv_keys k;
    struct kv_err ignored;
    const struct kv_state *s = st->hints > 0 ? kv_store_state(st, &ignored) : NULL;
    if (!s || kv_keys_begin(&k, kv_state_file(s), KV_KEYS_MANIFEST, &ignored) != 0)
        return;
    st->hints--;
    kv_nearest_init(&n, key);
    while (kv_keys_next(&k, &ignored) == 1)
        kv_nearest_try(&n, kv_slice_of(&k.key));
    kv_keys_end(&k);
    if (n.best.n) {
        kv_buf_add_str(hint, "; did you mean ");
        kv_json_quote(hint, kv_slice_of(&n.best), KV_JSON_RAW);
        kv_buf_add_str(hint, "?");
    }
    kv_nearest_release(&n);
}

static int refuse_unknown(struct kv_store *st, struct kv_slice key, struct kv_err *err)
{
    struct kv_buf text = {0};
    kv_json_quote(&text, key, KV_JSON_RAW);
    kv_buf_add_str(&text, " is not in the manifest");
    add_hint(st, key, &text);
    kv_err_set(err, KV_INPUT, "%s", text.p);
    kv_buf_release(&text);
    return -1;
}

static int stage(struct kv_store *st, const struct kv_result *row, bool is_new, struct kv_err *err)
{
    struct kv_slice key = kv_slice_of(&st->key);
    struct kv_pair *p = st->pair;
    bool completes;
    st->summed = false;
    if (is_new) {
        p->layout->extend(p, key);
        if (kv_accounting_manifest(&p->accounting, key, err) < 0)
            return -1;
    }
    uint64_t at = p->layout->add_row(p, row->text);
    if (kv_accounting_row(&p->accounting, row, key, at, &completes, err) != 0)
        return -1;
    if (completes)
        p->layout->add_key(p, key);
    return 0;
}

/* A retry after an unknown outcome sends the same row again, byte for byte. */
static int add_result(
    struct kv_store *st, const struct kv_result *row, enum kv_added *added, struct kv_err *err)
{
    struct kv_key_index_entry task, old;
    struct kv_slice key = kv_slice_of(&st->key);
    if (kv_accounting_find(&st->pair->accounting, row, key, &task, &old, err) != 0)
        return -1;
    bool is_new = !(task.flags & KV_KEY_INDEX_MANIFEST);
    if (is_new && !(st->flags & KV_STORE_EXTEND))
        return refuse_unknown(st, key, err);
    bool has_row = old.flags & KV_KEY_INDEX_ROW, completed = task.flags & KV_KEY_INDEX_COMPLETED;
    int again = has_row && completed && !(st->flags & KV_STORE_REPLACE) &&
                !(old.flags & (KV_KEY_INDEX_FAILED | KV_KEY_INDEX_PARTIAL));
    if (has_row && !again)
        again = st->pair->layout->has_row(st->pair, old.offset, row->text, err);
    if (again < 0)
        return -1;
    if (again && !is_new) {
        *added = KV_ADDED_NOT;
        return 0;
    }
    int changed = st->pair->layout->ready(st->pair, err);
    if (changed > 0) /* it has been read again */
        return add_result(st, row, added, err);
    if (changed < 0) {
        end(st);
        return -1;
    }
    if (again) { /* an orphan: only its key is missing in the manifest */
        *added = KV_ADDED_NOT;
        st->pair->layout->extend(st->pair, key);
        return kv_accounting_manifest(&st->pair->accounting, key, err) < 0 ? -1 : 0;
    }
    *added = !kv_result_settles(row) && !completed ? KV_ADDED_ANSWER
             : has_row                             ? KV_ADDED_AGAIN
                                                   : KV_ADDED;
    return stage(st, row, is_new, err);
}

int kv_store_set_config(
    struct kv_store *st, struct kv_slice config, const char *hash, struct kv_err *err)
{
    if (st->pair->layout->ready(st->pair, err) < 0) {
        end(st);
        return -1;
    }
    st->pair->layout->set_config(st->pair, config, hash);
    return 0;
}

int kv_store_add(struct kv_store *st, struct kv_slice line, enum kv_added *added,
    struct kv_slice *key, struct kv_err *err)
{
    struct kv_result row;
    *key = (struct kv_slice){"", 0};
    if (kv_result_read_after(line, KV_JSON_PORTABLE, &st->before, &row, err) != 0)
        return -1;
    if (row.preview) {
        *added = KV_ADDED_PREVIEW;
        return 0;
    }
    if (memchr(row.text.p, '\n', row.text.n))
        return kv_err_set(err, KV_INPUT, "a result must stand on one line");
    if (kv_store_row_key(st, &row, &st->key, err) != 0)
        return -1;
    *key = kv_slice_of(&st->key);
    return add_result(st, &row, added, err);
}

bool kv_store_begun(const struct kv_store *st)
{
    return st->begun;
}

void kv_store_remove_private(const struct kv_paths *p)
{
    static const char *const names[] = {"lock", "run", "index", "feed", "draft", "tries", "journal",
        "journal.draft", "tmp.spare0", "tmp.spare1", "state.spare0", "state.spare1", NULL};
    char *directory, *name;
    struct kv_buf file = {0};
    kv_io_split(p->output, &directory, &name);
    int dir = kv_io_dir_open(directory, NULL);
    for (size_t i = 0; names[i] && dir >= 0; i++) {
        kv_buf_clear(&file);
        kv_buf_printf(&file, ".%s.%s", name, names[i]);
        kv_io_remove(dir, file.p);
    }
    if (dir >= 0)
        close(dir);
    kv_buf_release(&file);
    free(directory);
    free(name);
}

const struct kv_paths *kv_store_paths(const struct kv_store *st)
{
    return &st->paths;
}

bool kv_store_is_finished(const struct kv_store *st)
{
    return st->finished;
}

bool kv_store_is_other(const struct kv_store *st)
{
    return st->other;
}

bool kv_store_in_doubt(const struct kv_store *st)
{
    return st->in_doubt;
}

int kv_store_gave_up(const struct kv_paths *p, struct kv_err *err)
{
    struct kv_control record;
    bool same_boot, gave_up = false;
    struct kv_file now;
    char *directory, *name, *lock = kv_paths_private(p, "lock");
    int there = kv_io_exists(lock, err);
    kv_io_split(lock, &directory, &name);
    int dir = there == 1 ? kv_io_dir_open(directory, err) : -1;
    int fd = dir >= 0 ? kv_io_open(dir, name, KV_IO_READ) : -1;
    if (fd >= 0) {
        const char *state = strrchr(p->state, '/');
        kv_control_read(fd, &record, &same_boot);
        gave_up = kv_io_look(dir, state ? state + 1 : p->state, &now) == 0 &&
                  kv_control_gave_up(&record, &now.id);
        close(fd);
    }
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    free(lock);
    return there < 0 ? -1 : gave_up;
}
