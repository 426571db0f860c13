/* exchange - one request to a batch service and its reply, waited for.
 *
 * Says of each how it ended in the words that crash windows need: whether the service may have done
 * something that nobody here knows of. A signal ends the wait.
 *
 *     struct kv_exchange x = {0};
 *     kv_exchange_run(&x, line, &request);
 *     if (x.end == KV_EXCHANGE_DONE) … x.json …
 *     kv_exchange_release(&x);
 */
#ifndef KV_EXCHANGE_H
#define KV_EXCHANGE_H

#include "http.h"
#include "outcome.h"
#include "provider.h"

/* The way to a service. Borrowed. */
struct kv_exchange_line {
    struct kv_http *http;
    struct kv_provider provider;
    struct kv_secrets *ring;
    int *signal;   /* set to the number of the one that came; 0 before */
    int signal_fd; /* a byte a signal; -1: none */
    double pace;   /* waits are shorter by this factor */
};

enum kv_exchange_end {
    KV_EXCHANGE_DONE,    /* a reply of 200 to 299, of JSON where that is expected */
    KV_EXCHANGE_REFUSED, /* a complete reply of 300 to 499: nothing was done */
    KV_EXCHANGE_UNMADE,  /* nothing went out */
    KV_EXCHANGE_DOUBT,   /* it may have been done */
};

struct kv_exchange_request {
    const char *url;    /* see kv_exchange_url */
    const char *method; /* NULL: GET, or POST where there is a body */
    struct kv_slice body;
    bool from_file; /* POST the first file_size bytes of a file */
    int file;
    int64_t file_size;
    const char *type; /* of the body; NULL: JSON */
    const char *key;  /* Idempotency-Key; NULL: none */
    long timeout_ms;  /* 0: a minute */
    /* The body of a reply of 200, as it comes; false: no more is wanted. NULL: x.json. */
    bool (*take)(void *user, struct kv_slice bytes);
    void *user;
};

struct kv_exchange {
    enum kv_exchange_end end;
    int status; /* 0: none came */
    struct kv_buf body;
    struct kv_slice json;                      /* checked; of the body */
    enum kv_outcome class;                     /* unless DONE */
    struct kv_buf code;                        /* the service's */
    struct kv_buf message;                     /* one line for people, redacted, unless DONE */
    int64_t retry_after_ms;                    /* -1: not said */
    const struct kv_exchange_request *request; /* private */
};

void kv_exchange_run(struct kv_exchange *x, const struct kv_exchange_line *line,
    const struct kv_exchange_request *request);
void kv_exchange_release(struct kv_exchange *x);

/* A reply that was DONE, and lacks what it must have: of what was done nothing is known. */
void kv_exchange_mistrust(
    struct kv_exchange *x, const struct kv_exchange_line *line, const char *why);

/* Waits, shorter by the pace of the line; false if a signal came. */
bool kv_exchange_pause(const struct kv_exchange_line *line, int64_t ms);

/* Writes the URL of a path below the version of the service's API, as "/batches/ID"; `url` is empty. */
void kv_exchange_url(const struct kv_exchange_line *line, const char *path, struct kv_buf *url);

/* True if a URL that a service gave points to where it was asked itself: only then the key may go. */
bool kv_exchange_is_ours(const struct kv_exchange_line *line, const char *url);

#endif
