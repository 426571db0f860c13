/* http_watch - the sockets that libcurl wants looked at, and which of them are ready.
 *
 * Each has its haste: of those of KV_HTTP_AT_ONCE every event ends a wait, of the others an event ends
 * it only KV_HTTP_SOON_MS, or KV_HTTP_LATER_MS, after the last look at their kind. So two hundred
 * streams that tell a word now and then wake a process ten times a second and not four thousand times,
 * each look takes several words of a stream, and what is due at once still is. A wait that ends by its
 * time has looked at all of them: no clock runs out over bytes that are there.
 *
 * A socket that brings KV_HTTP_MANY bytes within KV_HTTP_LATER_MS is looked at at once whatever its
 * haste, until it brings fewer: what waits in its buffer never stops the sender.
 *
 *     struct kv_http_watch *w = kv_http_watch_open(&err);
 *     kv_http_watch_set(w, fd, POLLIN, &err);
 *     kv_http_watch_wait(w, own, n, ms);
 *     while (kv_http_watch_next(w, &fd, &events)) …
 *     kv_http_watch_close(w);
 *
 * On Linux the sockets are in the kernel's keeping (epoll), so that a wait costs what is ready and
 * not what is watched; elsewhere poll(2) does it. It knows no libcurl.
 */
#ifndef KV_HTTP_WATCH_H
#define KV_HTTP_WATCH_H

#include "err.h"
#include "http_haste.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { KV_HTTP_MANY = 32 << 10 }; /* half of what Linux takes of a new connection at first */

struct kv_http_watch;

/* NULL (KV_SYSTEM) where descriptors are missing. */
struct kv_http_watch *kv_http_watch_open(struct kv_err *err);
void kv_http_watch_close(struct kv_http_watch *w); /* NULL is fine */
void kv_http_watch_clear(struct kv_http_watch *w); /* nothing is watched any more */

/* Looks for POLLIN, POLLOUT or both; 0: not any more, also where the socket is closed already, which
 * does not fail. One that is new is looked at at once. KV_SYSTEM: the kernel has no room for it, and
 * nobody would hear of it. */
int kv_http_watch_set(struct kv_http_watch *w, int fd, short events, struct kv_err *err);
/* Passes over what is not watched. Where the kernel has no room it stays what it was. */
void kv_http_watch_haste(struct kv_http_watch *w, int fd, enum kv_http_haste haste);

/* Waits up to timeout_ms (-1: for ever) for a socket, or for one of the caller's fds, whose revents
 * come back as poll(2) gives them. A signal may end it early. */
void kv_http_watch_wait(struct kv_http_watch *w, struct pollfd *fds, size_t nfds, int timeout_ms);
/* The next one that was ready: POLLIN, POLLOUT or both; an error or a hang-up is both. */
bool kv_http_watch_next(struct kv_http_watch *w, int *fd, short *events);
/* So many bytes came of the one that kv_http_watch_next named last. */
void kv_http_watch_took(struct kv_http_watch *w, size_t n);

#endif
