/* report_json - a report's numbers as one JSON object: all that any other form prints, and more
 * digits.
 *
 * Its members are in kv-report(1). Numbers that are not defined are null.
 */
#ifndef KV_REPORT_JSON_H
#define KV_REPORT_JSON_H

#include "report.h"
#include "sink.h"

/* Writes the object, compact, without a line end. -1: a row that it quotes cannot be read again. */
int kv_report_json_write(struct kv_sink *s, const struct kv_report *r, struct kv_err *err);

#endif
