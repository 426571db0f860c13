/* err - a failure as a value: what kind it is, and one sentence that says what and where. */
#include "err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "…";

/* Ends a text that has no room for more, at a character boundary. */
static void cut_at(char *text, size_t size)
{
    size_t at = size - sizeof ellipsis;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, ellipsis, sizeof ellipsis);
}

static void cut(char text[KV_ERR_TEXT_MAX])
{
    cut_at(text, KV_ERR_TEXT_MAX);
}

void kv_err_copy_text(char *to, size_t size, const struct kv_err *from)
{
    size_t n = strnlen(from->text, size - 1);
    memcpy(to, from->text, n);
    to[n] = '\0';
    if (from->text[n])
        cut_at(to, size);
}

size_t kv_err_control(const char *text, size_t n)
{
    const unsigned char *c = (const unsigned char *)text;
    if (n && (*c < 0x20 || *c == 0x7F))
        return 1;
    return n > 1 && c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0 ? 2 : 0;
}

/* Keeps the sentence on one line. Task keys hold tabs: they are shown as JSON has them. */
static void tidy(char text[KV_ERR_TEXT_MAX], int wanted)
{
    char plain[KV_ERR_TEXT_MAX];
    size_t n = 0;
    if (wanted >= KV_ERR_TEXT_MAX)
        cut(text);
    memcpy(plain, text, sizeof plain);
    for (const char *c = plain, *end = c + strlen(plain); c < end; c++) {
        bool tab = *c == '\t';
        size_t control = kv_err_control(c, (size_t)(end - c));
        if (n + (tab ? 2 : 1) >= KV_ERR_TEXT_MAX) {
            cut(text);
            return;
        }
        if (tab)
            text[n++] = '\\';
        text[n++] = tab ? 't' : control ? '?' : *c;
        c += control == 2;
    }
    text[n] = '\0';
}

int kv_err_set(struct kv_err *err, enum kv_kind kind, const char *format, ...)
{
    va_list ap;
    if (!err)
        return -1;
    va_start(ap, format);
    int wanted = vsnprintf(err->text, sizeof err->text, format, ap);
    va_end(ap);
    tidy(err->text, wanted);
    err->kind = kind;
    err->sys = 0;
    return -1;
}

static enum kv_kind kind_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return KV_INPUT;
    default:
        return KV_SYSTEM;
    }
}

static void describe(struct kv_err *err, enum kv_kind kind, const char *what, int number)
{
    const char *words = strerror(number);
    kv_err_set(err, kind, "%s: %c%s", what, tolower((unsigned char)*words), words + 1);
    err->sys = number;
}

int kv_err_sys(struct kv_err *err, const char *format, ...)
{
    int number = errno;
    char what[KV_ERR_TEXT_MAX];
    va_list ap;
    if (!err)
        return -1;
    va_start(ap, format);
    int wanted = vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    tidy(what, wanted);
    describe(err, kind_of_errno(number), what, number);
    errno = number;
    return -1;
}

int kv_err_device(struct kv_err *err, const char *name, int number)
{
    if (err)
        describe(err, KV_SYSTEM, name, number);
    return -1;
}

/* "3:17: …", or "3: …" where only the line is known. */
static bool begins_with_place(const char *text)
{
    size_t line = strspn(text, "0123456789");
    return line && text[line] == ':';
}

int kv_err_copy(struct kv_err *err, const struct kv_err *from)
{
    if (err)
        *err = *from;
    return -1;
}

int kv_err_context(struct kv_err *err, const char *format, ...)
{
    char before[KV_ERR_TEXT_MAX], after[KV_ERR_TEXT_MAX];
    va_list ap;
    if (!err)
        return -1;
    int number = err->sys;
    va_start(ap, format);
    int wanted = vsnprintf(before, sizeof before, format, ap);
    va_end(ap);
    tidy(before, wanted);
    memcpy(after, err->text, sizeof after);
    kv_err_set(err, err->kind, begins_with_place(after) ? "%s:%s" : "%s: %s", before, after);
    err->sys = number;
    return -1;
}
