/* stream - one streamed call from its request to its last byte: what came, and four clocks. */
#include "stream.h"

#include <string.h>

enum { CONTENT_MAX = 16 << 20 };

/* ---- life ---- */

void kv_stream_begin(struct kv_stream *s, const struct kv_response_to *to,
    const struct kv_stream_limits *limits, int64_t now_ms)
{
    *s = (struct kv_stream){.to = *to,
        .limits = *limits,
        .measures = {-1, -1, -1, -1, 0, 0, 0},
        .start_ms = now_ms,
        .progress_ms = now_ms,
        .life_ms = -1,
        .over_ms = -1};
    if (s->limits.life_ms <= 0)
        s->limits.life_ms = KV_STREAM_LIFE_MS;
    s->events.wire = to->wire;
    s->whole.max = CONTENT_MAX;
    kv_response_begin(&s->reply);
    s->reply.text.max = s->reply.reasoning.max = s->reply.arguments.max = CONTENT_MAX;
}

void kv_stream_release(struct kv_stream *s)
{
    kv_response_release(&s->reply);
    kv_events_release(&s->events);
    kv_buf_release(&s->whole);
}

/* ---- bytes ---- */

static bool too_large(const struct kv_stream *s)
{
    return s->whole.failed || s->events.too_large || s->reply.text.failed ||
           s->reply.reasoning.failed || s->reply.arguments.failed;
}

static void note_progress(struct kv_stream *s, int64_t now_ms)
{
    struct kv_stream_measures *m = &s->measures;
    int64_t gap = now_ms - s->progress_ms;
    if (m->progress && gap > m->gap_ms)
        m->gap_ms = gap;
    m->progress = s->events.progress;
    s->progress_ms = now_ms;
    m->last_ms = now_ms - s->start_ms;
    if (m->first_text_ms < 0 && s->events.text_begun)
        m->first_text_ms = m->last_ms;
    if (m->first_token_ms < 0 && (s->events.text_begun || s->reply.reasoning.n))
        m->first_token_ms = m->last_ms;
}

static enum kv_news take_events(struct kv_stream *s, struct kv_slice bytes, int64_t now_ms)
{
    const struct kv_protocol view = kv_response_view(&s->reply);
    size_t before = s->events.progress;
    enum kv_news news = kv_events_take(&s->events, &view, bytes);
    if (s->events.progress > before)
        note_progress(s, now_ms);
    else
        s->life_ms = now_ms;
    if (news == KV_NEWS_END && s->over_ms < 0)
        s->over_ms = now_ms;
    return news;
}

/* Until it is known what comes, it is kept; a refusal is a document whatever it looks like. */
static struct kv_slice decide(struct kv_stream *s, struct kv_slice bytes)
{
    kv_buf_add_slice(&s->whole, bytes);
    s->look = s->status >= 300 ? KV_SSE_DOCUMENT : kv_sse_look(kv_slice_of(&s->whole));
    return s->look == KV_SSE_STREAM ? kv_slice_of(&s->whole) : (struct kv_slice){"", 0};
}

bool kv_stream_take(struct kv_stream *s, int status, struct kv_slice bytes, int64_t now_ms)
{
    enum kv_news news = KV_NEWS_LIFE;
    s->status = status;
    s->measures.bytes += bytes.n;
    if (s->measures.first_byte_ms < 0)
        s->measures.first_byte_ms = now_ms - s->start_ms;
    if (s->look == KV_SSE_STREAM) {
        news = take_events(s, bytes, now_ms);
    } else {
        s->life_ms = now_ms;
        bytes = decide(s, bytes);
        if (bytes.n) {
            news = take_events(s, bytes, now_ms);
            kv_buf_clear(&s->whole);
        }
    }
    return !too_large(s) && !(news == KV_NEWS_END && !s->events.ended);
}

enum kv_http_haste kv_stream_haste(const struct kv_stream *s, int64_t now_ms)
{
    int64_t first_ms = s->measures.first_token_ms;
    int64_t coming_ms = first_ms >= 0 ? now_ms - s->start_ms - first_ms : 0;
    if (coming_ms < KV_STREAM_SOON_MS)
        return KV_HTTP_AT_ONCE;
    return coming_ms < KV_STREAM_LATER_MS ? KV_HTTP_SOON : KV_HTTP_LATER;
}

