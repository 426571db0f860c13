/* http_watch - the sockets that libcurl wants looked at, and which of them are ready.
 *
 * Two kinds: of hasty ones every event ends a wait at once; of calm ones an event ends it
 * KV_HTTP_CALM_MS after the last look at them. So two hundred streams that tell a word now and then
 * wake a process fifty times a second and not four thousand times, and what is due at once still is.
 * A wait that ends by its time has looked at the calm ones as well: no clock runs out over bytes that
 * are there.
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

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { KV_HTTP_CALM_MS = 20 };

struct kv_http_watch;

/* NULL (KV_SYSTEM) where descriptors are missing. */
struct kv_http_watch *kv_http_watch_open(struct kv_err *err);
void kv_http_watch_close(struct kv_http_watch *w); /* NULL is fine */
void kv_http_watch_clear(struct kv_http_watch *w); /* nothing is watched any more */

/* Looks for POLLIN, POLLOUT or both; 0: not any more, also where the socket is closed already, which
 * does not fail. One that is new is hasty. KV_SYSTEM: the kernel has no room for it, and nobody
 * would hear of it. */
int kv_http_watch_set(struct kv_http_watch *w, int fd, short events, struct kv_err *err);
/* Passes over what is not watched. Where the kernel has no room it stays what it was. */
void kv_http_watch_calm(struct kv_http_watch *w, int fd, bool calm);

/* Waits up to timeout_ms (-1: for ever) for a socket, or for one of the caller's fds, whose revents
 * come back as poll(2) gives them. A signal may end it early. */
void kv_http_watch_wait(struct kv_http_watch *w, struct pollfd *fds, size_t nfds, int timeout_ms);
/* The next one that was ready: POLLIN, POLLOUT or both; an error or a hang-up is both. */
bool kv_http_watch_next(struct kv_http_watch *w, int *fd, short *events);

#endif
