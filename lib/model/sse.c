/* sse - server-sent events: the framing of streamed replies. */
#include "sse.h"

#include <string.h>

static void skip_bom(struct kv_slice *text)
{
    if (text->n >= 3 && memcmp(text->p, "\xEF\xBB\xBF", 3) == 0) {
        text->p += 3;
        text->n -= 3;
    }
}

bool kv_sse_is(struct kv_slice body)
{
    skip_bom(&body);
    struct kv_slice text = kv_slice_strip(body);
    return kv_slice_starts(text, "data:") || kv_slice_starts(text, "event:") ||
           kv_slice_starts(text, ":") || kv_slice_starts(text, "id:") ||
           kv_slice_starts(text, "retry:");
}

/* A line ends with LF, CR LF or CR. False if it does not end. */
static bool take_line(struct kv_slice *rest, struct kv_slice *line)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    if (n == rest->n)
        return false;
    *line = (struct kv_slice){rest->p, n};
    n += rest->p[n] == '\r' && n + 1 < rest->n && rest->p[n + 1] == '\n' ? 2 : 1;
    rest->p += n;
    rest->n -= n;
    return true;
}

bool kv_sse_next(struct kv_slice *rest, struct kv_buf *data)
{
    struct kv_slice line;
    bool any = false;
    kv_buf_clear(data);
    skip_bom(rest);
    while (take_line(rest, &line)) {
        if (line.n == 0) {
            if (any)
                return true;
            continue;
        }
        if (!kv_slice_starts(line, "data:"))
            continue;
        size_t skip = line.n > 5 && line.p[5] == ' ' ? 6 : 5;
        if (any)
            kv_buf_add_char(data, '\n');
        kv_buf_add(data, line.p + skip, line.n - skip);
        any = true;
    }
    return false;
}
