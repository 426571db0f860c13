/* http_sent - what a request sends beside the headers of its peer: a file, header lines of its own.
 *
 * A part of http, and like it allowed to see libcurl.
 */
#ifndef KV_HTTP_SENT_H
#define KV_HTTP_SENT_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curl_slist;

struct kv_http_field {
    const char *name, *value;
};

/* Header lines of one request; they live until the next are made. */
struct kv_http_lines {
    struct curl_slist *nodes;
    size_t n;
    struct kv_buf texts;
};
/* These fields, then the lines of `usual` that they do not replace. */
struct curl_slist *kv_http_lines_make(struct kv_http_lines *l, const struct kv_http_field *fields,
    size_t count, struct curl_slist *usual);
void kv_http_lines_release(struct kv_http_lines *l);

/* The first bytes of a file, read by position, so that libcurl may start again. */
struct kv_http_file {
    int fd;
    int64_t at, size;
};
/* For CURLOPT_READFUNCTION and CURLOPT_SEEKFUNCTION, with a struct kv_http_file. */
size_t kv_http_file_read(char *to, size_t size, size_t n, void *file);
int kv_http_file_seek(void *file, int64_t offset, int origin);

#endif
