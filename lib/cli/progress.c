/* progress - one line that tells how a run is going. */
#include "progress.h"

#include <string.h>

enum { WIDE = 100, BAR_MS = 100, LINE_MS = 60000 };

void kv_progress_start(struct kv_progress *p, enum kv_progress_mode mode, int64_t now_ms)
{
    *p = (struct kv_progress){.mode = mode, .start_ms = now_ms};
    p->next_ms = now_ms + (mode == KV_PROGRESS_LINES ? LINE_MS : 0);
}

void kv_progress_init(struct kv_progress *p, struct kv_session *session, enum kv_progress_mode mode)
{
    const struct kv_state_info *info = kv_state_info(session->state);
    int64_t todo = (int64_t)session->work.tasks, open = info->total_tasks - info->completed_count;
    int64_t again = todo > open ? todo - open : 0; /* --retry-failed */
    kv_progress_start(p, mode, kv_child_now_ms());
    p->session = session;
    p->total = info->total_tasks;
    p->done_before = info->completed_count - again;
    p->todo = todo;
}

bool kv_progress_due(struct kv_progress *p, int64_t now_ms)
{
    if (p->mode == KV_PROGRESS_NONE || now_ms < p->next_ms)
        return false;
    p->next_ms = now_ms + (p->mode == KV_PROGRESS_LINES ? LINE_MS : BAR_MS);
    return p->shown = true;
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

static int64_t done_now(const struct kv_run_tally *t)
{
    const struct kv_outcomes *o = &t->outcomes;
    return o->passed + o->wrong + o->declined + o->errors + o->unscored;
}

static int64_t done_in_all(const struct kv_progress *p, const struct kv_run_tally *t)
{
    int64_t done = p->done_before + done_now(t);
    return done < p->total ? done : p->total;
}

/* The words of kv_outcomes_add_words, without those that count nothing. */
static void add_outcomes(struct kv_buf *out, const struct kv_outcomes *o)
{
    kv_buf_printf(out, "%lld passed, %lld wrong", (long long)o->passed, (long long)o->wrong);
    if (o->declined)
        kv_buf_printf(out, ", %lld declined", (long long)o->declined);
    if (o->errors)
        kv_buf_printf(out, ", %lld error%s", (long long)o->errors, o->errors == 1 ? "" : "s");
    if (o->unscored)
        kv_buf_printf(out, ", %lld unscored", (long long)o->unscored);
}

static void add_bar(struct kv_buf *line, double part, size_t columns)
{
    int width = columns >= WIDE ? 20 : columns >= WIDE / 2 ? 10 : 5;
    int full = (int)((part > 1 ? 1 : part < 0 ? 0 : part) * width);
    kv_buf_add_char(line, '[');
    for (int i = 0; i < width; i++)
        kv_buf_add_char(line, i < full ? '#' : '.');
    kv_buf_add_char(line, ']');
}

/* Adds the text behind what is there if there is room for it, and empties it. */
static void add_part(struct kv_buf *line, struct kv_buf *text, const char *gap, size_t columns)
{
    size_t behind = line->n ? line->n + strlen(gap) : 0;
    if (text->n && (!columns || behind + text->n < columns)) {
        kv_buf_add_str(line, line->n ? gap : "");
        kv_buf_add_slice(line, kv_slice_of(text));
    }
    kv_buf_clear(text);
}

static void add_rates(
    const struct kv_run_tally *t, double rate, size_t columns, struct kv_buf *line)
{
    struct kv_buf text = {0};
    kv_buf_printf(&text, "%d call%s in flight", t->in_flight, t->in_flight == 1 ? "" : "s");
    add_part(line, &text, "  ", columns);
    if (t->throttled)
        kv_buf_add_str(&text, "throttled");
    add_part(line, &text, "  ", columns);
    if (rate > 0)
        kv_buf_printf(
            &text, rate < 1 ? "%.1f tasks/min" : "%.1f tasks/s", rate < 1 ? rate * 60 : rate);
    add_part(line, &text, "  ", columns);
    if (t->tokens > 0) {
        add_amount(&text, t->tokens);
        kv_buf_add_str(&text, " tokens");
    }
    add_part(line, &text, "  ", columns);
    kv_buf_release(&text);
}

void kv_progress_line(const struct kv_progress *p, const struct kv_run_tally *t, int64_t now_ms,
    size_t columns, struct kv_buf *line)
{
    struct kv_buf text = {0};
    int64_t now = done_now(t), done = done_in_all(p, t);
    double s = (double)(now_ms - p->start_ms) / 1000;
    double rate = s > 0.5 ? (double)now / s : 0;
    if (columns)
        add_bar(line, p->total ? (double)done / (double)p->total : 1, columns);
    kv_buf_printf(&text, "%lld/%lld tasks", (long long)done, (long long)p->total);
    add_part(line, &text, " ", columns);
    if (rate > 0) {
        kv_buf_add_str(&text, "ETA ");
        add_duration(&text, (double)(p->todo > now ? p->todo - now : 0) / rate);
    }
    add_part(line, &text, "  ", columns);
    kv_buf_printf(&text, "this run %lld: ", (long long)now);
    add_outcomes(&text, &t->outcomes);
    add_part(line, &text, "  ", columns);
    add_rates(t, rate, columns, line);
    kv_buf_release(&text);
}

bool kv_progress_is_done(const struct kv_progress *p, const struct kv_run_tally *t)
{
    return done_in_all(p, t) == p->total && done_now(t) >= p->todo;
}

void kv_progress_end(
    const struct kv_progress *p, const struct kv_run_tally *t, int64_t now_ms, struct kv_buf *line)
{
    kv_buf_printf(line, "%lld of %lld tasks have a result; this run %lld in ",
        (long long)done_in_all(p, t), (long long)p->total, (long long)done_now(t));
    add_duration(line, (double)(now_ms - p->start_ms) / 1000);
    kv_buf_add_str(line, ": ");
    add_outcomes(line, &t->outcomes);
    if (t->tokens > 0) {
        kv_buf_add_str(line, ", ");
        add_amount(line, t->tokens);
        kv_buf_add_str(line, " tokens");
    }
}
