/* extract - the last message of a trace, where karenina finds it. */
#include "extract.h"

#include "pystr.h"

#include <string.h>

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
