/* replies - files of reply lines (reply_line.h), found again by the ids of calls.
 *
 * The lines stay in their files; in memory there is an id and a place of each. What can be read only
 * once is copied to a file without a name first.
 *
 *     struct kv_replies *r = kv_replies_open(&options, &err);
 *     for (uint32_t at = kv_replies_find(r, id); at; at = kv_replies_next(r, at))
 *         … kv_replies_read(r, at, &line, &err) …
 *     kv_replies_close(r);
 *
 * Of several successes of a call the first that was read counts; what was read after it is passed
 * over. A torn last line is passed over and told; any other line that is no reply is a mistake of the
 * file.
 */
#ifndef KV_REPLIES_H
#define KV_REPLIES_H

#include "err.h"
#include "reply_line.h"

#include <stddef.h>
#include <stdint.h>

struct kv_replies;

struct kv_replies_options {
    const char *const *paths; /* "-": standard input */
    size_t n;
    const char *beside; /* a path in the directory where copies may lie */
    void (*say)(void *closure, const char *text);
    void *closure;
};

/* KV_INPUT names file and line. The files are read to their ends. */
struct kv_replies *kv_replies_open(const struct kv_replies_options *options, struct kv_err *err);
void kv_replies_close(struct kv_replies *r); /* NULL is fine */

/* The lines of a call in the order they were read, of which the last is a success, or none is: 0 if
 * there are no more. Lines that say that nothing was tried are not among them. */
uint32_t kv_replies_find(struct kv_replies *r, const char *id);
uint32_t kv_replies_next(const struct kv_replies *r, uint32_t at);
/* Reads one again: the line's slices are good until the next is read. KV_SYSTEM, or KV_INPUT if the
 * file has changed. */
int kv_replies_read(
    struct kv_replies *r, uint32_t at, struct kv_reply_line *line, struct kv_err *err);

/* True if the call has a line; that does not count as asking. */
bool kv_replies_has(const struct kv_replies *r, const char *id);

/* How many calls have lines; of how many nobody has asked yet; how many have an id that is none of
 * ours (call_id.h). */
size_t kv_replies_calls(const struct kv_replies *r);
size_t kv_replies_unasked(const struct kv_replies *r);
size_t kv_replies_foreign(const struct kv_replies *r);

#endif
