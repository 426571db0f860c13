/* members - the top-level members of a document, kept as the bytes they are.
 *
 * For documents in which small members stand beside an array of any length: the caller walks the
 * document with a reader, and gives each member worth keeping to this. A member met again counts in
 * its last form, as json.loads has it, but both are written out again.
 *
 *     struct kv_members m = {0};
 *     … kv_members_keep(&m, &reader, key, &err) …
 *     kv_members_find(&m, "config", &value);
 *     kv_members_release(&m);
 */
#ifndef KV_MEMBERS_H
#define KV_MEMBERS_H

#include "json_reader.h"

struct kv_members { /* private; zero is empty */
    struct kv_buf text;
    struct kv_member *items;
    size_t n;
};

/* Takes the value that the reader has next, of the member of this key. -1: it cannot be read, or
 * there are more members than any such document has (KV_INPUT). */
int kv_members_keep(
    struct kv_members *m, struct kv_json_reader *r, struct kv_slice key, struct kv_err *err);

/* The value borrows, until the next one is kept; "" if there is none. */
bool kv_members_find(const struct kv_members *m, const char *name, struct kv_slice *value);

/* Appends an object of them all. */
void kv_members_add(const struct kv_members *m, struct kv_buf *out);

void kv_members_release(struct kv_members *m);

#endif
