/* extract - finds what was meant in a model's text. */
#include "extract.h"

#include "json.h"
#include "pystr.h"
#include "repair.h"

#include <string.h>

/* ---- the JSON in a reply ---- */

/* As Python reads it. */
enum { flags = KV_JSON_NONFINITE | KV_JSON_DIGITS };

static bool is_json(struct kv_slice text)
{
    struct kv_slice value;
    struct kv_err ignored;
    return kv_json_check(text, flags, &value, &ignored) == 0;
}

static bool begins_like_json(struct kv_slice text)
{
    return text.n && (*text.p == '{' || *text.p == '[');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next block between two fences of three backticks, moving *rest behind it. With `json` the
 * word json behind the first fence is no content, else any word. */
static bool next_fenced(struct kv_slice *rest, bool json, struct kv_slice *content)
{
    const char *end = rest->p + rest->n, *open = memmem(rest->p, rest->n, "```", 3);
    const char *at = open ? open + 3 : end;
    const char *close = open ? memmem(at, (size_t)(end - at), "```", 3) : NULL;
    if (!close)
        return false;
    if (json && close - at >= 4 && memcmp(at, "json", 4) == 0)
        at += 4;
    while (!json && at < close && is_letter(*at))
        at++;
    *content = kv_pystr_strip((struct kv_slice){at, (size_t)(close - at)});
    *rest = (struct kv_slice){close + 3, (size_t)(end - close - 3)};
    return true;
}

/* The end of the balanced {…} that starts at p, or NULL. Braces in strings and behind a backslash
 * do not count. */
static const char *balanced(const char *p, const char *end)
{
    size_t depth = 0;
    bool quoted = false;
    for (; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == '{')
            depth++;
        else if (!quoted && *p == '}' && --depth == 0)
            return p + 1;
    }
    return NULL;
}

bool kv_extract_object(struct kv_slice text, struct kv_slice *found)
{
    const char *p = text.p, *end = text.p + text.n;
    bool any = false;
    /* A text of nothing but open braces would be read once for each of them. */
    size_t patience = 64 * text.n + 1000000;
    while (text.n && patience && (p = memchr(p, '{', (size_t)(end - p)))) {
        const char *close = balanced(p, end);
        size_t read = (size_t)((close ? close : end) - p);
        patience -= read < patience ? read : patience;
        struct kv_slice object = {p, read};
        if (close && is_json(object)) {
            *found = object;
            any = true;
        }
        p = close ? close : p + 1;
    }
    return any;
}

bool kv_extract_json(struct kv_slice text, struct kv_slice *found)
{
    text = kv_pystr_strip(text);
    if (begins_like_json(text) && is_json(text)) {
        *found = text;
        return true;
    }
    struct kv_slice rest = text, content;
    while (next_fenced(&rest, true, &content))
        if (begins_like_json(content)) {
            *found = content;
            return true;
        }
    return kv_extract_object(text, found);
}

static struct kv_slice trim_fences(struct kv_slice text)
{
    if (kv_slice_starts(text, "```")) {
        size_t n = 3;
        while (n < text.n && is_letter(text.p[n]))
            n++;
        text = kv_pystr_strip((struct kv_slice){text.p + n, text.n - n});
    }
    if (text.n >= 3 && memcmp(text.p + text.n - 3, "```", 3) == 0)
        text = kv_pystr_strip((struct kv_slice){text.p, text.n - 3});
    return text;
}

struct kv_slice kv_extract_check(struct kv_slice text)
{
    text = kv_pystr_strip(text);
    struct kv_slice rest = text, found;
    if (next_fenced(&rest, false, &found) || kv_extract_object(text, &found))
        return found;
    return trim_fences(text);
}

static bool is_object(struct kv_slice text, struct kv_slice *value)
{
    struct kv_err ignored;
    return kv_json_check(text, flags, value, &ignored) == 0 &&
           kv_json_type(*value) == KV_JSON_OBJECT;
}

/* At most n characters from the front. */
static struct kv_slice front(struct kv_slice text, size_t n)
{
    if (text.n > n)
        for (text.n = n; text.n && ((unsigned char)text.p[text.n] & 0xC0) == 0x80;)
            text.n--;
    return text;
}

int kv_extract_reply(struct kv_slice text, struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice found, value;
    if (kv_extract_json(text, &found) && is_object(found, &value)) {
        kv_json_compact(out, value);
        return 0;
    }
    struct kv_buf mended = {0};
    bool ok = kv_repair_json(text, &mended) && is_object(kv_slice_of(&mended), &value);
    if (ok)
        kv_json_compact(out, value);
    kv_buf_release(&mended);
    if (ok)
        return 0;
    struct kv_slice start = front(kv_pystr_strip(text), 200);
    return kv_err_set(err, KV_INPUT, "no JSON object in the reply: %.*s", (int)start.n, start.p);
}

/* ---- the last message of a trace ---- */

static bool is_header(struct kv_slice line)
{
    return kv_slice_starts(line, "--- ") && memcmp(line.p + line.n - 4, " ---", 4) == 0;
}

static struct kv_slice next_line(struct kv_slice *rest)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    struct kv_slice line = {rest->p, lf ? (size_t)(lf - rest->p) : rest->n};
    size_t taken = line.n + (lf != NULL);
    *rest = (struct kv_slice){rest->p + taken, rest->n - taken};
    return line;
}

/* Up to the line that lists the tools called. */
static struct kv_slice before_tools(struct kv_slice content)
{
    struct kv_slice rest = content;
    while (rest.n) {
        struct kv_slice line = next_line(&rest);
        if (kv_slice_starts(line, "Tool Calls:"))
            return (struct kv_slice){content.p, (size_t)(line.p - content.p)};
    }
    return content;
}

int kv_extract_message(struct kv_slice trace, struct kv_slice *message, struct kv_err *err)
{
    struct kv_slice rest = kv_pystr_strip(trace), whole = rest, header = {0}, content = rest;
    if (whole.n == 0)
        return kv_err_set(err, KV_INPUT, "Empty or whitespace-only trace");
    while (rest.n) {
        struct kv_slice line = next_line(&rest);
        if (is_header(line)) {
            header = line;
            content = rest;
        }
    }
    if (!header.n) {
        *message = whole;
        return 0;
    }
    if (!kv_slice_starts(header, "--- AI Message"))
        return kv_err_set(err, KV_INPUT, "Last message in trace is not an AI message");
    content = kv_pystr_strip(before_tools(content));
    if (content.n == 0)
        return kv_err_set(err, KV_INPUT, "Final AI message has no text content (only tool calls)");
    *message = content;
    return 0;
}
