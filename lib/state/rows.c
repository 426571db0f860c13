/* rows - the results of a pair as they stand in its results file. */
#include "rows.h"

#include "pystr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX = 1 << 30 };

int kv_rows_begin(struct kv_rows *r, const char *path, enum kv_layout layout, struct kv_err *err)
{
    *r = (struct kv_rows){.layout = layout, .path = kv_strdup(path)};
    struct stat st;
    if (layout == KV_LAYOUT_2 && stat(path, &st) != 0 && errno == ENOENT) {
        kv_json_reader_share(&r->reader, -1, KV_JSON_FOREIGN);
        return 0;
    }
    int failed = kv_json_reader_open(&r->reader, path, KV_JSON_FOREIGN, err);
    if (!failed && layout == KV_LAYOUT_2)
        kv_lines_init(&r->lines, r->reader.fd, LINE_MAX);
    else if (!failed && kv_json_reader_enter(&r->reader, '{', err) != 0)
        failed = kv_err_context(err, "%s", path);
    if (failed)
        kv_rows_end(r);
    return failed;
}

int kv_rows_is_document(struct kv_slice text)
{
    static const char *const tokens[] = {"{", "\"format_version\"", NULL};
    size_t at = 0;
    for (size_t i = 0; tokens[i]; i++) {
        size_t n = strlen(tokens[i]);
        while (at < text.n && strchr(" \t\r\n", text.p[at]) && text.p[at])
            at++;
        size_t left = text.n - at;
        if (left && memcmp(text.p + at, tokens[i], left < n ? left : n) != 0)
            return 0;
        if (left < n)
            return -1;
        at += n;
    }
    return 1;
}

int kv_rows_begin_stream(struct kv_rows *r, const char *name, int fd, struct kv_buf *held,
    bool (*more)(void *closure), void *closure, struct kv_err *err)
{
    *r = (struct kv_rows){.layout = KV_LAYOUT_1, .path = kv_strdup(name)};
    kv_json_reader_stream(&r->reader, fd, KV_JSON_FOREIGN, held, more, closure);
    if (kv_json_reader_enter(&r->reader, '{', err) == 0)
        return 0;
    kv_err_context(err, "%s", name);
    kv_rows_end(r);
    return -1;
}

void kv_rows_leave(struct kv_rows *r, struct kv_buf *rest)
{
    kv_json_reader_leave(&r->reader, rest);
    kv_rows_end(r);
}

void kv_rows_end(struct kv_rows *r)
{
    kv_lines_release(&r->lines);
    kv_result_before_free(r->before);
    r->before = NULL;
    if (r->path)
        kv_json_reader_close(&r->reader);
    free(r->path);
    r->path = NULL;
}

/* A row that a text begins with, of which is known what it is. */
static bool is_known(struct kv_rows *r, struct kv_slice text)
{
    r->known = kv_result_begins(r->before, text, KV_JSON_FOREIGN, &r->result);
    return r->known;
}

int kv_rows_result(
    struct kv_rows *r, const struct kv_row *row, struct kv_result *result, struct kv_err *err)
{
    if (!r->known)
        return kv_result_read_after(
            row->text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &r->before, result, err);
    *result = r->result;
    return 0;
}

bool kv_rows_add_spaced(struct kv_rows *r, struct kv_buf *out)
{
    if (r->known)
        kv_result_add_spaced(r->before, out);
    return r->known;
}

/* ---- layout 1: the member "results" of a document ---- */

static int keep_member(struct kv_rows *r, struct kv_slice key, struct kv_err *err)
{
    struct kv_slice value;
    if (r->members) {
        kv_buf_add_slice(r->members, key);
        kv_buf_add_str(r->members, ": ");
    }
    if (kv_json_reader_value(&r->reader, &value, err) != 0)
        return -1;
    if (r->members) {
        kv_buf_add_slice(r->members, value);
        kv_buf_add_str(r->members, ", ");
    }
    return 0;
}

/* Of two, readers would see the last. */
static int enter_results(struct kv_rows *r, struct kv_err *err)
{
    if (r->found)
        return kv_err_set(err, KV_INPUT, "%zu: results are given twice", r->reader.line);
    r->found = true;
    return kv_json_reader_enter(&r->reader, '[', err) != 0 ? -1 : 1;
}

/* To the first item of "results": 1, or 0 at the end of the document. */
static int seek_rows(struct kv_rows *r, struct kv_err *err)
{
    struct kv_slice key;
    int got;
    while ((got = kv_json_reader_member(&r->reader, &key, err)) == 1) {
        if (kv_json_string_is(key, "results"))
            return enter_results(r, err);
        if (keep_member(r, key, err) != 0)
            return -1;
    }
    if (got < 0 || r->reader.stream)
        return got;
    return kv_json_reader_finish(&r->reader, err);
}

static int take_item(struct kv_rows *r, struct kv_slice *item, struct kv_err *err)
{
    struct kv_slice held;
    if (r->raw)
        return kv_json_reader_raw_item(&r->reader, item, err);
    int got = kv_json_reader_await_item(&r->reader, kv_result_before_length(r->before), &held, err);
    if (got != 1)
        return got;
    if (!is_known(r, held))
        return kv_json_reader_value(&r->reader, item, err) == 0 ? 1 : -1;
    *item = r->result.text;
    kv_json_reader_take(&r->reader, *item);
    return 1;
}

static int next_item(struct kv_rows *r, struct kv_row *row, struct kv_err *err)
{
    for (;;) {
        int got = r->inside ? 1 : seek_rows(r, err);
        if (got <= 0)
            return got;
        r->inside = true;
        got = take_item(r, &row->text, err);
        if (got < 0)
            return -1;
        if (got == 1) {
            row->offset = kv_json_reader_offset(&r->reader, row->text);
            row->line = r->reader.value_line;
            return 1;
        }
        r->inside = false;
        r->closed = kv_json_reader_tell(&r->reader);
    }
}

/* ---- layout 2: lines ---- */

static int next_line(struct kv_rows *r, struct kv_row *row, struct kv_err *err)
{
    struct kv_slice line;
    int got;
    while ((got = kv_lines_next(&r->lines, &line, err)) == 1) {
        uint64_t start = r->offset;
        r->offset += line.n + 1;
        struct kv_slice bare = kv_pystr_strip(line);
        if (!bare.n)
            continue;
        row->offset = start + (uint64_t)(bare.p - line.p);
        row->line = r->lines.number;
        if (is_known(r, bare) && r->result.text.n == bare.n) {
            row->text = bare;
            return 1;
        }
        r->known = false;
        if (kv_json_check(bare, KV_JSON_FOREIGN, &row->text, err) == 0)
            return 1;
        break;
    }
    if (got == 0)
        return 0;
    if (got < 0 && err->kind != KV_INPUT)
        return kv_err_context(err, "%s", r->path);
    const char *rest = got == 1 ? strchr(err->text, ':') : NULL; /* "1:COLUMN: …" */
    struct kv_err cause = *err;
    kv_err_set(err, KV_INPUT, "%s:%zu%s%s", r->path, r->lines.number, rest ? "" : ": ",
        rest ? cause.text + (rest - err->text) : cause.text);
    return -1;
}

int kv_rows_next(struct kv_rows *r, struct kv_row *row, struct kv_err *err)
{
    if (r->layout == KV_LAYOUT_2)
        return r->reader.fd < 0 ? 0 : next_line(r, row, err);
    int got = next_item(r, row, err);
    return got < 0 ? kv_err_context(err, "%s", r->path) : got;
}
