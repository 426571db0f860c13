/* notes - where a module says what it found, one line each, when nothing failed. */
#include "notes.h"

#include "buf.h"

#include <stdarg.h>

void kv_note(const struct kv_notes *n, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    if (!n || !n->say)
        return;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    n->say(n->closure, text.p);
    kv_buf_release(&text);
}
