/* report_text - a report for a terminal. */
#ifndef KV_REPORT_TEXT_H
#define KV_REPORT_TEXT_H

#include "report.h"

/* Appends the report as plain text, no wider than `width` columns where that can be (0: no limit).
 * -1: a row that it quotes cannot be read again. */
int kv_report_text_add(
    struct kv_buf *out, const struct kv_report *r, size_t width, struct kv_err *err);

/* What the report is of: "results.json: 56 results, 14 questions", and what is unfinished. */
void kv_report_text_add_title(struct kv_buf *out, const struct kv_report *r);

#endif
