/* reason - why a task failed, with what differs from row to row taken out.
 *
 * One walk over the bytes: at each place the first rule that fits takes as much as it can. Bytes
 * beyond ASCII are letters to all rules.
 */
#include "reason.h"

#include <ctype.h>
#include <string.h>

enum { LOOKED_AT = 2048 }; /* bytes: far beyond KV_REASON_MAX characters */

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* How long the URL at p is; *host is its host. 0 if there is none. */
static size_t url_at(const char *p, const char *end, struct kv_slice *host)
{
    static const char *const schemes[] = {"https://", "http://", "wss://", "ws://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if ((size_t)(end - p) <= n || strncasecmp(p, schemes[i], n) != 0)
            continue;
        const char *from = p + n, *at = from;
        while (at < end && (is_letter(*at) || strchr(".-_[]", *at)) && *at)
            at++;
        *host = (struct kv_slice){from, (size_t)(at - from)};
        while (at < end && !is_space(*at) && !strchr("\"'`<>()", *at))
            at++;
        while (at > from && strchr(".,;:!?", at[-1]))
            at--; /* a sentence goes on behind it */
        return host->n ? (size_t)(at - p) : 0;
    }
    return 0;
}

/* How long the quoted text at p is: from a quote that begins a word to the next that ends one. */
static size_t quoted_at(const char *p, const char *end, bool word_before)
{
    if (word_before || !strchr("'\"`", *p) || !*p)
        return 0;
    for (const char *at = p + 1; at < end; at++)
        if (*at == *p && (at + 1 == end || !is_letter(at[1])))
            return (size_t)(at + 1 - p);
    return 0;
}

/* How long the hash or UUID at p is: hexadecimal digits, one a decimal digit and one a letter. */
static size_t hash_at(const char *p, const char *end, bool word_before)
{
    size_t digits = 0, decimal = 0, n = 0;
    if (word_before)
        return 0;
    for (; p + n < end; n++) {
        if (isxdigit((unsigned char)p[n])) {
            digits++;
            decimal += isdigit((unsigned char)p[n]) != 0;
        } else if (p[n] != '-' || n == 0 || p + n + 1 == end ||
                   !isxdigit((unsigned char)p[n + 1])) {
            break;
        }
    }
    bool word_behind = p + n < end && is_letter(p[n]);
    return !word_behind && digits >= 8 && decimal > 0 && decimal < digits ? n : 0;
}

static size_t number_at(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end &&
           (isdigit((unsigned char)p[n]) || (n && strchr(".,", p[n]) && p[n] && p + n + 1 < end &&
                                                isdigit((unsigned char)p[n + 1]))))
        n++;
    return n;
}

/* Appends what stands for the text at p, and answers how much of it that is; 0: it is itself. */
static size_t replace(struct kv_buf *out, const char *p, const char *end, bool word_before)
{
    struct kv_slice host;
    size_t n = word_before ? 0 : url_at(p, end, &host);
    if (n) {
        kv_buf_add_slice(out, host);
        return n;
    }
    if ((n = quoted_at(p, end, word_before))) {
        kv_buf_add_str(out, "'…'");
        return n;
    }
    if ((n = hash_at(p, end, word_before))) {
        kv_buf_add_char(out, 'H');
        return n;
    }
    if ((n = number_at(p, end)))
        kv_buf_add_char(out, 'N');
    return n;
}

/* Cuts what was added from `start` on behind KV_REASON_MAX characters. */
static void cut(struct kv_buf *out, size_t start)
{
    size_t chars = 0;
    for (size_t i = start; i < out->n; i++) {
        if (((unsigned char)out->p[i] & 0xC0) == 0x80 || ++chars <= KV_REASON_MAX)
            continue;
        kv_buf_cut(out, i, out->n - i);
        kv_buf_add_str(out, "…");
    }
}

void kv_reason_add_common(struct kv_buf *out, struct kv_slice text)
{
    size_t start = out->n;
    if (text.n > LOOKED_AT)
        text.n = LOOKED_AT; /* looking for a quote that is never closed must stay cheap */
    const char *p = text.p, *end = text.p + text.n;
    for (size_t n; p < end; p += n) {
        if (is_space(*p)) {
            for (n = 1; p + n < end && is_space(p[n]);)
                n++;
            if (out->n > start && p + n < end)
                kv_buf_add_char(out, ' ');
            continue;
        }
        n = replace(out, p, end, p > text.p && is_letter(p[-1]));
        if (!n)
            kv_buf_add(out, p, n = 1);
    }
    cut(out, start);
}
