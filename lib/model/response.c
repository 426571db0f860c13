/* response - what a model answered, in any dialect, as neutral values. */
#include "response.h"

#include "json.h"
#include "protocol.h"
#include "sse.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum { ERROR_SHOWN = 500 };

/* ---- life ---- */

static struct kv_buf *const *buffers(struct kv_response *r, struct kv_buf *all[15])
{
    struct kv_buf *list[] = {&r->text, &r->reasoning, &r->refusal, &r->finish, &r->model,
        &r->provider, &r->tier, &r->request_id, &r->fingerprint, &r->error_type, &r->error_code,
        &r->error, &r->location, &r->scratch, NULL};
    memcpy(all, list, sizeof list);
    return all;
}

void kv_response_release(struct kv_response *r)
{
    struct kv_buf *all[15];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_release(*b);
    kv_error_body_release(&r->complaint);
}

void kv_response_begin(struct kv_response *r)
{
    struct kv_buf *all[15];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_clear(*b);
    kv_usage_begin(&r->usage);
    r->ending = KV_OUTCOME_BAD_RESPONSE;
    r->status = 0;
    r->wait_ms = -1;
    r->heal = 0;
    r->retry = KV_RETRY_NEVER;
    r->step_down = r->sent = r->finish_unknown = false;
    kv_ratelimit_begin(&r->limits);
}

static bool named(struct kv_slice name, const char *wanted)
{
    return name.n == strlen(wanted) && strncasecmp(name.p, wanted, name.n) == 0;
}

