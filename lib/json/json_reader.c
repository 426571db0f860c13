/* json_reader - a JSON document of any size, read piece by piece in bounded memory.
 *
 * A value that is held whole is checked where it lies, and ends where the check does. The end of any
 * other is found by counting brackets outside strings, over as many reads as it takes; whether what
 * lies between is JSON is then for kv_json_check to say. Nothing but one value is ever held.
 */
#include "json_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 18,
    VALUE_MAX = 1 << 30, /* bytes of one value */
};

int kv_json_reader_open(
    struct kv_json_reader *r, const char *path, unsigned flags, struct kv_err *err)
{
    struct stat st;
    kv_json_reader_share(r, -1, flags);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* opening a FIFO would wait */
        return kv_err_set(err, KV_INPUT, "%s: not a regular file", path);
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    r->borrowed = false;
    return r->fd < 0 ? kv_err_sys(err, "%s", path) : 0;
}

void kv_json_reader_share(struct kv_json_reader *r, int fd, unsigned flags)
{
    *r =
        (struct kv_json_reader){.fd = fd, .flags = flags, .line = 1, .column = 1, .borrowed = true};
}

void kv_json_reader_resume(
    struct kv_json_reader *r, int fd, unsigned flags, uint64_t offset, bool first)
{
    kv_json_reader_share(r, fd, flags);
    r->base = offset;
    r->first = first;
}

void kv_json_reader_lend(
    struct kv_json_reader *r, struct kv_slice text, unsigned flags, uint64_t offset, bool first)
{
    kv_json_reader_resume(r, -1, flags, 0, first);
    r->held = (struct kv_buf){.p = (char *)(uintptr_t)text.p, .n = text.n};
    r->at = (size_t)offset;
    r->lent = r->eof = true; /* so that nothing is ever read behind it, or moved */
}

void kv_json_reader_stream(struct kv_json_reader *r, int fd, unsigned flags, struct kv_buf *held,
    bool (*more)(void *closure), void *closure)
{
    kv_json_reader_share(r, fd, flags);
    r->stream = true;
    r->more = more;
    r->closure = closure;
    r->held = *held;
    *held = (struct kv_buf){0};
}

void kv_json_reader_leave(struct kv_json_reader *r, struct kv_buf *rest)
{
    kv_buf_cut(&r->held, 0, r->at);
    *rest = r->held;
    r->held = (struct kv_buf){0};
    kv_json_reader_close(r);
}

void kv_json_reader_close(struct kv_json_reader *r)
{
    if (r->fd >= 0 && !r->borrowed)
        close(r->fd);
    r->fd = -1;
    if (r->lent)
        r->held = (struct kv_buf){0};
    kv_buf_release(&r->held);
    kv_buf_release(&r->key);
}

/* Moves behind n bytes, which stay where they are until more is read. */
static void take(struct kv_json_reader *r, size_t n)
{
    const char *p = r->held.p + r->at, *end = p + n, *lf;
    while ((lf = memchr(p, '\n', (size_t)(end - p)))) {
        r->line++;
        r->column = 1;
        p = lf + 1;
    }
    r->column += (size_t)(end - p);
    r->at += n;
}

static ssize_t read_some(struct kv_json_reader *r, char *into)
{
    ssize_t got;
    do
        got = r->stream ? read(r->fd, into, CHUNK)
                        : pread(r->fd, into, CHUNK, (off_t)(r->base + r->held.n));
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads more behind what is held; forgets what was taken. 1, 0 at the end of the file, -1. */
static int fill(struct kv_json_reader *r, struct kv_err *err)
{
    if (r->eof)
        return 0;
    if (r->at) {
        r->base += r->at;
        kv_buf_cut(&r->held, 0, r->at);
        r->at = 0;
    }
    if (r->more && !r->more(r->closure))
        return kv_err_set(err, KV_BUSY, "reading was given up");
    kv_buf_reserve(&r->held, CHUNK);
    ssize_t got = read_some(r, r->held.p + r->held.n);
    if (got < 0)
        return kv_err_sys(err, "read");
    r->held.n += (size_t)got;
    r->held.p[r->held.n] = '\0';
    r->eof = got == 0;
    return got > 0;
}

static int complain(const struct kv_json_reader *r, const char *why, struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT, "%zu:%zu: %s", r->line, r->column, why);
}

