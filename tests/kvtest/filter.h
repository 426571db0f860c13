/* filter - what test drivers have in common: a JSON value a line in, a line of answer out. */
#ifndef FILTER_H
#define FILTER_H

#include "cli.h"
#include "io.h"
#include "json.h"

/* Calls `answer` for each line of stdin, with *out empty; what it appends is printed as a line.
 * `flags` are those of kv_json_check. Of a line that has the member (NULL: none) its value counts. A
 * line that is no JSON ends the program as any failure. */
static inline void filter_member(
    unsigned flags, const char *member, void (*answer)(struct kv_slice value, struct kv_buf *out))
{
    struct kv_lines lines;
    struct kv_slice line, value, inner;
    struct kv_buf out = {0};
    struct kv_err err;
    int more;
    kv_lines_init(&lines, 0, 0);
    while ((more = kv_lines_next(&lines, &line, &err)) == 1) {
        if (kv_json_check(line, flags, &value, &err) != 0)
            kv_cli_fail(&err);
        kv_buf_clear(&out);
        bool wrapped = member && kv_json_get(value, member, &inner);
        answer(wrapped ? inner : value, &out);
        kv_buf_add_char(&out, '\n');
        if (kv_cli_put(kv_slice_of(&out), &err) != 0)
            kv_cli_fail(&err);
    }
    if (more < 0)
        kv_cli_fail(&err);
    kv_lines_release(&lines);
    kv_buf_release(&out);
}

static inline void filter(unsigned flags, void (*answer)(struct kv_slice value, struct kv_buf *out))
{
    filter_member(flags, NULL, answer);
}

#endif
