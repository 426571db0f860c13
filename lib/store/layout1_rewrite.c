/* layout1_rewrite - a pair of layout 1.0 that is not in our growing form, written anew in it. */
#include "layout1_rewrite.h"

#include "accounting.h"
#include "json.h"
#include "layout1_text.h"
#include "num.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RESULTS, STATE, PIECE = 1 << 16 };

/* The new heads. */
static void take_head(
    struct kv_header *h, const struct kv_header *counts, const struct kv_state_info *in)
{
    struct kv_buf start = {0}, created = {0};
    int64_t when;
    *h = *counts;
    h->updated = time(NULL);
    if (in->start_text.n < sizeof h->start)
        kv_buf_add_slice(&start, in->start_text);
    else
        kv_num_add_double(&start, in->start_time, KV_NUM_PYTHON);
    kv_header_add_time(
        &created, in->has_start ? kv_num_whole(in->start_time) : h->updated, KV_HEADER_STATE);
    snprintf(h->start, sizeof h->start, "%s", start.p);
    snprintf(h->created, sizeof h->created, "%s",
        !in->has_start && kv_header_read_time(kv_slice(in->created_at), &when) ? in->created_at
                                                                               : created.p);
    kv_buf_release(&start);
    kv_buf_release(&created);
}

/* ---- .tmp ---- */

/* Where each row was and is, in their order. */
struct places {
    uint64_t *was, *is;
    size_t n;
    uint64_t end; /* of the last one */
};

static void note_place(struct places *p, uint64_t was, uint64_t is)
{
    p->was = kv_grow(p->was, p->n, sizeof *p->was);
    p->is = kv_grow(p->is, p->n, sizeof *p->is);
    p->was[p->n] = was;
    p->is[p->n++] = is;
}

/* One row, of which only the end is known. */
static int add_row(
    struct kv_doc *d, struct kv_slice row, struct places *p, uint64_t was, struct kv_err *err)
{
    struct kv_buf line = {0};
    struct kv_slice value;
    if (memchr(row.p, '\n', row.n)) {
        if (kv_json_check(row, KV_JSON_FOREIGN, &value, err) != 0)
            return -1;
        kv_json_compact(&line, value);
        row = kv_slice_of(&line);
    }
    uint64_t is = (uint64_t)kv_doc_add(d, RESULTS, row);
    note_place(p, was, is);
    p->end = is + row.n;
    kv_buf_release(&line);
    return 0;
}

/* All of what is walked was checked by the survey, if it is the same file still. */
static int copy_rows(struct kv_doc *d, const char *path, struct places *p, struct kv_err *err)
{
    const struct kv_file_id *surveyed = &kv_doc_view(d, RESULTS)->file.id;
    struct kv_rows rows;
    struct kv_row row;
    struct kv_file now;
    int got;
    if (kv_rows_begin(&rows, path, KV_LAYOUT_1, err) != 0)
        return -1;
    rows.raw = true;
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if ((got = add_row(d, row.text, p, row.offset, err)) != 0)
            break;
    bool same = kv_io_stat(rows.reader.fd, &now) == 0 && kv_file_same(&now.id, surveyed);
    kv_rows_end(&rows);
    if (got == 0 && !same)
        got = kv_err_set(err, KV_SYSTEM, "%s: changed by another program; try again", path);
    return got;
}

