/* report_junit - results as JUnit XML, for CI: a suite a line, a test case a row.
 *
 * Wrong, declined and insufficient answers are failures, errors are errors, unscored rows are
 * skipped. Fields are told, answers are not: logs of CI are often public.
 */
#ifndef KV_REPORT_JUNIT_H
#define KV_REPORT_JUNIT_H

#include "report.h"
#include "sink.h"

/* -1: a row cannot be read again. What cannot be written is for kv_sink_end. */
int kv_report_junit_write(struct kv_sink *s, const struct kv_report *r, struct kv_err *err);

#endif
