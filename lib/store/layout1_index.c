/* layout1_index - the table of keys of a pair of layout 1.0, brought up to date with its documents.
 *
 * The table is never the truth. It is caught up from where it ends when its lineage is that of the
 * documents, and built anew from both of them otherwise.
 */
#include "layout1_private.h"

#include "keys.h"
#include "layout1_text.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 1 << 22 }; /* entries of a new table that are collected in memory */

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

void kv_layout1_close_index(struct kv_layout1 *p)
{
    if (p->index)
        kv_key_index_drop(p->index);
    if (p->index != p->memory)
        kv_key_index_close(p->index);
    p->index = NULL;
    p->foreign = false;
}

/* The table in the private file; where that cannot be, one in memory that lives with the pair. */
static void open_index(struct kv_layout1 *p)
{
    struct kv_err err;
    p->index = p->memory ? NULL : kv_key_index_open(p->pair.paths->index, &err);
    if (p->index)
        return;
    if (!p->memory) {
        kv_note(p->pair.notes, "%s; keeping it in memory", err.text);
        p->memory = kv_key_index_memory(0);
    }
    p->index = p->memory;
}

/* A row beyond those that .state knows of, whose key is not in the manifest, is that of a writer
 * with KV_STORE_EXTEND that died between the two files: its key gets there now. */
static int adopt(
    struct kv_layout1 *p, struct kv_accounting *l, struct kv_slice key, struct kv_err *err)
{
    struct kv_key_index_entry e;
    if ((uint64_t)l->counts->rows < p->recorded)
        return 0;
    if (kv_key_index_find(l->index, kv_digest_128(key), &e, err) < 0)
        return -1;
    if (e.flags & (KV_KEY_INDEX_MANIFEST | KV_KEY_INDEX_COMPLETED))
        return 0;
    kv_layout1_extend(p, key);
    return kv_accounting_manifest(l, key, err) < 0 ? -1 : 0;
}

/* Enters one row as it stands in .tmp. `known`: .state has been told of it. */
static int enter_row(struct kv_layout1 *p, struct kv_accounting *l, const struct kv_row *row,
    bool known, struct kv_err *err)
{
    struct kv_result result;
    struct kv_buf key = {0};
    bool completes = false;
    if (kv_result_read(row->text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, err) != 0)
        return kv_err_context(err, "%s:%zu", p->pair.paths->tmp, row->line);
    if (result.preview) {
        l->counts->rows++;
        return 0;
    }
    kv_result_key_after(&result, &p->models, &key);
    if (!known && !p->foreign && adopt(p, l, kv_slice_of(&key), err) != 0) {
        kv_buf_release(&key);
        return -1;
    }
    int failed = kv_accounting_row(l, &result, kv_slice_of(&key), row->offset, &completes, err);
    if (!failed && completes && !known)
        kv_layout1_add_key(p, kv_slice_of(&key));
    kv_buf_release(&key);
    return failed;
}

/* From where the index ends to the end of .tmp. 1: done; 0: it does not fit; -1. */
static int catch_up(
    struct kv_layout1 *p, const struct kv_key_index_mark *mark, uint64_t rows, struct kv_err *err)
{
    struct kv_doc_version *t = kv_doc_view(p->doc, KV_LAYOUT1_RESULTS);
    struct kv_json_reader r;
    struct kv_row row = {0};
    struct kv_header replayed = {.rows = (int64_t)mark->rows};
    struct kv_accounting replay = {p->index, &replayed, false};
    uint64_t at = mark->rows, recorded = (uint64_t)p->pair.counts.rows;
    int got = 0;
    if (at > recorded || recorded > rows || mark->end > (uint64_t)t->end)
        return 0;
    if (at == rows)
        return mark->end == (uint64_t)t->end;
    kv_json_reader_resume(&r, t->fd, KV_JSON_FOREIGN, mark->end, at == 0);
    while (at < rows && (got = kv_json_reader_item(&r, &row.text, err)) == 1) {
        row.offset = kv_json_reader_offset(&r, row.text);
        bool known = at++ < recorded;
        if (enter_row(p, known ? &replay : &p->pair.accounting, &row, known, err) != 0) {
            got = -1;
            break;
        }
    }
    kv_json_reader_close(&r);
    p->changed = rows > recorded;
    if (rows > recorded && got == 1)
        kv_note(p->pair.notes, "%s: %llu results of a stopped writer are recorded now",
            p->pair.paths->state, (unsigned long long)(rows - recorded));
    return got == 1 && at == rows;
}

