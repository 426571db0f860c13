/* sse - server-sent events: the framing of streamed replies, cut into events as the bytes come. */
#include "sse.h"

#include <string.h>

static const char bom[] = "\xEF\xBB\xBF";

void kv_sse_release(struct kv_sse *s)
{
    kv_buf_release(&s->data);
    kv_buf_release(&s->line);
    *s = (struct kv_sse){0};
}

/* ---- lines ---- */

static size_t line_end(struct kv_slice bytes)
{
    const char *lf = memchr(bytes.p, '\n', bytes.n);
    size_t n = lf ? (size_t)(lf - bytes.p) : bytes.n;
    const char *cr = memchr(bytes.p, '\r', n);
    return cr ? (size_t)(cr - bytes.p) : n;
}

static void skip(struct kv_slice *bytes, size_t n)
{
    bytes->p += n;
    bytes->n -= n;
}

/* Takes a line off the front of *bytes, with what came of it before. False if it goes on. */
static bool take_line(struct kv_sse *s, struct kv_slice *bytes, struct kv_slice *line)
{
    if (bytes->n == 0)
        return false;
    if (s->cr && bytes->p[0] == '\n')
        skip(bytes, 1);
    s->cr = false;
    size_t n = line_end(*bytes);
    *line = (struct kv_slice){bytes->p, n};
    if (n == bytes->n || s->line.n) {
        kv_buf_add(&s->line, bytes->p, n);
        *line = kv_slice_of(&s->line);
    }
    if (n == bytes->n) {
        skip(bytes, n);
        return false;
    }
    s->cr = bytes->p[n] == '\r';
    skip(bytes, n + 1);
    if (!s->begun && line->n >= 3 && memcmp(line->p, bom, 3) == 0)
        skip(line, 3);
    s->begun = true;
    return true;
}

static void add_data(struct kv_sse *s, struct kv_slice line)
{
    size_t name = line.n > 5 && line.p[5] == ' ' ? 6 : 5;
    if (s->any)
        kv_buf_add_char(&s->data, '\n');
    if (line.n > name)
        kv_buf_add(&s->data, line.p + name, line.n - name);
    s->any = true;
}

/* True if the field is `data`, with or without a value. */
static bool is_data(struct kv_slice line)
{
    return kv_slice_starts(line, "data:") || kv_slice_is(line, "data");
}

/* ---- events ---- */

enum kv_sse_step kv_sse_take(struct kv_sse *s, struct kv_slice *bytes, struct kv_slice *event)
{
    struct kv_slice line;
    if (s->told)
        kv_buf_clear(&s->data);
    s->told = false;
    while (take_line(s, bytes, &line)) {
        bool over = line.n == 0 && s->any;
        if (is_data(line))
            add_data(s, line);
        kv_buf_clear(&s->line);
        if (s->data.n > KV_SSE_MAX)
            return KV_SSE_TOO_LARGE;
        if (!over)
            continue;
        s->any = false;
        s->told = true;
        *event = kv_slice_of(&s->data);
        return KV_SSE_EVENT;
    }
    return s->line.n > KV_SSE_MAX ? KV_SSE_TOO_LARGE : KV_SSE_MORE;
}

enum kv_sse_look kv_sse_look(struct kv_slice beginning)
{
    static const char *const fields[] = {"data:", "event:", ":", "id:", "retry:"};
    size_t mark = beginning.n < 3 ? beginning.n : 3;
    if (mark && memcmp(beginning.p, bom, mark) == 0)
        skip(&beginning, mark);
    beginning = kv_slice_strip(beginning);
    if (beginning.n == 0)
        return KV_SSE_UNDECIDED;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t n = strlen(fields[i]);
        size_t most = n < beginning.n ? n : beginning.n;
        if (memcmp(beginning.p, fields[i], most) == 0)
            return most == n ? KV_SSE_STREAM : KV_SSE_UNDECIDED;
    }
    return KV_SSE_DOCUMENT;
}
