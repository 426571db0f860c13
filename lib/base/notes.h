/* notes - where a module says what it found, one line each, when nothing failed.
 *
 *     kv_note(notes, "%s: its last line is ended now", path);
 */
#ifndef KV_NOTES_H
#define KV_NOTES_H

struct kv_notes {
    void (*say)(void *closure, const char *text); /* NULL: nobody is told */
    void *closure;
};

/* Says one line. NULL for the notes is nobody. */
void kv_note(const struct kv_notes *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
