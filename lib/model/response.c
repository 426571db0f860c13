/* response - what a model answered, in any dialect, as neutral values. */
#include "response.h"

#include "finish.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "openai_responses.h"
#include "partial_text.h"
#include "reasoning.h"
#include "reply_usage.h"
#include "workaround.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { ERROR_SHOWN = 500 };

/* ---- life ---- */

static struct kv_buf *const *buffers(struct kv_response *r, struct kv_buf *all[18])
{
    struct kv_buf *list[] = {&r->text, &r->reasoning, &r->refusal, &r->finish, &r->model,
        &r->provider, &r->tier, &r->request_id, &r->fingerprint, &r->error_type, &r->error_code,
        &r->error, &r->id, &r->arguments, &r->unread, &r->location, &r->scratch, NULL};
    memcpy(all, list, sizeof list);
    return all;
}

void kv_response_release(struct kv_response *r)
{
    struct kv_buf *all[18];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_release(*b);
    kv_error_body_release(&r->error_body);
}

void kv_response_begin(struct kv_response *r)
{
    struct kv_buf *all[18];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_clear(*b);
    kv_usage_begin(&r->usage);
    r->outcome = KV_OUTCOME_BAD_RESPONSE;
    r->status = 0;
    r->wait_ms = -1;
    r->workaround = r->offered = 0;
    r->retry = KV_RETRY_NEVER;
    r->step_down = r->certain = r->proxied = r->sent = r->finish_unknown = r->only_commentary =
        r->waiting = false;
    kv_ratelimit_begin(&r->limits);
}

static bool named(struct kv_slice name, const char *wanted)
{
    return name.n == strlen(wanted) && strncasecmp(name.p, wanted, name.n) == 0;
}

/* LiteLLM says the cost of a whole reply here, and nothing where it knows no price; of a stream it
 * says it in the last event. */
static void take_cost(struct kv_response *r, struct kv_slice value)
{
    double cost;
    if (isnan(r->usage.cost) && kv_num_double(value, &cost) && isfinite(cost) && cost >= 0)
        r->usage.cost = cost;
}

void kv_response_header(struct kv_response *r, struct kv_slice name, struct kv_slice value)
{
    kv_ratelimit_note(&r->limits, name, value);
    if (named(name, "x-litellm-response-cost"))
        take_cost(r, value);
    if (named(name, "x-request-id") || named(name, "request-id")) {
        kv_buf_clear(&r->request_id);
        kv_buf_add_slice(&r->request_id, value);
    } else if (named(name, "location")) {
        kv_buf_clear(&r->location);
        kv_buf_add_slice(&r->location, value);
    }
}

/* ---- texts for people ---- */

