/* splice - members of objects inside a JSON text replaced where they stand, every other byte kept.
 *
 *     struct kv_splice s = {0};
 *     kv_splice_member(&s, block, "verify_result", KV_SLICE("true"));
 *     kv_splice_write(&s, whole, &out);
 *
 * Objects are slices of the whole text (kv_json_get), all of it checked. Values are borrowed until
 * the writing.
 */
#ifndef KV_SPLICE_H
#define KV_SPLICE_H

#include "buf.h"

#include <stdbool.h>

enum { KV_SPLICE_MAX = 16 };

struct kv_splice {
    /* private */
    struct kv_splice_edit {
        const char *at; /* replaces n bytes here */
        size_t n;
        const char *name; /* of a member that is added; NULL: the value alone */
        bool comma;       /* … behind another one */
        struct kv_slice value;
    } edits[KV_SPLICE_MAX];
    size_t n;
};

/* Gives the member of `object` this value. One that is not there is added at its end, after those
 * that were added before. At most KV_SPLICE_MAX; more are a mistake of the caller's. */
void kv_splice_member(
    struct kv_splice *s, struct kv_slice object, const char *name, struct kv_slice value);

/* The same where the member was looked up before: `old` is its value in `object`, n == 0 if it is not
 * there (kv_json_pick). */
void kv_splice_found(struct kv_splice *s, struct kv_slice object, const char *name,
    struct kv_slice old, struct kv_slice value);

/* Appends the whole text with all that was given. */
void kv_splice_write(const struct kv_splice *s, struct kv_slice whole, struct kv_buf *out);

#endif
