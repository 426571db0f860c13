/* err - a failure as a value: what kind it is, and one sentence that says what and where.
 *
 * Every library call that can fail takes `struct kv_err *err` as its last argument, returns 0 or -1
 * (a pointer or NULL), and fills *err only on failure. It never prints and never exits. The kind is
 * the exit status a program ends with (spec: the table of exit statuses in kv.7).
 *
 * NULL stands for a failure that nobody reads: nothing is written then. The rooms base, json, python,
 * config, template, result, judge and model, and the modules io, key_index and sink, take it; calls
 * of other rooms may look at the kind of a failure on its way and want a place for it.
 *
 * The sentence is written where the cause is known ("expected ',' or ']'"); callers that know the
 * name of the thing put it in front with kv_err_context, once ("results.jsonl:3:17: expected …").
 */
#ifndef KV_ERR_H
#define KV_ERR_H

#include <stddef.h>

enum kv_kind {
    KV_OK = 0,       /* yes, done */
    KV_NO = 1,       /* the answer is no; run again */
    KV_USAGE = 2,    /* the command line is wrong */
    KV_INPUT = 3,    /* the input is not acceptable */
    KV_SYSTEM = 4,   /* the operating system refused */
    KV_PROVIDER = 5, /* a model provider refused */
    KV_BUSY = 6,     /* another run holds this state */
};

enum { KV_ERR_TEXT_MAX = 2048 };

struct kv_err {
    enum kv_kind kind;
    int sys;                    /* errno at the time, 0 if the system had no part in it */
    char text[KV_ERR_TEXT_MAX]; /* one line, lower case, no full stop, valid UTF-8 */
};

/* Copies the text into `size` bytes, of which there are at least 8; what does not fit is cut as
 * below. */
void kv_err_copy_text(char *to, size_t size, const struct kv_err *from);

/* Fills *err and returns -1, so that a function can `return kv_err_set(err, …)`. A text that does
 * not fit is cut at a character boundary and ends in "…"; a tab is shown as \t, other control
 * characters become '?'. */
int kv_err_set(struct kv_err *err, enum kv_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from errno: the text is followed by ": " and the system's words. The kind is KV_INPUT
 * where the named thing does not exist or is of the wrong kind (ENOENT, ENOTDIR, EISDIR, ELOOP,
 * ENAMETOOLONG), else KV_SYSTEM. */
int kv_err_sys(struct kv_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what is written to and not named by the user, such as stdout: always KV_SYSTEM. */
int kv_err_device(struct kv_err *err, const char *name, int number);

/* How many bytes of a control character the text begins with: 1, 2 for those beyond ASCII (U+0080
 * to U+009F, which steer a terminal as well), 0 if it begins with another. */
size_t kv_err_control(const char *text, size_t n);

/* Hands on a failure that was kept; does nothing if nobody reads it. Returns -1. */
int kv_err_copy(struct kv_err *err, const struct kv_err *from);

/* Puts "<context>: " in front of the text of a failure already set; where that begins with a place,
 * "3:17: …" or "3: …", the name joins it: "results.jsonl:3:17: …". Returns -1. */
int kv_err_context(struct kv_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
