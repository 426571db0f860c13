/* rows - the results of a pair as they stand in its results file, one after the other.
 *
 * Reads a .tmp or an export document in any white space and key order (its member "results"), or
 * the JSON Lines of layout 2.0, with bounded memory. Rows are given as bytes; what they mean is
 * result.h, and who asks for that gets rows that are like one another faster (result_before.h).
 *
 *     kv_rows_begin(&rows, "results.json.tmp", KV_LAYOUT_1, &err);
 *     while ((got = kv_rows_next(&rows, &row, &err)) == 1)
 *         if (kv_rows_result(&rows, &row, &result, &err) == 0) …
 *     kv_rows_end(&rows);
 *
 * The file stays open in between: writers leave that version alone, at the price of a copy.
 */
#ifndef KV_ROWS_H
#define KV_ROWS_H

#include "buf.h"
#include "err.h"
#include "io.h"
#include "json_reader.h"
#include "result_before.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_layout {
    KV_LAYOUT_1, /* .state + .tmp */
    KV_LAYOUT_2, /* .state + .results.jsonl */
};

struct kv_row {
    struct kv_slice text; /* one JSON value, checked; borrowed until the next step */
    uint64_t offset;      /* of its first byte in the file */
    size_t line;          /* of its first byte, from 1 */
};

struct kv_rows {
    char *path;
    enum kv_layout layout;
    struct kv_json_reader reader; /* layout 1 */
    struct kv_lines lines;        /* layout 2 */
    uint64_t offset;              /* layout 2: of the next line */
    bool inside, found;           /* layout 1: in the array; it was met */
    uint64_t closed;              /* layout 1: offset behind the array's end; 0: not there yet */
    bool raw;               /* layout 1: set it after begin to get rows that are not checked */
    struct kv_buf *members; /* set it after begin to keep the document's other top-level members */
    struct kv_result_before *before; /* private: of the results that were asked for, */
    struct kv_result result;         /* and what the last row is, if that was found with it */
    bool known;
};

/* 1 if a text begins as a results document, an object whose first member is format_version, 0 if
 * not; -1 if there is too little of it to tell. No result begins so. */
int kv_rows_is_document(struct kv_slice text);

/* Walks one document of a stream (kv_json_reader_stream); `name` is for failures. The row's text is
 * borrowed as ever. Nothing but the document is taken: see kv_rows_leave. */
int kv_rows_begin_stream(struct kv_rows *r, const char *name, int fd, struct kv_buf *held,
    bool (*more)(void *closure), void *closure, struct kv_err *err);
/* Ends such a walk after kv_rows_next has answered 0; *rest is what was read behind the document. */
void kv_rows_leave(struct kv_rows *r, struct kv_buf *rest);

/* KV_INPUT if there is no such file, or, for a document, if it is no object. JSON Lines that are
 * not there are none yet. */
int kv_rows_begin(struct kv_rows *r, const char *path, enum kv_layout layout, struct kv_err *err);

/* 1 and a row, 0 at the end, -1. Failures name the file and the place. A line of layout 2 that is
 * no JSON is KV_INPUT, and the next call goes on behind it; any other failure ends the walk.
 * Members other than the rows are added to *r->members as they stand, each followed by a comma. */
int kv_rows_next(struct kv_rows *r, struct kv_row *row, struct kv_err *err);
/* The row that was given last, read as a result (kv_result_read): 0, or -1 with KV_INPUT. */
int kv_rows_result(
    struct kv_rows *r, const struct kv_row *row, struct kv_result *result, struct kv_err *err);
/* Appends it as kv_reformat_space does, if what is like the row before makes that cheap; false if not. */
bool kv_rows_add_spaced(struct kv_rows *r, struct kv_buf *out);
void kv_rows_end(struct kv_rows *r); /* twice is fine */

#endif
