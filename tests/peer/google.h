/* google - the test provider's side of generateContent. */
#ifndef TEST_GOOGLE_H
#define TEST_GOOGLE_H

#include "chat.h"

/* False if the body (checked JSON) has no contents. */
bool google_read(struct chat *c, struct kv_slice root);
/* The model stands in the path: …/models/NAME:generateContent. */
void google_take_model(struct chat *c, const char *path);
/* A reply, or the last event of one: its text, after `said` bytes in all. */
void google_write(const struct chat *c, struct kv_slice text, size_t said, const char *finish,
    struct kv_buf *out);
/* An event of a reply that goes on. */
void google_write_piece(
    const struct chat *c, struct kv_slice text, bool thought, struct kv_buf *out);
void google_error(int status, const char *message, struct kv_buf *out);

#endif
