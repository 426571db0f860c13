/* layout1 - layout 1.0 under the writer's lock: both documents, their index, the counts, in order.
 */
#include "layout1.h"

#include "json.h"
#include "keys.h"
#include "layout1_private.h"
#include "layout1_rewrite.h"
#include "layout1_text.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct kv_layout1 *of(struct kv_pair *pair)
{
    return (struct kv_layout1 *)pair; /* its first member */
}

static void abort_batch(struct kv_pair *pair)
{
    struct kv_layout1 *p = of(pair);
    kv_layout1_close_index(p);
    kv_doc_end(p->doc);
    kv_buf_clear(&p->keys);
    kv_buf_clear(&p->more);
    kv_buf_release(&p->members);
    kv_pair_drop_config(pair);
    p->changed = false;
}

static void close_pair(struct kv_pair *pair)
{
    struct kv_layout1 *p = of(pair);
    abort_batch(pair);
    kv_doc_free(p->doc);
    kv_key_index_close(p->memory);
    kv_buf_release(&p->keys);
    kv_buf_release(&p->more);
    kv_model_keys_release(&p->models);
    free(p);
}

/* ---- staging ---- */

static uint64_t add_row(struct kv_pair *pair, struct kv_slice row)
{
    struct kv_layout1 *p = of(pair);
    uint64_t at = (uint64_t)kv_doc_add(p->doc, KV_LAYOUT1_RESULTS, row);
    p->end = at + row.n;
    p->changed = true;
    return at;
}

static void add_key(struct kv_pair *pair, struct kv_slice key)
{
    kv_layout1_add_key(of(pair), key);
}

static void extend(struct kv_pair *pair, struct kv_slice key)
{
    kv_layout1_extend(of(pair), key);
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
    struct kv_doc_version *t = kv_doc_view(p->doc, KV_LAYOUT1_RESULTS),
                          *s = kv_doc_view(p->doc, KV_LAYOUT1_STATE);
    struct kv_header head = {0};
    if (require(s, p->pair.paths->state, NULL, err) != 0 ||
        require(t, p->pair.paths->tmp, p->pair.paths->state, err) != 0)
        return -1;
    if (t->shape != KV_DOC_VERSION_GROWING || s->shape != KV_DOC_VERSION_GROWING ||
        !kv_header_read(&head, (struct kv_slice){t->head, t->head_n}, KV_HEADER_RESULTS))
        return 0;
    *rows = (uint64_t)head.rows;
    if (!kv_header_read(&head, (struct kv_slice){s->head, s->head_n}, KV_HEADER_STATE))
        return 0;
    p->pair.counts = head;
    p->recorded = (uint64_t)head.rows;
    p->end = (uint64_t)t->end;
    return 1;
}

/* A foreign pair is read whole, into a table in memory. */
static int survey(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(p->pair.paths->state, err);
    if (!s)
        return -1;
    int failed = kv_state_check(s, err);
    if (!failed && kv_state_info(s)->layout != KV_LAYOUT_1)
        failed = kv_err_set(err, KV_INPUT, "%s: changed by another program", p->pair.paths->state);
    p->pair.counts = (struct kv_header){.total = kv_state_info(s)->total_tasks};
    kv_state_close(s);
    if (failed)
        return -1;
    p->index = kv_key_index_memory(0);
    p->pair.accounting = (struct kv_accounting){p->index, &p->pair.counts, true};
    p->foreign = true;
    const struct kv_notes *notes = p->pair.notes;
    p->pair.notes = NULL; /* nothing is recorded by looking */
    failed = kv_layout1_build_index(p, err);
    p->pair.notes = notes;
    p->changed = false;
    return failed;
}