/* Checks that the array just read is the last of the document: its shape only says that the last
 * one can grow. */
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
    if (kv_keys_begin(&k, kv_doc_view(p->doc, KV_LAYOUT1_STATE)->fd, which, err) != 0)
        return kv_err_context(err, "%s", p->pair.paths->state);
    while ((got = kv_keys_next(&k, err)) == 1) {
        int added = which == KV_KEYS_MANIFEST
                        ? kv_accounting_manifest(l, kv_slice_of(&k.key), err)
                        : kv_accounting_completed(l, kv_slice_of(&k.key), err);
        if (added < 0)
            break;
    }
    if (got == 0 && which == KV_KEYS_COMPLETED)
        check_place(p, KV_LAYOUT1_STATE, kv_json_reader_tell(&k.reader));
    kv_keys_end(&k);
    return got == 0 ? 0 : got < 0 ? kv_err_context(err, "%s", p->pair.paths->state) : -1;
}

static int enter_rows(struct kv_layout1 *p, struct kv_accounting *l, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (kv_rows_begin(&rows, p->pair.paths->tmp, KV_LAYOUT_1, err) != 0)
        return -1;
    kv_buf_clear(&p->members);
    rows.members = p->foreign ? &p->members : NULL;
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if ((got = enter_row(p, l, &row, false, err)) != 0)
            break;
    if (got == 0)
        check_place(p, KV_LAYOUT1_RESULTS, rows.closed);
    kv_rows_end(&rows);
    return got;
}

static size_t expected_entries(const struct kv_layout1 *p)
{
    size_t most = (size_t)kv_doc_view(p->doc, KV_LAYOUT1_STATE)->size / 8;
    size_t told = (size_t)p->pair.counts.total;
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
int kv_layout1_build_index(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_header counted = p->pair.counts;
    struct kv_header *c = &p->pair.counts;
    counted.total = counted.completed = counted.failed = counted.pending = counted.rows = 0;
    counted.outcomes = (struct kv_outcomes){0};
    kv_buf_clear(&p->keys);
    kv_buf_clear(&p->more);
    p->changed = p->misnamed = false;
    if (fill_index(p, &counted, err) != 0)
        return -1;
    if (p->misnamed && !p->foreign)
        return 1;
    if (p->keys.n || p->more.n)
        kv_note(p->pair.notes, "%s: results without their keys in it are recorded now",
            p->pair.paths->state);
    if (c->total != counted.total || c->completed != counted.completed ||
        c->failed != counted.failed || c->pending != counted.pending || c->rows != counted.rows ||
        memcmp(&c->outcomes, &counted.outcomes, sizeof c->outcomes) != 0) {
        kv_note(p->pair.notes, "%s: counted anew", p->pair.paths->state);
        p->changed = true;
    }
    *c = counted;
    p->pair.all_read = true;
    return 0;
}

/* The table must reach as far as the documents do before anything is asked of it. A failing private
 * file is no failure of the pair: memory will do. 1: the pair is not in our form. */
int kv_layout1_prepare_index(struct kv_layout1 *p, uint64_t rows, struct kv_err *err)
{
    struct kv_key_index_mark mark;
    int got = 0;
    open_index(p);
    p->pair.accounting = (struct kv_accounting){p->index, &p->pair.counts, true};
    if (kv_key_index_reaches(p->index, kv_doc_lineage(p->doc), &mark))
        got = catch_up(p, &mark, rows, err);
    if (got == 1)
        return 0;
    if (got < 0 && err->kind == KV_INPUT)
        return -1;
    kv_note(p->pair.notes, "%s: built anew", p->pair.paths->index);
    got = kv_layout1_build_index(p, err);
    if (got < 0 && err->kind == KV_SYSTEM && !p->memory) {
        kv_note(p->pair.notes, "%s: %s; keeping it in memory", p->pair.paths->index, err->text);
        kv_key_index_void(p->index);
        kv_key_index_close(p->index);
        p->memory = p->index = kv_key_index_memory(0);
        p->pair.accounting.index = p->index;
        got = kv_layout1_build_index(p, err);
    }
    return got;
}

void kv_layout1_mark_index(struct kv_layout1 *p)
{
    struct kv_err err;
    struct kv_key_index_mark mark = {
        (uint64_t)p->pair.counts.rows, p->end, (uint64_t)p->pair.counts.completed};
    if (kv_key_index_keep(p->index, &err) != 0 ||
        kv_key_index_mark(p->index, kv_doc_lineage(p->doc), &mark, &err) != 0)
        kv_key_index_void(p->index);
}

void kv_layout1_put_index(struct kv_layout1 *p, struct kv_key_index *table)
{
    struct kv_err err;
    open_index(p);
    p->pair.accounting.index = p->index;
    if (kv_key_index_take(p->index, table, &err) != 0)
        kv_key_index_void(p->index);
    else
        kv_layout1_mark_index(p);
}
