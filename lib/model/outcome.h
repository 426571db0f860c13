/* outcome - how a call to a model ended, and what follows from it.
 *
 * Every call ends in exactly one class (lib/model/README.md). This module owns the classes, the
 * budgets that go with them, and the rules that find the class of a refusal from its status, its
 * codes and the phrases providers are known to use. It is pure: no transport, no JSON.
 */
#ifndef KV_OUTCOME_H
#define KV_OUTCOME_H

#include "buf.h"
#include "retry.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_outcome {
    KV_OUTCOME_OK,
    KV_OUTCOME_TRUNCATED,      /* stopped by a token limit; the text is what there is */
    KV_OUTCOME_REFUSAL,        /* the model declined, in so many words */
    KV_OUTCOME_CONTENT_FILTER, /* the provider blocked prompt or output */
    KV_OUTCOME_CONTEXT_LENGTH, /* the prompt does not fit */
    KV_OUTCOME_BAD_REQUEST,    /* this shape of request is not taken */
    KV_OUTCOME_RATE_LIMIT,     /* too fast for the account */
    KV_OUTCOME_OVERLOADED,     /* the provider is short of capacity */
    KV_OUTCOME_SERVER_ERROR,
    KV_OUTCOME_CONNECTION,
    KV_OUTCOME_TIMEOUT,
    KV_OUTCOME_BAD_RESPONSE, /* a success that cannot be used */
    KV_OUTCOME_QUOTA,        /* the money is gone, however it is dressed up */
    KV_OUTCOME_AUTH,
    KV_OUTCOME_NOT_FOUND, /* wrong URL or unknown model */
    KV_OUTCOME_TLS_CONFIG,
    KV_OUTCOME_CANCELLED,
    KV_OUTCOME_COUNT
};

struct kv_outcome_rule {
    const char *name;          /* "rate_limit" */
    enum kv_retry_class retry; /* whose budget it uses; KV_RETRY_NEVER: none helps */
    bool stops;                /* the endpoint may be useless until somebody acts */
    bool answers;              /* ends with data of the item rather than with a failure */
};
const struct kv_outcome_rule *kv_outcome_rule(enum kv_outcome o);
const char *kv_outcome_name(enum kv_outcome o);

/* What a provider said when it refused. Absent parts are empty slices. */
struct kv_error_body {
    int status;           /* HTTP, or the numeric code of an error inside a 200 */
    struct kv_slice type; /* error.type, or Google's error.status */
    struct kv_slice code; /* error.code as text, innererror.code or a Google reason */
    struct kv_slice param;
    struct kv_slice message; /* all texts found, for people */
    struct kv_slice detail;  /* quota ids, moderation reasons: looked at, not shown */
    int64_t retry_after_ms;  /* -1: no hint */
    bool google;             /* the dialect whose rate limit talks like a quota */
};
enum kv_outcome kv_outcome_of(const struct kv_error_body *c);

/* The HTTP status that a refusal without one stands for, by its words: 500 if they say nothing. */
int kv_outcome_status(const struct kv_error_body *c);

/* Of an outcome that stops: true if it is certain that no other request would fare better, as where
 * the provider's words, or a 401, speak of the account or the key. A bare 402, 403 or 404 may be
 * about one request: a firewall that dislikes a text, credit for a shorter answer only. */
bool kv_outcome_is_certain(const struct kv_error_body *c);

/* True if the refusal means that this way of asking for structured output is not supported here and
 * the next step of the ladder should be tried (lib/model/README.md). */
bool kv_outcome_steps_down(const struct kv_error_body *c);

#endif
