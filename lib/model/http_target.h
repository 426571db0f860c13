/* http_target - where requests go: a URL checked once, and the headers every request carries.
 *
 * A part of http, and like it allowed to see libcurl. A target outlives the transfers that use it.
 * It holds a key as part of a header line; the line is wiped when the target is closed.
 */
#ifndef KV_HTTP_TARGET_H
#define KV_HTTP_TARGET_H

#include "buf.h"
#include "err.h"
#include "http_place.h"

#include <stdbool.h>
#include <stdint.h>

struct Curl_URL;
struct curl_slist;

struct kv_http_target {
    struct kv_http_place place; /* what is asked, and what decides who gets a key */
    char *host;                 /* "host" or "host:port": what may be printed */
    char *socket;               /* path of the unix socket it is reached by; NULL: none */
    bool share_connections;     /* by HTTP/2, if it is offered: true of https. Not to be changed
                                   once it has been asked */
    /* private to http */
    uint64_t state;          /* never that of another target, nor of this one before a change */
    struct Curl_URL *parsed; /* the place's URL; NULL where a secret one stands for it */
    char *secret_url;        /* that with what must not be shown; NULL: nothing */
    struct curl_slist *headers;
    bool says_accept, says_agent, says_encodings; /* headers of these names are among them */
    long idle_s;                                  /* how long an idle connection to it is trusted */
};

/* Refuses (NULL, KV_INPUT) what kv_http_place_read refuses. */
struct kv_http_target *kv_http_target_open(const char *url, struct kv_err *err);
void kv_http_target_close(struct kv_http_target *p); /* NULL is fine */

/* Adds "name: value"; refuses control bytes in either. */
int kv_http_target_header(
    struct kv_http_target *p, const char *name, struct kv_slice value, struct kv_err *err);

/* Has it reached by a unix socket, whose path stands for its host in messages. */
void kv_http_target_socket(struct kv_http_target *p, const char *path);

/* Adds a parameter to what is asked, percent-encoded; it is in no URL that is shown. */
void kv_http_target_query(struct kv_http_target *p, const char *name, struct kv_slice value);

/* A server says in a Keep-Alive header how long it keeps connections: it is believed, with a second
 * to spare. */
void kv_http_target_kept(struct kv_http_target *p, const char *keep_alive);

/* True if a header of this name has been added. */
bool kv_http_target_has(const struct kv_http_target *p, const char *name);

#endif
