/* visible - text from files, made harmless for where it is shown, and nothing in it hidden.
 *
 * Answers of models and the files they stand in are foreign: they may hold tags, quotes, escape
 * sequences of terminals, and characters that reorder or hide what stands around them. Whatever a
 * report prints of a file goes through here. Control characters, marks of writing direction, and
 * characters without a glyph that could carry hidden text are shown by their number, U+202E; lone
 * surrogates and non-characters become U+FFFD.
 */
#ifndef KV_VISIBLE_H
#define KV_VISIBLE_H

#include "buf.h"

enum kv_visible_style {
    KV_VISIBLE_PLAIN,    /* one line for a terminal: white space is a space, others [U+202E] */
    KV_VISIBLE_HTML,     /* also inside quotes of attributes; line ends stay */
    KV_VISIBLE_XML,      /* XML 1.0: what it does not have becomes U+FFFD, line ends &#10; */
    KV_VISIBLE_MARKDOWN, /* one line of GitHub's: no markup, no link, no mention */
};

/* Appends the text. In KV_VISIBLE_HTML a hidden character is [U+202E] too: style is the page's. */
void kv_visible_add(struct kv_buf *out, struct kv_slice text, enum kv_visible_style style);

/* The same of its first `max` characters, with "…" behind them if there are more. */
void kv_visible_add_cut(
    struct kv_buf *out, struct kv_slice text, size_t max, enum kv_visible_style style);

/* Columns that a line of KV_VISIBLE_PLAIN takes on a terminal. */
size_t kv_visible_columns(struct kv_slice text);

#endif
