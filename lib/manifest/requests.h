/* requests - a file of requests that are to be sent as they stand: lines of OpenAI's batch input.
 *
 * The lines stay in their file; in memory there are digests and a place of each. A line's task is its
 * custom_id, its model is the one of the configuration that the body names.
 *
 *     struct kv_requests r;
 *     kv_requests_open(&r, "requests.jsonl", config, &take, &problems, &err);
 *     if ((line = kv_requests_find(&r, key)) && kv_requests_read(&r, line, &request, &err) == 0)
 *         … request.body, config->answering[line->model] …
 *     kv_requests_release(&r);
 */
#ifndef KV_REQUESTS_H
#define KV_REQUESTS_H

#include "config.h"
#include "digest.h"
#include "problem.h"
#include "request_line.h"

#include <stddef.h>
#include <stdint.h>

enum { KV_REQUESTS_DIGEST = 32 };

struct kv_requests_line {
    struct kv_digest128 id; /* of the custom_id */
    uint64_t at, text;      /* text: half of the line's digest */
    uint32_t n, model;      /* model: of the configuration's answering models */
};

struct kv_requests {
    int fd;
    char *path;
    struct kv_requests_line *lines; /* by id */
    size_t n;
    char digest[KV_REQUESTS_DIGEST + 1]; /* of all lines, in hex */
    struct kv_buf text;                  /* private: the line that was read last */
};

/* Who is told the custom_id of each line, in their order. NULL: nobody. */
struct kv_requests_taker {
    void (*take)(void *closure, struct kv_slice id);
    void *closure;
};

/* Reads the file once, to its end. -1: it cannot be read; what is wrong with single lines is in
 * *problems, under the numbers of lines. Release it in any case. */
int kv_requests_open(struct kv_requests *r, const char *path, const struct kv_config *config,
    const struct kv_requests_taker *taker, struct kv_problems *problems, struct kv_err *err);
void kv_requests_release(struct kv_requests *r);

const struct kv_requests_line *kv_requests_find(const struct kv_requests *r, struct kv_slice key);
/* Reads a line again; the request borrows until the next one. KV_INPUT if the file has changed. */
int kv_requests_read(struct kv_requests *r, const struct kv_requests_line *line,
    struct kv_request_line *request, struct kv_err *err);

#endif
