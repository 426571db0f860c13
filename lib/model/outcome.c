/* outcome - what a 401, a 429, a cut stream or an ordinary end mean: how a call ended, and what follows.
 *
 * The tests run in the order of lib/model/README.md: phrases that mean money, then phrases that
 * mean length, then filters, then the status. Every phrase that decides anything stands in one of
 * the tables below.
 */
#include "outcome.h"

#include <ctype.h>
#include <string.h>

static const struct kv_outcome_rule rules[KV_OUTCOME_COUNT] = {
    [KV_OUTCOME_OK] = {"ok", KV_RETRY_NEVER, false, true},
    [KV_OUTCOME_TRUNCATED] = {"truncated", KV_RETRY_NEVER, false, true},
    [KV_OUTCOME_REFUSAL] = {"refusal", KV_RETRY_NEVER, false, true},
    [KV_OUTCOME_CONTENT_FILTER] = {"content_filter", KV_RETRY_NEVER, false, false},
    [KV_OUTCOME_CONTEXT_LENGTH] = {"context_length", KV_RETRY_NEVER, false, false},
    [KV_OUTCOME_BAD_REQUEST] = {"bad_request", KV_RETRY_NEVER, false, false},
    [KV_OUTCOME_RATE_LIMIT] = {"rate_limit", KV_RETRY_RATE_LIMIT, false, false},
    [KV_OUTCOME_OVERLOADED] = {"overloaded", KV_RETRY_RATE_LIMIT, false, false},
    [KV_OUTCOME_SERVER_ERROR] = {"server_error", KV_RETRY_SERVER_ERROR, false, false},
    [KV_OUTCOME_CONNECTION] = {"connection", KV_RETRY_CONNECTION, false, false},
    [KV_OUTCOME_TIMEOUT] = {"timeout", KV_RETRY_TIMEOUT, false, false},
    [KV_OUTCOME_BAD_RESPONSE] = {"bad_response", KV_RETRY_SERVER_ERROR, false, false},
    [KV_OUTCOME_QUOTA] = {"quota", KV_RETRY_NEVER, true, false},
    [KV_OUTCOME_AUTH] = {"auth", KV_RETRY_NEVER, true, false},
    [KV_OUTCOME_NOT_FOUND] = {"not_found", KV_RETRY_NEVER, true, false},
    [KV_OUTCOME_TLS_CONFIG] = {"tls_config", KV_RETRY_NEVER, true, false},
    [KV_OUTCOME_CANCELLED] = {"cancelled", KV_RETRY_NEVER, false, false},
};

const struct kv_outcome_rule *kv_outcome_rule(enum kv_outcome o)
{
    return &rules[o];
}

const char *kv_outcome_name(enum kv_outcome o)
{
    return rules[o].name;
}

/* ---- markers: lower case, found anywhere in type, code, message or detail ---- */

static const char *const quota_markers[] = {"insufficient_quota", "credit_balance",
    "enforced_spend_limit", "insufficient credits", "insufficient balance", "insufficient funds",
    "insufficient_funds", "insufficient_balance", "credit balance is too low", "payment required",
    "spend limit", "spending limit", "api usage limits", "usage limit reached", "budget_exceeded",
    "budget has been exceeded", "exceededbudget", "exceeded budget", "budget exceeded",
    "billing_hard_limit_reached", "out of credits", "arrearage", "exceeded_current_quota_error",
    NULL};
/* Google says this of every rate limit; of the others only those whose plan is used up do. */
static const char *const quota_prose[] = {"exceeded your current quota", "billing", NULL};
/* A shorter request could be paid: the refusal is of this one. */
static const char *const afford_markers[] = {"can only afford", "fewer max_tokens", NULL};

static const char *const context_markers[] = {"context_length_exceeded",
    "exceed_context_size_error", "maximum context length", "context length is only",
    "exceeds the available context", "prompt is too long", "input is too long",
    "exceed context limit", "reduce the length", "too many tokens", NULL};

static const char *const filter_markers[] = {"content_filter", "content_policy",
    "responsibleaipolicyviolation", "content filtering", "invalid_prompt", "cyber_policy",
    "bio_policy", "safety", NULL};

