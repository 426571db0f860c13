/* response - what a model answered, in any dialect, as neutral values.
 *
 * Status, body and transport together decide the class (lib/model/README.md): a 200 may carry
 * an error, a 429 may mean that the money is gone. Texts that may be shown have passed through
 * kv_secret_redact. One struct kv_response is reused for many replies and keeps its buffers.
 *
 *     struct kv_response r = {0};
 *     while (kv_http_next(http, &done)) { kv_response_read(&r, &question, &done); … }
 *     kv_response_release(&r);
 */
#ifndef KV_RESPONSE_H
#define KV_RESPONSE_H

#include "error_body.h"
#include "events.h"
#include "http.h"
#include "outcome.h"
#include "protocol.h"
#include "ratelimit.h"
#include "secret.h"
#include "services.h"

/* What was asked, as far as reading the answer depends on it. */
struct kv_response_to {
    const struct kv_service *dialect;
    enum kv_protocol_kind wire;
    const char *schema_name; /* as in kv_request; NULL: free text */
    enum kv_step step;
    unsigned quirks; /* as sent: advice is only given for what has not been tried */
    bool streamed;   /* the wish was to have it as events */
    bool any; /* it was somebody else's request: any object that is no error is an answer, and the
                 text is {"status_code","request_id","body"} */
    bool background;               /* the wish was to have it worked on in the background */
    const struct kv_secrets *ring; /* may be NULL */
};

struct kv_response {
    enum kv_outcome outcome;
    int status;              /* HTTP; 0: none came */
    struct kv_buf text;      /* the answer; for a forced tool its arguments, a JSON object. Of a
                                failure, what had come of an answer, cut at a character */
    struct kv_buf reasoning; /* apart from the answer, never mixed into it */
    struct kv_buf refusal;   /* why it was declined, where it says */
    struct kv_buf finish;    /* finish or stop reason, as sent */
    struct kv_buf model;     /* the model that served */
    struct kv_buf provider;  /* the backend behind a router */
    struct kv_buf tier;      /* of service, as sent */
    struct kv_buf request_id;
    struct kv_buf fingerprint;
    struct kv_buf id;                     /* of the response, where it has one */
    struct kv_buf error_type, error_code; /* as sent */
    struct kv_buf error; /* one line for people: what went wrong, redacted; not the status */
    struct kv_usage usage;
    struct kv_ratelimit limits;
    int64_t wait_ms;     /* the provider asks us to wait so long; -1: it does not say */
    unsigned workaround; /* enum kv_quirk to add, after which the same call may go out again */
    unsigned offered;    /* for KV_QUIRK_EFFORT and _VERBOSITY: what is taken, words of effort.h */
    bool step_down;      /* try the next step of the ladder: kv_step_below */
    enum kv_retry_class retry; /* whose budget another attempt uses; KV_RETRY_NEVER: none makes
                                  sense. Class and x-should-retry taken together */
    bool certain;              /* of an outcome that stops: no other request would fare better */
    bool proxied;              /* a proxy refused it, or could not be reached */
    bool sent;                 /* it may have been worked on, and billed */
    bool finish_unknown;       /* ok, though no finish reason was given, or one nobody knows */
    bool only_commentary;      /* ok, though the model called all it said remarks on the way */
    bool waiting;              /* it is being worked on in the background: look again by `id` */
    /* private */
    struct kv_error_body_text error_body;
    struct kv_buf arguments, unread, location, scratch;
};
void kv_response_release(struct kv_response *r);

/* Reads a finished transfer. */
void kv_response_read(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_http_done *done);

/* ---- for `stream`, which reads a reply as it comes ---- */

/* Where what events say is to go. */
struct kv_protocol kv_response_view(struct kv_response *r);
/* The headers of a transfer that has ended. */
void kv_response_headers(struct kv_response *r, const struct kv_http_done *done);
/* All events that will come have come: fills `r` from them. r->status is set. */
void kv_response_events(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_events *e);
/* It ended like this, and `why` says so to people. */
void kv_response_fail(struct kv_response *r, const struct kv_response_to *to,
    enum kv_outcome outcome, const char *why);
/* The transfer failed. */
void kv_response_transfer(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_http_done *done);

/* The same without a transfer, for tests and recorded replies: headers are noted before with
 * kv_response_begin, kv_response_header. */
void kv_response_begin(struct kv_response *r);
void kv_response_header(struct kv_response *r, struct kv_slice name, struct kv_slice value);
void kv_response_decode(struct kv_response *r, const struct kv_response_to *to, int status,
    struct kv_slice body, int64_t now_ms);

#endif
