/* batch_regain - replies that the ledger calls collected, and NAME.replies has no more. */
#include "batch_regain.h"

#include "batch_beside.h"
#include "batch_lines.h"
#include "io.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

/* Takes a line away from what its part lacks. */
static void take_line(const struct kv_ledger *l, struct kv_slice line, int64_t *lacking)
{
    struct kv_slice batch;
    if (!kv_json_path(line, &batch, "kv", "batch", NULL))
        return;
    for (size_t i = kv_ledger_parts(l); i > 0; i--) {
        const struct kv_batch_part *p = kv_ledger_part(l, i - 1);
        if (kv_batch_part_has_replies(p) && kv_json_string_is(batch, p->batch)) {
            lacking[i - 1] -= (int64_t)line.n + 1;
            return;
        }
    }
}

static int read_replies(const struct kv_batch *b, int64_t *lacking, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    char *path = kv_batch_replies_path(&b->paths);
    int got = kv_io_exists(path, err);
    if (got > 0) {
        got = kv_batch_lines_open(&lines, path, err);
        while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1)
            take_line(b->ledger, line, lacking);
        kv_batch_lines_close(&lines);
    }
    free(path);
    return got < 0 ? -1 : 0;
}

static int open_again(struct kv_batch *b, const int64_t *lacking, struct kv_err *err)
{
    int64_t requests = 0;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (lacking[i] <= 0)
            continue;
        requests += p->replies + p->failures;
        if (kv_batch_note(b, p, "uncollected", NULL, err) != 0)
            return -1;
    }
    if (requests)
        kv_batch_say(b, NULL,
            "%lld replies that were collected are no more in %s.replies: they are fetched again, "
            "which costs nothing",
            (long long)requests, b->paths.output);
    return 0;
}

int kv_batch_regain(struct kv_batch *b, struct kv_err *err)
{
    size_t n = kv_ledger_parts(b->ledger);
    int lacks = kv_batch_beside_lacks(b->ledger, &b->paths, err);
    if (lacks <= 0)
        return lacks;
    int64_t *lacking = kv_calloc(n, sizeof *lacking);
    for (size_t i = 0; i < n; i++)
        lacking[i] = kv_batch_part_has_replies(kv_ledger_part(b->ledger, i))
                         ? kv_ledger_part(b->ledger, i)->reply_bytes
                         : 0;
    int failed = read_replies(b, lacking, err) || open_again(b, lacking, err);
    free(lacking);
    return failed ? -1 : 0;
}
