/* http_host - how many transfers to one host may begin, so that those of HTTP/2 share connections.
 *
 * A part of http; it sees no libcurl. libcurl lets transfers share a connection that is there, but
 * opens one for each that comes while none is ready: a burst of 512 makes 413 connections to a server
 * that offers HTTP/2. So of the transfers to a host of which nothing is known one goes ahead, and the
 * others are held until it is connected. Then as many go as one connection carries; if two of them
 * share a connection, the host speaks HTTP/2, and every further connection is opened by one transfer
 * while the others wait for it. If two have connections of their own, it does not, and nothing is
 * held any more; nor after a connection that failed.
 *
 *     if (kv_http_host_admit(&hosts, name, &flight)) … begin it …
 *     kv_http_host_connected(&flight, port);            about to be sent, from this local port
 *     kv_http_host_socket(&flight, fd);                 its socket, or that of its connection
 *     kv_http_host_haste(&flight, KV_HTTP_LATER);       what still comes of it may wait a little
 *     kv_http_host_left(&flight, version);              it has ended, or was given up
 *     while ((flight = kv_http_host_next(&hosts))) … begin it …
 */
#ifndef KV_HTTP_HOST_H
#define KV_HTTP_HOST_H

#include "http_haste.h"

#include <stdbool.h>
#include <stddef.h>

enum { KV_HTTP_STREAMS = 100 }; /* of one connection: libcurl's own limit */

struct kv_http_flight {
    void *user;
    struct kv_http_host *host; /* zero, as all that follows */
    /* private */
    int socket; /* -1 until it is told */
    int port;   /* 0: not connected yet */
    bool held;
    enum kv_http_haste haste;
    struct kv_http_flight *next;
};

/* A socket, and the haste of all that shares it: the most that any of it is in. fd -1: nothing is known
 * of it. */
struct kv_http_socket {
    int fd;
    enum kv_http_haste haste;
};

struct kv_http_host {
    char *name;
    enum { KV_HTTP_UNKNOWN, KV_HTTP_SHARED, KV_HTTP_APART } kind;
    bool failed; /* the last connection that was tried */
    /* private: zero */
    struct kv_http_connection {
        int port, socket; /* socket: -1 until it is told */
        size_t n, of[KV_HTTP_HASTES];
    } * connections;                      /* in use */
    size_t count, streams, flying, begun; /* begun: of flying, those not held */
    struct kv_http_flight *opener;        /* is connecting */
    struct kv_http_flight *held, *last;
};

struct kv_http_hosts { /* zero: none is known */
    struct kv_http_host **all;
    size_t n;
};
void kv_http_hosts_release(struct kv_http_hosts *hosts);

/* True if the transfer to the host may begin; else it is held, and comes back from
 * kv_http_host_next. */
bool kv_http_host_admit(
    struct kv_http_hosts *hosts, const char *name, struct kv_http_flight *flight);
struct kv_http_socket kv_http_host_connected(struct kv_http_flight *flight, int port);
/* Told of the first transfer of a connection at least, whenever that is known. */
void kv_http_host_socket(struct kv_http_flight *flight, int socket);
struct kv_http_socket kv_http_host_haste(struct kv_http_flight *flight, enum kv_http_haste haste);
/* `version` is that of the reply: 2, 1, or 0 if none came. What is left on its connection, if anything
 * is. */
struct kv_http_socket kv_http_host_left(struct kv_http_flight *flight, int version);
/* One that was held and may begin now; NULL: none. */
struct kv_http_flight *kv_http_host_next(struct kv_http_hosts *hosts);

#endif
