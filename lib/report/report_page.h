/* report_page - a report as one HTML page that needs nothing else: no network, no script to be read.
 *
 * The words, the style and the script are data (share/report); what is written here are the tables,
 * the bars and the questions. All text from files goes through visible.h.
 */
#ifndef KV_REPORT_PAGE_H
#define KV_REPORT_PAGE_H

#include "report.h"
#include "sink.h"

/* Writes the page; `share` is the directory of the data files. -1: a file of the page, or a row,
 * cannot be read (KV_SYSTEM, KV_INPUT). What cannot be written is for kv_sink_end. */
int kv_report_page_write(
    struct kv_sink *s, const struct kv_report *r, const char *share, struct kv_err *err);

#endif
