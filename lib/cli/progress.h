/* progress - one line that tells how a run is going. Text only; the terminal is cli's. */
#ifndef KV_PROGRESS_H
#define KV_PROGRESS_H

#include "session.h"

struct kv_progress {
    struct kv_session *session;
    bool shown;
    int64_t start_ms, next_ms, total, done_before;
};

/* `shown`: somebody is watching. */
void kv_progress_init(struct kv_progress *p, struct kv_session *session, bool shown);
/* True if a new line is due: at most ten a second. */
bool kv_progress_due(struct kv_progress *p, int64_t now_ms);
/* Appends bar, done/total, rate, time left, how results ended, tokens, in flight, throttling. */
void kv_progress_line(const struct kv_progress *p, const struct kv_run_tally *tally, int64_t now_ms,
    struct kv_buf *line);

#endif
