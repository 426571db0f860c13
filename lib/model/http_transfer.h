/* http_transfer - one transfer: an easy handle of libcurl with its reply, used again for the next.
 *
 * A part of http, and like it allowed to see libcurl. What never changes is set when a transfer is
 * made, what a request decides is set at every start; curl_easy_reset between calls would cost more
 * than the transfer. It moves no bytes: that is the loop's.
 *
 *     struct kv_http_transfer *t = kv_http_transfer_new(&means, &err);
 *     kv_http_transfer_prepare(t, &request, &err);
 *     … t->easy is performed …
 *     kv_http_transfer_report(t, code, &done);
 *     kv_http_transfer_clear(t);
 *     kv_http_transfer_free(t);
 */
#ifndef KV_HTTP_TRANSFER_H
#define KV_HTTP_TRANSFER_H

#include "http.h"
#include "http_headers.h"
#include "http_host.h"
#include "http_watch.h"

#include <curl/curl.h>

/* What all transfers of a loop share; it outlives them. */
struct kv_http_means {
    CURLSH *share;
    char *agent, *encodings; /* header lines; encodings NULL: libcurl has none */
    char *ca_file, *ca_path; /* may be NULL */
    size_t body_max;
    struct kv_http_watch *watch;
};

enum { KV_HTTP_OWN_LINES = 3 };

struct kv_http_transfer {
    CURL *easy;
    void *user;
    bool flying;
    struct kv_http_flight flight;  /* user: the transfer */
    int64_t started_ms;            /* of one that was held */
    struct kv_http_transfer *next; /* in a list of the loop's */
    /* private */
    const struct kv_http_means *means;
    struct kv_buf body;
    struct kv_http_headers headers; /* of the reply */
    struct kv_http_target *peer;
    uint64_t peer_state; /* of the peer that the handle is set to; 0: to none */
    bool sent;           /* a connection was there; 8.23 has a PRETRANSFER_TIME without one, too */
    bool capped, identity;
    bool (*take)(void *user, int status, struct kv_slice bytes);
    enum kv_http_haste (*haste)(void *user);
    long timeout_ms, connect_timeout_ms;
    struct curl_slist own[KV_HTTP_OWN_LINES]; /* in front of the peer's headers */
    struct curl_slist tunnel;                 /* for a proxy that is asked for a tunnel */
    struct kv_http_lines lines; /* in place of both, where the request has headers of its own */
    struct kv_http_file file;   /* that is sent */
    bool custom;                /* a method of its own was set */
    char error[CURL_ERROR_SIZE];
};

/* NULL (KV_SYSTEM): an odd build of libcurl. */
struct kv_http_transfer *kv_http_transfer_new(
    const struct kv_http_means *means, struct kv_err *err);
void kv_http_transfer_free(struct kv_http_transfer *t);

/* What it borrows of the request is said in http.h. */
int kv_http_transfer_prepare(
    struct kv_http_transfer *t, const struct kv_http_request *request, struct kv_err *err);
/* The time that it was held counts: its limits are shortened by it. False: libcurl did not take that. */
bool kv_http_transfer_shorten(struct kv_http_transfer *t);
/* It goes no further, whatever became of it: its connection has one transfer less. */
void kv_http_transfer_leave(struct kv_http_transfer *t);
/* Says how it ended. What *done points to is the transfer's. */
void kv_http_transfer_report(struct kv_http_transfer *t, CURLcode code, struct kv_http_done *done);
/* Ready for the next request; what was reported is gone. */
void kv_http_transfer_clear(struct kv_http_transfer *t);

#endif
