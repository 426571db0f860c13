/* json_text - the texts inside JSON: UTF-8, strings taken apart and put together. */
#include "json_text.h"

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Length of the UTF-8 character at p, 0 if it is none. Only called for a lead byte of 0x80 or more.
 */
size_t kv_utf8_length(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    static const struct {
        unsigned char first, last, low, high;
        size_t n;
    } form[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2},
        {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3},
        {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4},
        {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        if (p[0] < form[i].first || p[0] > form[i].last)
            continue;
        if (left < form[i].n || p[1] < form[i].low || p[1] > form[i].high)
            return 0;
        for (size_t k = 2; k < form[i].n; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return form[i].n;
    }
    return 0;
}

static bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

#ifdef __SSE2__
/* Passes over blocks of plain bytes: to the first that is none, or to less than a block. */
static const char *skip_blocks(const char *p, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(0x20); /* bytes of 0x80 and more are below it: negative */
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(v, blank),
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
    return p;
}

static const char *skip_to_mark(const char *p, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        int mask = _mm_movemask_epi8(mark);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
    return p;
}
#else
/* True where any byte of the word is below 0x20, a quote, a backslash, or not ASCII. */
static bool word_has_special(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    uint64_t special = (w - ones * 0x20) | (quote - ones) | (slash - ones) | w;
    return (special & highs) != 0;
}

static const char *skip_blocks(const char *p, const char *end)
{
    uint64_t w;
    for (; (size_t)(end - p) >= sizeof w; p += sizeof w) {
        memcpy(&w, p, sizeof w);
        if (word_has_special(w))
            break;
    }
    return p;
}

static const char *skip_to_mark(const char *p, const char *end)
{
    (void)end;
    return p;
}
#endif

const char *kv_json_plain(const char *p, const char *end)
{
    p = skip_blocks(p, end);
    while (p < end && is_plain(*p))
        p++;
    return p;
}

const char *kv_json_mark(const char *p, const char *end)
{
    p = skip_to_mark(p, end);
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

enum surrogate { NO_SURROGATE, HIGH, LOW };

static enum surrogate surrogate_at(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || (p[2] | 0x20) != 'd')
        return NO_SURROGATE;
    unsigned c = hex4(p + 2);
    return c < 0xD800 ? NO_SURROGATE : c < 0xDC00 ? HIGH : LOW;
}

size_t kv_json_lone_surrogate(struct kv_slice json, size_t from)
{
    const char *p = json.p + from, *end = json.p + json.n;
    while (p < end && (p = memchr(p, '\\', (size_t)(end - p)))) {
        enum surrogate kind = surrogate_at(p, end);
        bool pair = kind == HIGH && surrogate_at(p + 6, end) == LOW;
        if (kind != NO_SURROGATE && !pair)
            return (size_t)(p - json.p);
        p += pair ? 12 : 2;
    }
    return json.n;
}

void kv_json_replace_surrogates(struct kv_buf *json, size_t from)
{
    for (size_t i = from; (i = kv_json_lone_surrogate(kv_slice_of(json), i)) < json->n; i += 6)
        memcpy(json->p + i + 2, "fffd", 4);
}

bool kv_utf8_has_lone_surrogate(struct kv_slice text)
{
    const char *p = text.p, *end = text.p + text.n;
    while (p < end && (p = memchr(p, 0xED, (size_t)(end - p))))
        if (++p < end && (unsigned char)*p >= 0xA0)
            return true;
    return false;
}

static void add_utf8(struct kv_buf *out, unsigned c)
{
    char b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (char)c;
    } else if (c < 0x800) {
        b[n++] = (char)(0xC0 | c >> 6);
        b[n++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        b[n++] = (char)(0xE0 | c >> 12);
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        b[n++] = (char)(0x80 | (c & 0x3F));
    } else {
        b[n++] = (char)(0xF0 | c >> 18);
        b[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        b[n++] = (char)(0x80 | (c & 0x3F));
    }
    kv_buf_add(out, b, n);
}

/* The \u escape at p, with the other one of a surrogate pair; moves *p behind it. */
static unsigned unescape_u(const char **p, const char *end)
{
    unsigned c = hex4(*p + 2);
    *p += 6;
    if (c >= 0xD800 && c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        unsigned low = hex4(*p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            *p += 6;
            return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return c;
}

void kv_json_unescape(struct kv_slice string, struct kv_buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (string.n < 2 || string.p[0] != '"')
        return;
    const char *p = string.p + 1, *end = string.p + string.n - 1;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        kv_buf_add(out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            return;
        if (p[1] == 'u') {
            add_utf8(out, unescape_u(&p, end));
            continue;
        }
        const char *known = strchr(from, p[1]);
        kv_buf_add_char(out, known ? to[known - from] : p[1]);
        p += 2;
    }
}

char *kv_json_strdup(struct kv_slice string)
{
    struct kv_buf b = {0};
    kv_json_unescape(string, &b);
    return kv_buf_detach(&b);
}

/* Decodes one character, lone surrogates in their three-byte form included; 0 length if invalid. */
static size_t decode(const unsigned char *p, size_t left, unsigned *c)
{
    size_t n = kv_utf8_length((const char *)p, left);
    if (!n && left >= 3 && p[0] == 0xED && p[1] >= 0xA0 && p[1] <= 0xBF && (p[2] & 0xC0) == 0x80)
        n = 3;
    switch (n) {
    case 2:
        *c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        break;
    case 3:
        *c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        break;
    case 4:
        *c = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
        break;
    default:
        *c = 0xFFFD;
    }
    return n;
}

static void quote_ascii(struct kv_buf *out, unsigned char c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        kv_buf_add_char(out, '\\');
        kv_buf_add_char(out, to[known - from]);
    } else {
        kv_buf_printf(out, "\\u%04x", c);
    }
}

static void quote_wide(struct kv_buf *out, unsigned c, enum kv_json_style style)
{
    if (style == KV_JSON_RAW && !(c >= 0xD800 && c < 0xE000))
        add_utf8(out, c);
    else if (c < 0x10000)
        kv_buf_printf(out, "\\u%04x", c);
    else
        kv_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
            0xDC00 + ((c - 0x10000) & 0x3FF));
}

void kv_json_quote(struct kv_buf *out, struct kv_slice text, enum kv_json_style style)
{
    const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
    kv_buf_add_char(out, '"');
    while (p < end) {
        const unsigned char *plain = p;
        if (style == KV_JSON_RAW) /* DEL passes a whole-word test, and is plain only here */
            p = (const unsigned char *)kv_json_plain((const char *)p, (const char *)end);
        while (p < end && *p >= 0x20 && *p < 0x7F && *p != '"' && *p != '\\')
            p++;
        kv_buf_add(out, plain, (size_t)(p - plain));
        if (p == end)
            break;
        if (*p < 0x80) {
            if (*p == 0x7F && style == KV_JSON_RAW)
                kv_buf_add_char(out, 0x7F);
            else
                quote_ascii(out, *p);
            p++;
        } else {
            unsigned c;
            size_t n = decode(p, (size_t)(end - p), &c);
            quote_wide(out, c, style);
            p += n ? n : 1;
        }
    }
    kv_buf_add_char(out, '"');
}

void kv_json_quote_str(struct kv_buf *out, const char *text)
{
    if (text)
        kv_json_quote(out, kv_slice(text), KV_JSON_RAW);
    else
        kv_buf_add_str(out, "null");
}
