/* layout1 - layout 1.0 under the writer's lock: both documents, their index, the counts, in order.
 */
#include "layout1.h"

#include "layout1_rewrite.h"
#include "layout1_text.h"
#include "state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RESULTS,
    STATE,
    TABLE_MAX = 1 << 22, /* entries of a new index that are collected in memory */
};

void kv_note(const struct kv_notes *n, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    if (!n || !n->say)
        return;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    n->say(n->closure, text.p);
    kv_buf_release(&text);
}

void kv_layout1_init(
    struct kv_layout1 *p, const struct kv_paths *paths, const struct kv_notes *notes)
{
    static const char *const suffixes[] = {".tmp", ".state"};
    *p = (struct kv_layout1){.paths = paths, .notes = notes};
    p->doc = kv_doc_new(paths->output, suffixes, 2);
}

static void close_index(struct kv_layout1 *p)
{
    if (p->index)
        kv_key_index_drop(p->index);
    if (p->index != p->memory)
        kv_key_index_close(p->index);
    p->index = NULL;
    p->foreign = false;
}

void kv_layout1_release(struct kv_layout1 *p)
{
    kv_layout1_abort(p);
    kv_doc_free(p->doc);
    kv_key_index_close(p->memory);
    kv_buf_release(&p->keys);
    kv_buf_release(&p->more);
    p->doc = NULL;
    p->memory = NULL;
}

void kv_layout1_abort(struct kv_layout1 *p)
{
    close_index(p);
    if (p->doc)
        kv_doc_end(p->doc);
    kv_buf_clear(&p->keys);
    kv_buf_clear(&p->more);
    p->changed = false;
}

/* ---- staging ---- */

uint64_t kv_layout1_add_row(struct kv_layout1 *p, struct kv_slice row)
{
    uint64_t at = (uint64_t)kv_doc_add(p->doc, RESULTS, row);
    p->end = at + row.n;
    p->changed = true;
    return at;
}

void kv_layout1_add_key(struct kv_layout1 *p, struct kv_slice key)
{
    kv_layout1_text_quote_key(&p->keys, key);
    kv_buf_add_char(&p->keys, '\n');
    p->changed = true;
}

void kv_layout1_extend(struct kv_layout1 *p, struct kv_slice key)
{
    kv_layout1_text_quote_key(&p->more, key);
    kv_buf_add_char(&p->more, '\n');
    p->changed = true;
}

/* ---- begin: the index ---- */

/* The table in the private file; where that cannot be, one in memory that lives with the pair. */
static void open_index(struct kv_layout1 *p)
{
    struct kv_err err;
    p->index = p->memory ? NULL : kv_key_index_open(p->paths->index, &err);
    if (p->index)
        return;
    if (!p->memory) {
        kv_note(p->notes, "%s; keeping it in memory", err.text);
        p->memory = kv_key_index_memory(0);
    }
    p->index = p->memory;
}

/* Enters one row as it stands in .tmp. `known`: .state has been told of it. */
static int enter_row(struct kv_layout1 *p, struct kv_accounting *l, const struct kv_row *row,
    bool known, struct kv_err *err)
{
    struct kv_result result;
    struct kv_buf key = {0};
    bool completes = false;
    if (kv_result_read(row->text, KV_JSON_FOREIGN, &result, err) != 0)
        return kv_err_context(err, "%s:%zu", p->paths->tmp, row->line);
    if (result.preview) {
        l->counts->rows++;
        return 0;
    }
    kv_result_key(&result, &key);
    int failed = kv_accounting_row(l, &result, kv_slice_of(&key), row->offset, &completes, err);
    if (!failed && completes && !known && !p->foreign)
        kv_layout1_add_key(p, kv_slice_of(&key));
    kv_buf_release(&key);
    return failed;
}

