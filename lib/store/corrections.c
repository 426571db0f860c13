/* corrections - rows of a finished export replaced by newer ones of the same tasks. */
#include "corrections.h"

#include "accounting.h"
#include "io.h"
#include "json.h"
#include "key_index.h"
#include "num.h"
#include "paths.h"
#include "rows.h"
#include "splice.h"
#include "state.h"
#include "store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_AT = 1 << 18 };

struct kv_corrections {
    struct kv_paths paths;
    struct kv_key_index *index; /* of each row: 1 + where its new text is in `texts`; 0: none */
    struct kv_buf *texts;
    size_t n;
    int64_t total;
    int64_t failed;        /* how many more rows are failures than before */
    struct kv_buf members; /* of the document, but for its rows: an object */
    struct kv_buf key, id;
};

/* ---- which rows there are ---- */

static struct kv_digest128 digest_of(struct kv_corrections *c, const struct kv_result *row)
{
    kv_buf_clear(&c->key);
    kv_buf_clear(&c->id);
    kv_result_key(row, &c->key);
    kv_accounting_row_id(&c->id, kv_slice_of(&c->key), row);
    return kv_digest_128(kv_slice_of(&c->id));
}

static int enter_row(struct kv_corrections *c, struct kv_slice text, struct kv_err *err)
{
    struct kv_result row;
    struct kv_key_index_entry e;
    if (kv_result_read(text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &row, err) != 0)
        return -1;
    c->total++;
    if (kv_key_index_find(c->index, digest_of(c, &row), &e, err) < 0)
        return -1;
    e.flags = KV_KEY_INDEX_ROW | (kv_result_failed(&row) ? KV_KEY_INDEX_FAILED : 0);
    return kv_key_index_put(c->index, &e, err);
}

static int read_rows(struct kv_corrections *c, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (kv_rows_begin(&rows, c->paths.output, KV_LAYOUT_1, err) != 0)
        return -1;
    rows.members = &c->members;
    kv_buf_add_char(&c->members, '{');
    while ((got = kv_rows_next(&rows, &row, err)) == 1)
        if (enter_row(c, row.text, err) != 0) {
            got = kv_err_context(err, "%s:%zu", c->paths.output, row.line);
            break;
        }
    kv_rows_end(&rows);
    while (c->members.n > 1 && strchr(", ", c->members.p[c->members.n - 1])) /* the last comma */
        kv_buf_cut(&c->members, c->members.n - 1, 1);
    kv_buf_add_char(&c->members, '}');
    return got;
}

struct kv_corrections *kv_corrections_open(const char *operand, struct kv_err *err)
{
    struct kv_corrections *c = kv_calloc(1, sizeof *c);
    c->index = kv_key_index_memory(0);
    if (kv_paths_find(&c->paths, operand, err) == 0 && read_rows(c, err) == 0)
        return c;
    kv_corrections_close(c);
    return NULL;
}

void kv_corrections_close(struct kv_corrections *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        kv_buf_release(&c->texts[i]);
    free(c->texts);
    kv_key_index_close(c->index);
    kv_paths_release(&c->paths);
    kv_buf_release(&c->members);
    kv_buf_release(&c->key);
    kv_buf_release(&c->id);
    free(c);
}

int64_t kv_corrections_total(const struct kv_corrections *c)
{
    return c->total;
}

/* ---- what is given ---- */

static size_t place_for(struct kv_corrections *c, const struct kv_key_index_entry *e)
{
    if (e->offset)
        return (size_t)e->offset - 1;
    c->texts = kv_grow(c->texts, c->n, sizeof *c->texts);
    c->texts[c->n] = (struct kv_buf){0};
    return c->n++;
}

