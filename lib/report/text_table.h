/* text_table - columns of text for a terminal: cells collected, then printed at their widths.
 *
 *     struct kv_text_table t;
 *     kv_text_table_init(&t, "lrr");                     a left column and two right ones
 *     kv_text_table_cell(&t, KV_SLICE("model")); …       the first row is the heading
 *     kv_text_table_add(&out, &t, 80);
 *     kv_text_table_release(&t);
 *
 * Cells are printed as they are: they were made harmless before (visible.h).
 */
#ifndef KV_TEXT_TABLE_H
#define KV_TEXT_TABLE_H

#include "buf.h"

struct kv_text_table { /* private */
    const char *align; /* a letter a column: l or r */
    struct kv_buf text;
    size_t *ends, cells;
};

void kv_text_table_init(struct kv_text_table *t, const char *align);
void kv_text_table_cell(struct kv_text_table *t, struct kv_slice text); /* the next one */
void kv_text_table_release(struct kv_text_table *t);

/* Appends the rows, each ended by a line end. Where they are wider than `width` columns (0: no
 * limit), the widest left column is cut, not below 12 columns, and cut cells end in "…". */
void kv_text_table_add(struct kv_buf *out, const struct kv_text_table *t, size_t width);

#endif
