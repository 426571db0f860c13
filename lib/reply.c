/* reply - what a model answered, in any dialect, as neutral values.
 *
 * A streamed reply is read with the same functions as a whole one: a delta has the members of a
 * message, and everything that is text appends.
 */
#include "reply.h"

#include "json.h"
#include "num.h"
#include "sse.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { ERROR_SHOWN = 500 };

/* ---- life ---- */

static struct kv_buf *const *buffers(struct kv_reply *r, struct kv_buf *all[14])
{
    struct kv_buf *list[] = {&r->text, &r->reasoning, &r->refusal, &r->finish, &r->model,
        &r->provider, &r->request_id, &r->fingerprint, &r->error_type, &r->error_code, &r->error,
        &r->location, &r->scratch, NULL};
    memcpy(all, list, sizeof list);
    return all;
}

void kv_reply_release(struct kv_reply *r)
{
    struct kv_buf *all[14];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_release(*b);
    kv_complaint_release(&r->complaint);
}

void kv_reply_begin(struct kv_reply *r)
{
    struct kv_buf *all[14];
    for (struct kv_buf *const *b = buffers(r, all); *b; b++)
        kv_buf_clear(*b);
    r->usage = (struct kv_usage){-1, -1, -1, -1, -1, (double)NAN};
    r->ending = KV_ENDING_BAD_RESPONSE;
    r->status = 0;
    r->wait_ms = -1;
    r->heal = 0;
    r->retry = KV_RETRY_CLASSES;
    r->step_down = r->sent = r->finish_unknown = false;
    kv_ratelimit_begin(&r->limits);
}

static bool named(struct kv_slice name, const char *wanted)
{
    return name.n == strlen(wanted) && strncasecmp(name.p, wanted, name.n) == 0;
}

void kv_reply_header(struct kv_reply *r, struct kv_slice name, struct kv_slice value)
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
static void say(struct kv_reply *r, const struct kv_reply_to *to, struct kv_slice text)
{
    kv_buf_clear(&r->scratch);
    kv_secret_redact(to->ring, text, &r->scratch);
    size_t n = r->scratch.n < ERROR_SHOWN ? r->scratch.n : ERROR_SHOWN;
    while (n > 0 && n < r->scratch.n && ((unsigned char)r->scratch.p[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)r->scratch.p[i] < 0x20)
            r->scratch.p[i] = ' ';
    kv_buf_add(&r->error, r->scratch.p, n);
}

static void say_str(struct kv_reply *r, const struct kv_reply_to *to, const char *text)
{
    say(r, to, kv_slice(text));
}

/* ---- members ---- */

static bool string_at(struct kv_slice object, const char *name, struct kv_slice *value)
{
    return kv_json_get(object, name, value) && kv_json_type(*value) == KV_JSON_STRING;
}

static void append(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (string_at(object, name, &value))
        kv_json_unescape(value, out);
}

/* The last one said counts: streams repeat them. */
static void replace(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (!string_at(object, name, &value))
        return;
    kv_buf_clear(out);
    kv_json_unescape(value, out);
}

static void count(int64_t *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    int64_t n;
    if (kv_json_get(object, name, &value) && kv_num_int64(value, &n) && n >= 0)
        *out = n;
}

static void count_in(int64_t *out, struct kv_slice object, const char *inner, const char *name)
{
    struct kv_slice value;
    if (kv_json_get(object, inner, &value))
        count(out, value, name);
}

/* ---- OpenAI ---- */

static void openai_usage(struct kv_usage *u, struct kv_slice usage)
{
    struct kv_slice value;
    count(&u->in_total, usage, "prompt_tokens");
    count(&u->out_total, usage, "completion_tokens");
    count_in(&u->in_cached, usage, "prompt_tokens_details", "cached_tokens");
    count_in(&u->in_cache_write, usage, "prompt_tokens_details", "cache_write_tokens");
    count_in(&u->out_reasoning, usage, "completion_tokens_details", "reasoning_tokens");
    if (kv_json_get(usage, "cost", &value))
        kv_num_double(value, &u->cost);
}

/* A string, or an array of parts of which those of type text count. */
static void openai_content(struct kv_reply *r, struct kv_slice message)
{
    struct kv_slice content, part, type;
    struct kv_json_walk w;
    if (!kv_json_get(message, "content", &content))
        return;
    if (kv_json_type(content) == KV_JSON_STRING) {
        kv_json_unescape(content, &r->text);
        return;
    }
    kv_json_begin(&w, content);
    while (kv_json_item(&w, &part))
        if (kv_json_get(part, "type", &type) && kv_json_string_is(type, "text"))
            append(&r->text, part, "text");
}

static void openai_reasoning(struct kv_reply *r, struct kv_slice message)
{
    struct kv_slice details, part;
    struct kv_json_walk w;
    size_t before = r->reasoning.n;
    if (kv_json_get(message, "reasoning_details", &details)) {
        kv_json_begin(&w, details);
        while (kv_json_item(&w, &part)) {
            append(&r->reasoning, part, "text");
            append(&r->reasoning, part, "summary");
        }
    }
    if (r->reasoning.n == before)
        append(&r->reasoning, message, "reasoning_content");
    if (r->reasoning.n == before)
        append(&r->reasoning, message, "reasoning");
}

/* The arguments of the forced tool, kept apart from the text until the end. */
static void openai_tool(struct kv_slice message, struct kv_buf *arguments)
{
    struct kv_slice calls, call, function, value;
    struct kv_json_walk w;
    if (!kv_json_get(message, "tool_calls", &calls))
        return;
    kv_json_begin(&w, calls);
    if (!kv_json_item(&w, &call) || !kv_json_get(call, "function", &function))
        return;
    if (!kv_json_get(function, "arguments", &value))
        return;
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, arguments);
    else if (!kv_json_is_null(value))
        kv_json_compact(arguments, value);
}