/* The next byte that is no white space, without taking it; 0 at the end, -1 on failure. */
int kv_json_reader_peek(struct kv_json_reader *r, struct kv_err *err)
{
    for (;;) {
        size_t n = 0, left = r->held.n - r->at;
        const char *p = left ? r->held.p + r->at : "";
        while (n < left && (p[n] == ' ' || p[n] == '\n' || p[n] == '\r' || p[n] == '\t'))
            n++;
        if (n)
            take(r, n);
        if (n < left)
            return r->held.p[r->at] ? (unsigned char)r->held.p[r->at]
                                    : complain(r, "NUL byte", err);
        int got = fill(r, err);
        if (got <= 0)
            return got;
    }
}

/* Where the scan of one value stands; `n` bytes of it are behind. */
struct extent {
    size_t n, depth;
    bool string, scalar;
};

static bool is_delimiter(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ':' || c == ' ' || c == '\n' || c == '\r' ||
           c == '\t';
}

/* Runs through a string up to its closing quote. False if that is not there yet. */
static bool pass_string(struct extent *x, const char *p, size_t left)
{
    while (x->n < left) {
        const char *quote = memchr(p + x->n, '"', left - x->n);
        size_t end = quote ? (size_t)(quote - p) : left, slashes = 0;
        while (end - slashes > x->n && p[end - slashes - 1] == '\\')
            slashes++;
        if (!quote) {
            x->n = end - slashes % 2; /* an open escape is looked at again */
            return false;
        }
        x->n = end + 1;
        if (slashes % 2 == 0)
            return true;
    }
    return false;
}

/* True when x->n is the length of the whole value. */
static bool pass_value(struct extent *x, const char *p, size_t left)
{
    while (x->n < left) {
        if (x->string) {
            if (!pass_string(x, p, left))
                return false;
            x->string = false;
            if (x->depth == 0)
                return true;
            continue;
        }
        char c = p[x->n];
        if (x->scalar && is_delimiter(c))
            return true;
        x->n++;
        if (x->scalar)
            continue;
        if (c == '"')
            x->string = true;
        else if (c == '{' || c == '[')
            x->depth++;
        else if ((c == '}' || c == ']') && --x->depth == 0)
            return true;
        else if (x->depth == 0)
            x->scalar = true;
    }
    return false;
}

/* A place inside a value, told as a place in the document. */
static int relocate(const struct kv_json_reader *r, struct kv_err *err)
{
    char text[KV_ERR_TEXT_MAX], *rest;
    if (!err)
        return -1;
    memcpy(text, err->text, sizeof text);
    size_t line = strtoul(text, &rest, 10);
    if (*rest != ':')
        return -1;
    size_t column = strtoul(rest + 1, &rest, 10);
    if (line == 1)
        column += r->column - 1;
    return kv_err_set(err, KV_INPUT, "%zu:%zu%s", r->line + line - 1, column, rest);
}

/* Holds one value in full, as far as its brackets and quotes show. The bracket or delimiter that
 * ends the surrounding one is "expected a value". 1; 0 if the text ends before it, or it is too
 * large; -1. */
static int hold_value(struct kv_json_reader *r, struct kv_slice *text, struct kv_err *err)
{
    int c = kv_json_reader_peek(r, err);
    if (c <= 0)
        return c < 0 ? -1 : complain(r, "unexpected end", err);
    if (c == '}' || c == ']' || is_delimiter((char)c))
        return complain(r, "expected a value", err);
    struct extent x = {0};
    bool whole;
    while (!(whole = pass_value(&x, r->held.p + r->at, r->held.n - r->at)) && x.n <= VALUE_MAX) {
        int got = fill(r, err);
        if (got < 0)
            return -1;
        if (got == 0)
            break; /* a scalar may end here; the check tells */
    }
    *text = (struct kv_slice){r->held.p + r->at, whole ? x.n : r->held.n - r->at};
    r->value_line = r->line;
    return whole;
}

/* Takes the object, array or string that begins with c, if it lies whole in what is held. What is
 * wrong with it, hold_value and the check find again. */
static bool take_held(struct kv_json_reader *r, int c, struct kv_slice *value)
{
    if (c != '{' && c != '[' && c != '"')
        return false;
    struct kv_slice rest = {r->held.p + r->at, r->held.n - r->at};
    if (kv_json_next(&rest, rest.p, r->flags, value, NULL) != 1)
        return false;
    r->value_line = r->line;
    take(r, value->n);
    return true;
}

int kv_json_reader_value(struct kv_json_reader *r, struct kv_slice *value, struct kv_err *err)
{
    struct kv_slice text, found;
    int c = kv_json_reader_peek(r, err);
    if (c < 0)
        return -1;
    if (take_held(r, c, value))
        return 0;
    int whole = hold_value(r, &text, err);
    if (whole < 0)
        return -1;
    if (kv_json_check(text, r->flags, &found, err) != 0)
        return relocate(r, err);
    if (!whole && text.n > VALUE_MAX)
        return complain(r, "value too large", err);
    take(r, found.n);
    *value = found;
    return 0;
}

