/* http_headers - the header lines of a reply, kept as they come. */
#include "http_headers.h"

#include <strings.h>

void kv_http_headers_clear(struct kv_http_headers *h)
{
    kv_buf_clear(&h->text);
    h->over = false;
}

void kv_http_headers_release(struct kv_http_headers *h)
{
    kv_buf_release(&h->text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/* Without blanks in front. */
static struct kv_slice value_at(const char *p)
{
    while (is_blank(*p))
        p++;
    return kv_slice(p);
}

/* More of the value before (RFC 9112, 5.2: what folded it is a blank). */
static void unfold(struct kv_http_headers *h, struct kv_slice more)
{
    if (!h->text.n)
        return;
    h->text.p[h->text.n - 1] = ' ';
    kv_buf_add_slice(&h->text, kv_slice_strip(more));
    kv_buf_add_char(&h->text, '\0');
}

static void add(struct kv_http_headers *h, struct kv_slice line)
{
    const char *colon = memchr(line.p, ':', line.n);
    size_t at = h->text.n;
    if (!colon)
        return;
    kv_buf_add_slice(&h->text, line);
    kv_buf_add_char(&h->text, '\0');
    h->text.p[at + (size_t)(colon - line.p)] = '\0';
}

void kv_http_headers_take(struct kv_http_headers *h, struct kv_slice line)
{
    while (line.n && is_space(line.p[line.n - 1]))
        line.n--;
    if (memchr(line.p, '\0', line.n)) /* RFC 9110, 5.5: it is invalid */
        return;
    if (!line.n)
        h->over = true;
    else if (*line.p == 'H' && kv_slice_starts(line, "HTTP/"))
        kv_http_headers_clear(h);
    else if (!h->over && is_blank(*line.p))
        unfold(h, line);
    else if (!h->over)
        add(h, line);
}

bool kv_http_headers_next(
    const struct kv_http_headers *h, const char **at, struct kv_slice *name, struct kv_slice *value)
{
    const char *next = *at ? *at : h->text.p;
    if (!h->text.n || next == h->text.p + h->text.n)
        return false;
    *name = kv_slice(next);
    *value = value_at(next + name->n + 1);
    *at = value->p + value->n + 1;
    return true;
}

bool kv_http_headers_find(const struct kv_http_headers *h, const char *name, struct kv_slice *value)
{
    struct kv_slice each, said;
    const char *at = NULL;
    bool found = false;
    while (kv_http_headers_next(h, &at, &each, &said))
        if (strcasecmp(each.p, name) == 0) {
            *value = said;
            found = true;
        }
    return found;
}
