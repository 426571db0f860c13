/* json_reader - a JSON document of any size, read piece by piece in bounded memory.
 *
 * For documents that are one object with a few members, of which one or two are long arrays: a
 * .state, a .tmp, an export. The caller walks the members, takes small ones whole, and goes through
 * long arrays item by item; what is held at any time is one value. All of the text is checked on
 * the way, so a document that was walked to its end was valid JSON. White space and the order of
 * members do not matter. It knows nothing of what the members mean.
 *
 *     kv_json_reader_open(&r, path, 0, &err);
 *     kv_json_reader_enter(&r, '{', &err);
 *     while ((got = kv_json_reader_member(&r, &key, &err)) == 1)
 *         if (kv_json_string_is(key, "results"))
 *             for (kv_json_reader_enter(&r, '[', …); kv_json_reader_item(&r, &value, …) == 1;) …
 *         else
 *             kv_json_reader_value(&r, &value, &err);
 *     kv_json_reader_finish(&r, &err);
 *     kv_json_reader_close(&r);
 *
 * Failures are KV_INPUT and start with "LINE:COLUMN: ", or KV_SYSTEM from reading. After one the
 * reader can only be closed. The file stays open for as long as the reader is: writers see that and
 * leave this version of it alone.
 */
#ifndef KV_JSON_READER_H
#define KV_JSON_READER_H

#include "buf.h"
#include "err.h"
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_json_reader {
    int fd;
    unsigned flags;              /* enum kv_json_flag */
    struct kv_buf held;          /* bytes from the file */
    struct kv_buf key;           /* the key last handed out */
    size_t at;                   /* in held: not yet taken */
    uint64_t base;               /* offset in the file of held.p[0] */
    size_t line, column;         /* of `at`, from 1 */
    size_t value_line;           /* of the value last handed out */
    bool borrowed;               /* fd is another's */
    bool stream;                 /* fd is read in order */
    bool (*more)(void *closure); /* of a stream, see below; with its closure */
    void *closure;
    bool lent; /* so is what is held */
    bool eof;
    bool first; /* no member or item of the innermost open bracket was taken yet */
};

/* Opens a file (KV_INPUT if there is none; the text names the path, as that of no other failure
 * here does), or reads an open one from its beginning, by position: several readers may share it.
 */
int kv_json_reader_open(
    struct kv_json_reader *r, const char *path, unsigned flags, struct kv_err *err);
void kv_json_reader_share(struct kv_json_reader *r, int fd, unsigned flags);
/* The same from the middle of an array: behind the bracket (first), or behind one of its items.
 * Places in failures then count from there. */
void kv_json_reader_resume(
    struct kv_json_reader *r, int fd, unsigned flags, uint64_t offset, bool first);
/* Reads a text in memory, from an offset; it must outlive the reader. */
void kv_json_reader_lend(
    struct kv_json_reader *r, struct kv_slice text, unsigned flags, uint64_t offset, bool first);
/* Reads what comes through a pipe: first what *held has (taken over, *held is empty then), then fd,
 * in order. Before each read more() is asked, which may wait; where it answers false reading fails
 * with KV_BUSY. Offsets count from the first byte of *held. */
void kv_json_reader_stream(struct kv_json_reader *r, int fd, unsigned flags, struct kv_buf *held,
    bool (*more)(void *closure), void *closure);
/* What a stream has read and not taken, for another to go on with. Closes the reader. */
void kv_json_reader_leave(struct kv_json_reader *r, struct kv_buf *rest);
void kv_json_reader_close(struct kv_json_reader *r); /* twice is fine */

/* The first byte of the next value without taking it: '{', '[', '"', … 0 at the end of the text,
 * -1 on failure. */
int kv_json_reader_peek(struct kv_json_reader *r, struct kv_err *err);

int kv_json_reader_enter(
    struct kv_json_reader *r, char bracket, struct kv_err *err); /* '{' or '[' */

/* Inside an object: 1 and the key with its quotes (borrowed until the next call); then take its
 * value. 0 when the object has been closed. */
int kv_json_reader_member(struct kv_json_reader *r, struct kv_slice *key, struct kv_err *err);

/* Inside an array: 1 and the item, 0 when the array has been closed. */
int kv_json_reader_item(struct kv_json_reader *r, struct kv_slice *item, struct kv_err *err);

int kv_json_reader_value(
    struct kv_json_reader *r, struct kv_slice *value, struct kv_err *err); /* whole */
/* Passes over a text of any length without holding it. Where it stands in the file, with its quotes;
 * what it says is unchecked. KV_INPUT if the value is no text. */
int kv_json_reader_pass_text(
    struct kv_json_reader *r, uint64_t *offset, uint64_t *n, struct kv_err *err);
/* The two halves of kv_json_reader_item, for a caller who knows items by their bytes: comes to the next one, and
 * shows what is held of the text from there on, `want` bytes of it and more if it is that long; then either
 * kv_json_reader_value follows, or the item is taken that these bytes begin with, which is not checked. */
int kv_json_reader_await_item(
    struct kv_json_reader *r, size_t want, struct kv_slice *held, struct kv_err *err);
void kv_json_reader_take(struct kv_json_reader *r, struct kv_slice item);

/* As kv_json_reader_item, for those who look at few of many: only the end of the item is looked
 * for, and nothing of module json but kv_json_check may be done to it. */
int kv_json_reader_raw_item(struct kv_json_reader *r, struct kv_slice *item, struct kv_err *err);
int kv_json_reader_finish(
    struct kv_json_reader *r, struct kv_err *err); /* nothing but white space is left */

/* Where the value last handed out begins: offset in the file, and its line. */
uint64_t kv_json_reader_offset(const struct kv_json_reader *r, struct kv_slice value);

/* Where the next call goes on: offset in the file. */
uint64_t kv_json_reader_tell(const struct kv_json_reader *r);

#endif