int kv_corrections_add(
    struct kv_corrections *c, struct kv_slice line, struct kv_slice *key, struct kv_err *err)
{
    struct kv_result row;
    struct kv_key_index_entry e;
    *key = KV_SLICE("");
    if (kv_result_read(line, KV_JSON_PORTABLE, &row, err) != 0)
        return -1;
    if (kv_key_index_find(c->index, digest_of(c, &row), &e, err) < 0)
        return -1;
    *key = kv_slice_of(&c->key);
    if (!(e.flags & KV_KEY_INDEX_ROW))
        return kv_err_set(err, KV_INPUT, "'%s' is no task of the finished run", c->key.p);
    if (!kv_result_settles(&row))
        return kv_err_set(err, KV_INPUT,
            "'%s' has no judgement: begin a new run by kv-manifest --extend-from", c->key.p);
    c->failed += (int)kv_result_failed(&row) - (int)!!(e.flags & KV_KEY_INDEX_FAILED);
    size_t i = place_for(c, &e);
    kv_buf_clear(&c->texts[i]);
    kv_json_compact(&c->texts[i], row.text);
    e.offset = i + 1;
    e.flags = KV_KEY_INDEX_ROW | (kv_result_failed(&row) ? KV_KEY_INDEX_FAILED : 0);
    return kv_key_index_put(c->index, &e, err);
}

/* ---- the file ---- */

static void add_number(struct kv_splice *s, struct kv_slice summary, const char *name, int64_t more,
    struct kv_buf *text)
{
    struct kv_slice old;
    int64_t n;
    if (!kv_json_get(summary, name, &old) || !kv_num_int64(old, &n))
        return;
    kv_buf_printf(text, "%" PRId64, n + more);
    kv_splice_member(s, summary, name, kv_slice_of(text));
}

/* The header with its two counts corrected, without its closing brace. */
static void add_header(const struct kv_corrections *c, struct kv_buf *out)
{
    struct kv_slice whole = kv_slice_of(&c->members), summary;
    struct kv_buf good = {0}, bad = {0};
    struct kv_splice s = {0};
    if (kv_json_path(whole, &summary, "metadata", "job_summary", NULL)) {
        add_number(&s, summary, "successful_count", -c->failed, &good);
        add_number(&s, summary, "failed_count", c->failed, &bad);
    }
    kv_splice_write(&s, whole, out);
    kv_buf_cut(out, out->n - 1, 1);
    kv_buf_release(&good);
    kv_buf_release(&bad);
}

static struct kv_slice text_of(
    struct kv_corrections *c, const struct kv_row *at, struct kv_err *err)
{
    struct kv_result row;
    struct kv_key_index_entry e;
    if (kv_result_read(at->text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &row, err) != 0 ||
        kv_key_index_find(c->index, digest_of(c, &row), &e, err) < 0)
        return (struct kv_slice){0};
    return e.offset ? kv_slice_of(&c->texts[e.offset - 1]) : at->text;
}

static int write_rows(struct kv_corrections *c, int fd, struct kv_buf *held, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (kv_rows_begin(&rows, c->paths.output, KV_LAYOUT_1, err) != 0)
        return -1;
    for (size_t i = 0; (got = kv_rows_next(&rows, &row, err)) == 1; i++) {
        struct kv_slice text = text_of(c, &row, err);
        kv_buf_add_str(held, i ? ",\n" : "");
        kv_buf_add_slice(held, text);
        if (!text.n || (held->n > FLUSH_AT && kv_io_write(fd, kv_slice_of(held), err) != 0)) {
            got = -1;
            break;
        }
        if (held->n > FLUSH_AT)
            kv_buf_clear(held);
    }
    kv_rows_end(&rows);
    return got;
}

static int write_all(struct kv_corrections *c, int fd, struct kv_err *err)
{
    struct kv_buf held = {0};
    add_header(c, &held);
    kv_buf_add_str(&held, ",\"results\":[\n");
    int failed = write_rows(c, fd, &held, err);
    kv_buf_add_str(&held, "\n]}\n");
    failed = failed || kv_io_write(fd, kv_slice_of(&held), err) != 0;
    kv_buf_release(&held);
    return failed ? -1 : 0;
}

int kv_corrections_commit(struct kv_corrections *c, struct kv_err *err)
{
    struct kv_publish p;
    if (c->n == 0)
        return 0;
    if (kv_publish_begin_like(&p, c->paths.output, c->paths.output, err) != 0)
        return -1;
    if (write_all(c, p.fd, err) == 0 && kv_publish_end(&p, err) == 0)
        return 0;
    kv_publish_abandon(&p);
    return -1;
}
