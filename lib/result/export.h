/* export - the export document (format 2.2): a header, then one result a line.
 *
 * Owns the byte layout of results.json and of the header of a .tmp: a header object on one line,
 * the rows between `"results":[` and `]`, one a line. Written row by row, so that memory does not
 * grow with the number of rows; refuses to know which rows belong in it (finalize does).
 *
 *     struct kv_export e;
 *     kv_export_begin(&e, fd, &head);
 *     while (…)
 *         kv_export_row(&e, row);              // spelled already: reformat.h
 *     kv_export_end(&e, scenarios, &err);      // the first failure of any of them appears here
 *
 * Source: kv-state(5).
 */
#ifndef KV_EXPORT_H
#define KV_EXPORT_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KV_EXPORT_VERSION  "2.2"
#define KV_EXPORT_KARENINA "0.1.0" /* the version of karenina whose files these are */

struct kv_export_head {
    double export_time;      /* POSIX seconds; written as UTC text */
    struct kv_slice version; /* n == 0: KV_EXPORT_KARENINA */
    struct kv_slice job_id;  /* n == 0: "progressive-" and the whole seconds of the start */
    struct kv_slice config;  /* a VerificationConfig as JSON; n == 0: no models */
    int64_t total, successful, failed;
    struct kv_slice start_time; /* a JSON number as stored; n == 0: null */
    bool has_end;
    double end_time;
    bool is_complete;
    struct kv_slice rubric_definition; /* JSON object; n == 0: null */
};

/* Appends the job id that the header has, as text. */
void kv_export_job_add(struct kv_buf *out, const struct kv_export_head *head);

/* Appends the object metadata.verification_config made from a VerificationConfig: the two lists of
 * models with provider, name, temperature and interface. */
void kv_export_models_add(struct kv_buf *out, struct kv_slice config);

/* Appends "YYYY-MM-DD HH:MM:SS UTC". */
void kv_export_stamp_add(struct kv_buf *out, double seconds);

/* Reads the `metadata` object of the export at `path`, and not the rows behind it, into *metadata.
 */
int kv_export_read(const char *path, struct kv_buf *metadata, struct kv_err *err);

/* ---- streaming ---- */
struct kv_export {
    int fd;
    struct kv_buf held;
    uint64_t rows;
    off_t written; /* bytes, but for those of another */
    bool failed;
    struct kv_err err;
};
void kv_export_begin(struct kv_export *e, int fd, const struct kv_export_head *head);
/* Appends what begin writes: everything in front of the first row. */
void kv_export_head_add(struct kv_buf *out, const struct kv_export_head *head);
void kv_export_row(struct kv_export *e, struct kv_slice row);
/* Writes what is held: now another may write rows behind it, all of them, separated by ",\n". */
void kv_export_give_way(struct kv_export *e);
/* Closes the document; `scenarios` (n == 0: none) is the text between the brackets of
 * scenario_results, items separated by ",\n". Frees what begin took. Returns -1 and the first
 * failure if any byte could not be written. */
int kv_export_end(struct kv_export *e, struct kv_slice scenarios, struct kv_err *err);

#endif
