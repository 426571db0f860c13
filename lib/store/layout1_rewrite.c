/* layout1_rewrite - a pair of layout 1.0 that is not in our growing form, written anew in it. */
#include "layout1_rewrite.h"

#include "accounting.h"
#include "json.h"
#include "layout1_text.h"
#include "num.h"
#include "state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RESULTS, STATE, PIECE = 1 << 16 };

/* The numbers of the new heads, from what was loaded. */
static void take_head(struct kv_header *h, const struct kv_state_info *in)
{
    struct kv_buf start = {0}, created = {0};
    int64_t when;
    *h = (struct kv_header){.updated = time(NULL),
        .total = in->manifest_length,
        .completed = in->recorded_count + in->adopted_count,
        .failed = in->failed_count,
        .pending = in->pending_count - in->adopted_pending,
        .rows = in->row_count,
        .outcomes = in->outcomes};
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

static void add_row(struct kv_doc *d, struct kv_slice row)
{
    struct kv_buf line = {0};
    if (memchr(row.p, '\n', row.n)) {
        kv_json_compact(&line, row);
        row = kv_slice_of(&line);
    }
    kv_doc_add(d, RESULTS, row);
    kv_buf_release(&line);
}

/* Walks the rows of the old document; with `keep` only its other members are of interest. */
static int walk_results(struct kv_doc *d, const char *path, struct kv_buf *keep, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (kv_rows_begin(&rows, path, KV_LAYOUT_1, err) != 0)
        return -1;
    rows.members = keep;
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if (!keep)
            add_row(d, row.text);
    kv_rows_end(&rows);
    return got;
}

static int rewrite_results(struct kv_doc *d, const struct kv_state_info *in,
    const struct kv_header *head, struct kv_err *err)
{
    struct kv_buf old = {0}, text = {0};
    kv_buf_add_char(&old, '{');
    int failed = walk_results(d, in->results_path, &old, err);
    if (!failed) {
        if (old.n > 1)
            old.n -= 2; /* the last ", " */
        kv_buf_add_char(&old, '}');
        kv_layout1_text_add_results(&text, head, kv_slice_of(&old), in->config);
        failed = kv_doc_rewrite(d, RESULTS, err) != 0 ||
                 kv_doc_text(d, RESULTS, kv_slice_of(&text), err) != 0 ||
                 walk_results(d, in->results_path, NULL, err) != 0;
    }
    kv_buf_release(&old);
    kv_buf_release(&text);
    return failed ? -1 : 0;
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

static int add_recorded(struct kv_doc *d, const struct kv_state *s, struct kv_err *err)
{
    struct kv_tasks t;
    struct kv_task_state task;
    int got;
    if (kv_tasks_begin(&t, s, KV_KEYS_COMPLETED, err) != 0)
        return -1;
    while ((got = kv_tasks_next(&t, &task, err)) == 1)
        add_key(d, task.key);
    kv_tasks_end(&t);
    return got;
}

/* Keys that are completed by a row alone, in the order of the rows. */
static int add_adopted(struct kv_doc *d, struct kv_state *s, struct kv_err *err)
{
    const struct kv_state_info *in = kv_state_info(s);
    struct kv_rows rows;
    struct kv_row row;
    struct kv_result result;
    struct kv_task_state task;
    struct kv_buf key = {0};
    int got;
    if (in->adopted_count == 0)
        return 0;
    if (kv_rows_begin(&rows, in->results_path, KV_LAYOUT_1, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) == 1) {
        if ((got = kv_result_read(row.text, KV_JSON_FOREIGN, &result, err)) != 0)
            break;
        if (result.preview || kv_state_row_key(s, &result, &key, err) != 0)
            continue;
        kv_state_find(s, kv_slice_of(&key), &task);
        if (task.completed && !task.recorded && task.offset == row.offset)
            add_key(d, kv_slice_of(&key));
    }
    kv_rows_end(&rows);
    kv_buf_release(&key);
    return got;
}

/* The members of the old document, with a new configuration in place of its own. */
static void add_members(
    struct kv_buf *out, const struct kv_state *s, const struct kv_layout1_news *news)
{
    struct kv_buf old = {0};
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_state_add_members(s, &old);
    kv_json_begin(&w, kv_slice_of(&old));
    kv_buf_add_char(out, '{');
    for (bool first = true; kv_json_member(&w, &key, &value); first = false) {
        if (news->config.n && kv_json_string_is(key, "config"))
            value = news->config;
        else if (news->config.n && kv_json_string_is(key, "config_hash"))
            value = news->hash;
        kv_buf_add_str(out, first ? "" : ", ");
        kv_buf_add_slice(out, key);
        kv_buf_add_str(out, ": ");
        kv_buf_add_slice(out, value);
    }
    kv_buf_add_char(out, '}');
    kv_buf_release(&old);
}

static int rewrite_state(struct kv_doc *d, const struct kv_state *s, const struct kv_header *head,
    const struct kv_layout1_news *news, struct kv_err *err)
{
    struct kv_buf old = {0}, text = {0};
    add_members(&old, s, news);
    kv_layout1_text_add_state(&text, head, kv_slice_of(&old), kv_state_info(s)->paths->output);
    int failed = kv_doc_rewrite(d, STATE, err) != 0 ||
                 write_manifest(d, s, news->keys, &text, err) != 0 || add_recorded(d, s, err) != 0;
    kv_buf_release(&old);
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

int kv_layout1_rewrite_pair(struct kv_doc *d, const struct kv_paths *paths, struct kv_err *err)
{
    static const struct kv_layout1_news nothing;
    struct kv_header head;
    struct kv_state *s = kv_state_open(paths->state, err);
    if (!s)
        return -1;
    int failed = kv_state_check(s, err) != 0 || kv_state_load(s, KV_LOAD_ROWS, err) != 0;
    if (!failed) {
        const struct kv_state_info *in = kv_state_info(s);
        take_head(&head, in);
        failed = rewrite_results(d, in, &head, err) != 0 ||
                 rewrite_state(d, s, &head, &nothing, err) != 0 || add_adopted(d, s, err) != 0;
    }
    kv_state_close(s);
    return failed ? -1 : 0;
}

int kv_layout1_rewrite_state(struct kv_doc *d, const struct kv_paths *paths,
    const struct kv_header *head, const struct kv_layout1_news *news, struct kv_err *err)
{
    struct kv_state *s = kv_state_open(paths->state, err);
    if (!s)
        return -1;
    int failed = rewrite_state(d, s, head, news, err);
    kv_state_close(s);
    return failed;
}
