/* http_outcome - how a transfer ended, in words other than libcurl's.
 *
 * libcurl has a hundred error codes and one of them means three things depending on when it comes;
 * callers need to know what to do next. Source: lib/model/README.md.
 */
#ifndef KV_HTTP_OUTCOME_H
#define KV_HTTP_OUTCOME_H

#include <stdbool.h>

enum kv_http_outcome {
    KV_HTTP_ANSWERED,   /* a complete reply; its status may be anything */
    KV_HTTP_CONNECTION, /* no name, no connection, reset, cut off */
    KV_HTTP_TIMEOUT,    /* the deadline passed after the request had gone out */
    KV_HTTP_GARBAGE,    /* what came back was not HTTP, or not in the encoding it claimed */
    KV_HTTP_TOO_LARGE,  /* body or headers beyond our bounds */
    KV_HTTP_TLS,        /* certificates or protocol versions do not fit: no retry will help */
    KV_HTTP_PROXY_AUTH, /* the proxy refused us */
    KV_HTTP_REFUSED,    /* libcurl itself refused: a bug or an odd build; detail says what */
};

/* What else is known of a transfer when it has ended. */
struct kv_http_trace {
    int status;       /* of the reply; 0: none came */
    int proxy_status; /* of the answer to CONNECT; 0: none */
    bool sent;        /* the request had gone out */
    bool capped;      /* we stopped reading: too large */
    const char *detail;
};

/* `code` is a CURLcode. */
enum kv_http_outcome kv_http_outcome_of(int code, const struct kv_http_trace *t);

#endif