/* Redacted, on one line, of bounded length. */
static void say(struct kv_response *r, const struct kv_response_to *to, struct kv_slice text)
{
    kv_buf_clear(&r->scratch);
    if (text.n > 4 * ERROR_SHOWN) /* redacting may shorten it, but not by much */
        text.n = 4 * ERROR_SHOWN;
    kv_secret_redact(to->ring, text, &r->scratch);
    size_t n = r->scratch.n < ERROR_SHOWN ? r->scratch.n : ERROR_SHOWN;
    while (n > 0 && n < r->scratch.n && ((unsigned char)r->scratch.p[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)r->scratch.p[i] < 0x20)
            r->scratch.p[i] = ' ';
    kv_buf_add(&r->error, r->scratch.p, n);
}

static void say_str(struct kv_response *r, const struct kv_response_to *to, const char *text)
{
    say(r, to, kv_slice(text));
}

/* ---- how it finished ---- */

static bool asked_tool(const struct kv_response_to *to)
{
    return to->schema_name && to->step == KV_STEP_TOOL;
}

static enum kv_outcome of_finish(struct kv_response *r, const struct kv_response_to *to)
{
    struct kv_slice finish = kv_slice_of(&r->finish);
    enum kv_outcome outcome;
    if (kv_finish_is_tool(finish))
        return asked_tool(to) ? KV_OUTCOME_OK : KV_OUTCOME_BAD_RESPONSE;
    if (kv_finish_outcome(finish, &outcome))
        return outcome;
    r->finish_unknown = true;
    if (finish.n == 0 && to->wire == KV_PROTOCOL_ANTHROPIC)
        return KV_OUTCOME_BAD_RESPONSE;
    return r->text.n ? KV_OUTCOME_OK : KV_OUTCOME_BAD_RESPONSE;
}

/* Servers that fill in a prompt themselves may end it with the opening tag of the reasoning. */
static void split_reasoning(struct kv_response *r, const struct kv_response_to *to)
{
    kv_reasoning_split(&r->text, to->dialect->flags & KV_SERVICE_LOCAL, &r->reasoning);
}

/* Text beside a refusal is the answer in Responses, where a refusal is an item of its own. */
static bool is_refused(const struct kv_response *r, const struct kv_response_to *to)
{
    return r->refusal.n && (to->wire != KV_PROTOCOL_RESPONSES || !r->text.n);
}

static void take_arguments(struct kv_response *r)
{
    r->step_down = r->arguments.n == 0 && r->outcome == KV_OUTCOME_OK;
    if (!r->arguments.n)
        return;
    kv_buf_clear(&r->text);
    kv_buf_add_slice(&r->text, kv_slice_of(&r->arguments));
}

/* Decides the outcome of a response that was read to its end, and its reason. */
static void settle(struct kv_response *r, const struct kv_response_to *to, enum kv_outcome outcome)
{
    kv_usage_settle(&r->usage);
    r->outcome = outcome;
    if (asked_tool(to))
        take_arguments(r);
    kv_partial_text_join(&r->text);
    split_reasoning(r, to);
    if (is_refused(r, to) && r->outcome == KV_OUTCOME_OK)
        r->outcome = KV_OUTCOME_REFUSAL;
    if (r->outcome == KV_OUTCOME_REFUSAL && !r->text.n)
        kv_buf_add_slice(&r->text, kv_slice_of(&r->refusal));
    if (to->wire == KV_PROTOCOL_RESPONSES && r->outcome == KV_OUTCOME_OK && !r->text.n &&
        !r->step_down)
        r->outcome = KV_OUTCOME_BAD_RESPONSE;
    bool unread = r->unread.n && !r->text.n && r->outcome == KV_OUTCOME_OK;
    if (unread) {
        r->outcome = KV_OUTCOME_BAD_RESPONSE;
        kv_buf_add_str(&r->error, "the answer comes in parts that are no text: ");
        say(r, to, kv_slice_of(&r->unread));
    } else if (r->outcome == KV_OUTCOME_BAD_RESPONSE) {
        kv_buf_add_str(&r->error, "the reply ended without an answer, finish reason \"");
        say(r, to, kv_slice_of(&r->finish));
        kv_buf_add_char(&r->error, '"');
    } else if (r->outcome == KV_OUTCOME_CONTENT_FILTER)
        say_str(r, to, "the provider's content filter stopped the answer");
    else if (r->outcome == KV_OUTCOME_SERVER_ERROR || r->outcome == KV_OUTCOME_OVERLOADED)
        say_str(r, to, "the server broke off in the middle of the answer");
}

static void conclude(struct kv_response *r, const struct kv_response_to *to)
{
    settle(r, to, of_finish(r, to));
}

/* What had come of an answer that failed: no half of a character at its end, and no reasoning. */
static void keep_text(struct kv_response *r, const struct kv_response_to *to)
{
    kv_partial_text_join(&r->text);
    kv_partial_text_trim(&r->text);
    split_reasoning(r, to);
}

/* ---- refusals ---- */

static void say_refusal(struct kv_response *r, const struct kv_response_to *to)
{
    const struct kv_error_body_text *t = &r->error_body;
    const struct kv_buf *kind = t->code.n && !t->status ? &t->code : &t->type;
    if (kind->n)
        say(r, to, kv_slice_of(kind));
    if (kind->n && t->message.n)
        kv_buf_add_str(&r->error, ": ");
    if (t->message.n)
        say(r, to, kv_slice_of(&t->message));
    if (!r->error.n)
        kv_buf_add_str(&r->error, "the server gave no reason");
}

/* We do not follow, so the base URL is wrong; the target without its query says how. */
static void say_redirect(struct kv_response *r, const struct kv_response_to *to)
{
    struct kv_slice target = kv_slice_of(&r->location);
    const char *query = target.n ? memchr(target.p, '?', target.n) : NULL;
    if (query)
        target.n = (size_t)(query - target.p);
    kv_buf_add_str(&r->error, "the base URL is wrong: it redirects to ");
    say(r, to, target.n ? target : KV_SLICE("nowhere"));
}

/* r->error_body has been read; `status` is what the error itself claims. */
static void refuse(struct kv_response *r, const struct kv_response_to *to, int status)
{
    struct kv_error_body_text *t = &r->error_body;
    int64_t hint = r->limits.retry_after_ms >= 0 ? r->limits.retry_after_ms : t->delay_ms;
    struct kv_error_body c =
        kv_error_body_of(t, status, hint, to->dialect->flags & KV_SERVICE_GOOGLE);
    r->outcome = kv_outcome_of(&c);
    r->certain = kv_outcome_is_certain(&c);
    kv_secret_redact(to->ring, c.type, &r->error_type);
    kv_secret_redact(to->ring, c.code, &r->error_code);
    if (!kv_outcome_rule(r->outcome)->stops)
        r->wait_ms = hint;
    if (hint < 0 && r->outcome == KV_OUTCOME_RATE_LIMIT)
        r->wait_ms = r->limits.refill_ms;
    if (status == 400 || status == 422)
        r->workaround = kv_workaround(t, to->quirks, to->streamed);
    else if (status == 500) /* a chat template that raised an exception */
        r->workaround = kv_workaround(t, to->quirks, to->streamed) & KV_QUIRK_FOLD_SYSTEM;
    if (r->workaround & (KV_QUIRK_EFFORT | KV_QUIRK_VERBOSITY))
        r->offered = kv_workaround_offered(t);
    if (!r->workaround && (status == 400 || status == 404))
        r->workaround = kv_workaround_protocol(t, status, to->wire, to->quirks);
    if (!r->workaround && to->schema_name && to->step < KV_STEP_PLAIN &&
        (r->outcome == KV_OUTCOME_BAD_REQUEST || r->outcome == KV_OUTCOME_SERVER_ERROR))
        r->step_down = kv_outcome_steps_down(&c);
    if (status >= 300 && status < 400)
        say_redirect(r, to);
    else
        say_refusal(r, to);
}

/* ---- bodies ---- */

struct kv_protocol kv_response_view(struct kv_response *r)
{
    return (struct kv_protocol){.text = &r->text,
        .reasoning = &r->reasoning,
        .refusal = &r->refusal,
        .finish = &r->finish,
        .model = &r->model,
        .provider = &r->provider,
        .fingerprint = &r->fingerprint,
        .tier = &r->tier,
        .id = &r->id,
        .arguments = &r->arguments,
        .unread = &r->unread,
        .usage = &r->usage};
}

static void settle_retry(struct kv_response *r)
{
    const struct kv_outcome_rule *rule = kv_outcome_rule(r->outcome);
    r->retry = rule->retry;
    if (r->outcome == KV_OUTCOME_CANCELLED) /* by somebody else: it can be asked again */
        r->retry = KV_RETRY_SERVER_ERROR;
    if (rule->answers || rule->stops)
        return;
    if (r->limits.should_retry == 0)
        r->retry = KV_RETRY_NEVER;
    else if (r->limits.should_retry == 1 && r->retry == KV_RETRY_NEVER)
        r->retry = KV_RETRY_SERVER_ERROR;
}

static void refuse_error(
    struct kv_response *r, const struct kv_response_to *to, struct kv_slice error, int status)
{
    kv_error_body_read_error(&r->error_body, error);
    refuse(r, to, r->error_body.status ? r->error_body.status : status);
}

static void say_state(struct kv_response *r, const struct kv_response_to *to, const char *what)
{
    kv_buf_add_str(&r->error, what);
    kv_buf_add_str(&r->error, ": ");
    say(r, to, kv_slice_of(&r->finish));
}

/* A response object of the Responses interface. False if it is none. */
static bool decode_response(
    struct kv_response *r, const struct kv_response_to *to, struct kv_slice root)
{
    const struct kv_protocol out = kv_response_view(r);
    struct kv_openai_responses said;
    if (!kv_openai_responses_take(&out, root, &said))
        return false;
    if (said.id.n && kv_json_type(said.id) == KV_JSON_STRING)
        kv_json_unescape(said.id, &r->id);
    r->only_commentary = said.only_commentary;
    switch (said.state) {
    case KV_OPENAI_RESPONSES_DONE:
        conclude(r, to);
        break;
    case KV_OPENAI_RESPONSES_CUT:
        settle(r, to,
            kv_slice_is(kv_slice_of(&r->finish), "content_filter") ? KV_OUTCOME_CONTENT_FILTER
                                                                   : KV_OUTCOME_TRUNCATED);
        break;
    case KV_OPENAI_RESPONSES_FAILED:
        refuse_error(r, to, said.error, kv_openai_responses_status(said.error));
        break;
    case KV_OPENAI_RESPONSES_STOPPED:
        r->outcome = KV_OUTCOME_CANCELLED;
        say_str(r, to, "the response was cancelled");
        break;
    case KV_OPENAI_RESPONSES_WAITING:
        r->waiting = to->background && r->id.n;
        say_state(r, to, "no answer, but a response that is still worked on");
        break;
    case KV_OPENAI_RESPONSES_UNKNOWN:
        say_state(r, to, "a response of an unknown status");
        break;
    }
    return true;
}

/* An answer to a request that nothing is known of. */
static void decode_any(struct kv_response *r, const struct kv_response_to *to, struct kv_slice root)
{
    struct kv_slice error;
    struct kv_stage_usage said = {0};
    if (kv_protocol_error(root, &error)) {
        refuse_error(r, to, error, r->status);
        return;
    }
    if (kv_json_type(root) != KV_JSON_OBJECT) {
        say_str(r, to, "the reply is JSON but no object");
        return;
    }
    kv_reply_usage_read(&said, root);
    kv_json_unescape(said.served, &r->model);
    kv_json_unescape(said.tier, &r->tier);
    if (isnan(said.used.cost))
        said.used.cost = r->usage.cost; /* of a header */
    r->usage = said.used;
    kv_json_out_object(&r->text, NULL);
    kv_json_out_int(&r->text, "status_code", r->status);
    kv_json_out_text(&r->text, "request_id", kv_slice_of(&r->request_id));
    kv_json_out_key(&r->text, "body");
    kv_json_compact(&r->text, root);
    kv_buf_add_char(&r->text, '}');
    r->outcome = KV_OUTCOME_OK;
}

static void decode_value(
    struct kv_response *r, const struct kv_response_to *to, struct kv_slice root)
{
    if (to->any) {
        decode_any(r, to, root);
        return;
    }
    const struct kv_protocol out = kv_response_view(r);
    struct kv_slice error;
    enum kv_protocol_kind wire = to->wire;
    if (wire == KV_PROTOCOL_RESPONSES) {
        if (decode_response(r, to, root))
            return;
        wire = KV_PROTOCOL_OPENAI; /* servers exist that answer both alike */
    }
    if (kv_protocol_error(root, &error))
        refuse_error(r, to, error, r->status);
    else if (kv_protocol_take(&out, wire, root))
        conclude(r, to);
    else
        say_str(r, to, "the reply is JSON but holds no answer");
}

/* The end marker without a finish reason: some servers know no reason, the great ones always say
 * one. */
static bool may_omit_finish(const struct kv_response_to *to)
{
    static const char *const strict[] = {"openai", "azure", "anthropic"};
    for (size_t i = 0; i < sizeof strict / sizeof *strict; i++)
        if (strcmp(to->dialect->name, strict[i]) == 0)
            return false;
    return true;
}

static void decode_events(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_events *e)
{
    struct kv_slice root;
    if (e->error.n && !e->finished)
        refuse_error(r, to, kv_slice_of(&e->error), r->status);
    else if (e->garbled)
        say_str(r, to, "an event of the stream is not JSON");
    else if (e->whole.n) {
        kv_buf_clear(&r->text); /* what the pieces said is said again, and rather believed */
        kv_buf_clear(&r->reasoning);
        kv_buf_clear(&r->refusal);
        kv_buf_clear(&r->arguments);
        kv_json_check(kv_slice_of(&e->whole), KV_JSON_STRICT, &root, NULL);
        decode_value(r, to, root);
    } else if (r->finish.n || (e->ended && r->text.n && may_omit_finish(to)))
        conclude(r, to);
    else
        say_str(r, to, "the stream broke off before its end");
}

void kv_response_events(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_events *e)
{
    r->outcome = KV_OUTCOME_BAD_RESPONSE;
    decode_events(r, to, e);
    if (!kv_outcome_rule(r->outcome)->answers)
        keep_text(r, to);
    settle_retry(r);
}

static void decode_stream(
    struct kv_response *r, const struct kv_response_to *to, struct kv_slice body)
{
    struct kv_events e = {.wire = to->wire};
    const struct kv_protocol out = kv_response_view(r);
    kv_events_take(&e, &out, body);
    decode_events(r, to, &e);
    kv_events_release(&e);
}

/* A refusal is a document, but some servers wrap it into an event. */
static void decode_refusal(
    struct kv_response *r, const struct kv_response_to *to, int status, struct kv_slice body)
{
    struct kv_events e = {.wire = to->wire};
    const struct kv_protocol out = kv_response_view(r);
    if (kv_sse_look(body) == KV_SSE_STREAM)
        kv_events_take(&e, &out, body);
    if (e.error.n)
        kv_error_body_read_error(&r->error_body, kv_slice_of(&e.error));
    else
        kv_error_body_read(&r->error_body, body);
    refuse(r, to, status);
    kv_events_release(&e);
}

static void decode_whole(
    struct kv_response *r, const struct kv_response_to *to, struct kv_slice body)
{
    struct kv_slice root;
    struct kv_json_walk w;
    struct kv_err err;
    if (kv_json_check(body, KV_JSON_STRICT, &root, &err) < 0) {
        kv_err_context(&err, "the reply is not JSON");
        say_str(r, to, err.text);
        return;
    }
    if (kv_json_type(root) == KV_JSON_ARRAY) {
        kv_json_begin(&w, root);
        kv_json_item(&w, &root);
    }
    decode_value(r, to, root);
}

void kv_response_decode(struct kv_response *r, const struct kv_response_to *to, int status,
    struct kv_slice body, int64_t now_ms)
{
    r->status = status;
    r->outcome = KV_OUTCOME_BAD_RESPONSE;
    kv_ratelimit_settle(&r->limits, now_ms);
    if (kv_slice_starts(
            body, "\xEF\xBB\xBF")) { /* a byte-order mark, from where text editors were */
        body.p += 3;
        body.n -= 3;
    }
    if (status < 200 || status >= 300)
        decode_refusal(r, to, status, body);
    else if (kv_sse_look(body) == KV_SSE_STREAM)
        decode_stream(r, to, body);
    else
        decode_whole(r, to, body);
    if (to->any) /* it is not ours to put it differently */
        r->workaround = r->step_down = 0;
    settle_retry(r);
}

/* ---- transfers ---- */

static enum kv_outcome of_end(enum kv_http_outcome end)
{
    static const enum kv_outcome map[] = {
        [KV_HTTP_ANSWERED] = KV_OUTCOME_OK,
        [KV_HTTP_CONNECTION] = KV_OUTCOME_CONNECTION,
        [KV_HTTP_TIMEOUT] = KV_OUTCOME_TIMEOUT,
        [KV_HTTP_GARBAGE] = KV_OUTCOME_BAD_RESPONSE,
        [KV_HTTP_TOO_LARGE] = KV_OUTCOME_BAD_RESPONSE,
        [KV_HTTP_TLS] = KV_OUTCOME_TLS_CONFIG,
        [KV_HTTP_PROXY_AUTH] = KV_OUTCOME_AUTH,
        [KV_HTTP_REFUSED] = KV_OUTCOME_BAD_REQUEST,
    };
    return map[end];
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kv_response_headers(struct kv_response *r, const struct kv_http_done *done)
{
    struct kv_slice name, value;
    const char *at = NULL;
    while (done->transfer && kv_http_header_next(done, &at, &name, &value))
        kv_response_header(r, name, value);
    kv_ratelimit_settle(&r->limits, wall_ms());
}

void kv_response_fail(struct kv_response *r, const struct kv_response_to *to,
    enum kv_outcome outcome, const char *why)
{
    r->outcome = outcome;
    say_str(r, to, why);
    keep_text(r, to);
    settle_retry(r);
}

void kv_response_transfer(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_http_done *done)
{
    r->status = done->status;
    kv_response_fail(r, to, of_end(done->end), done->detail);
    r->certain = true;                  /* a certificate, or a proxy that wants to know who asks */
    if (done->end == KV_HTTP_TOO_LARGE) /* it would be as large again */
        r->retry = KV_RETRY_NEVER;
}

/* Its word is not the service's: nothing is wrong with the key or the account there. */
static void blame_proxy(struct kv_response *r)
{
    struct kv_buf text = {0};
    r->proxied = true;
    kv_buf_add_str(&text, r->status == 407 ? "the proxy wants to know who asks: " : "the proxy: ");
    kv_buf_add_slice(&text, kv_slice_of(&r->error));
    kv_buf_release(&r->error);
    r->error = text;
}

void kv_response_read(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_http_done *done)
{
    struct kv_slice name, value;
    const char *at = NULL;
    kv_response_begin(r);
    while (done->transfer && kv_http_header_next(done, &at, &name, &value))
        kv_response_header(r, name, value);
    /* A refusal whose body was cut off is still a refusal. */
    bool refused = done->status >= 300 && done->end == KV_HTTP_CONNECTION;
    if (done->end == KV_HTTP_ANSWERED || refused)
        kv_response_decode(r, to, done->status, done->body, wall_ms());
    else
        kv_response_transfer(r, to, done);
    if (done->proxied)
        blame_proxy(r);
    r->sent = done->sent;
}
