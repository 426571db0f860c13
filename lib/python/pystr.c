/* pystr - Unicode texts as Python sees them.
 *
 * Lower-casing and white space are Unicode's, by libunistring: a table in jq would be slower and
 * would not know a final sigma.
 */
#include "pystr.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

/* ---- characters ---- */

uint32_t kv_pystr_next(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    ucs4_t c;
    if (*s < 0x80) {
        ++*p;
        return *s;
    }
    if (end - *p >= 3 && s[0] == 0xED && s[1] >= 0xA0 && (s[1] & 0xC0) == 0x80) {
        *p += 3;
        return 0xD000u | (ucs4_t)((s[1] & 0x3F) << 6) | (s[2] & 0x3F);
    }
    int n = u8_mbtoucr(&c, s, (size_t)(end - *p));
    *p += n > 0 ? n : 1;
    return n > 0 ? c : *s;
}

static bool is_space(ucs4_t c)
{
    return c < 0x80 ? c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f)
                    : uc_is_property_white_space(c);
}

/* Where the last character of a text starts. */
static const char *last_character(struct kv_slice text)
{
    enum { LONGEST = 4 };
    const char *end = text.p + text.n, *start = end - 1, *p;
    while (start > text.p && end - start < LONGEST && ((unsigned char)*start & 0xC0) == 0x80)
        start--;
    p = start;
    kv_pystr_next(&p, end);
    return p == end ? start : end - 1; /* else a byte that is no UTF-8 */
}

struct kv_slice kv_pystr_strip_end(struct kv_slice text)
{
    while (text.n) {
        const char *start = last_character(text), *p = start;
        if (!is_space(kv_pystr_next(&p, text.p + text.n)))
            break;
        text.n = (size_t)(start - text.p);
    }
    return text;
}

struct kv_slice kv_pystr_strip(struct kv_slice text)
{
    struct kv_slice rest = kv_pystr_strip_end(text);
    const char *end = rest.p + rest.n;
    while (rest.n) {
        const char *p = rest.p;
        if (!is_space(kv_pystr_next(&p, end)))
            break;
        rest = (struct kv_slice){p, (size_t)(end - p)};
    }
    return rest.n ? rest : KV_SLICE("");
}

size_t kv_pystr_chars(struct kv_slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

size_t kv_pystr_words(struct kv_slice text)
{
    size_t n = 0;
    bool inside = false;
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        bool space = is_space(kv_pystr_next(&p, end));
        n += !space && !inside;
        inside = !space;
    }
    return n;
}

/* ---- normalizers ---- */

static bool is_ascii(struct kv_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return false;
    return true;
}

static void replace(struct kv_buf *text, struct kv_slice with)
{
    struct kv_buf fresh = {0};
    kv_buf_add_slice(&fresh, with);
    kv_buf_clear(text);
    kv_buf_add_slice(text, kv_slice_of(&fresh));
    kv_buf_release(&fresh);
}

static void lowercase(struct kv_buf *text)
{
    if (is_ascii(kv_slice_of(text))) {
        for (size_t i = 0; i < text->n; i++)
            if (text->p[i] >= 'A' && text->p[i] <= 'Z')
                text->p[i] = (char)(text->p[i] + 32);
        return;
    }
    struct kv_buf out = {0};
    const uint8_t *p = (const uint8_t *)text->p, *end = p + text->n;
    while (p < end) { /* from one lone surrogate, which stays as it is, to the next */
        const uint8_t *bad = u8_check(p, (size_t)(end - p)), *stop = bad ? bad : end;
        size_t n;
        uint8_t *lower = u8_tolower(p, (size_t)(stop - p), "", NULL, NULL, &n);
        if (!lower)
            kv_no_memory();
        kv_buf_add(&out, lower, n);
        free(lower);
        if (bad)
            kv_buf_add_char(&out, (char)*stop++);
        p = stop;
    }
    kv_buf_release(text);
    *text = out;
}

static void remove_punctuation(struct kv_buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++) {
        char c = text->p[i];
        bool punctuation =
            c > ' ' && c < 0x7f &&
            !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
        if (!punctuation)
            text->p[n++] = c;
    }
    kv_buf_cut(text, n, text->n - n);
}

static void collapse(struct kv_buf *text)
{
    struct kv_buf out = {0};
    bool gap = false;
    for (const char *p = text->p, *end = p + text->n; p < end;) {
        const char *start = p;
        if (is_space(kv_pystr_next(&p, end))) {
            gap = out.n > 0;
            continue;
        }
        if (gap)
            kv_buf_add_char(&out, ' ');
        gap = false;
        kv_buf_add(&out, start, (size_t)(p - start));
    }
    kv_buf_release(text);
    *text = out;
}

/* {"mapping":{"from":"to"}}: the whole text, or nothing. */
static void synonym(struct kv_slice map, struct kv_buf *text)
{
    struct kv_json_walk w;
    struct kv_slice mapping, key, value, found = {0};
    struct kv_buf from = {0};
    kv_json_get(map, "mapping", &mapping);
    kv_json_begin(&w, mapping);
    while (kv_json_member(&w, &key, &value)) {
        kv_buf_clear(&from);
        kv_json_unescape(key, &from);
        if (kv_slice_eq(kv_slice_of(&from), kv_slice_of(text)))
            found = value;
    }
    kv_buf_release(&from);
    if (!found.n)
        return;
    kv_buf_clear(text);
    kv_json_unescape(found, text);
}

int kv_pystr_normalize(struct kv_slice normalizers, struct kv_buf *text, struct kv_slice *unknown)
{
    struct kv_json_walk w;
    struct kv_slice name;
    kv_buf_reserve(text, 1);
    kv_json_begin(&w, normalizers);
    while (kv_json_item(&w, &name)) {
        if (kv_json_type(name) == KV_JSON_OBJECT)
            synonym(name, text);
        else if (kv_json_string_is(name, "lowercase"))
            lowercase(text);
        else if (kv_json_string_is(name, "strip"))
            replace(text, kv_pystr_strip(kv_slice_of(text)));
        else if (kv_json_string_is(name, "remove_punctuation"))
            remove_punctuation(text);
        else if (kv_json_string_is(name, "collapse_whitespace"))
            collapse(text);
        else {
            *unknown = name;
            return -1;
        }
    }
    return 0;
}
