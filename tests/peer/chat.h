/* chat - the test provider's side of the wires: requests read, replies and errors written. */
#ifndef TEST_CHAT_H
#define TEST_CHAT_H

#include "buf.h"

#include <stdbool.h>

enum wire { OPENAI, ANTHROPIC, RESPONSES, GEMINI };

struct chat {
    enum wire wire;
    struct kv_buf model, user; /* the last user message */
    struct kv_slice schema;    /* what is wanted; empty: free text. In the body, or in `user` */
    bool tool;                 /* as the arguments of a tool … */
    struct kv_buf tool_name;   /* … of this name */
    size_t prompt;             /* bytes of all messages */
    struct kv_slice marked;    /* Anthropic: a system text that is marked for the cache */
    bool cached;               /* … and was there already */
    bool stream, include_usage, background;
};
void chat_release(struct chat *c);

/* False if the body is not JSON or has no messages. The body has to outlive the chat. */
bool chat_read(struct chat *c, enum wire wire, struct kv_slice body);

/* The reply that says `text`; finish NULL: the usual reason. */
void chat_write(const struct chat *c, struct kv_slice text, const char *finish, long serial,
    struct kv_buf *out);

/* Adds to the members of an Anthropic usage what was written to the cache or read from it. */
void chat_write_cached(const struct chat *c, struct kv_buf *out);

/* A response of the Responses interface that is not done yet. */
void chat_write_waiting(const struct chat *c, const char *status, long serial, struct kv_buf *out);

/* An error object; `code` is OpenAI's, the other wire says it by type. */
void chat_error(enum wire wire, int status, const char *type, const char *code, const char *message,
    struct kv_buf *out);

#endif
