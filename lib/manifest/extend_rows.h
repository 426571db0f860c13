/* extend_rows - the rows of a finished export, or of a run's results so far, to begin a run with:
 * read over and over, one at a time, and revised by the benchmark as it is now.
 *
 * A row of a question whose template has changed keeps no old verdict: it is judged again from what
 * the judge had read; where the template asks for more than that, the row becomes an answer whose
 * judge is still to be asked. A row of a question whose text has changed is left out, so that it is
 * asked again.
 *
 *     struct kv_extend_rows rows = {.path = "results.json", .bench = bench, .share = share};
 *     while ((got = kv_extend_rows_next(&rows, &row, &err)) == 1) …
 *     kv_extend_rows_end(&rows);
 */
#ifndef KV_EXTEND_ROWS_H
#define KV_EXTEND_ROWS_H

#include "question_templates.h"
#include "rows.h"

#include <stdbool.h>

struct kv_extend_rows {
    const char *path;
    const struct kv_bench *bench;
    const char *share; /* the directory of the data files */
    /* of the last walk */
    size_t rejudged, unjudged, left_out;
    size_t line; /* of the row given last */
    /* private */
    struct kv_rows rows;
    bool open;
    struct kv_question_templates *templates;
    struct kv_verifier *verifier;
    struct kv_rejudge *rejudge;
    struct kv_buf id, text;
};

/* 1 and a row, 0 at the end, -1, also where the file is no export, without results; the call after
 * a 0 begins again (layout1_create.h wants it so). The first argument is a struct kv_extend_rows.
 */
int kv_extend_rows_next(void *closure, struct kv_slice *row, struct kv_err *err);
void kv_extend_rows_end(struct kv_extend_rows *p); /* twice is fine */

#endif