/* A body or one event of a stream. False if there is no choice in it. */
static bool openai_take(struct kv_reply *r, struct kv_slice root, struct kv_buf *arguments)
{
    struct kv_slice value, choices, choice, message;
    struct kv_json_walk w;
    replace(&r->model, root, "model");
    replace(&r->provider, root, "provider");
    replace(&r->fingerprint, root, "system_fingerprint");
    if (kv_json_get(root, "usage", &value))
        openai_usage(&r->usage, value);
    if (!kv_json_get(root, "choices", &choices))
        return false;
    kv_json_begin(&w, choices);
    if (!kv_json_item(&w, &choice) || kv_json_type(choice) != KV_JSON_OBJECT)
        return false;
    replace(&r->finish, choice, "finish_reason");
    if (!kv_json_get(choice, "message", &message) && !kv_json_get(choice, "delta", &message))
        return false;
    openai_content(r, message);
    openai_reasoning(r, message);
    append(&r->refusal, message, "refusal");
    openai_tool(message, arguments);
    return kv_json_type(message) == KV_JSON_OBJECT;
}

/* Where a success hides its failure. */
static bool find_error(struct kv_slice root, struct kv_slice *error)
{
    struct kv_slice choices, choice;
    struct kv_json_walk w;
    if (kv_json_get(root, "error", error) && !kv_json_is_null(*error))
        return true;
    if (!kv_json_get(root, "choices", &choices))
        return false;
    kv_json_begin(&w, choices);
    return kv_json_item(&w, &choice) && kv_json_get(choice, "error", error) &&
           !kv_json_is_null(*error);
}

/* ---- Anthropic ---- */

/* Cached tokens are not in input_tokens here, and streams repeat what they know: the parts are kept
 * as they come and summed at the end. */
static void anthropic_usage(struct kv_usage *u, struct kv_slice usage, int64_t *fresh)
{
    count(fresh, usage, "input_tokens");
    count(&u->in_cached, usage, "cache_read_input_tokens");
    count(&u->in_cache_write, usage, "cache_creation_input_tokens");
    count(&u->out_total, usage, "output_tokens");
    count_in(&u->out_reasoning, usage, "output_tokens_details", "thinking_tokens");
    if (*fresh >= 0)
        u->in_total = *fresh + (u->in_cached > 0 ? u->in_cached : 0) +
                      (u->in_cache_write > 0 ? u->in_cache_write : 0);
}

static void anthropic_block(struct kv_reply *r, struct kv_slice block, struct kv_buf *arguments)
{
    struct kv_slice type, input;
    if (!kv_json_get(block, "type", &type))
        return;
    if (kv_json_string_is(type, "text") || kv_json_string_is(type, "text_delta"))
        append(&r->text, block, "text");
    else if (kv_json_string_is(type, "thinking") || kv_json_string_is(type, "thinking_delta"))
        append(&r->reasoning, block, "thinking");
    else if (kv_json_string_is(type, "input_json_delta"))
        append(arguments, block, "partial_json");
    else if (kv_json_string_is(type, "tool_use") && kv_json_get(block, "input", &input) &&
             kv_json_count(input) > 0)
        kv_json_compact(arguments, input);
}

