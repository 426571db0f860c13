/* requests - a file of requests that are to be sent as they stand. */
#include "requests.h"

#include "io.h"
#include "io_at.h"
#include "json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20, KEPT_BYTES = 1 << 18 };

/* ---- lines ---- */

/* The model that a body names; a configuration of one model takes bodies that name none. */
static bool find_model(const struct kv_config *config, struct kv_slice named, uint32_t *model)
{
    for (size_t i = 0; i < config->answering_count; i++)
        if (named.n ? kv_json_string_is(named, config->answering[i].model_name.p)
                    : config->answering_count == 1) {
            *model = (uint32_t)i;
            return true;
        }
    return false;
}

/* What is wrong with a request that is well-formed. */
static const char *find_fault(
    const struct kv_request_line *r, const struct kv_config *config, uint32_t *model)
{
    struct kv_slice stream;
    if (kv_json_get(r->body, "stream", &stream) && kv_json_is_true(stream))
        return "body.stream: a reply that comes in pieces is no line of a file; leave it out";
    return find_model(config, r->model, model)
               ? NULL
               : "body.model: is none of the answering models of the configuration";
}

static void add_problem(struct kv_problems *problems, size_t number, const char *text)
{
    char name[24];
    snprintf(name, sizeof name, "%zu", number);
    const struct kv_path here = {.name = kv_slice(name)};
    kv_problems_add(problems, &here, "value_error", "%s", text);
}

/* A line of that number, of which `at` says where it is and what it says. */
static void take_line(struct kv_requests *r, const struct kv_config *config,
    struct kv_requests_line at, struct kv_slice line, const struct kv_requests_taker *taker,
    size_t number, struct kv_problems *problems)
{
    struct kv_request_line request;
    struct kv_slice value;
    struct kv_err err;
    if (kv_json_check(line, KV_JSON_PORTABLE, &value, &err) != 0 ||
        kv_request_line_read(&request, value, &err) != 0) {
        add_problem(problems, number, err.text);
        return;
    }
    const char *fault = find_fault(&request, config, &at.model);
    if (fault) {
        add_problem(problems, number, fault);
        return;
    }
    kv_buf_clear(&r->text);
    kv_json_unescape(request.id, &r->text);
    at.id = kv_digest_128(kv_slice_of(&r->text));
    r->lines = kv_grow(r->lines, r->n, sizeof *r->lines);
    r->lines[r->n++] = at;
    if (taker)
        taker->take(taker->closure, kv_slice_of(&r->text));
}

static int by_id(const void *a, const void *b)
{
    const struct kv_digest128 x = ((const struct kv_requests_line *)a)->id,
                              y = ((const struct kv_requests_line *)b)->id;
    if (x.hi != y.hi)
        return x.hi < y.hi ? -1 : 1;
    return x.lo < y.lo ? -1 : x.lo > y.lo;
}

int kv_requests_open(struct kv_requests *r, const char *path, const struct kv_config *config,
    const struct kv_requests_taker *taker, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_digest128 sum = {0, 0};
    uint64_t at = 0;
    int got;
    *r = (struct kv_requests){.fd = open(path, O_RDONLY | O_CLOEXEC), .path = kv_strdup(path)};
    if (r->fd < 0)
        return kv_err_sys(err, "%s", path);
    kv_lines_init(&lines, r->fd, LINE_MAX_BYTES);
    for (; (got = kv_lines_next(&lines, &line, err)) == 1; at += line.n + 1) {
        struct kv_digest128 digest = kv_digest_128(line);
        if (!kv_slice_strip(line).n)
            continue;
        sum.hi += digest.hi;
        sum.lo += digest.lo;
        const struct kv_requests_line here = {.at = at, .n = (uint32_t)line.n, .text = digest.lo};
        take_line(r, config, here, line, taker, lines.number, problems);
    }
    if (got < 0)
        kv_err_context(err, "%s:%zu", path, lines.number);
    kv_lines_release(&lines);
    if (r->n)
        qsort(r->lines, r->n, sizeof *r->lines, by_id);
    snprintf(r->digest, sizeof r->digest, "%016" PRIx64 "%016" PRIx64, sum.hi, sum.lo);
    return got < 0 ? -1 : 0;
}

void kv_requests_release(struct kv_requests *r)
{
    if (r->path && r->fd >= 0)
        close(r->fd);
    free(r->path);
    free(r->lines);
    kv_buf_release(&r->text);
    *r = (struct kv_requests){.fd = -1};
}

/* ---- one of them ---- */

const struct kv_requests_line *kv_requests_find(const struct kv_requests *r, struct kv_slice key)
{
    const struct kv_requests_line wanted = {.id = kv_digest_128(key)};
    return r->n ? bsearch(&wanted, r->lines, r->n, sizeof *r->lines, by_id) : NULL;
}

int kv_requests_read(struct kv_requests *r, const struct kv_requests_line *line,
    struct kv_request_line *request, struct kv_err *err)
{
    struct kv_slice value;
    if (r->text.cap > KEPT_BYTES) /* a long line's memory is not kept for the next */
        kv_buf_release(&r->text);
    kv_buf_clear(&r->text);
    kv_buf_reserve(&r->text, line->n);
    const struct kv_slice text = {r->text.p, line->n};
    if (kv_io_pread(r->fd, r->text.p, line->n, (off_t)line->at, err) != 0)
        return kv_err_context(err, "%s", r->path);
    if (kv_digest_128(text).lo != line->text)
        return kv_err_set(err, KV_INPUT, "%s: has changed since it was read", r->path);
    if (kv_json_check(text, KV_JSON_PORTABLE, &value, err) != 0 ||
        kv_request_line_read(request, value, err) != 0)
        return kv_err_context(err, "%s", r->path);
    return 0;
}
