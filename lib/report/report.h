/* report - all numbers of one or two results files; the forms (text, page, …) read them from here.
 *
 *     struct kv_report_options how = {.baseline = NULL};
 *     const char *paths[] = {"results.json"};
 *     struct kv_report *r = kv_report_open(&how, paths, 1, &err);
 *     kv_report_table_add(&out, r, 80);         the table that kv-finalize prints as well
 *     kv_report_close(r);
 *
 * With two files the first is then, the second now; a report is about the second, and says how it
 * differs from the first. Nothing here reads the clock: the same files give the same report.
 */
#ifndef KV_REPORT_H
#define KV_REPORT_H

#include "agreement.h"
#include "consumption.h"
#include "contrast.h"
#include "digest.h"
#include "failure_kinds.h"
#include "health.h"
#include "rates.h"

enum { KV_REPORT_GREY = 5 }; /* groups of fewer questions are shown in grey */

struct kv_report_options {
    const char *cluster;  /* see kv_rates_make; NULL: none */
    const char *by;       /* likewise */
    const char *baseline; /* an answering model, as the report calls it or bare; NULL: none */
    const char *labels;   /* a file of people's labels; NULL: none */
    const char *prices;   /* a price file (prices.h); NULL: none */
};

struct kv_report {
    struct kv_report_options how;
    struct kv_buf price_text; /* the price file */
    struct kv_prices *prices;
    struct kv_rowset *set; /* what the report is about */
    struct kv_line_rates *rates;
    uint32_t *order; /* lines, by judge, then the highest rate first */
    uint32_t *place; /* of each line in `order` */
    size_t prefix;   /* length of "interface:", if all answering models have the same; else 0 */
    struct kv_contrasts within;
    struct kv_failure_kinds failures;
    struct kv_agreements agreements;
    struct kv_consumptions consumptions;
    struct kv_health health;
    char digest[KV_SHA256_HEX + 1]; /* of the file; "" if kv_report_digest was not called */
    uint32_t baseline;              /* a name of the set's models, or KV_NO_NAME */

    struct kv_rowset *then; /* NULL: one file */
    struct kv_line_rates *then_rates;
    struct kv_contrasts between; /* empty without `then` */
    char then_digest[KV_SHA256_HEX + 1];
};

/* NULL with KV_INPUT: see kv_rowset_open, kv_agreements_label, kv_prices_open; a baseline that is
 * no model of the results (KV_USAGE). `count` is 1 or 2. The options' strings must outlive the
 * report. */
struct kv_report *kv_report_open(const struct kv_report_options *how, const char *const *paths,
    size_t count, struct kv_err *err);
void kv_report_close(struct kv_report *r); /* NULL is fine */

/* Fills the digests: reads the files once more. */
int kv_report_digest(struct kv_report *r, struct kv_err *err);

/* ---- words that all forms share ---- */

/* The names of a line. */
struct kv_slice kv_report_answering(const struct kv_report *r, uint32_t line);
struct kv_slice kv_report_judge(const struct kv_report *r, uint32_t line);

/* The same for tables: of an answering model without "interface:", where all have the same one. */
struct kv_slice kv_report_short(const struct kv_report *r, uint32_t line);

/* "A", "B", …, "Z", "AA": what a line is called where its name has no room: by its place in
 * `order`.
 */
void kv_report_add_letter(struct kv_buf *out, const struct kv_report *r, uint32_t line);

size_t kv_report_judges(const struct kv_report *r); /* how many there are */

/* True if the line's rate is not distinguishable from that of one above it, of the same judge; the
 * nearest above it goes to *other. */
bool kv_report_is_tied(const struct kv_report *r, size_t place, uint32_t *other);

/* Appends the table of lines: model, tasks, outcomes, rate and interval, tokens, cost, seconds; one
 * block a judge, no wider than `width` columns (0: as wide as it is). Plain text, for a terminal.
 */
void kv_report_table_add(struct kv_buf *out, const struct kv_report *r, size_t width);

/* Numbers as tables have them: 12,345; 3.1 M; 0.0123 (money); 1.25 s. NaN is "–". */
void kv_report_add_count(struct kv_buf *out, uint64_t n);
void kv_report_add_money(struct kv_buf *out, double cost);
void kv_report_add_seconds(struct kv_buf *out, double seconds);
/* "71.4–92.1 %" */
void kv_report_add_interval(struct kv_buf *out, struct kv_interval i);
/* "14", or "14 × 2" with replicates: what a rate is a rate of. */
void kv_report_add_size(struct kv_buf *out, const struct kv_line_rates *rates);

#endif