static const char *const auth_markers[] = {"api_key_invalid", "invalid_api_key", NULL};
static const char *const wire_markers[] = {"unexpected end of data", NULL};
static const char *const grammar_markers[] = {"parse grammar", "compiled grammar", NULL};
static const char *const daily_markers[] = {"perday", "limit: 0", NULL};
static const char *const overload_markers[] = {"overloaded", NULL};
static const char *const ladder_markers[] = {"response_format", "json_schema", "strict",
    "output_config", "output_format", "grammar", "schema", "not supported", "tool_choice", "tools",
    "json_object", NULL};

static bool contains(struct kv_slice text, const char *marker)
{
    size_t n = strlen(marker);
    for (size_t i = 0; i + n <= text.n; i++) {
        size_t k = 0;
        while (k < n && tolower((unsigned char)text.p[i + k]) == marker[k])
            k++;
        if (k == n)
            return true;
    }
    return false;
}

static bool says(const struct kv_error_body *c, const char *const *markers)
{
    for (; *markers; markers++)
        if (contains(c->type, *markers) || contains(c->code, *markers) ||
            contains(c->message, *markers) || contains(c->detail, *markers))
            return true;
    return false;
}

/* ---- classification ---- */

static bool speaks_of_quota(const struct kv_error_body *c)
{
    return !says(c, afford_markers) &&
           (says(c, quota_markers) || (!c->google && says(c, quota_prose)));
}

/* "… Limit 30000, Requested 41234": more than the window ever holds, so waiting cannot help. */
static bool asks_too_much(struct kv_slice message)
{
    static const char *const words[] = {"limit ", "requested "};
    double value[2] = {0, 0};
    for (size_t w = 0; w < 2; w++) {
        size_t n = strlen(words[w]);
        for (size_t i = 0; i + n < message.n && value[w] <= 0; i++) {
            if (!contains((struct kv_slice){message.p + i, n}, words[w]))
                continue;
            for (size_t k = i + n; k < message.n && isdigit((unsigned char)message.p[k]); k++)
                value[w] = value[w] * 10 + (message.p[k] - '0');
        }
    }
    return value[0] > 0 && value[1] > value[0];
}

static enum kv_outcome of_429(const struct kv_error_body *c)
{
    if (c->google)
        return says(c, daily_markers) || c->retry_after_ms > 3600 * 1000 ? KV_OUTCOME_QUOTA
                                                                         : KV_OUTCOME_RATE_LIMIT;
    if (c->retry_after_ms > 3600 * 1000)
        return KV_OUTCOME_QUOTA;
    return asks_too_much(c->message) ? KV_OUTCOME_BAD_REQUEST : KV_OUTCOME_RATE_LIMIT;
}

static enum kv_outcome of_400(const struct kv_error_body *c)
{
    if (says(c, auth_markers))
        return KV_OUTCOME_AUTH;
    if (says(c, wire_markers))
        return KV_OUTCOME_CONNECTION;
    if (kv_slice_is(c->type, "invalid_request_error") && contains(c->message, "blocked"))
        return KV_OUTCOME_CONTENT_FILTER;
    return KV_OUTCOME_BAD_REQUEST;
}

static bool mentions_length(const struct kv_error_body *c)
{
    return contains(c->message, "token") || contains(c->message, "context") ||
           kv_slice_is(c->type, "request_too_large");
}

static enum kv_outcome of_server(const struct kv_error_body *c)
{
    switch (c->status) {
    case 503:
        return kv_slice_is(c->type, "RESOURCE_EXHAUSTED") ? KV_OUTCOME_RATE_LIMIT
                                                          : KV_OUTCOME_OVERLOADED;
    case 529:
        return KV_OUTCOME_OVERLOADED;
    case 504:
    case 524:
        return KV_OUTCOME_TIMEOUT;
    case 501:
        return KV_OUTCOME_BAD_REQUEST;
    case 500:
        if (says(c, grammar_markers))
            return KV_OUTCOME_BAD_REQUEST;
        break;
    default:
        break;
    }
    return says(c, overload_markers) ? KV_OUTCOME_OVERLOADED : KV_OUTCOME_SERVER_ERROR;
}

