/* http_headers - the header lines of a reply, kept as they come.
 *
 * A part of http; it sees no libcurl, whose own list compares each header with all others whenever one
 * is read. Lines of a reply that another follows (100 Continue) are forgotten, trailers never kept.
 *
 *     kv_http_headers_take(&headers, line);             as libcurl tells them, the status line first
 *     while (kv_http_headers_next(&headers, &at, &name, &value)) …
 */
#ifndef KV_HTTP_HEADERS_H
#define KV_HTTP_HEADERS_H

#include "buf.h"

struct kv_http_headers { /* zero to begin with */
    struct kv_buf text;  /* private: name, NUL, value, NUL, … */
    bool over;           /* private: the empty line has come */
};

void kv_http_headers_clear(struct kv_http_headers *h);
void kv_http_headers_release(struct kv_http_headers *h);
/* A line with its end, or without. */
void kv_http_headers_take(struct kv_http_headers *h, struct kv_slice line);

/* The next one: *at is NULL at first. Its slices are C strings, until the next line is taken. */
bool kv_http_headers_next(const struct kv_http_headers *h, const char **at, struct kv_slice *name,
    struct kv_slice *value);
/* The last of this name, without regard to case. */
bool kv_http_headers_find(
    const struct kv_http_headers *h, const char *name, struct kv_slice *value);

#endif
