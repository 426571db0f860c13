/* extend_rows - the rows of a finished export, to begin a run with. */
#include "extend_rows.h"

int kv_extend_rows_next(void *closure, struct kv_slice *row, struct kv_err *err)
{
    struct kv_extend_rows *p = closure;
    struct kv_row next;
    if (!p->open && kv_rows_begin(&p->rows, p->path, KV_LAYOUT_1, err) != 0)
        return -1;
    p->open = true;
    int got = kv_rows_next(&p->rows, &next, err);
    if (got == 1) {
        *row = next.text;
        p->line = next.line;
    } else {
        if (got == 0 && !p->rows.found) /* or everything would be asked again, in silence */
            got = kv_err_set(err, KV_INPUT, "%s: no export: it has no member \"results\"", p->path);
        kv_rows_end(&p->rows);
        p->open = false;
    }
    return got;
}

void kv_extend_rows_end(struct kv_extend_rows *p)
{
    if (p->open)
        kv_rows_end(&p->rows);
    p->open = false;
}