static int rewrite_results(struct kv_doc *d, const struct kv_state_info *in,
    const struct kv_header *head, struct kv_slice members, struct places *p, struct kv_err *err)
{
    struct kv_buf old = {0}, text = {0};
    kv_buf_add_char(&old, '{');
    kv_buf_add_slice(&old, members);
    if (old.n > 1)
        old.n -= 2; /* the last ", " */
    kv_buf_add_char(&old, '}');
    kv_layout1_text_add_results(&text, head, kv_slice_of(&old), in->config);
    int failed = kv_doc_rewrite(d, RESULTS, err) != 0 ||
                 kv_doc_text(d, RESULTS, kv_slice_of(&text), err) != 0 ||
                 copy_rows(d, in->results_path, p, err) != 0;
    kv_buf_release(&old);
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The index speaks of the new places; marks of walks are taken off. */
static int move_places(struct kv_key_index *ix, const struct places *p, struct kv_err *err)
{
    struct kv_key_index_entry e;
    uint64_t at = 0;
    int got;
    while ((got = kv_key_index_next(ix, &at, &e, err)) == 1) {
        e.flags &= ~(uint32_t)KV_KEY_INDEX_SEEN;
        if (e.flags & KV_KEY_INDEX_ROW) {
            const uint64_t *was = bsearch(&e.offset, p->was, p->n, sizeof *p->was, compare);
            if (!was)
                return kv_err_set(err, KV_SYSTEM, "a result is not where it was");
            e.offset = p->is[was - p->was];
        }
        if (kv_key_index_put(ix, &e, err) != 0)
            return -1;
    }
    return got;
}

/* ---- .state ---- */

/* Hands a piece on when it has grown large. */
static int pass(struct kv_doc *d, struct kv_buf *text, size_t above, struct kv_err *err)
{
    if (text->n <= above)
        return 0;
    int failed = kv_doc_text(d, STATE, kv_slice_of(text), err);
    kv_buf_clear(text);
    return failed;
}

static int write_manifest(struct kv_doc *d, const struct kv_state *s, struct kv_slice more,
    struct kv_buf *text, struct kv_err *err)
{
    struct kv_keys k;
    bool first = true;
    int got;
    if (kv_keys_begin(&k, kv_state_file(s), KV_KEYS_MANIFEST, err) != 0)
        return kv_err_context(err, "%s", kv_state_info(s)->paths->state);
    while ((got = kv_keys_next(&k, err)) == 1 && pass(d, text, PIECE, err) == 0) {
        kv_layout1_text_add_key(text, kv_slice_of(&k.key), first);
        first = false;
    }
    kv_keys_end(&k);
    while (more.n) {
        const char *lf = memchr(more.p, '\n', more.n);
        size_t n = (size_t)(lf - more.p);
        kv_buf_add_str(text, first ? "" : ",\n");
        kv_buf_add(text, more.p, n);
        more = (struct kv_slice){lf + 1, more.n - n - 1};
        first = false;
    }
    kv_layout1_text_add_turn(text);
    return got != 0 ? -1 : pass(d, text, 0, err);
}

static void add_key(struct kv_doc *d, struct kv_slice key)
{
    struct kv_buf item = {0};
    kv_layout1_text_quote_key(&item, key);
    kv_doc_add(d, STATE, kv_slice_of(&item));
    kv_buf_release(&item);
}

/* The recorded keys, each once where an index is given. */
static int add_recorded(
    struct kv_doc *d, const struct kv_state *s, struct kv_key_index *ix, struct kv_err *err)
{
    struct kv_keys k;
    struct kv_key_index_entry e = {0};
    int got;
    if (kv_keys_begin(&k, kv_state_file(s), KV_KEYS_COMPLETED, err) != 0)
        return kv_err_context(err, "%s", kv_state_info(s)->paths->state);
    while ((got = kv_keys_next(&k, err)) == 1) {
        if (ix) {
            kv_key_index_find(ix, kv_digest_128(kv_slice_of(&k.key)), &e, err);
            if (e.flags & KV_KEY_INDEX_SEEN)
                continue;
            e.flags |= KV_KEY_INDEX_SEEN;
            kv_key_index_put(ix, &e, err); /* a table in memory does not fail */
        }
        add_key(d, kv_slice_of(&k.key));
    }
    kv_keys_end(&k);
    return got < 0 ? kv_err_context(err, "%s", kv_state_info(s)->paths->state) : 0;
}

/* Keys that are completed by a row alone, in the order of the rows. */
static void add_adopted(struct kv_doc *d, struct kv_slice keys)
{
    while (keys.n) {
        const char *lf = memchr(keys.p, '\n', keys.n);
        size_t n = (size_t)(lf - keys.p);
        kv_doc_add(d, STATE, (struct kv_slice){keys.p, n});
        keys = (struct kv_slice){lf + 1, keys.n - n - 1};
    }
}

/* The members of the old document, with a new configuration in place of its own. */
static int add_members(struct kv_buf *out, const struct kv_state *s,
    const struct kv_layout1_news *news, struct kv_err *err)
{
    struct kv_buf old = {0};
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (!news->config.n)
        return kv_state_add_members(s, out, err);
    if (kv_state_add_members(s, &old, err) != 0) {
        kv_buf_release(&old);
        return -1;
    }
    kv_json_begin(&w, kv_slice_of(&old));
    kv_buf_add_char(out, '{');
    for (bool first = true; kv_json_member(&w, &key, &value); first = false) {
        if (kv_json_string_is(key, "config"))
            value = news->config;
        else if (kv_json_string_is(key, "config_hash"))
            value = news->hash;
        kv_buf_add_str(out, first ? "" : ", ");
        kv_buf_add_slice(out, key);
        kv_buf_add_str(out, ": ");
        kv_buf_add_slice(out, value);
    }
    kv_buf_add_char(out, '}');
    kv_buf_release(&old);
    return 0;
}

static int rewrite_state(struct kv_doc *d, const struct kv_state *s, const struct kv_header *head,
    const struct kv_layout1_news *news, struct kv_key_index *ix, struct kv_err *err)
{
    struct kv_buf members = {0}, text = {0};
    int failed = add_members(&members, s, news, err) != 0 || kv_doc_rewrite(d, STATE, err) != 0;
    if (!failed) {
        const struct kv_slice all = kv_slice_of(&members);
        failed = kv_layout1_text_put_state(
            d, STATE, head, &all, 1, kv_state_info(s)->paths->output, err);
    }
    kv_buf_release(&members);
    failed = failed || write_manifest(d, s, news->keys, &text, err) != 0 ||
             add_recorded(d, s, ix, err) != 0;
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

int kv_layout1_rewrite_pair(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_layout1_survey *found, uint64_t *end, struct kv_err *err)
{
    static const struct kv_layout1_news nothing;
    struct kv_header head;
    struct places places = {0};
    struct kv_state *s = kv_state_open(paths->state, err);
    if (!s)
        return -1;
    const struct kv_state_info *in = kv_state_info(s);
    take_head(&head, found->counts, in);
    int failed = kv_state_check(s, err) != 0 ||
                 rewrite_results(d, in, &head, found->members, &places, err) != 0 ||
                 rewrite_state(d, s, &head, &nothing, found->index, err) != 0;
    if (!failed) {
        add_adopted(d, found->keys);
        failed = move_places(found->index, &places, err) != 0;
    }
    *end = places.end;
    kv_state_close(s);
    free(places.was);
    free(places.is);
    return failed ? -1 : 0;
}

int kv_layout1_rewrite_state(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_header *head, const struct kv_layout1_news *news, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(paths->state, err);
    if (!s)
        return -1;
    int failed = rewrite_state(d, s, head, news, NULL, err);
    kv_state_close(s);
    return failed;
}
