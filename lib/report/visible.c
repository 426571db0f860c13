/* visible - text from files, made harmless for where it is shown, and nothing in it hidden. */
#include "visible.h"

#include "pystr.h"

#include <stdbool.h>
#include <stdint.h>

#include <string.h>
#include <uniwidth.h>

/* True of a character without a glyph, or one that changes how others are shown. Joiners are left:
 * scripts need them. */
static bool is_hidden(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x08},
        {0x0B, 0x1F},
        {0x7F, 0x9F},
        {0xAD, 0xAD},
        {0x61C, 0x61C},
        {0x180E, 0x180E},
        {0x200B, 0x200B},
        {0x200E, 0x200F},
        {0x2028, 0x202E},
        {0x2060, 0x206F},
        {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB},
        {0x1D173, 0x1D17A},
        {0xE0000, 0xE0FFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges && c >= ranges[i][0]; i++)
        if (c <= ranges[i][1])
            return true;
    return false;
}

static bool is_no_character(uint32_t c)
{
    return (c >= 0xD800 && c <= 0xDFFF) || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static const char *entity(char c)
{
    return c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : NULL;
}

static const char *xml_entity(uint32_t c)
{
    if (c == '\n' || c == '\t' || c == '\r')
        return c == '\n' ? "&#10;" : c == '\t' ? "&#9;" : "&#13;";
    if (c < 0x20 || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF)
        return "\xEF\xBF\xBD";
    return c < 0x80 ? entity((char)c) : NULL;
}

/* `next` is what follows: a colon before "//" makes a link of GitHub's, as "www." does. */
static const char *markdown_entity(struct kv_buf *out, char c, struct kv_slice next)
{
    if (c == ':' && kv_slice_starts(next, "//"))
        return "&#58;";
    if (c == '.' && out->n >= 3 && strncasecmp(out->p + out->n - 3, "www", 3) == 0)
        return "&#46;";
    if (c == '@')
        return "&#64;";
    if (strchr("&<>", c))
        return entity(c);
    if (strchr("\\`*_[]|~$#", c))
        kv_buf_add_char(out, '\\');
    return NULL;
}

/* Appends what stands for a character; false if it may stand as it is. */
static bool add_instead(
    struct kv_buf *out, uint32_t c, struct kv_slice next, enum kv_visible_style style)
{
    const char *instead = NULL;
    if (style == KV_VISIBLE_XML) {
        instead = xml_entity(c);
    } else if (is_no_character(c)) {
        instead = "\xEF\xBF\xBD";
    } else if (c == '\n' || c == '\t') {
        instead = style == KV_VISIBLE_HTML ? NULL : " ";
    } else if (is_hidden(c)) {
        bool line_end = c == '\r' && kv_slice_starts(next, "\n");
        if (!line_end)
            kv_buf_printf(out, style == KV_VISIBLE_MARKDOWN ? "\\[U+%04X\\]" : "[U+%04X]", c);
        return true;
    } else if (c < 0x80 && style == KV_VISIBLE_HTML) {
        instead = entity((char)c);
    } else if (c < 0x80 && style == KV_VISIBLE_MARKDOWN) {
        instead = markdown_entity(out, (char)c, next);
    }
    if (instead)
        kv_buf_add_str(out, instead);
    return instead != NULL;
}

void kv_visible_add_cut(
    struct kv_buf *out, struct kv_slice text, size_t max, enum kv_visible_style style)
{
    const char *p = text.p, *end = text.p + text.n;
    for (; p < end && max; max--) {
        const char *from = p;
        uint32_t c = kv_pystr_next(&p, end);
        if (!add_instead(out, c, (struct kv_slice){p, (size_t)(end - p)}, style))
            kv_buf_add(out, from, (size_t)(p - from));
    }
    if (p < end)
        kv_buf_add_str(out, "…");
}

void kv_visible_add(struct kv_buf *out, struct kv_slice text, enum kv_visible_style style)
{
    kv_visible_add_cut(out, text, SIZE_MAX, style);
}

size_t kv_visible_columns(struct kv_slice text)
{
    size_t columns = 0;
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        int width = uc_width(kv_pystr_next(&p, end), "UTF-8");
        columns += width > 0 ? (size_t)width : 0;
    }
    return columns;
}