static enum kv_outcome of_status(const struct kv_error_body *c)
{
    switch (c->status) {
    case 400:
        return of_400(c);
    case 401:
        return KV_OUTCOME_AUTH;
    case 402: /* with a time to wait it is a router's own budget, not the account */
        return c->retry_after_ms >= 0 ? KV_OUTCOME_RATE_LIMIT : KV_OUTCOME_QUOTA;
    case 403:
        if (contains(c->message, "context length"))
            return KV_OUTCOME_CONTEXT_LENGTH;
        return c->detail.n && contains(c->detail, "reasons") ? KV_OUTCOME_CONTENT_FILTER
                                                             : KV_OUTCOME_AUTH;
    case 404:
        return KV_OUTCOME_NOT_FOUND;
    case 407: /* of a proxy, over plain http */
        return KV_OUTCOME_AUTH;
    case 408:
        return KV_OUTCOME_TIMEOUT;
    case 409:
    case 425:
        return KV_OUTCOME_SERVER_ERROR;
    case 413:
        return mentions_length(c) ? KV_OUTCOME_CONTEXT_LENGTH : KV_OUTCOME_BAD_REQUEST;
    case 429:
        return of_429(c);
    case 498: /* Groq: the flex tier has no capacity left */
        return KV_OUTCOME_OVERLOADED;
    case 499: /* a proxy's word for a connection that was closed before the reply */
        return KV_OUTCOME_CONNECTION;
    default:
        break;
    }
    if (c->status >= 300 && c->status < 400)
        return KV_OUTCOME_NOT_FOUND;
    if (c->status >= 400 && c->status < 500)
        return KV_OUTCOME_BAD_REQUEST;
    return of_server(c);
}

/* An error inside a 200 may name its kind in words only. */
static int status_of_words(const struct kv_error_body *c)
{
    static const struct {
        const char *word;
        int status;
    } words[] = {
        {"overloaded_error", 529},
        {"rate_limit", 429},
        {"resource_exhausted", 429},
        {"too_many_requests", 429},
        {"authentication_error", 401},
        {"permission_error", 403},
        {"not_found_error", 404},
        {"timeout_error", 504},
        {"invalid_request_error", 400},
        {"unavailable", 503},
        {"unexpected endpoint", 404},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (contains(c->type, words[i].word) || contains(c->code, words[i].word) ||
            contains(c->message, words[i].word))
            return words[i].status;
    return 500;
}

static struct kv_error_body with_status(const struct kv_error_body *c)
{
    struct kv_error_body asked = *c;
    if (asked.status < 300 || asked.status > 999)
        asked.status = status_of_words(c);
    return asked;
}

int kv_outcome_status(const struct kv_error_body *c)
{
    return with_status(c).status;
}

enum kv_outcome kv_outcome_of(const struct kv_error_body *c)
{
    const struct kv_error_body asked = with_status(c);
    if (speaks_of_quota(&asked))
        return KV_OUTCOME_QUOTA;
    bool client = asked.status >= 400 && asked.status < 500;
    if ((client || asked.status == 500) && asked.status != 429 && says(&asked, context_markers))
        return KV_OUTCOME_CONTEXT_LENGTH;
    if (client && asked.status != 429 && asked.status != 401 && says(&asked, filter_markers))
        return KV_OUTCOME_CONTENT_FILTER;
    return of_status(&asked);
}

bool kv_outcome_is_certain(const struct kv_error_body *c)
{
    const struct kv_error_body asked = with_status(c);
    switch (kv_outcome_of(c)) {
    case KV_OUTCOME_QUOTA:
        return asked.status != 402 || speaks_of_quota(c);
    case KV_OUTCOME_AUTH:
        return asked.status != 403 || says(c, auth_markers);
    case KV_OUTCOME_TLS_CONFIG:
        return true;
    default:
        return false;
    }
}

bool kv_outcome_steps_down(const struct kv_error_body *c)
{
    if (c->status == 500)
        return says(c, grammar_markers);
    return (c->status == 400 || c->status == 422 || c->status == 501) &&
           (says(c, ladder_markers) || contains(c->param, "response_format") ||
               contains(c->param, "tool"));
}
