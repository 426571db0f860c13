/* buf - bytes: slices borrow, buffers own. */
#include "buf.h"

#include "err.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void kv_no_memory(void)
{
    static const char text[] = "kv: out of memory\n";
    if (write(2, text, sizeof text - 1) < 0)
        _exit(4);
    _exit(4);
}

void *kv_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p)
        kv_no_memory();
    return p;
}

void *kv_alloc(size_t size)
{
    return kv_realloc(NULL, size);
}

void *kv_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        kv_no_memory();
    return p;
}

void *kv_array(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        kv_no_memory();
    return kv_realloc(old, count * size);
}

void *kv_grow(void *items, size_t n, size_t size)
{
    bool full = (n & (n - 1)) == 0; /* it has room for the next power of two */
    return full ? kv_array(items, n ? 2 * n : 1, size) : items;
}

char *kv_strndup(const char *text, size_t n)
{
    char *p = kv_alloc(n + 1);
    if (n)
        memcpy(p, text, n);
    p[n] = '\0';
    return p;
}

char *kv_strdup(const char *text)
{
    return kv_strndup(text, strlen(text));
}

struct kv_slice kv_slice_of(const struct kv_buf *b)
{
    return (struct kv_slice){b->p ? b->p : "", b->n};
}

bool kv_slice_starts(struct kv_slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

int kv_slice_cmp(struct kv_slice a, struct kv_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct kv_slice kv_slice_strip(struct kv_slice a)
{
    while (a.n && is_space(a.p[0]))
        a.p++, a.n--;
    while (a.n && is_space(a.p[a.n - 1]))
        a.n--;
    return a;
}

char *kv_slice_dup(struct kv_slice a)
{
    return kv_strndup(a.p, a.n);
}

void kv_buf_release(struct kv_buf *b)
{
    free(b->p);
    size_t max = b->max;
    *b = (struct kv_buf){.max = max};
}

void kv_buf_clear(struct kv_buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

void kv_buf_reuse(struct kv_buf *b, size_t most)
{
    if (b->cap > most)
        kv_buf_release(b);
    else
        kv_buf_clear(b);
}

bool kv_buf_reserve(struct kv_buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more > SIZE_MAX / 2 - b->n - 1)
        kv_no_memory();
    size_t need = b->n + more;
    if (b->max && need > b->max) {
        b->failed = true;
        return false;
    }
    if (need + 1 <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need + 1)
        cap *= 2;
    b->p = kv_realloc(b->p, cap);
    b->cap = cap;
    b->p[b->n] = '\0';
    return true;
}

void kv_buf_add_where_no_room(struct kv_buf *b, const void *bytes, size_t n)
{
    if (!kv_buf_reserve(b, n))
        return;
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void kv_buf_add_count(struct kv_buf *b, uint64_t n)
{
    char digits[20], *first = digits + sizeof digits;
    do
        *--first = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    kv_buf_add(b, first, (size_t)(digits + sizeof digits - first));
}

void kv_buf_add_int(struct kv_buf *b, int64_t n)
{
    if (n < 0)
        kv_buf_add_char(b, '-');
    kv_buf_add_count(b, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void kv_buf_add_plain(struct kv_buf *b, struct kv_slice text)
{
    for (size_t i = 0, n; i < text.n; i += n ? n : 1) {
        n = kv_err_control(text.p + i, text.n - i);
        if (text.p[i] == '\t') /* of a task key: as JSON has it */
            kv_buf_add_str(b, "\\t");
        else
            kv_buf_add_char(b, text.p[i] == '\n' ? ' ' : n ? '?' : text.p[i]);
    }
}

void kv_buf_vprintf(struct kv_buf *b, const char *format, va_list ap)
{
    va_list again;
    size_t room = b->failed || b->max ? 0 : b->cap - b->n; /* usually enough */
    va_copy(again, ap);
    int n = vsnprintf(room ? b->p + b->n : NULL, room, format, ap);
    if (n > 0 && (size_t)n >= room && kv_buf_reserve(b, (size_t)n))
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
    if (n > 0 && !b->failed)
        b->n += (size_t)n;
    va_end(again);
}

void kv_buf_printf(struct kv_buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(b, format, ap);
    va_end(ap);
}

void kv_buf_cut(struct kv_buf *b, size_t at, size_t n)
{
    if (at > b->n)
        return;
    if (n > b->n - at)
        n = b->n - at;
    if (n == 0)
        return;
    memmove(b->p + at, b->p + at + n, b->n - at - n + 1);
    b->n -= n;
}

char *kv_buf_detach(struct kv_buf *b)
{
    char *p = b->p ? b->p : kv_strdup("");
    size_t max = b->max;
    *b = (struct kv_buf){.max = max};
    return p;
}
