/* background - responses of the Responses interface that were ordered in the background. */
#ifndef TEST_BACKGROUND_H
#define TEST_BACKGROUND_H

#include "call.h"
#include "chat.h"

/* Keeps the reply for its due time, and says in its place that it is worked on. */
void background_order(struct call *c, const struct chat *chat, long serial, long latency_ms);
/* Appends what is to be told now of the response that the path names. False: there is none. */
bool background_fetch(const char *path, struct kv_buf *reply);

#endif
