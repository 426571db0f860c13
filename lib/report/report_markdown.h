/* report_markdown - a report for the summary of a CI job, as GitHub's Markdown. */
#ifndef KV_REPORT_MARKDOWN_H
#define KV_REPORT_MARKDOWN_H

#include "report.h"

/* Appends it; shorter than the megabyte that a summary may have. -1: a row that it quotes cannot be
 * read again. */
int kv_report_markdown_add(struct kv_buf *out, const struct kv_report *r, struct kv_err *err);

#endif
