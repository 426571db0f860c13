/* events - what the events of a streamed reply have said so far, in any protocol.
 *
 * One function a protocol takes an event in and says whether it was progress. What comes behind the
 * finish reason is no part of the answer: it goes into a buffer that nobody reads, and only its
 * usage counts.
 */
#include "events.h"

#include "json.h"

void kv_events_release(struct kv_events *e)
{
    kv_buf_release(&e->error);
    kv_buf_release(&e->whole);
    kv_buf_release(&e->late);
    kv_sse_release(&e->sse);
}

bool kv_events_answering(const struct kv_events *e)
{
    return e->text_begun && !e->thinking;
}

static bool type_is(struct kv_slice type, const char *name)
{
    return kv_json_string_is(type, name);
}

/* ---- chat completions ---- */

static size_t said(const struct kv_protocol *to)
{
    return to->text->n + to->reasoning->n + to->refusal->n + to->arguments->n + to->finish->n;
}

static bool take_chat(struct kv_events *e, const struct kv_protocol *to, struct kv_slice event)
{
    size_t before = said(to), begun = to->text->n + to->arguments->n;
    kv_protocol_take(to, e->wire, event);
    e->text_begun = e->text_begun || to->text->n + to->arguments->n > begun;
    return said(to) > before;
}

/* ---- Anthropic ---- */

static bool is_thinking_block(struct kv_slice event)
{
    struct kv_slice type;
    return kv_json_path(event, &type, "content_block", "type", NULL) &&
           (type_is(type, "thinking") || type_is(type, "redacted_thinking"));
}

static bool take_anthropic(struct kv_events *e, const struct kv_protocol *to, struct kv_slice event)
{
    struct kv_slice type;
    size_t begun = to->text->n + to->arguments->n;
    if (!kv_json_get(event, "type", &type) || type_is(type, "ping"))
        return false;
    if (type_is(type, "message_stop"))
        e->ended = true;
    if (type_is(type, "content_block_start"))
        e->thinking = is_thinking_block(event);
    else if (type_is(type, "content_block_stop"))
        e->thinking = false;
    kv_protocol_take(to, e->wire, event);
    e->text_begun = e->text_begun || to->text->n + to->arguments->n > begun;
    return true;
}

/* ---- Responses ---- */

/* Notes of the item of an output_item event whether it is reasoning, or a remark on the way to the
 * answer. */
static void open_item(struct kv_events *e, struct kv_slice event)
{
    struct kv_slice type, phase;
    kv_json_path(event, &type, "item", "type", NULL);
    kv_json_path(event, &phase, "item", "phase", NULL);
    e->commentary = type_is(type, "message") && kv_json_string_is(phase, "commentary");
    e->thinking = e->commentary || type_is(type, "reasoning");
}

static void end_responses(struct kv_events *e, struct kv_slice event)
{
    struct kv_slice response;
    e->ended = true;
    if (!kv_json_get(event, "response", &response))
        return;
    e->finished = true;
    kv_buf_clear(&e->whole);
    kv_buf_add_slice(&e->whole, response);
}

static void take_item_event(
    struct kv_events *e, const struct kv_protocol *to, struct kv_slice type, struct kv_slice event)
{
    size_t begun = to->text->n + to->arguments->n;
    if (type_is(type, "response.output_item.added"))
        open_item(e, event);
    else if (type_is(type, "response.output_item.done"))
        e->thinking = e->commentary = false;
    else if (type_is(type, "response.output_text.delta"))
        kv_json_add_text(e->commentary ? to->reasoning : to->text, event, "delta");
    else if (type_is(type, "response.refusal.delta"))
        kv_json_add_text(to->refusal, event, "delta");
    else if (type_is(type, "response.function_call_arguments.delta"))
        kv_json_add_text(to->arguments, event, "delta");
    else if (type_is(type, "response.reasoning_text.delta") ||
             type_is(type, "response.reasoning_summary_text.delta"))
        kv_json_add_text(to->reasoning, event, "delta");
    e->text_begun = e->text_begun || to->text->n + to->arguments->n > begun;
}

static bool take_responses(struct kv_events *e, const struct kv_protocol *to, struct kv_slice event)
{
    static const char *const last[] = {
        "response.completed", "response.incomplete", "response.failed", "response.cancelled"};
    static const char *const idle[] = {"response.queued", "response.in_progress", "keepalive"};
    struct kv_slice type;
    if (!kv_json_get(event, "type", &type))
        return false;
    if (type_is(type, "error"))
        kv_buf_add_slice(&e->error, event);
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        if (type_is(type, last[i]))
            end_responses(e, event);
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (type_is(type, idle[i]))
            return false;
    take_item_event(e, to, type, event);
    return true;
}

/* ---- any protocol ---- */

static bool take_value(struct kv_events *e, const struct kv_protocol *to, struct kv_slice value)
{
    switch (e->wire) {
    case KV_PROTOCOL_ANTHROPIC:
        return take_anthropic(e, to, value);
    case KV_PROTOCOL_RESPONSES:
        return take_responses(e, to, value);
    default:
        return take_chat(e, to, value);
    }
}

static struct kv_protocol behind_finish(struct kv_events *e, const struct kv_protocol *to)
{
    struct kv_protocol late = *to;
    kv_buf_clear(&e->late);
    late.text = late.reasoning = late.refusal = late.arguments = late.finish = &e->late;
    return late;
}

/* Reads one event. True if it was progress. */
static bool take_event(struct kv_events *e, const struct kv_protocol *to, struct kv_slice data)
{
    struct kv_slice value, error;
    if (kv_slice_is(kv_slice_strip(data), "[DONE]")) {
        e->ended = true;
        return false;
    }
    if (kv_json_check(data, KV_JSON_STRICT, &value, NULL) < 0) {
        e->garbled = !e->finished;
        return false;
    }
    if (kv_protocol_error(value, &error)) {
        kv_buf_add_slice(&e->error, error);
        return false;
    }
    struct kv_protocol late = behind_finish(e, to);
    bool progress = take_value(e, e->finished ? &late : to, value);
    e->finished = e->finished || to->finish->n > 0;
    return progress;
}

static bool is_at_end(const struct kv_events *e)
{
    return e->ended || e->garbled || e->too_large || e->error.n;
}

enum kv_news kv_events_take(
    struct kv_events *e, const struct kv_protocol *to, struct kv_slice bytes)
{
    enum kv_news news = KV_NEWS_LIFE;
    enum kv_sse_step step = KV_SSE_MORE;
    struct kv_slice data;
    while (!is_at_end(e) && (step = kv_sse_take(&e->sse, &bytes, &data)) == KV_SSE_EVENT)
        if (take_event(e, to, data)) {
            news = KV_NEWS_PROGRESS;
            e->progress++;
        }
    e->too_large = e->too_large || step == KV_SSE_TOO_LARGE;
    return is_at_end(e) ? KV_NEWS_END : news;
}
