/* err - a failure as a value: what kind it is, and one sentence that says what and where. */
#include "err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Cuts at a character boundary with an ellipsis, and keeps the sentence on one line. */
static void tidy(char text[KV_ERR_TEXT_MAX], int wanted)
{
    static const char ellipsis[] = "…";
    if (wanted >= KV_ERR_TEXT_MAX) {
        size_t at = KV_ERR_TEXT_MAX - sizeof ellipsis;
        while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
            at--;
        memcpy(text + at, ellipsis, sizeof ellipsis);
    }
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

int kv_err_set(struct kv_err *err, enum kv_kind kind, const char *format, ...)
{
    va_list ap;
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
    describe(err, KV_SYSTEM, name, number);
    return -1;
}

/* "3:17: …" */
static bool begins_with_place(const char *text)
{
    size_t line = strspn(text, "0123456789");
    if (!line || text[line] != ':')
        return false;
    size_t column = strspn(text + line + 1, "0123456789");
    return column && text[line + 1 + column] == ':';
}

int kv_err_context(struct kv_err *err, const char *format, ...)
{
    char before[KV_ERR_TEXT_MAX], after[KV_ERR_TEXT_MAX];
    int number = err->sys;
    va_list ap;
    va_start(ap, format);
    int wanted = vsnprintf(before, sizeof before, format, ap);
    va_end(ap);
    tidy(before, wanted);
    memcpy(after, err->text, sizeof after);
    kv_err_set(err, err->kind, begins_with_place(after) ? "%s:%s" : "%s: %s", before, after);
    err->sys = number;
    return -1;
}
