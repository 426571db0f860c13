/* gate - whether a report's numbers are good enough for whoever set a limit.
 *
 * A rate is judged by the lower end of its interval, a regression by the corrected p: chance alone
 * neither passes nor fails anybody.
 */
#ifndef KV_GATE_H
#define KV_GATE_H

#include "report.h"

struct kv_gate {
    double below;    /* the lower end of each line's interval must not be below; NaN: no limit */
    bool regression; /* no line may be clearly worse than then, or than the baseline */
};

/* "0.8" or "80%"; KV_USAGE for what is neither, or not from 0 to 1. */
int kv_gate_parse(const char *text, double *below, struct kv_err *err);

/* Appends a line for each limit that is not kept; answers how many there are. A line without a rate
 * keeps no limit. */
size_t kv_gate_check(struct kv_buf *out, const struct kv_gate *gate, const struct kv_report *r);

#endif