static void anthropic_stop(struct kv_reply *r, struct kv_slice object)
{
    struct kv_slice details;
    replace(&r->finish, object, "stop_reason");
    if (!kv_json_get(object, "stop_details", &details))
        return;
    append(&r->refusal, details, "category");
    if (r->refusal.n)
        kv_buf_add_str(&r->refusal, ": ");
    append(&r->refusal, details, "explanation");
}

static bool anthropic_take(
    struct kv_reply *r, struct kv_slice root, struct kv_buf *arguments, int64_t *fresh)
{
    struct kv_slice value, block;
    struct kv_json_walk w;
    if (kv_json_get(root, "usage", &value))
        anthropic_usage(&r->usage, value, fresh);
    if (kv_json_get(root, "message", &value)) /* message_start */
        return anthropic_take(r, value, arguments, fresh);
    if (kv_json_get(root, "content_block", &block))
        anthropic_block(r, block, arguments);
    if (kv_json_get(root, "delta", &block)) {
        anthropic_block(r, block, arguments);
        anthropic_stop(r, block);
    }
    replace(&r->model, root, "model");
    anthropic_stop(r, root);
    if (!kv_json_get(root, "content", &value) || kv_json_type(value) != KV_JSON_ARRAY)
        return false;
    kv_json_begin(&w, value);
    while (kv_json_item(&w, &block))
        anthropic_block(r, block, arguments);
    return true;
}

/* ---- how it finished ---- */

static const struct {
    const char *reason;
    enum kv_ending ending;
} finishes[] = {
    {"stop", KV_ENDING_OK},
    {"eos", KV_ENDING_OK},
    {"STOP", KV_ENDING_OK},
    {"end_turn", KV_ENDING_OK},
    {"stop_sequence", KV_ENDING_OK},
    {"length", KV_ENDING_TRUNCATED},
    {"max_tokens", KV_ENDING_TRUNCATED},
    {"MAX_TOKENS", KV_ENDING_TRUNCATED},
    {"model_length", KV_ENDING_TRUNCATED},
    {"model_context_window_exceeded", KV_ENDING_TRUNCATED},
    {"content_filter", KV_ENDING_CONTENT_FILTER},
    {"SAFETY", KV_ENDING_CONTENT_FILTER},
    {"RECITATION", KV_ENDING_CONTENT_FILTER},
    {"PROHIBITED_CONTENT", KV_ENDING_CONTENT_FILTER},
    {"BLOCKLIST", KV_ENDING_CONTENT_FILTER},
    {"SPII", KV_ENDING_CONTENT_FILTER},
    {"refusal", KV_ENDING_REFUSAL},
    {"error", KV_ENDING_SERVER_ERROR},
    {"abort", KV_ENDING_SERVER_ERROR},
    {"insufficient_system_resource", KV_ENDING_OVERLOADED},
    {"pause_turn", KV_ENDING_BAD_RESPONSE},
};

static bool asked_tool(const struct kv_reply_to *to)
{
    return to->schema_name && to->step == KV_STEP_TOOL;
}

