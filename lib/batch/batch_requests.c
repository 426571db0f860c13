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

enum {
    MINUTE = 60000,
    PUT = 1 << 16,
    FILES_MS = 10 * MINUTE,   /* files appear after the end is said */
    MISSING_MS = 30 * MINUTE, /* a 404 is not final sooner */
};

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

/* What was uploaded: THERE, UNKNOWN if it is not handed out, -1. */
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

/* ---- a batch that has ended ---- */

/* True if so much time has passed since the batch ended, as its service says. */
static bool has_ended_for(const struct kv_batch *b, int64_t ms)
{
    int64_t then = b->seen.ended_ms ? b->seen.ended_ms : b->seen.created_ms;
    return kv_batch_since_ms(b, then) >= ms;
}

/* What a person can do; a batch that is no part of the ledger yet cannot be forgotten. */
static void tell_unknown(
    struct kv_batch *b, const struct kv_batch_part *p, const char *why, const char *until)
{
    struct kv_buf text = {0};
    char *path = kv_batch_request_path(&b->paths, p->number);
    kv_buf_printf(&text,
        "which requests batch %s has is not known%s: nothing is ordered there until %s%s is back",
        p->batch, why, until, path);
    if (kv_ledger_part_of(b->ledger, p->number))
        kv_buf_printf(&text, "; to give it up: kv-batch forget %s %lld (it may be paid twice)",
            kv_ledger_path(b->ledger), (long long)p->number);
    kv_batch_say(b, p, "%s", text.p);
    free(path);
    kv_buf_release(&text);
}

static bool take_nothing(void *user, struct kv_slice bytes)
{
    (void)user;
    (void)bytes;
    return false;
}

/* True if results that the service once had are not found, for so long that they will not be. */
static bool lacks_results(const struct kv_batch *b)
{
    return b->x.end == KV_EXCHANGE_REFUSED && b->x.status == 404 && has_ended_for(b, MISSING_MS);
}

/* Asks whether the batch has ended, and its results are deleted; b->seen is the batch then. */
static bool is_deleted(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    const struct kv_exchange_request how = {.take = take_nothing};
    struct kv_buf path = {0};
    if (!kv_batch_get(b, s, p, p->batch) || !kv_batch_status_is_final(b->seen.status))
        return false;
    if (b->seen.archived)
        return true;
    const char *file = *b->seen.output ? b->seen.output : b->seen.errors;
    if (!w->has_files)
        kv_buf_printf(&path, "%s/%s/results", w->batches, p->batch);
    else if (*file)
        kv_buf_printf(&path, "/files/%s/content", file);
    if (path.n)
        kv_batch_ask(b, s, p, path.p, &how);
    bool deleted = path.n && lacks_results(b);
    kv_buf_release(&path);
    return deleted;
}

/* Of a batch that has ended and names no files: they may be late. */
static int end_without_files(struct kv_batch *b, const struct kv_batch_part *p)
{
    const struct kv_batch_counts *c = &b->seen.counts;
    bool none = b->seen.status != KV_BATCH_COMPLETED && c->done <= 0 && c->failed <= 0;
    if (none || has_ended_for(b, FILES_MS))
        return KV_BATCH_REQUESTS_NONE;
    tell_unknown(b, p, ", which has ended and names no files", "it does, or ");
    return KV_BATCH_REQUESTS_UNKNOWN;
}

/* The results of a batch that has ended, on disk: THERE, or what else; -1. */
static int fetch_results(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, int results, struct kv_err *err)
{
    struct kv_batch_part ended = *p;
    ended.output = kv_strdup(b->seen.output);
    ended.errors = kv_strdup(b->seen.errors);
    ended.results_url = kv_slice_dup(kv_slice_of(&b->seen.results_url));
    int got = kv_batch_fetch_results(b, s, &ended, results, err);
    free(ended.output);
    free(ended.errors);
    free(ended.results_url);
    if (got == 0 && lacks_results(b))
        return KV_BATCH_REQUESTS_DELETED;
    if (got == 0 && !b->tally.signal)
        tell_unknown(b, p, ", and its results are not to be had now", "they are, or ");
    return got == 1 ? KV_BATCH_REQUESTS_THERE : got;
}

/* What the results name. */
static int from_results(struct kv_batch_requests *r, struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const struct kv_publish *to, struct kv_err *err)
{
    if (!kv_batch_get(b, s, p, p->batch)) {
        if (b->x.end == KV_EXCHANGE_REFUSED && b->x.status == 404)
            tell_unknown(b, p, ", as it is not found at the service", "");
        else
            kv_batch_take_refusal(b, s, p);
        return KV_BATCH_REQUESTS_UNKNOWN;
    }
    if (!kv_batch_status_is_final(b->seen.status)) {
        tell_unknown(b, p, "", "it has ended, or ");
        return KV_BATCH_REQUESTS_UNKNOWN;
    }
    if (b->seen.archived)
        return KV_BATCH_REQUESTS_DELETED;
    if (kv_batch_wire_for(p)->has_files && !*b->seen.output && !*b->seen.errors)
        return end_without_files(b, p);
    int results = kv_batch_body_scratch(&b->paths, err);
    int got = results < 0 ? -1 : fetch_results(b, s, p, results, err);
    if (got == KV_BATCH_REQUESTS_THERE) {
        bool written = lseek(to->fd, 0, SEEK_SET) == 0 && kv_io_truncate(to->fd, 0, err) == 0 &&
                       add_ids(results, p->url, to->fd, err) == 0;
        got = !written                     ? -1
              : read_file(r, to->draft, 0) ? KV_BATCH_REQUESTS_THERE
                                           : KV_BATCH_REQUESTS_NONE;
    }
    if (results >= 0)
        close(results);
    return got;
}

int kv_batch_requests_restore(struct kv_batch_requests *r, struct kv_batch *b,
    struct kv_batch_service *s, const struct kv_batch_part *p, bool lying, struct kv_err *err)
{
    struct kv_publish file;
    char *path = kv_batch_request_path(&b->paths, p->number);
    int got = kv_publish_begin(&file, path, err) ? -1 : from_upload(r, b, s, p, &file, err);
    bool uploaded = got == KV_BATCH_REQUESTS_THERE;
    if (got == 0 && lying && p->requests > 0 && read_file(r, path, p->requests))
        got = KV_BATCH_REQUESTS_THERE;
    if (got == KV_BATCH_REQUESTS_THERE && *p->batch && is_deleted(b, s, p))
        got = KV_BATCH_REQUESTS_DELETED;
    bool found = got == 0 && *p->batch &&
                 (got = from_results(r, b, s, p, &file, err)) == KV_BATCH_REQUESTS_THERE;
    if (got == KV_BATCH_REQUESTS_THERE && (uploaded || found)) {
        if (kv_publish_end(&file, err) != 0)
            got = -1;
    }
    if (got != KV_BATCH_REQUESTS_THERE || !(uploaded || found))
        kv_publish_abandon(&file);
    free(path);
    return got;
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
