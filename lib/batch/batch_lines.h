/* batch_lines - the lines of a file of requests or replies, one checked JSON object each.
 *
 * A last line that was torn by a death is passed over; any other line that is no JSON object is a
 * failure that names the file and the line.
 */
#ifndef KV_BATCH_LINES_H
#define KV_BATCH_LINES_H

#include "buf.h"
#include "err.h"
#include "io.h"

#include <stdbool.h>

struct kv_batch_lines {
    struct kv_lines lines;
    const char *path; /* for messages; borrowed */
    int fd;           /* -1: none */
    bool torn;        /* the last one was */
};

/* Opens a file; "-" is standard input. */
int kv_batch_lines_open(struct kv_batch_lines *l, const char *path, struct kv_err *err);
/* Reads a file that is open, from its beginning. */
int kv_batch_lines_again(struct kv_batch_lines *l, int fd, const char *name, struct kv_err *err);
/* 1 and the line without white space around it, 0 at the end, -1. Borrowed until the next call. */
int kv_batch_lines_next(struct kv_batch_lines *l, struct kv_slice *line, struct kv_err *err);
/* Puts "FILE:LINE: " in front of a failure; -1. */
int kv_batch_lines_blame(const struct kv_batch_lines *l, struct kv_err *err);
void kv_batch_lines_close(struct kv_batch_lines *l);

#endif