/* ---- clocks ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The clock that runs beside `total`. A document is not looked into before it is complete. */
static int64_t inner_due_ms(const struct kv_stream *s)
{
    if (kv_events_answering(&s->events))
        return s->progress_ms + s->limits.idle_ms;
    int64_t first = s->progress_ms + s->limits.first_ms;
    int64_t life = s->life_ms >= 0 ? s->life_ms + s->limits.life_ms : first;
    return life > first ? life : first;
}

int64_t kv_stream_due_ms(const struct kv_stream *s)
{
    int64_t total = s->start_ms + s->limits.total_ms;
    if (s->over_ms >= 0)
        return least(total, s->over_ms + KV_STREAM_TAIL_MS);
    return least(total, inner_due_ms(s));
}

/* ---- the end ---- */

static void add_seconds(struct kv_buf *out, int64_t ms)
{
    if (ms % 1000 == 0)
        kv_buf_printf(out, "%lld s", (long long)(ms / 1000));
    else
        kv_buf_printf(out, "%.3g s", (double)ms / 1000);
}

static size_t count_characters(struct kv_slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

static void say_which(const struct kv_stream *s, int64_t now_ms, struct kv_buf *why)
{
    if (now_ms >= s->start_ms + s->limits.total_ms) {
        kv_buf_add_str(why, "not finished within ");
        add_seconds(why, s->limits.total_ms);
    } else if (kv_events_answering(&s->events)) {
        kv_buf_add_str(why, "nothing for ");
        add_seconds(why, s->limits.idle_ms);
        kv_buf_printf(why, " after %zu characters", count_characters(kv_slice_of(&s->reply.text)));
    } else {
        kv_buf_add_str(why, "no answer began within ");
        add_seconds(why, s->limits.first_ms);
    }
}

/* What the events amount to, if they amount to something whatever became of the connection. */
static bool end_by_events(struct kv_stream *s, bool whole)
{
    const struct kv_events *e = &s->events;
    if (too_large(s)) {
        kv_response_fail(&s->reply, &s->to, KV_OUTCOME_BAD_RESPONSE, "the reply is too large");
        s->reply.retry = KV_RETRY_NEVER; /* it would be as large again */
        return true;
    }
    if (!e->finished && !e->error.n && !e->garbled && !(whole || e->ended))
        return false;
    kv_response_events(&s->reply, &s->to, e);
    return true;
}

void kv_stream_expire(struct kv_stream *s, int64_t now_ms)
{
    struct kv_buf why = {0};
    s->reply.status = s->status;
    s->reply.sent = true;
    if (end_by_events(s, false))
        return;
    say_which(s, now_ms, &why);
    kv_response_fail(&s->reply, &s->to, KV_OUTCOME_TIMEOUT, why.p);
    kv_buf_release(&why);
}

void kv_stream_end(struct kv_stream *s, const struct kv_http_done *done)
{
    bool answered = done->end == KV_HTTP_ANSWERED;
    s->status = done->status;
    if (s->look == KV_SSE_STREAM) {
        kv_response_headers(&s->reply, done);
        s->reply.status = s->status;
        if (!end_by_events(s, answered))
            kv_response_transfer(&s->reply, &s->to, done);
    } else {
        struct kv_http_done document = *done;
        document.body = kv_slice_of(&s->whole);
        if (!document.body.p)
            document.body.p = "";
        kv_response_read(&s->reply, &s->to, &document);
    }
    s->reply.sent = done->sent;
}

double kv_stream_speed(const struct kv_stream *s)
{
    int64_t ms = s->measures.last_ms - s->measures.first_token_ms;
    int64_t tokens = s->reply.usage.out_total - 1;
    if (s->measures.first_token_ms < 0 || ms <= 0 || tokens <= 0)
        return 0;
    return (double)tokens * 1000 / (double)ms;
}
