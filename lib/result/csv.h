/* csv - results as karenina's CSV export: a fixed set of columns and one for each global trait.
 *
 * Which trait columns there are depends on all rows, so they are shown to it twice:
 *
 *     struct kv_csv *csv = kv_csv_open(&meta);
 *     for each row: kv_csv_survey(csv, &row);
 *     kv_csv_head(csv, &out);
 *     for each row: kv_csv_row(csv, &row, &out);
 *     kv_csv_close(csv);
 *
 * Memory grows with the number of distinct trait names, not with the number of rows. Lines end with
 * CRLF. Source: kv-results(5).
 */
#ifndef KV_CSV_H
#define KV_CSV_H

#include "buf.h"
#include "result.h"

struct kv_csv_meta {
    struct kv_slice export_stamp;      /* text, as in the JSON export */
    struct kv_slice version, job_id;   /* text */
    struct kv_slice rubric_definition; /* JSON object or empty: its traits get a column each */
};

struct kv_csv;
struct kv_csv *kv_csv_open(const struct kv_csv_meta *meta); /* copies what it needs */
void kv_csv_survey(struct kv_csv *csv, const struct kv_result *result);
void kv_csv_head(struct kv_csv *csv, struct kv_buf *out);
void kv_csv_row(struct kv_csv *csv, const struct kv_result *result, struct kv_buf *out);
void kv_csv_close(struct kv_csv *csv);

#endif
