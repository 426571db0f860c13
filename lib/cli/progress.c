/* progress - one line that tells how a run is going. */
#include "progress.h"

#include <stdio.h>

enum { BAR = 20, EVERY_MS = 100 };

void kv_progress_init(struct kv_progress *p, struct kv_session *session, bool shown)
{
    const struct kv_state_info *info = kv_state_info(session->state);
    *p = (struct kv_progress){.session = session,
        .shown = shown,
        .start_ms = kv_child_now_ms(),
        .total = info->total_tasks,
        .done_before = info->completed_count};
}

bool kv_progress_due(struct kv_progress *p, int64_t now_ms)
{
    if (!p->shown || now_ms < p->next_ms)
        return false;
    p->next_ms = now_ms + EVERY_MS;
    return true;
}

static void add_duration(struct kv_buf *out, double s)
{
    if (s < 3600)
        kv_buf_printf(out, "%d:%02d", (int)s / 60, (int)s % 60);
    else if (s < 100 * 86400.0)
        kv_buf_printf(out, "%dh%02d", (int)(s / 3600), (int)(s / 60) % 60);
    else
        kv_buf_add_str(out, "long");
}

/* 950, 12.3k, 4.56M */
static void add_amount(struct kv_buf *out, double n)
{
    if (n < 1e3)
        kv_buf_printf(out, "%.0f", n);
    else if (n < 1e6)
        kv_buf_printf(out, "%.1fk", n / 1e3);
    else
        kv_buf_printf(out, "%.2fM", n / 1e6);
}

void kv_progress_line(
    const struct kv_progress *p, const struct kv_run_tally *t, int64_t now_ms, struct kv_buf *line)
{
    const struct kv_outcomes *o = &t->outcomes;
    int64_t now_done = o->passed + o->wrong + o->declined + o->errors + o->unscored;
    int64_t done = p->done_before + now_done;
    double s = (double)(now_ms - p->start_ms) / 1000;
    double rate = s > 0.5 ? (double)now_done / s : 0;
    double part = p->total ? (double)done / (double)p->total : 1;
    int full = (int)((part > 1 ? 1 : part) * BAR);
    kv_buf_add_char(line, '[');
    for (int i = 0; i < BAR; i++)
        kv_buf_add_char(line, i < full ? '#' : '.');
    kv_buf_printf(line, "] %lld/%lld", (long long)done, (long long)p->total);
    if (rate > 0) {
        kv_buf_printf(line, "  %.1f/s  ETA ", rate);
        add_duration(line, (double)t->left / rate);
    }
    kv_buf_add_str(line, "  ");
    kv_outcomes_add_words(line, o);
    if (t->tokens > 0) {
        kv_buf_add_str(line, "  tokens ");
        add_amount(line, t->tokens);
    }
    kv_buf_printf(line, "  in flight %d%s", t->in_flight, t->throttled ? "  throttled" : "");
}