/* From where the index ends to the end of .tmp. 1: done; 0: it does not fit; -1. */
static int catch_up(
    struct kv_layout1 *p, const struct kv_key_index_mark *mark, uint64_t rows, struct kv_err *err)
{
    struct kv_doc_version *t = kv_doc_view(p->doc, RESULTS);
    struct kv_json_reader r;
    struct kv_row row = {0};
    struct kv_header replayed = {.rows = (int64_t)mark->rows};
    struct kv_accounting replay = {p->index, &replayed, false};
    uint64_t at = mark->rows, recorded = (uint64_t)p->counts.rows;
    int got = 0;
    if (at > recorded || recorded > rows || mark->end > (uint64_t)t->end)
        return 0;
    if (at == rows)
        return mark->end == (uint64_t)t->end;
    kv_json_reader_resume(&r, t->fd, KV_JSON_FOREIGN, mark->end, at == 0);
    while (at < rows && (got = kv_json_reader_item(&r, &row.text, err)) == 1) {
        row.offset = kv_json_reader_offset(&r, row.text);
        bool known = at++ < recorded;
        if (enter_row(p, known ? &replay : &p->ledger, &row, known, err) != 0) {
            got = -1;
            break;
        }
    }
    kv_json_reader_close(&r);
    p->changed = rows > recorded;
    if (rows > recorded && got == 1)
        kv_note(p->notes, "%s: %llu results of a stopped writer are recorded now", p->paths->state,
            (unsigned long long)(rows - recorded));
    return got == 1 && at == rows;
}

/* The shape of a document says that its last array can grow, and not which one that is. */
static void check_place(struct kv_layout1 *p, size_t part, uint64_t closed)
{
    if (closed != (uint64_t)kv_doc_view(p->doc, part)->end + sizeof "\n]" - 1)
        p->misnamed = true;
}

static int enter_keys(
    struct kv_layout1 *p, struct kv_accounting *l, enum kv_keys_of which, struct kv_err *err)
{
    struct kv_keys k;
    int got;
    if (kv_keys_begin(&k, kv_doc_view(p->doc, STATE)->fd, which, err) != 0)
        return kv_err_context(err, "%s", p->paths->state);
    while ((got = kv_keys_next(&k, err)) == 1) {
        int added = which == KV_KEYS_MANIFEST
                        ? kv_accounting_manifest(l, kv_slice_of(&k.key), err)
                        : kv_accounting_completed(l, kv_slice_of(&k.key), err);
        if (added < 0)
            break;
    }
    if (got == 0 && which == KV_KEYS_COMPLETED)
        check_place(p, STATE, kv_json_reader_tell(&k.reader));
    kv_keys_end(&k);
    return got == 0 ? 0 : got < 0 ? kv_err_context(err, "%s", p->paths->state) : -1;
}

