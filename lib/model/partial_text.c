/* partial_text - text that came in pieces, or not to its end. */
#include "partial_text.h"

#include <string.h>

/* A surrogate in its three-byte form: ED A0..AF xx is the first of a pair, ED B0..BF xx the second.
 */
static bool is_surrogate(const char *p, unsigned char from, unsigned char to)
{
    return (unsigned char)p[0] == 0xED && (unsigned char)p[1] >= from && (unsigned char)p[1] <= to;
}

static unsigned surrogate_bits(const char *p)
{
    return ((unsigned char)p[1] & 0x0Fu) << 6 | ((unsigned char)p[2] & 0x3Fu);
}

static void join_at(struct kv_buf *text, size_t at)
{
    char *p = text->p + at;
    unsigned c = 0x10000 + (surrogate_bits(p) << 10 | surrogate_bits(p + 3));
    p[0] = (char)(0xF0 | c >> 18);
    p[1] = (char)(0x80 | (c >> 12 & 0x3F));
    p[2] = (char)(0x80 | (c >> 6 & 0x3F));
    p[3] = (char)(0x80 | (c & 0x3F));
    kv_buf_cut(text, at + 4, 2);
}

void kv_partial_text_join(struct kv_buf *text)
{
    for (size_t at = 0; at + 6 <= text->n; at++) {
        const char *lead = memchr(text->p + at, 0xED, text->n - at - 5);
        if (!lead)
            return;
        at = (size_t)(lead - text->p);
        if (is_surrogate(lead, 0xA0, 0xAF) && is_surrogate(lead + 3, 0xB0, 0xBF))
            join_at(text, at);
    }
}

void kv_partial_text_trim(struct kv_buf *text)
{
    size_t tail = 0; /* continuation bytes at the end */
    while (tail < text->n && ((unsigned char)text->p[text->n - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail == text->n)
        return;
    size_t lead = text->n - 1 - tail;
    unsigned char first = (unsigned char)text->p[lead];
    size_t wanted = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    bool lone = tail == 2 && is_surrogate(text->p + lead, 0xA0, 0xBF);
    if (tail < wanted || lone)
        kv_buf_cut(text, lead, text->n - lead);
}
