/* http - many transfers at once on one thread, over libcurl's multi interface.
 *
 * The only module that sees libcurl. It moves requests and replies, bounds them in time and size,
 * and says how each one ended; it knows nothing of models, of retries or of rates. It never queues:
 * what is started goes out at once, so a caller starts no more than kv_http_capacity transfers.
 *
 *     struct kv_http *http = kv_http_open(&limits, err);
 *     struct kv_http_target *peer = kv_http_target_open("http://127.0.0.1:8000/v1/x", err);
 *     kv_http_target_header(peer, "Authorization", value, err);
 *     for (;;) {
 *         … kv_http_start(http, &request, err) …
 *         kv_http_poll(http, fds, nfds, timeout_ms, err);
 *         while (kv_http_next(http, &done)) … done.user, done.end, done.status, done.body …
 *     }
 *     kv_http_close(http); kv_http_target_close(peer);
 *
 * HTTP/1.1 over kept-alive connections, HTTP/2 over shared ones where an https server offers it;
 * redirects are reported, never followed; proxies come from the usual variables, as libcurl reads
 * them, but loopback never goes through one. A reply that has not arrived completely is never
 * reported as one, except where the server gave no length and closed: only the reader of the body
 * can tell then. Caution: when a kept-alive connection turns out dead before the first byte of
 * the reply, libcurl sends the request again by itself; nobody here can promise "at most once".
 */
#ifndef KV_HTTP_H
#define KV_HTTP_H

#include "buf.h"
#include "err.h"
#include "http_haste.h"
#include "http_outcome.h"
#include "http_sent.h"
#include "http_target.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct kv_http_limits {
    size_t in_flight;       /* transfers at once at most; lowered to what descriptors allow */
    size_t body_max;        /* bytes of one decoded reply; 0: 16 MiB */
    const char *user_agent; /* NULL: "kv/VERSION" */
    const char *ca_file;    /* NULL: the system's bundle */
    const char *ca_path;    /* a directory of certificates beside it; NULL: none */
};

struct kv_http;

/* Raises the soft limit of descriptors to the hard one. Everything in *limits is copied. */
struct kv_http *kv_http_open(const struct kv_http_limits *limits, struct kv_err *err);
void kv_http_close(struct kv_http *h);            /* drops what is in flight; NULL is fine */
size_t kv_http_capacity(const struct kv_http *h); /* transfers that may be in flight */
size_t kv_http_flying(const struct kv_http *h);   /* transfers that are */

/* ---- transfers ---- */

struct kv_http_request {
    struct kv_http_target *peer;
    const char *url;      /* instead of the peer's, at its host; NULL. Borrowed like the body */
    struct kv_slice body; /* POSTed; p == NULL: GET. Borrowed until the transfer is reported */
    const char *method;   /* instead of those two; NULL */
    /* A file that is POSTed in place of a body: its first `file_size` bytes, read as they go out. */
    bool from_file;
    int file;
    int64_t file_size;
    /* Header lines of this request alone, in place of the peer's of the same name and of Accept. */
    const struct kv_http_field *fields;
    size_t field_count;
    long timeout_ms;         /* of the whole transfer; 0: 600 s */
    long connect_timeout_ms; /* 0: 10 s */
    bool fresh;              /* on a new connection: for the retry after a lost one */
    bool identity;           /* do not offer compression */
    /* Gets the body in pieces as it comes, instead of done.body; false: no more of it is wanted, the
     * transfer ends as CONNECTION. It must not call back into this module. NULL: it is collected.
     * The reply is asked for as events. */
    bool (*take)(void *user, int status, struct kv_slice bytes);
    /* Asked after each piece: how soon further pieces, and the end, are taken, together with those of
     * other transfers. NULL: at once. */
    enum kv_http_haste (*haste)(void *user);
    void *user; /* comes back in kv_http_done */
};

struct kv_http_done {
    void *user;
    enum kv_http_outcome end;
    int status;           /* 0 if none arrived; set also when the body was cut off */
    struct kv_slice body; /* decoded; may be partial unless ANSWERED. Until the next kv_http_next */
    bool proxied;         /* it was a proxy that ended it */
    const char *detail;   /* for people, when not ANSWERED; until the next kv_http_next */
    bool sent;            /* the request had gone out: the peer may have worked on it */
    bool fresh;           /* a new connection was made for it */
    int64_t total_us, first_byte_us; /* since the start; first_byte_us 0 if none came */
    void *transfer;                  /* private */
};

/* Starts a transfer. Fails with KV_BUSY at capacity and KV_SYSTEM when libcurl refuses. */
int kv_http_start(struct kv_http *h, const struct kv_http_request *request, struct kv_err *err);

/* Moves bytes, waiting up to timeout_ms for something to happen, on a transfer or on one of fds.
 * The revents of fds are as poll(2) gives them. Never waits while a finished transfer has not been
 * fetched. -1 (KV_SYSTEM) only if libcurl is beyond repair; the transfers end as CONNECTION. */
int kv_http_poll(
    struct kv_http *h, struct pollfd *fds, size_t nfds, int timeout_ms, struct kv_err *err);

/* Fetches the next finished transfer. Its body, detail and headers are gone with the next call of
 * kv_http_next, kv_http_poll or kv_http_close; kv_http_start leaves them alone. */
bool kv_http_next(struct kv_http *h, struct kv_http_done *done);

/* A header of the reply, looked up without regard to case (the last one of several). */
bool kv_http_header(const struct kv_http_done *done, const char *name, struct kv_slice *value);
/* All of them: start with *at = NULL. */
bool kv_http_header_next(const struct kv_http_done *done, const char **at, struct kv_slice *name,
    struct kv_slice *value);

/* Gives up the transfers started with this user pointer: they are not reported, their connections
 * are closed. Returns how many there were. */
size_t kv_http_cancel(struct kv_http *h, const void *user);

#endif
