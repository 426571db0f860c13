/* text_table - columns of text for a terminal: cells collected, then printed at their widths. */
#include "text_table.h"

#include "visible.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 24, NARROWEST = 12, GAP = 2 };

void kv_text_table_init(struct kv_text_table *t, const char *align)
{
    *t = (struct kv_text_table){.align = align};
}

void kv_text_table_release(struct kv_text_table *t)
{
    kv_buf_release(&t->text);
    free(t->ends);
    *t = (struct kv_text_table){0};
}

void kv_text_table_cell(struct kv_text_table *t, struct kv_slice text)
{
    t->ends = kv_grow(t->ends, t->cells, sizeof *t->ends);
    kv_buf_add_slice(&t->text, text);
    t->ends[t->cells++] = t->text.n;
}

static struct kv_slice cell(const struct kv_text_table *t, size_t i)
{
    size_t from = i ? t->ends[i - 1] : 0;
    return (struct kv_slice){t->text.p + from, t->ends[i] - from};
}

static void measure(const struct kv_text_table *t, size_t columns, size_t *widths)
{
    memset(widths, 0, COLUMNS_MAX * sizeof *widths);
    for (size_t i = 0; i < t->cells; i++) {
        size_t n = kv_visible_columns(cell(t, i));
        if (n > widths[i % columns])
            widths[i % columns] = n;
    }
}

static void narrow(const struct kv_text_table *t, size_t columns, size_t *widths, size_t width)
{
    size_t all = (columns - 1) * GAP, widest = columns;
    for (size_t i = 0; i < columns; i++)
        all += widths[i];
    while (width && all > width) {
        widest = columns;
        for (size_t i = 0; i < columns; i++)
            if (t->align[i] == 'l' && widths[i] > NARROWEST &&
                (widest == columns || widths[i] > widths[widest]))
                widest = i;
        if (widest == columns)
            return;
        widths[widest]--;
        all--;
    }
}

/* The longest beginning that leaves a column for "…". */
static struct kv_slice head_of(struct kv_slice text, size_t width)
{
    struct kv_slice head = {text.p, 0};
    for (size_t n = 1; n <= text.n; n++) {
        bool inside = n < text.n && ((unsigned char)text.p[n] & 0xC0) == 0x80;
        struct kv_slice longer = {text.p, n};
        if (inside)
            continue;
        if (kv_visible_columns(longer) + 1 > width)
            break;
        head = longer;
    }
    return head;
}

static void add_cell(struct kv_buf *out, struct kv_slice text, size_t width, bool right, bool last)
{
    size_t n = kv_visible_columns(text);
    bool cut = n > width;
    if (cut) {
        text = head_of(text, width);
        n = kv_visible_columns(text) + 1;
    }
    for (size_t i = n; right && i < width; i++)
        kv_buf_add_char(out, ' ');
    kv_buf_add_slice(out, text);
    if (cut)
        kv_buf_add_str(out, "…");
    for (size_t i = n; !right && !last && i < width; i++)
        kv_buf_add_char(out, ' ');
}

void kv_text_table_add(struct kv_buf *out, const struct kv_text_table *t, size_t width)
{
    size_t columns = strlen(t->align), widths[COLUMNS_MAX];
    measure(t, columns, widths);
    narrow(t, columns, widths, width);
    for (size_t i = 0; i < t->cells; i++) {
        size_t column = i % columns;
        bool last = column + 1 == columns;
        add_cell(out, cell(t, i), widths[column], t->align[column] == 'r', last);
        kv_buf_add_str(out, last ? "\n" : "  ");
    }
}