static int begin(struct kv_pair *pair, bool wait, struct kv_err *err)
{
    struct kv_layout1 *p = of(pair);
    uint64_t rows = 0;
    p->foreign = pair->all_read = false;
    kv_doc_be_patient(p->doc, pair->patience);
    if (kv_doc_begin(p->doc, wait, err) != 0)
        return -1;
    pair->state_file = kv_doc_view(p->doc, KV_LAYOUT1_STATE)->file.id;
    pair->history = kv_doc_lineage(p->doc);
    int got = look(p, &rows, err);
    bool ours = got == 1;
    if (ours && (got = kv_layout1_prepare_index(p, rows, err)) == 1) {
        ours = false;
        kv_layout1_close_index(p);
    }
    if (!ours && got >= 0)
        got = survey(p, err);
    if (got != 0)
        abort_batch(pair);
    return got;
}

/* Writes both files in our form, and the index that belongs to them. */
static int rewrite(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_key_index *table = p->index;
    const struct kv_layout1_survey found = {
        &p->pair.counts, table, kv_slice_of(&p->keys), kv_slice_of(&p->members)};
    p->index = NULL;
    int failed = kv_layout1_rewrite_pair(p->doc, p->pair.paths, &found, &p->end, err) != 0 ||
                 kv_doc_commit(p->doc, err) != 0;
    if (failed)
        kv_key_index_close(table);
    else
        kv_layout1_put_index(p, table);
    return failed ? -1 : 0;
}

static int ready(struct kv_pair *pair, struct kv_err *err)
{
    struct kv_layout1 *p = of(pair);
    if (!p->foreign)
        return 0;
    int failed = rewrite(p, err);
    abort_batch(pair);
    if (failed)
        return -1;
    kv_note(p->pair.notes, "%s: not in the growing form; both files were written anew",
        p->pair.paths->state);
    if (begin(pair, true, err) != 0)
        return -1;
    if (!p->foreign)
        return 1;
    abort_batch(pair);
    return kv_err_set(err, KV_INPUT, "%s: changed by another program", p->pair.paths->state);
}

static void set_config(struct kv_pair *pair, struct kv_slice config, const char *hash)
{
    kv_pair_set_config(pair, config, hash);
    of(pair)->changed = true;
}

/* ---- commit ---- */

/* Hands the staged keys to the document, and what else is new of .state first. */
static int stage_state(struct kv_layout1 *p, struct kv_err *err)
{
    struct kv_slice rest = kv_slice_of(&p->keys);
    const struct kv_layout1_news news = {
        kv_slice_of(&p->more), kv_slice_of(&p->pair.config), kv_slice_of(&p->pair.hash)};
    if ((news.keys.n || news.config.n) &&
        kv_layout1_rewrite_state(p->doc, p->pair.paths, &p->pair.counts, &news, err) != 0)
        return -1;
    while (rest.n) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = (size_t)(lf - rest.p);
        kv_doc_add(p->doc, KV_LAYOUT1_STATE, (struct kv_slice){rest.p, n});
        rest = (struct kv_slice){lf + 1, rest.n - n - 1};
    }
    return 0;
}

static void stage_head(struct kv_layout1 *p, size_t i, enum kv_header_of which)
{
    struct kv_buf head = {0};
    kv_header_add(&head, &p->pair.counts, which);
    memcpy(kv_doc_view(p->doc, i)->head, head.p, head.n);
    kv_buf_release(&head);
}

static void note_ways(struct kv_layout1 *p)
{
    const char *const names[] = {p->pair.paths->tmp, p->pair.paths->state};
    for (size_t i = 0; i < 2; i++)
        kv_note(p->pair.notes, "%s: %s", names[i], kv_doc_way(p->doc, i));
}

static int commit(struct kv_pair *pair, struct kv_err *err)
{
    struct kv_layout1 *p = of(pair);
    int failed = 0;
    if (p->changed) {
        p->pair.counts.updated = time(NULL);
        failed = stage_state(p, err);
        stage_head(p, KV_LAYOUT1_RESULTS, KV_HEADER_RESULTS);
        stage_head(p, KV_LAYOUT1_STATE, KV_HEADER_STATE);
        failed = failed || kv_doc_commit(p->doc, err) != 0;
        if (!failed)
            note_ways(p);
    }
    if (!failed)
        kv_layout1_mark_index(p);
    abort_batch(pair);
    return failed ? -1 : 0;
}

