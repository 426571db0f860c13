/* batch_body - what is POSTed for a part, written to a nameless file from its request file. */
#include "batch_body.h"

#include "batch_lines.h"
#include "io.h"
#include "io_at.h"
#include "random.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

int kv_batch_body_scratch(const struct kv_paths *paths, struct kv_err *err)
{
    char *path = kv_paths_private(paths, "batch-body");
    kv_io_remove(AT_FDCWD, path); /* of one who died between the two calls below */
    int fd = kv_io_open(AT_FDCWD, path, KV_IO_SECRET);
    if (fd < 0)
        kv_err_sys(err, "%s", path);
    else
        kv_io_remove(AT_FDCWD, path);
    free(path);
    return fd;
}

static int put(struct kv_batch_body *body, struct kv_buf *text, struct kv_err *err)
{
    int failed = kv_io_write(body->fd, kv_slice_of(text), err);
    body->size += (int64_t)text->n;
    kv_buf_clear(text);
    return failed;
}

static int copy_file(struct kv_batch_body *body, int from, struct kv_err *err)
{
    struct kv_buf block = {0};
    struct kv_file file;
    int failed = kv_io_stat(from, &file) != 0 ? kv_err_sys(err, "request file") : 0;
    for (int64_t at = 0; !failed && at < file.id.size;) {
        int64_t left = file.id.size - at;
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        kv_buf_reserve(&block, n);
        failed = kv_io_pread(from, block.p, n, (off_t)at, err);
        block.n = n;
        at += (int64_t)n;
        failed = failed || put(body, &block, err);
    }
    kv_buf_release(&block);
    return failed;
}

/* The boundary is random: no request has it. */
static void begin_form(const struct kv_batch *b, const struct kv_batch_part *p,
    const char *boundary, struct kv_buf *text)
{
    const struct kv_service *d = kv_service_find(p->dialect);
    kv_buf_printf(text, "--%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n%s\r\n",
        boundary, d && d->batch_purpose ? d->batch_purpose : "batch");
    kv_buf_printf(
        text, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", boundary);
    kv_batch_add_file_name(b, p, text);
    kv_buf_add_str(text, "\"\r\nContent-Type: application/jsonl\r\n\r\n");
}

int kv_batch_body_upload(const struct kv_batch *b, const struct kv_batch_part *p,
    struct kv_batch_body *body, struct kv_err *err)
{
    unsigned char random[16];
    struct kv_buf text = {0}, boundary = {0};
    char *path = kv_batch_request_path(&b->paths, p->number);
    *body = (struct kv_batch_body){.fd = kv_batch_body_scratch(&b->paths, err)};
    kv_random(random, sizeof random);
    kv_buf_add_str(&boundary, "kv-");
    for (size_t i = 0; i < sizeof random; i++)
        kv_buf_printf(&boundary, "%02x", random[i]);
    snprintf(body->type, sizeof body->type, "multipart/form-data; boundary=%s", boundary.p);
    int from = body->fd < 0 ? -1 : kv_io_open(AT_FDCWD, path, KV_IO_READ);
    int failed = body->fd < 0 ? -1 : from < 0 ? kv_err_sys(err, "%s", path) : 0;
    if (!failed) {
        begin_form(b, p, boundary.p, &text);
        failed = put(body, &text, err) || copy_file(body, from, err);
        kv_buf_printf(&text, "\r\n--%s--\r\n", boundary.p);
        failed = failed || put(body, &text, err);
    }
    if (from >= 0)
        close(from);
    free(path);
    kv_buf_release(&text);
    kv_buf_release(&boundary);
    if (failed)
        kv_batch_body_release(body);
    return failed;
}

static int add_lines(
    struct kv_batch_body *body, const struct kv_batch_wire *w, const char *path, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    struct kv_buf text = {0};
    bool first = true;
    kv_buf_add_str(&text, "{\"requests\":[");
    int got = kv_batch_lines_open(&lines, path, err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1) {
        if (!first)
            kv_buf_add_char(&text, ',');
        first = false;
        if (!w->add_request(line, &text)) {
            kv_err_set(err, KV_INPUT, "no custom_id or no body");
            got = kv_batch_lines_blame(&lines, err);
        } else if (text.n >= CHUNK && put(body, &text, err) != 0)
            got = -1;
    }
    kv_buf_add_str(&text, "]}");
    if (got == 0 && lines.torn)
        got = kv_err_set(err, KV_INPUT, "%s: its last line is torn", path);
    if (got == 0)
        got = put(body, &text, err);
    kv_batch_lines_close(&lines);
    kv_buf_release(&text);
    return got;
}

int kv_batch_body_inline(const struct kv_batch *b, const struct kv_batch_part *p,
    struct kv_batch_body *body, struct kv_err *err)
{
    char *path = kv_batch_request_path(&b->paths, p->number);
    *body = (struct kv_batch_body){.fd = kv_batch_body_scratch(&b->paths, err)};
    int failed = body->fd < 0 || add_lines(body, kv_batch_wire_for(p), path, err) != 0;
    free(path);
    if (failed)
        kv_batch_body_release(body);
    return failed ? -1 : 0;
}

void kv_batch_body_release(struct kv_batch_body *body)
{
    if (body->fd >= 0)
        close(body->fd);
    body->fd = -1;
}
