/* progress - one line that tells how a run is going. Text only; the terminal is cli's.
 *
 * It counts the whole run and what this process has added apart, with a noun for each number:
 *
 *     [####......] 22/50 tasks  ETA 0:23  this run 12: 10 passed, 2 wrong  3 calls in flight  0.5 tasks/s
 */
#ifndef KV_PROGRESS_H
#define KV_PROGRESS_H

#include "session.h"

enum kv_progress_mode {
    KV_PROGRESS_NONE,
    KV_PROGRESS_BAR,  /* in place of the last one, ten times a second */
    KV_PROGRESS_LINES /* one below the other, one a minute */
};

struct kv_progress {
    struct kv_session *session;
    enum kv_progress_mode mode;
    bool shown; /* a line has been due */
    int64_t start_ms, next_ms;
    int64_t total, done_before; /* tasks of the whole run; without those that are done again */
    int64_t todo;               /* tasks of this run */
};

void kv_progress_init(
    struct kv_progress *p, struct kv_session *session, enum kv_progress_mode mode);
/* Begins to count time: lines are due from then on. */
void kv_progress_start(struct kv_progress *p, enum kv_progress_mode mode, int64_t now_ms);
/* True if a new line is due. */
bool kv_progress_due(struct kv_progress *p, int64_t now_ms);
/* Appends the line. It is shorter than `columns`, where what matters least is left out; 0: all of
 * it, without a bar. The time left is that of this run's own rate. */
void kv_progress_line(const struct kv_progress *p, const struct kv_run_tally *tally, int64_t now_ms,
    size_t columns, struct kv_buf *line);
/* True if every task of the whole run has a result. */
bool kv_progress_is_done(const struct kv_progress *p, const struct kv_run_tally *tally);
/* Appends how it ended: "22 of 50 tasks have a result; this run 12 in 0:40: 10 passed, 2 wrong". */
void kv_progress_end(const struct kv_progress *p, const struct kv_run_tally *tally, int64_t now_ms,
    struct kv_buf *line);

#endif