static int remove_pair(struct kv_pair *pair, struct kv_err *err)
{
    static const char *const also[] = {
        "index", "run", "feed", "draft", "tries", "journal", "journal.draft", NULL};
    int failed = kv_doc_remove(of(pair)->doc, also, err);
    abort_batch(pair);
    return failed;
}

/* ---- looking ---- */

static int row_key(
    struct kv_pair *pair, const struct kv_result *row, struct kv_buf *key, struct kv_err *err)
{
    (void)err;
    kv_buf_clear(key);
    kv_result_key_after(row, &of(pair)->models, key);
    return 0;
}

static int has_row(struct kv_pair *pair, uint64_t offset, struct kv_slice row, struct kv_err *err)
{
    struct kv_doc_version *t = kv_doc_view(of(pair)->doc, KV_LAYOUT1_RESULTS);
    if ((uint64_t)t->end < offset || (uint64_t)t->end - offset < row.n)
        return 0;
    char *text = kv_alloc(row.n + 1); /* what follows is a comma or the end of the line */
    int same = kv_doc_version_read(t, (off_t)offset, text, row.n + 1, err);
    if (same == 0)
        same = memcmp(text, row.p, row.n) == 0 && (text[row.n] == ',' || text[row.n] == '\n');
    else
        kv_err_context(err, "%s", pair->paths->tmp);
    free(text);
    return same;
}

/* The keys in .state; 0, what `each` returned, -1. */
static int recorded(struct kv_layout1 *p, int (*each)(void *closure, struct kv_slice key),
    void *closure, struct kv_err *err)
{
    struct kv_keys k;
    int got, stop = 0;
    int fd = kv_doc_view(p->doc, KV_LAYOUT1_STATE)->fd;
    if (kv_keys_begin(&k, fd, KV_KEYS_COMPLETED, err) != 0)
        return kv_err_context(err, "%s", p->pair.paths->state);
    while (!stop && (got = kv_keys_next(&k, err)) == 1)
        stop = each(closure, kv_slice_of(&k.key));
    kv_keys_end(&k);
    if (stop)
        return stop;
    return got < 0 ? kv_err_context(err, "%s", p->pair.paths->state) : 0;
}

static int completed(struct kv_pair *pair, int (*each)(void *closure, struct kv_slice key),
    void *closure, struct kv_err *err)
{
    struct kv_layout1 *p = of(pair);
    struct kv_slice rest = kv_slice_of(&p->keys);
    struct kv_buf key = {0};
    int stop = recorded(p, each, closure, err);
    while (rest.n && !stop) {
        size_t n = (size_t)((const char *)memchr(rest.p, '\n', rest.n) - rest.p);
        kv_buf_clear(&key);
        kv_json_unescape((struct kv_slice){rest.p, n}, &key);
        stop = each(closure, kv_slice_of(&key));
        rest = (struct kv_slice){rest.p + n + 1, rest.n - n - 1};
    }
    kv_buf_release(&key);
    return stop;
}

static void forget(struct kv_pair *pair)
{
    struct kv_layout1 *p = of(pair);
    if (p->index)
        kv_key_index_void(p->index);
    unlink(pair->paths->index);
}

/* ---- the table ---- */

static const struct kv_pair_layout layout1 = {
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
    .forget = forget,
};

struct kv_pair *kv_layout1_open(const struct kv_paths *paths, const struct kv_notes *notes)
{
    static const char *const suffixes[] = {".tmp", ".state"};
    struct kv_layout1 *p = kv_calloc(1, sizeof *p);
    p->pair = (struct kv_pair){.layout = &layout1, .paths = paths, .notes = notes};
    p->doc = kv_doc_new(paths->output, suffixes, 2);
    return &p->pair;
}
