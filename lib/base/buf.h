/* buf - bytes: slices borrow, buffers own.
 *
 * A slice is a pointer and a length into memory somebody else keeps. A buffer owns its bytes, grows
 * by doubling, and keeps a NUL behind them so that b.p may be handed to a C string reader. A buffer
 * with a maximum (b.max > 0) refuses to grow beyond it: it then sets b.failed, keeps what it has
 * and ignores further additions, so that a sequence of appends is checked once, at its end.
 *
 * This is also the allocator: running out of memory ends the process through kv_no_memory. That is
 * safe because documents on disk are only ever published whole.
 */
#ifndef KV_BUF_H
#define KV_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kv_slice {
    const char *p;
    size_t n;
};

struct kv_buf {
    char *p;     /* NULL until the first addition, else NUL-terminated */
    size_t n;    /* bytes held */
    size_t cap;  /* bytes allocated */
    size_t max;  /* refuse to hold more than this; 0: no limit */
    bool failed; /* an addition was refused */
};

/* Where a slice stands in a text of less than 4 GB. */
struct kv_span {
    uint32_t at, n;
};

/* ---- the allocator: never returns NULL, n == 0 included ---- */
void *kv_alloc(size_t size);
void *kv_calloc(size_t count, size_t size);
void *kv_realloc(void *old, size_t size);
void *kv_array(void *old, size_t count, size_t size); /* realloc(count * size), overflow checked */
/* Room for one more behind n items of an array that only this call has made, NULL at first:
 *     list = kv_grow(list, n, sizeof *list);
 *     list[n++] = item; */
void *kv_grow(void *items, size_t n, size_t size);
char *kv_strdup(const char *text);
char *kv_strndup(const char *text, size_t n);
_Noreturn void kv_no_memory(void); /* one line on descriptor 2, exit status 4 */

/* ---- slices ---- */
#define KV_SLICE(literal) ((struct kv_slice){(literal), sizeof(literal) - 1})
static inline struct kv_slice kv_slice(const char *text) /* of a C string */
{
    return (struct kv_slice){text, strlen(text)};
}
struct kv_slice kv_slice_of(const struct kv_buf *b); /* of what a buffer holds now */
static inline bool kv_slice_eq(struct kv_slice a, struct kv_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool kv_slice_is(struct kv_slice a, const char *text)
{
    return kv_slice_eq(a, kv_slice(text));
}
bool kv_slice_starts(struct kv_slice a, const char *prefix);
int kv_slice_cmp(
    struct kv_slice a, struct kv_slice b);         /* by bytes, which for UTF-8 is by code point */
struct kv_slice kv_slice_strip(struct kv_slice a); /* without ASCII white space at both ends */
char *kv_slice_dup(struct kv_slice a);             /* a C string of the caller's */

/* ---- buffers: = {0} to begin with ---- */
void kv_buf_release(struct kv_buf *b);
void kv_buf_clear(struct kv_buf *b); /* forgets the bytes and the failure, keeps the memory */
void kv_buf_reuse(
    struct kv_buf *b, size_t most); /* the same, but keeps no more than `most` bytes */
bool kv_buf_reserve(struct kv_buf *b, size_t more); /* room for `more` bytes behind b->n */
void kv_buf_add_where_no_room(struct kv_buf *b, const void *bytes, size_t n); /* of kv_buf_add */
/* Inline, because most bytes of a result are added a few at a time, to a buffer that has room. */
static inline void kv_buf_add(struct kv_buf *b, const void *bytes, size_t n)
{
    if (n >= b->cap - b->n || b->max) {
        kv_buf_add_where_no_room(b, bytes, n);
        return;
    }
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}
static inline void kv_buf_add_slice(struct kv_buf *b, struct kv_slice s)
{
    kv_buf_add(b, s.p, s.n);
}
static inline void kv_buf_add_str(struct kv_buf *b, const char *text)
{
    kv_buf_add(b, text, strlen(text));
}
static inline void kv_buf_add_char(struct kv_buf *b, char c)
{
    kv_buf_add(b, &c, 1);
}
void kv_buf_add_int(struct kv_buf *b, int64_t n); /* in decimal, many times faster than printf */
void kv_buf_add_count(struct kv_buf *b, uint64_t n);
/* For people to read: a line end becomes a space, a tab \t, another control character '?'. */
void kv_buf_add_plain(struct kv_buf *b, struct kv_slice text);
void kv_buf_printf(struct kv_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void kv_buf_vprintf(struct kv_buf *b, const char *format, va_list ap);
void kv_buf_cut(struct kv_buf *b, size_t at, size_t n); /* removes n bytes at `at` */
char *kv_buf_detach(struct kv_buf *b); /* the bytes as a C string of the caller's */

#endif
