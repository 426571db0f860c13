/* batch_requests - the request file of a part, made again where it is gone. */
#include "batch_requests.h"

#include "batch_body.h"
#include "batch_collect.h"
#include "batch_lines.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "json_out.h"
#include "reply_line.h"
#include "request_line.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { PUT = 1 << 16 };

void kv_batch_requests_release(struct kv_batch_requests *r)
{
    kv_buf_release(&r->url);
    kv_buf_release(&r->model);
    *r = (struct kv_batch_requests){0};
}

/* ---- reading ---- */

static void take_line(struct kv_batch_requests *r, const struct kv_request_line *line)
{
    if (!r->url.n)
        kv_json_unescape(line->url, &r->url);
    if (!r->model.n && line->model.n && kv_json_type(line->model) == KV_JSON_STRING)
        kv_json_unescape(line->model, &r->model);
    r->prompt_tokens += ceil((double)line->body.n / 3.5);
    r->n++;
}

static void read_lines(struct kv_batch_requests *r, struct kv_batch_lines *lines, int *got)
{
    struct kv_digest *digest = kv_digest_begin();
    struct kv_request_line one;
    struct kv_slice line;
    struct kv_err ignored;
    while (*got >= 0 && (*got = kv_batch_lines_next(lines, &line, &ignored)) == 1) {
        *got = kv_request_line_read(&one, line, &ignored);
        if (*got == 0)
            take_line(r, &one);
        kv_digest_update(digest, line);
        kv_digest_update(digest, KV_SLICE("\n"));
        r->bytes += (int64_t)line.n + 1;
    }
    kv_digest_end(digest, r->sha256);
}

/* True if a file is whole lines of requests, as many as there must be. */
static bool read_file(struct kv_batch_requests *r, const char *path, int64_t requests)
{
    struct kv_batch_lines lines;
    struct kv_err ignored;
    kv_batch_requests_release(r);
    int got = kv_batch_lines_open(&lines, path, &ignored);
    read_lines(r, &lines, &got);
    bool torn = lines.torn;
    kv_batch_lines_close(&lines);
    return got == 0 && !torn && r->n > 0 && (requests <= 0 || r->n == requests);
}

/* ---- where they are ---- */

/* What was uploaded. 1 it is there, 0 it is not handed out, -1. */
static int from_upload(struct kv_batch_requests *r, struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const struct kv_publish *to, struct kv_err *err)
{
    if (!kv_batch_wire_for(p)->has_files || !*p->file)
        return 0;
    int got = kv_batch_fetch_file(b, s, p, p->file, to->fd, err);
    return got == 1 ? read_file(r, to->draft, p->requests) : got;
}

/* The ids that results name, as lines of requests. */
static int add_ids(int results, const char *url, int fd, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    struct kv_buf out = {0};
    struct kv_err ignored;
    int got = kv_batch_lines_again(&lines, results, "results", err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1) {
        struct kv_reply_line one = {0};
        if (kv_reply_line_read(&one, line, &ignored) == 0)
            kv_request_line_write(&out, kv_slice_of(&one.id), kv_slice(url), KV_SLICE("{}"));
        kv_reply_line_release(&one);
        if (out.n >= PUT) {
            got = kv_io_write(fd, kv_slice_of(&out), err);
            kv_buf_clear(&out);
        }
    }
    if (got == 0)
        got = kv_io_write(fd, kv_slice_of(&out), err);
    kv_batch_lines_close(&lines);
    kv_buf_release(&out);
    return got;
}

/* The ids of a batch that has ended. 1, 0 it has not or they are not to be had, 2 they are deleted, -1. */
static int from_results(struct kv_batch_requests *r, struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const struct kv_publish *to, struct kv_err *err)
{
    if (!*p->batch || !kv_batch_get(b, s, p, p->batch) || !kv_batch_status_is_final(b->seen.status))
        return 0;
    struct kv_batch_part ended = *p;
    ended.output = kv_strdup(b->seen.output);
    ended.errors = kv_strdup(b->seen.errors);
    ended.results_url = kv_slice_dup(kv_slice_of(&b->seen.results_url));
    int results = kv_batch_body_scratch(&b->paths, err);
    int got = results < 0 ? -1 : kv_batch_fetch_results(b, s, &ended, results, err);
    if (got == 0 && b->x.end == KV_EXCHANGE_REFUSED && b->x.status == 404)
        got = 2;
    if (got == 1)
        got = lseek(to->fd, 0, SEEK_SET) != 0 || kv_io_truncate(to->fd, 0, err) ||
                      add_ids(results, p->url, to->fd, err)
                  ? -1
                  : read_file(r, to->draft, 0);
    if (results >= 0)
        close(results);
    free(ended.output);
    free(ended.errors);
    free(ended.results_url);
    return got;
}

static void tell_unknown(struct kv_batch *b, const struct kv_batch_part *p, const char *path)
{
    kv_batch_say(b, p,
        "which requests batch %s has is not known: nothing is ordered there until it has ended, or "
        "%s is back",
        p->batch, path);
}

int kv_batch_requests_restore(struct kv_batch_requests *r, struct kv_batch *b,
    struct kv_batch_service *s, const struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_publish file;
    char *path = kv_batch_request_path(&b->paths, p->number);
    int got = kv_publish_begin(&file, path, err) ? -1 : from_upload(r, b, s, p, &file, err);
    bool lies = got == 0 && p->requests > 0 && read_file(r, path, p->requests);
    if (got == 0 && !lies)
        got = from_results(r, b, s, p, &file, err);
    if (got == 1 && kv_publish_end(&file, err) != 0)
        got = -1;
    if (got != 1)
        kv_publish_abandon(&file);
    if (got == 0 && !lies && !b->tally.signal)
        tell_unknown(b, p, path);
    free(path);
    return lies ? 1 : got;
}

void kv_batch_requests_add(
    const struct kv_batch_requests *r, const struct kv_batch_part *like, struct kv_buf *out)
{
    enum kv_protocol_kind wire;
    bool known = kv_request_line_wire(kv_slice_of(&r->url), &wire);
    kv_json_out_str(out, "endpoint", like->endpoint);
    kv_json_out_str(out, "wire", known ? kv_request_line_wire_name(wire) : like->wire);
    kv_json_out_str(out, "dialect", like->dialect);
    kv_json_out_str(out, "shape", like->shape);
    kv_json_out_text(out, "url", kv_slice_of(&r->url));
    kv_json_out_str(out, "base_url", like->base_url);
    kv_json_out_str(out, "model", r->model.n ? r->model.p : like->model);
    kv_json_out_int(out, "requests", r->n);
    kv_json_out_int(out, "bytes", r->bytes);
    kv_json_out_str(out, "sha256", r->sha256);
    kv_json_out_number(out, "prompt_tokens", r->prompt_tokens);
}