static enum kv_ending of_finish(struct kv_reply *r, const struct kv_reply_to *to)
{
    struct kv_slice finish = kv_slice_of(&r->finish);
    if (kv_slice_is(finish, "tool_calls") || kv_slice_is(finish, "function_call") ||
        kv_slice_is(finish, "tool_use"))
        return asked_tool(to) ? KV_ENDING_OK : KV_ENDING_BAD_RESPONSE;
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        if (kv_slice_is(finish, finishes[i].reason))
            return finishes[i].ending;
    r->finish_unknown = true;
    if (finish.n == 0 && to->dialect->wire == KV_WIRE_ANTHROPIC)
        return KV_ENDING_BAD_RESPONSE;
    return r->text.n ? KV_ENDING_OK : KV_ENDING_BAD_RESPONSE;
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
static void split_thinking(struct kv_reply *r)
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
static void conclude(struct kv_reply *r, const struct kv_reply_to *to, struct kv_buf *arguments)
{
    r->ending = of_finish(r, to);
    if (asked_tool(to)) {
        r->step_down = arguments->n == 0 && r->ending == KV_ENDING_OK;
        if (arguments->n) {
            kv_buf_clear(&r->text);
            kv_buf_add_slice(&r->text, kv_slice_of(arguments));
        }
    }
    split_thinking(r);
    if (r->refusal.n && r->ending == KV_ENDING_OK)
        r->ending = KV_ENDING_REFUSAL;
    if (r->ending == KV_ENDING_REFUSAL && !r->text.n)
        kv_buf_add_slice(&r->text, kv_slice_of(&r->refusal));
    if (r->ending == KV_ENDING_BAD_RESPONSE) {
        kv_buf_add_str(&r->error, "the reply ended without an answer, finish reason \"");
        say(r, to, kv_slice_of(&r->finish));
        kv_buf_add_char(&r->error, '"');
    } else if (r->ending == KV_ENDING_CONTENT_FILTER)
        say_str(r, to, "the provider's content filter stopped the answer");
    else if (r->ending == KV_ENDING_SERVER_ERROR || r->ending == KV_ENDING_OVERLOADED)
        say_str(r, to, "the server broke off in the middle of the answer");
}

/* ---- refusals ---- */

static bool mentions(const struct kv_complaint_text *t, const char *word)
{
    size_t n = strlen(word);
    return (t->message.n && memmem(t->message.p, t->message.n, word, n)) ||
           (t->param.n && memmem(t->param.p, t->param.n, word, n));
}

/* One refusal, one cure (providers.md, section 1.3). */
static unsigned heal(const struct kv_complaint_text *t, unsigned tried)
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

static void say_refusal(struct kv_reply *r, const struct kv_reply_to *to)
{
    const struct kv_complaint_text *t = &r->complaint;
    const struct kv_buf *kind = t->code.n && !t->status ? &t->code : &t->type;
    kv_buf_printf(&r->error, "HTTP %d", r->status);
    if (kind->n) {
        kv_buf_add_str(&r->error, " (");
        say(r, to, kv_slice_of(kind));
        kv_buf_add_char(&r->error, ')');
    }
    if (t->message.n) {
        kv_buf_add_str(&r->error, ": ");
        say(r, to, kv_slice_of(&t->message));
    }
}

/* We do not follow, so the base URL is wrong; the target without its query says how. */
static void say_redirect(struct kv_reply *r, const struct kv_reply_to *to)
{
    struct kv_slice target = kv_slice_of(&r->location);
    const char *query = target.n ? memchr(target.p, '?', target.n) : NULL;
    if (query)
        target.n = (size_t)(query - target.p);
    kv_buf_printf(&r->error, "HTTP %d: the base URL is wrong: it redirects to ", r->status);
    say(r, to, target.n ? target : KV_SLICE("nowhere"));
}

/* r->complaint has been read; `status` is what the error itself claims. */
static void refuse(struct kv_reply *r, const struct kv_reply_to *to, int status)
{
    struct kv_complaint_text *t = &r->complaint;
    int64_t hint = r->limits.retry_after_ms >= 0 ? r->limits.retry_after_ms : t->delay_ms;
    struct kv_complaint c =
        kv_complaint_of(t, status, hint, to->dialect->flags & KV_DIALECT_GOOGLE);
    r->ending = kv_ending_of(&c);
    kv_secret_redact(to->ring, c.type, &r->error_type);
    kv_secret_redact(to->ring, c.code, &r->error_code);
    if (!kv_ending_rule(r->ending)->stops)
        r->wait_ms = hint;
    if (hint < 0 && r->ending == KV_ENDING_RATE_LIMIT)
        r->wait_ms = r->limits.refill_ms;
    if (status == 400 || status == 422)
        r->heal = heal(t, to->quirks);
    if (!r->heal && to->schema_name && to->step < KV_STEP_PLAIN &&
        (r->ending == KV_ENDING_BAD_REQUEST || r->ending == KV_ENDING_SERVER_ERROR))
        r->step_down = kv_ending_steps_down(&c);
    if (status >= 300 && status < 400)
        say_redirect(r, to);
    else
        say_refusal(r, to);
}

/* ---- bodies ---- */

static void decode_stream(struct kv_reply *r, const struct kv_reply_to *to, struct kv_slice body,
    struct kv_buf *arguments)
{
    struct kv_buf data = {0};
    struct kv_slice value, error;
    struct kv_err err;
    int64_t fresh = -1;
    while (kv_sse_next(&body, &data)) {
        if (kv_slice_is(kv_slice_of(&data), "[DONE]"))
            break;
        if (kv_json_check(kv_slice_of(&data), KV_JSON_STRICT, &value, &err) < 0)
            continue;
        if (find_error(value, &error)) {
            kv_complaint_read_error(&r->complaint, error);
            refuse(r, to, r->complaint.status ? r->complaint.status : r->status);
            goto out;
        }
        if (to->dialect->wire == KV_WIRE_ANTHROPIC)
            anthropic_take(r, value, arguments, &fresh);
        else
            openai_take(r, value, arguments);
    }
    if (r->finish.n)
        conclude(r, to, arguments);
    else
        say_str(r, to, "the stream broke off before its end");
out:
    kv_buf_release(&data);
}

static void decode_whole(struct kv_reply *r, const struct kv_reply_to *to, struct kv_slice body,
    struct kv_buf *arguments)
{
    struct kv_slice root, error;
    struct kv_json_walk w;
    struct kv_err err;
    int64_t fresh = -1;
    if (kv_json_check(body, KV_JSON_STRICT, &root, &err) < 0) {
        kv_err_context(&err, "the reply is not JSON");
        say_str(r, to, err.text);
        return;
    }
    if (kv_json_type(root) == KV_JSON_ARRAY) {
        kv_json_begin(&w, root);
        kv_json_item(&w, &root);
    }
    if (find_error(root, &error)) {
        kv_complaint_read_error(&r->complaint, error);
        refuse(r, to, r->complaint.status ? r->complaint.status : r->status);
        return;
    }
    bool answered = to->dialect->wire == KV_WIRE_ANTHROPIC
                        ? anthropic_take(r, root, arguments, &fresh)
                        : openai_take(r, root, arguments);
    if (answered)
        conclude(r, to, arguments);
    else
        say_str(r, to, "the reply is JSON but holds no answer");
}

static void settle_retry(struct kv_reply *r)
{
    const struct kv_ending_rule *rule = kv_ending_rule(r->ending);
    r->retry = rule->retry;
    if (rule->answers || rule->stops)
        return;
    if (r->limits.should_retry == 0)
        r->retry = KV_RETRY_CLASSES;
    else if (r->limits.should_retry == 1 && r->retry == KV_RETRY_CLASSES)
        r->retry = KV_RETRY_SERVER_ERROR;
}

void kv_reply_decode(struct kv_reply *r, const struct kv_reply_to *to, int status,
    struct kv_slice body, int64_t now_ms)
{
    r->status = status;
    r->ending = KV_ENDING_BAD_RESPONSE;
    kv_ratelimit_settle(&r->limits, now_ms);
    if (status < 200 || status >= 300) {
        kv_complaint_read(&r->complaint, body);
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

static enum kv_ending of_end(enum kv_http_end end)
{
    static const enum kv_ending map[] = {
        [KV_HTTP_ANSWERED] = KV_ENDING_OK,
        [KV_HTTP_CONNECTION] = KV_ENDING_CONNECTION,
        [KV_HTTP_TIMEOUT] = KV_ENDING_TIMEOUT,
        [KV_HTTP_GARBAGE] = KV_ENDING_BAD_RESPONSE,
        [KV_HTTP_TOO_LARGE] = KV_ENDING_BAD_RESPONSE,
        [KV_HTTP_TLS] = KV_ENDING_TLS_CONFIG,
        [KV_HTTP_PROXY_AUTH] = KV_ENDING_AUTH,
        [KV_HTTP_REFUSED] = KV_ENDING_BAD_REQUEST,
    };
    return map[end];
}

void kv_reply_read(
    struct kv_reply *r, const struct kv_reply_to *to, const struct kv_http_done *done)
{
    struct kv_slice name, value;
    struct timespec now;
    void *at = NULL;
    kv_reply_begin(r);
    while (kv_http_header_next(done, &at, &name, &value))
        kv_reply_header(r, name, value);
    clock_gettime(CLOCK_REALTIME, &now);
    /* A refusal whose body was cut off is still a refusal. */
    bool refused = done->status >= 300 && done->end == KV_HTTP_CONNECTION;
    if (done->end == KV_HTTP_ANSWERED || refused) {
        kv_reply_decode(
            r, to, done->status, done->body, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    } else {
        r->status = done->status;
        r->ending = of_end(done->end);
        say_str(r, to, done->detail);
        settle_retry(r);
        if (done->end == KV_HTTP_TOO_LARGE) /* it would be as large again */
            r->retry = KV_RETRY_CLASSES;
    }
    r->sent = done->sent;
}