int kv_json_reader_pass_text(
    struct kv_json_reader *r, uint64_t *offset, uint64_t *n, struct kv_err *err)
{
    int c = kv_json_reader_peek(r, err);
    if (c != '"')
        return c < 0 ? -1 : complain(r, "expected a string", err);
    *offset = r->base + r->at;
    take(r, 1);
    for (;;) {
        struct extent x = {0};
        bool whole = pass_string(&x, r->held.p + r->at, r->held.n - r->at);
        take(r, x.n);
        *n = r->base + r->at - *offset;
        if (whole)
            return 0;
        int got = fill(r, err);
        if (got <= 0)
            return got < 0 ? -1 : complain(r, "unterminated string", err);
    }
}

int kv_json_reader_enter(struct kv_json_reader *r, char bracket, struct kv_err *err)
{
    int c = kv_json_reader_peek(r, err);
    if (c < 0)
        return -1;
    if (c == 0)
        return complain(r, "unexpected end", err);
    if (c == 0xEF)
        return complain(r, "byte-order mark", err);
    if (c != bracket)
        return complain(r, bracket == '{' ? "expected an object" : "expected an array", err);
    take(r, 1);
    r->first = true;
    return 0;
}

/* Comes to the next member or item: 1, or 0 with the closing bracket taken. */
static int step(struct kv_json_reader *r, char close, struct kv_err *err)
{
    int c = kv_json_reader_peek(r, err);
    if (c < 0)
        return -1;
    if (c == close) {
        take(r, 1);
        r->first = false; /* the surrounding one has had this as a value */
        return 0;
    }
    if (c == 0)
        return complain(r, "unexpected end", err);
    if (!r->first) {
        if (c != ',')
            return complain(r, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'", err);
        take(r, 1);
    }
    r->first = false;
    return 1;
}

int kv_json_reader_member(struct kv_json_reader *r, struct kv_slice *key, struct kv_err *err)
{
    int got = step(r, '}', err);
    if (got <= 0)
        return got;
    int c = kv_json_reader_peek(r, err);
    if (c < 0)
        return -1;
    if (c != '"')
        return complain(r, c ? "expected a string as key" : "unexpected end", err);
    struct kv_slice text;
    if (kv_json_reader_value(r, &text, err) != 0)
        return -1;
    kv_buf_clear(&r->key);
    kv_buf_add_slice(&r->key, text); /* what is held may move on the way to the colon */
    c = kv_json_reader_peek(r, err);
    if (c != ':')
        return c < 0 ? -1 : complain(r, c ? "expected ':'" : "unexpected end", err);
    take(r, 1);
    *key = kv_slice_of(&r->key);
    return 1;
}

int kv_json_reader_item(struct kv_json_reader *r, struct kv_slice *item, struct kv_err *err)
{
    int got = step(r, ']', err);
    return got <= 0 ? got : kv_json_reader_value(r, item, err) == 0 ? 1 : -1;
}

int kv_json_reader_await_item(
    struct kv_json_reader *r, size_t want, struct kv_slice *held, struct kv_err *err)
{
    int got = step(r, ']', err);
    if (got == 1 && kv_json_reader_peek(r, err) < 0)
        got = -1;
    for (int more = 1; got == 1 && more == 1 && r->held.n - r->at < want;)
        if ((more = fill(r, err)) < 0)
            got = -1;
    *held = (struct kv_slice){r->held.p + r->at, r->held.n - r->at};
    return got;
}

void kv_json_reader_take(struct kv_json_reader *r, struct kv_slice item)
{
    r->value_line = r->line;
    take(r, item.n);
}

int kv_json_reader_raw_item(struct kv_json_reader *r, struct kv_slice *item, struct kv_err *err)
{
    int got = step(r, ']', err);
    if (got == 1 && (got = hold_value(r, item, err)) == 0)
        return complain(r, "unexpected end", err);
    if (got == 1)
        take(r, item->n);
    return got;
}

int kv_json_reader_finish(struct kv_json_reader *r, struct kv_err *err)
{
    int c = kv_json_reader_peek(r, err);
    if (c > 0)
        return complain(r, "unexpected text after the value", err);
    return c;
}

uint64_t kv_json_reader_offset(const struct kv_json_reader *r, struct kv_slice value)
{
    return r->base + (uint64_t)(value.p - r->held.p);
}

uint64_t kv_json_reader_tell(const struct kv_json_reader *r)
{
    return r->base + r->at;
}