void kv_response_header(struct kv_response *r, struct kv_slice name, struct kv_slice value)
{
    kv_ratelimit_note(&r->limits, name, value);
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

static const struct {
    const char *reason;
    enum kv_outcome ending;
} finishes[] = {
    {"stop", KV_OUTCOME_OK},
    {"eos", KV_OUTCOME_OK},
    {"STOP", KV_OUTCOME_OK},
    {"end_turn", KV_OUTCOME_OK},
    {"stop_sequence", KV_OUTCOME_OK},
    {"length", KV_OUTCOME_TRUNCATED},
    {"max_tokens", KV_OUTCOME_TRUNCATED},
    {"MAX_TOKENS", KV_OUTCOME_TRUNCATED},
    {"model_length", KV_OUTCOME_TRUNCATED},
    {"model_context_window_exceeded", KV_OUTCOME_TRUNCATED},
    {"content_filter", KV_OUTCOME_CONTENT_FILTER},
    {"SAFETY", KV_OUTCOME_CONTENT_FILTER},
    {"RECITATION", KV_OUTCOME_CONTENT_FILTER},
    {"PROHIBITED_CONTENT", KV_OUTCOME_CONTENT_FILTER},
    {"BLOCKLIST", KV_OUTCOME_CONTENT_FILTER},
    {"SPII", KV_OUTCOME_CONTENT_FILTER},
    {"refusal", KV_OUTCOME_REFUSAL},
    {"error", KV_OUTCOME_SERVER_ERROR},
    {"abort", KV_OUTCOME_SERVER_ERROR},
    {"insufficient_system_resource", KV_OUTCOME_OVERLOADED},
    {"pause_turn", KV_OUTCOME_BAD_RESPONSE},
};

static bool asked_tool(const struct kv_response_to *to)
{
    return to->schema_name && to->step == KV_STEP_TOOL;
}

static enum kv_outcome of_finish(struct kv_response *r, const struct kv_response_to *to)
{
    struct kv_slice finish = kv_slice_of(&r->finish);
    if (kv_slice_is(finish, "tool_calls") || kv_slice_is(finish, "function_call") ||
        kv_slice_is(finish, "tool_use"))
        return asked_tool(to) ? KV_OUTCOME_OK : KV_OUTCOME_BAD_RESPONSE;
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        if (kv_slice_is(finish, finishes[i].reason))
            return finishes[i].ending;
    r->finish_unknown = true;
    if (finish.n == 0 && to->dialect->wire == KV_PROTOCOL_ANTHROPIC)
        return KV_OUTCOME_BAD_RESPONSE;
    return r->text.n ? KV_OUTCOME_OK : KV_OUTCOME_BAD_RESPONSE;
}

static void strip_front(struct kv_buf *b)
{
    size_t n = 0;
    while (n < b->n && strchr(" \t\r\n", b->p[n]))
        n++;
    kv_buf_cut(b, 0, n);
}

/* Servers without a field for it leave the reasoning in the answer, sometimes without its opening
 * tag. A tag that never closes means that nothing but reasoning arrived. */
static void split_thinking(struct kv_response *r)
{
    static const char open[] = "<think>", close[] = "</think>";
    const size_t opening = sizeof open - 1, closing = sizeof close - 1;
    if (r->reasoning.n || !r->text.n)
        return;
    struct kv_slice text = kv_slice_strip(kv_slice_of(&r->text));
    bool opened = kv_slice_starts(text, open);
    const char *end = memmem(text.p, text.n, close, closing);
    if (!opened && !end)
        return;
    const char *from = opened ? text.p + opening : text.p;
    const char *to = end ? end : text.p + text.n;
    kv_buf_add_slice(&r->reasoning, kv_slice_strip((struct kv_slice){from, (size_t)(to - from)}));
    kv_buf_cut(&r->text, 0, end ? (size_t)(end - r->text.p) + closing : r->text.n);
    strip_front(&r->text);
}

/* All of it is read; what is it? */
static void conclude(
    struct kv_response *r, const struct kv_response_to *to, struct kv_buf *arguments)
{
    kv_usage_settle(&r->usage);
    r->ending = of_finish(r, to);
    if (asked_tool(to)) {
        r->step_down = arguments->n == 0 && r->ending == KV_OUTCOME_OK;
        if (arguments->n) {
            kv_buf_clear(&r->text);
            kv_buf_add_slice(&r->text, kv_slice_of(arguments));
        }
    }
    split_thinking(r);
    if (r->refusal.n && r->ending == KV_OUTCOME_OK)
        r->ending = KV_OUTCOME_REFUSAL;
    if (r->ending == KV_OUTCOME_REFUSAL && !r->text.n)
        kv_buf_add_slice(&r->text, kv_slice_of(&r->refusal));
    if (r->ending == KV_OUTCOME_BAD_RESPONSE) {
        kv_buf_add_str(&r->error, "the reply ended without an answer, finish reason \"");
        say(r, to, kv_slice_of(&r->finish));
        kv_buf_add_char(&r->error, '"');
    } else if (r->ending == KV_OUTCOME_CONTENT_FILTER)
        say_str(r, to, "the provider's content filter stopped the answer");
    else if (r->ending == KV_OUTCOME_SERVER_ERROR || r->ending == KV_OUTCOME_OVERLOADED)
        say_str(r, to, "the server broke off in the middle of the answer");
}

/* ---- refusals ---- */

static bool holds(const struct kv_buf *text, const char *word)
{
    return text->n && memmem(text->p, text->n, word, strlen(word));
}

static bool mentions(const struct kv_error_body_text *t, const char *word)
{
    return holds(&t->message, word) || holds(&t->param, word);
}

/* One refusal, one cure (lib/model/README.md). */
static unsigned heal(const struct kv_error_body_text *t, unsigned tried)
{
    if (mentions(t, "max_completion_tokens") ||
        (mentions(t, "max_tokens") && kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter")))
        return KV_QUIRK_SWAP_MAX_TOKENS & ~tried;
    if (mentions(t, "temperature") &&
        (kv_slice_is(kv_slice_of(&t->code), "unsupported_value") ||
            kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter") ||
            mentions(t, "deprecated") || mentions(t, "default (1)") || mentions(t, "not support")))
        return KV_QUIRK_NO_TEMPERATURE & ~tried;
    if (mentions(t, "role") && (mentions(t, "system") || mentions(t, "developer")))
        return tried & KV_QUIRK_SYSTEM_SWAPPED ? KV_QUIRK_FOLD_SYSTEM & ~tried
                                               : KV_QUIRK_SYSTEM_SWAPPED;
    return 0;
}

static void say_refusal(struct kv_response *r, const struct kv_response_to *to)
{
    const struct kv_error_body_text *t = &r->complaint;
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

/* r->complaint has been read; `status` is what the error itself claims. */
static void refuse(struct kv_response *r, const struct kv_response_to *to, int status)
{
    struct kv_error_body_text *t = &r->complaint;
    int64_t hint = r->limits.retry_after_ms >= 0 ? r->limits.retry_after_ms : t->delay_ms;
    struct kv_error_body c =
        kv_error_body_of(t, status, hint, to->dialect->flags & KV_SERVICE_GOOGLE);
    r->ending = kv_outcome_of(&c);
    kv_secret_redact(to->ring, c.type, &r->error_type);
    kv_secret_redact(to->ring, c.code, &r->error_code);
    if (!kv_outcome_rule(r->ending)->stops)
        r->wait_ms = hint;
    if (hint < 0 && r->ending == KV_OUTCOME_RATE_LIMIT)
        r->wait_ms = r->limits.refill_ms;
    if (status == 400 || status == 422)
        r->heal = heal(t, to->quirks);
    if (!r->heal && to->schema_name && to->step < KV_STEP_PLAIN &&
        (r->ending == KV_OUTCOME_BAD_REQUEST || r->ending == KV_OUTCOME_SERVER_ERROR))
        r->step_down = kv_outcome_steps_down(&c);
    if (status >= 300 && status < 400)
        say_redirect(r, to);
    else
        say_refusal(r, to);
}

/* ---- bodies ---- */

static struct kv_protocol view(struct kv_response *r, struct kv_buf *arguments)
{
    return (struct kv_protocol){.text = &r->text,
        .reasoning = &r->reasoning,
        .refusal = &r->refusal,
        .finish = &r->finish,
        .model = &r->model,
        .provider = &r->provider,
        .fingerprint = &r->fingerprint,
        .tier = &r->tier,
        .arguments = arguments,
        .usage = &r->usage};
}

static void decode_stream(struct kv_response *r, const struct kv_response_to *to,
    struct kv_slice body, struct kv_buf *arguments)
{
    struct kv_buf data = {0};
    struct kv_slice value, error;
    struct kv_err err;
    const struct kv_protocol out = view(r, arguments);
    while (kv_sse_next(&body, &data)) {
        if (kv_slice_is(kv_slice_of(&data), "[DONE]"))
            break;
        if (kv_json_check(kv_slice_of(&data), KV_JSON_STRICT, &value, &err) < 0)
            continue;
        if (kv_protocol_error(value, &error)) {
            kv_error_body_read_error(&r->complaint, error);
            refuse(r, to, r->complaint.status ? r->complaint.status : r->status);
            goto out;
        }
        kv_protocol_take(&out, to->dialect->wire, value);
    }
    if (r->finish.n)
        conclude(r, to, arguments);
    else
        say_str(r, to, "the stream broke off before its end");
out:
    kv_buf_release(&data);
}

static void decode_whole(struct kv_response *r, const struct kv_response_to *to,
    struct kv_slice body, struct kv_buf *arguments)
{
    struct kv_slice root, error;
    struct kv_json_walk w;
    struct kv_err err;
    const struct kv_protocol out = view(r, arguments);
    if (kv_json_check(body, KV_JSON_STRICT, &root, &err) < 0) {
        kv_err_context(&err, "the reply is not JSON");
        say_str(r, to, err.text);
        return;
    }
    if (kv_json_type(root) == KV_JSON_ARRAY) {
        kv_json_begin(&w, root);
        kv_json_item(&w, &root);
    }
    if (kv_protocol_error(root, &error)) {
        kv_error_body_read_error(&r->complaint, error);
        refuse(r, to, r->complaint.status ? r->complaint.status : r->status);
        return;
    }
    if (kv_protocol_take(&out, to->dialect->wire, root))
        conclude(r, to, arguments);
    else
        say_str(r, to, "the reply is JSON but holds no answer");
}

static void settle_retry(struct kv_response *r)
{
    const struct kv_outcome_rule *rule = kv_outcome_rule(r->ending);
    r->retry = rule->retry;
    if (rule->answers || rule->stops)
        return;
    if (r->limits.should_retry == 0)
        r->retry = KV_RETRY_NEVER;
    else if (r->limits.should_retry == 1 && r->retry == KV_RETRY_NEVER)
        r->retry = KV_RETRY_SERVER_ERROR;
}

void kv_response_decode(struct kv_response *r, const struct kv_response_to *to, int status,
    struct kv_slice body, int64_t now_ms)
{
    r->status = status;
    r->ending = KV_OUTCOME_BAD_RESPONSE;
    kv_ratelimit_settle(&r->limits, now_ms);
    if (status < 200 || status >= 300) {
        kv_error_body_read(&r->complaint, body);
        refuse(r, to, status);
    } else {
        struct kv_buf arguments = {0};
        if (kv_sse_is(body))
            decode_stream(r, to, body, &arguments);
        else
            decode_whole(r, to, body, &arguments);
        kv_buf_release(&arguments);
    }
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

void kv_response_read(
    struct kv_response *r, const struct kv_response_to *to, const struct kv_http_done *done)
{
    struct kv_slice name, value;
    struct timespec now;
    void *at = NULL;
    kv_response_begin(r);
    while (kv_http_header_next(done, &at, &name, &value))
        kv_response_header(r, name, value);
    clock_gettime(CLOCK_REALTIME, &now);
    /* A refusal whose body was cut off is still a refusal. */
    bool refused = done->status >= 300 && done->end == KV_HTTP_CONNECTION;
    if (done->end == KV_HTTP_ANSWERED || refused) {
        kv_response_decode(
            r, to, done->status, done->body, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    } else {
        r->status = done->status;
        r->ending = of_end(done->end);
        say_str(r, to, done->detail);
        settle_retry(r);
        if (done->end == KV_HTTP_TOO_LARGE) /* it would be as large again */
            r->retry = KV_RETRY_NEVER;
    }
    r->sent = done->sent;
}