static int enter_rows(struct kv_layout1 *p, struct kv_accounting *l, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (kv_rows_begin(&rows, p->paths->tmp, KV_LAYOUT_1, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if ((got = enter_row(p, l, &row, false, err)) != 0)
            break;
    if (got == 0)
        check_place(p, RESULTS, rows.closed);
    kv_rows_end(&rows);
    return got;
}

static size_t expected_entries(const struct kv_layout1 *p)
{
    size_t most = (size_t)kv_doc_view(p->doc, STATE)->size / 8;
    size_t told = (size_t)p->counts.total;
    return told < most ? told : most;
}

static int enter_all(struct kv_layout1 *p, struct kv_accounting *l, struct kv_err *err)
{
    int failed = enter_keys(p, l, KV_KEYS_MANIFEST, err) != 0 ||
                 enter_keys(p, l, KV_KEYS_COMPLETED, err) != 0 || enter_rows(p, l, err) != 0;
    return failed ? -1 : 0;
}

/* Fills the table anew: in memory first, where that is not too much. */
static int fill_index(struct kv_layout1 *p, struct kv_header *counted, struct kv_err *err)
{
    size_t expected = expected_entries(p);
    struct kv_accounting l = {p->index, counted, false};
    kv_key_index_drop(p->index);
    if (expected > TABLE_MAX)
        return kv_key_index_reset(p->index, expected, err) == 0 ? enter_all(p, &l, err) : -1;
    l.index = kv_key_index_memory(expected);
    if (enter_all(p, &l, err) == 0)
        return kv_key_index_take(p->index, l.index, err);
    kv_key_index_close(l.index);
    return -1;
}

/* Reads both documents whole: the table anew, and the counts with it. 1: they are not in our form
 * after all. */
static int build(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_header counted = p->counts;
    struct kv_header *c = &p->counts;
    counted.total = counted.completed = counted.failed = counted.pending = counted.rows = 0;
    kv_buf_clear(&p->keys);
    p->changed = p->misnamed = false;
    if (fill_index(p, &counted, err) != 0)
        return -1;
    if (p->misnamed && !p->foreign)
        return 1;
    if (p->keys.n)
        kv_note(p->notes, "%s: results without their keys in it are recorded now", p->paths->state);
    if (c->total != counted.total || c->completed != counted.completed ||
        c->failed != counted.failed || c->pending != counted.pending || c->rows != counted.rows) {
        kv_note(p->notes, "%s: counted anew", p->paths->state);
        p->changed = true;
    }
    *c = counted;
    return 0;
}

/* The table must reach as far as the documents do before anything is asked of it. A failing private
 * file is no failure of the pair: memory will do. 1: the pair is not in our form. */
static int prepare_index(struct kv_layout1 *p, uint64_t rows, struct kv_err *err)
{
    struct kv_key_index_mark mark;
    int got = 0;
    open_index(p);
    p->ledger = (struct kv_accounting){p->index, &p->counts, true};
    if (kv_key_index_reaches(p->index, kv_doc_lineage(p->doc), &mark))
        got = catch_up(p, &mark, rows, err);
    if (got == 1)
        return 0;
    if (got < 0 && err->kind == KV_INPUT)
        return -1;
    kv_note(p->notes, "%s: built anew", p->paths->index);
    got = build(p, err);
    if (got < 0 && err->kind == KV_SYSTEM && !p->memory) {
        kv_note(p->notes, "%s: %s; keeping it in memory", p->paths->index, err->text);
        kv_key_index_void(p->index);
        kv_key_index_close(p->index);
        p->memory = p->index = kv_key_index_memory(0);
        p->ledger.index = p->index;
        got = build(p, err);
    }
    return got;
}

static void mark_index(struct kv_layout1 *p)
{
    struct kv_err err;
    struct kv_key_index_mark mark = {
        (uint64_t)p->counts.rows, p->end, (uint64_t)p->counts.completed};
    if (kv_key_index_keep(p->index, &err) != 0 ||
        kv_key_index_mark(p->index, kv_doc_lineage(p->doc), &mark, &err) != 0)
        kv_key_index_void(p->index);
}

/* ---- begin ---- */

static int require(
    const struct kv_doc_version *v, const char *path, const char *other, struct kv_err *err)
{
    if (v->shape != KV_DOC_VERSION_ABSENT)
        return 0;
    if (other)
        return kv_err_set(err, KV_INPUT,
            "%s: results file not found (the state %s exists but the results are missing)", path,
            other);
    return kv_err_set(err, KV_INPUT, "%s: no such state file", path);
}

/* 1: in our form, and the heads are read; 0: foreign; -1. */
static int look(struct kv_layout1 *p, uint64_t *rows, struct kv_err *err)
{
    struct kv_doc_version *t = kv_doc_view(p->doc, RESULTS), *s = kv_doc_view(p->doc, STATE);
    struct kv_header head = {0};
    if (require(s, p->paths->state, NULL, err) != 0 ||
        require(t, p->paths->tmp, p->paths->state, err) != 0)
        return -1;
    if (t->shape != KV_DOC_VERSION_GROWING || s->shape != KV_DOC_VERSION_GROWING ||
        !kv_header_read(&head, (struct kv_slice){t->head, t->head_n}, KV_HEADER_RESULTS))
        return 0;
    *rows = (uint64_t)head.rows;
    if (!kv_header_read(&head, (struct kv_slice){s->head, s->head_n}, KV_HEADER_STATE))
        return 0;
    p->counts = head;
    p->end = (uint64_t)t->end;
    return 1;
}

/* A foreign pair is read whole, into a table in memory. */
static int survey(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(p->paths->state, err);
    if (!s)
        return -1;
    int failed = kv_state_check(s, err);
    if (!failed && kv_state_info(s)->layout != KV_LAYOUT_1)
        failed = kv_err_set(err, KV_INPUT, "%s: changed by another program", p->paths->state);
    p->counts = (struct kv_header){.total = kv_state_info(s)->total_tasks};
    kv_state_close(s);
    if (failed)
        return -1;
    p->index = kv_key_index_memory(0);
    p->ledger = (struct kv_accounting){p->index, &p->counts, true};
    p->foreign = true;
    const struct kv_notes *notes = p->notes;
    p->notes = NULL; /* nothing is recorded by looking */
    failed = build(p, err);
    p->notes = notes;
    p->changed = false;
    return failed;
}

int kv_layout1_begin(struct kv_layout1 *p, bool wait, struct kv_err *err)
{
    uint64_t rows = 0;
    p->foreign = false;
    if (kv_doc_begin(p->doc, wait, err) != 0)
        return -1;
    int got = look(p, &rows, err);
    bool ours = got == 1;
    if (ours && (got = prepare_index(p, rows, err)) == 1) {
        ours = false;
        close_index(p);
    }
    if (!ours && got >= 0)
        got = survey(p, err);
    if (got != 0)
        kv_layout1_abort(p);
    return got;
}

int kv_layout1_ready(struct kv_layout1 *p, struct kv_err *err)
{
    if (!p->foreign)
        return 0;
    close_index(p); /* what it knows will be somewhere else */
    int failed =
        kv_layout1_rewrite_pair(p->doc, p->paths, err) != 0 || kv_doc_commit(p->doc, err) != 0;
    kv_layout1_abort(p);
    if (failed)
        return -1;
    kv_note(p->notes, "%s: not in the growing form; both files were written anew", p->paths->state);
    if (kv_layout1_begin(p, true, err) != 0)
        return -1;
    if (!p->foreign)
        return 0;
    kv_layout1_abort(p);
    return kv_err_set(err, KV_INPUT, "%s: changed by another program", p->paths->state);
}

/* ---- commit ---- */

/* Hands the staged keys to the document, and the manifest's first if it grew. */
static int stage_state(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_slice rest = kv_slice_of(&p->keys);
    if (p->more.n &&
        kv_layout1_rewrite_extend(p->doc, p->paths, &p->counts, kv_slice_of(&p->more), err) != 0)
        return -1;
    while (rest.n) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = (size_t)(lf - rest.p);
        kv_doc_add(p->doc, STATE, (struct kv_slice){rest.p, n});
        rest = (struct kv_slice){lf + 1, rest.n - n - 1};
    }
    return 0;
}

static void stage_head(struct kv_layout1 *p, size_t i, enum kv_header_of which)
{
    struct kv_buf head = {0};
    kv_header_add(&head, &p->counts, which);
    memcpy(kv_doc_view(p->doc, i)->head, head.p, head.n);
    kv_buf_release(&head);
}

static void note_ways(struct kv_layout1 *p)
{
    const char *const names[] = {p->paths->tmp, p->paths->state};
    for (size_t i = 0; i < 2; i++)
        kv_note(p->notes, "%s: %s", names[i], kv_doc_way(p->doc, i));
}

int kv_layout1_commit(struct kv_layout1 *p, struct kv_err *err)
{
    int failed = 0;
    if (p->changed) {
        p->counts.updated = time(NULL);
        failed = stage_state(p, err);
        stage_head(p, RESULTS, KV_HEADER_RESULTS);
        stage_head(p, STATE, KV_HEADER_STATE);
        failed = failed || kv_doc_commit(p->doc, err) != 0;
        if (!failed)
            note_ways(p);
    }
    if (!failed)
        mark_index(p);
    kv_layout1_abort(p);
    return failed ? -1 : 0;
}

int kv_layout1_remove(struct kv_layout1 *p, struct kv_err *err)
{
    static const char *const also[] = {"index", "run", NULL};
    int failed = kv_doc_remove(p->doc, also, err);
    kv_layout1_abort(p);
    return failed;
}
