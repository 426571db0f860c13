/* say - a reply of the test provider as a stream: pieces of bytes, each after a wait. */
#include "say.h"

#include "google.h"
#include "json.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

enum { DELTA_BYTES = 12 };
enum block { NO_BLOCK, THINK_BLOCK, TEXT_BLOCK };

struct speaker {
    struct saying *to;
    const struct chat *chat;
    long serial, wait_ms;
    enum block open;
    int blocks, sequence;
    struct kv_buf text; /* said so far */
    bool begun, finished;
};

void saying_release(struct saying *s)
{
    kv_buf_release(&s->bytes);
    free(s->pieces);
    *s = (struct saying){0};
}

/* ---- pieces ---- */

/* What was added to the bytes since the last piece is the next one. */
static void cut_piece(struct speaker *s)
{
    struct saying *to = s->to;
    size_t gone = 0;
    for (size_t i = 0; i < to->count; i++)
        gone += to->pieces[i].n;
    to->pieces = kv_array(to->pieces, to->count + 1, sizeof *to->pieces);
    to->pieces[to->count++] = (struct piece){s->wait_ms, to->bytes.n - gone};
    s->wait_ms = 0;
}

/* One event: the name for the wires that have names, and its data. */
static void put_event(struct speaker *s, const char *name, struct kv_buf *data)
{
    if (s->chat->wire != OPENAI && s->chat->wire != GEMINI)
        kv_buf_printf(&s->to->bytes, "event: %s\n", name);
    kv_buf_add_str(&s->to->bytes, "data: ");
    kv_buf_add_slice(&s->to->bytes, kv_slice_of(data));
    kv_buf_add_str(&s->to->bytes, "\n\n");
    kv_buf_release(data);
}

static void add_member(struct kv_buf *b, const char *name, struct kv_slice text)
{
    kv_buf_printf(b, ",\"%s\":", name);
    kv_json_quote(b, text, KV_JSON_RAW);
}

/* ---- chat completions ---- */

static void chunk(
    struct speaker *s, const char *delta_name, struct kv_slice text, const char *finish)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b, "{\"id\":\"chatcmpl-%ld\",\"object\":\"chat.completion.chunk\",\"created\":1",
        s->serial);
    add_member(&b, "model", kv_slice_of(&s->chat->model));
    kv_buf_add_str(&b, ",\"choices\":[{\"index\":0,\"delta\":{");
    if (delta_name) {
        kv_buf_printf(&b, "\"%s\":", delta_name);
        kv_json_quote(&b, text, KV_JSON_RAW);
    }
    kv_buf_add_str(&b, "},\"finish_reason\":");
    kv_json_quote_str(&b, finish);
    kv_buf_add_str(&b, "}],\"usage\":null}");
    put_event(s, "", &b);
}

static void chunk_of_tool(struct speaker *s, struct kv_slice text)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b,
        "{\"id\":\"chatcmpl-%ld\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":"
        "[{\"index\":0,",
        s->serial);
    if (!s->text.n) {
        kv_buf_add_str(&b, "\"id\":\"call-1\",\"type\":\"function\",\"function\":{\"name\":");
        kv_json_quote(&b, kv_slice_of(&s->chat->tool_name), KV_JSON_RAW);
        kv_buf_add_char(&b, ',');
    } else
        kv_buf_add_str(&b, "\"function\":{");
    kv_buf_add_str(&b, "\"arguments\":");
    kv_json_quote(&b, text, KV_JSON_RAW);
    kv_buf_add_str(&b, "}}]},\"finish_reason\":null}]}");
    put_event(s, "", &b);
}

static void usage_chunk(struct speaker *s)
{
    struct kv_buf b = {0};
    size_t in = s->chat->prompt / 4 + 1, out = s->text.n / 4 + 1;
    kv_buf_printf(&b,
        "{\"id\":\"chatcmpl-%ld\",\"choices\":[],\"usage\":{\"prompt_tokens\":%zu,"
        "\"completion_tokens\":%zu,\"total_tokens\":%zu}}",
        s->serial, in, out, in + out);
    put_event(s, "", &b);
}

/* ---- Anthropic ---- */

static void open_block(struct speaker *s, enum block kind)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b,
        "{\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":", s->blocks);
    if (kind == THINK_BLOCK)
        kv_buf_add_str(&b, "\"thinking\",\"thinking\":\"\"}}");
    else if (s->chat->tool) {
        kv_buf_add_str(&b, "\"tool_use\",\"id\":\"toolu-1\",\"input\":{}");
        add_member(&b, "name", kv_slice_of(&s->chat->tool_name));
        kv_buf_add_str(&b, "}}");
    } else
        kv_buf_add_str(&b, "\"text\",\"text\":\"\"}}");
    put_event(s, "content_block_start", &b);
}

static void close_block(struct speaker *s)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b, "{\"type\":\"content_block_stop\",\"index\":%d}", s->blocks++);
    put_event(s, "content_block_stop", &b);
}

static void block_delta(struct speaker *s, struct kv_slice text)
{
    struct kv_buf b = {0};
    const char *type = s->open == THINK_BLOCK ? "thinking_delta"
                       : s->chat->tool        ? "input_json_delta"
                                              : "text_delta";
    const char *name = s->open == THINK_BLOCK ? "thinking"
                       : s->chat->tool        ? "partial_json"
                                              : "text";
    kv_buf_printf(&b, "{\"type\":\"content_block_delta\",\"index\":%d,\"delta\":{\"type\":\"%s\"",
        s->blocks, type);
    add_member(&b, name, text);
    kv_buf_add_str(&b, "}}");
    put_event(s, "content_block_delta", &b);
}

static void message_start(struct speaker *s)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b,
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg-%ld\",\"type\":\"message\","
        "\"role\":\"assistant\",\"content\":[],\"stop_reason\":null",
        s->serial);
    add_member(&b, "model", kv_slice_of(&s->chat->model));
    kv_buf_printf(
        &b, ",\"usage\":{\"input_tokens\":%zu,\"output_tokens\":1", s->chat->prompt / 4 + 1);
    chat_write_cached(s->chat, &b);
    kv_buf_add_str(&b, "}}}");
    put_event(s, "message_start", &b);
}

static void message_delta(struct speaker *s, const char *finish)
{
    struct kv_buf b = {0};
    kv_buf_add_str(&b, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":");
    kv_json_quote_str(&b, finish ? finish : s->chat->tool ? "tool_use" : "end_turn");
    kv_buf_printf(&b, "},\"usage\":{\"output_tokens\":%zu}}", s->text.n / 4 + 1);
    put_event(s, "message_delta", &b);
}

/* ---- Responses ---- */

static void item_event(struct speaker *s, const char *type)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b,
        "{\"type\":\"%s\",\"sequence_number\":%d,\"output_index\":%d,\"item\":{\"id\":\"item-%d\","
        "\"type\":\"%s\"}}",
        type, s->sequence++, s->blocks, s->blocks,
        s->open == THINK_BLOCK ? "reasoning"
        : s->chat->tool        ? "function_call"
                               : "message");
    put_event(s, type, &b);
}

static void item_delta(struct speaker *s, struct kv_slice text)
{
    struct kv_buf b = {0};
    const char *type = s->open == THINK_BLOCK ? "response.reasoning_text.delta"
                       : s->chat->tool        ? "response.function_call_arguments.delta"
                                              : "response.output_text.delta";
    kv_buf_printf(&b, "{\"type\":\"%s\",\"sequence_number\":%d,\"output_index\":%d", type,
        s->sequence++, s->blocks);
    add_member(&b, "delta", text);
    kv_buf_add_char(&b, '}');
    put_event(s, type, &b);
}

static void response_event(struct speaker *s, const char *type, bool whole, const char *finish)
{
    struct kv_buf b = {0};
    kv_buf_printf(&b, "{\"type\":\"%s\",\"sequence_number\":%d,\"response\":", type, s->sequence++);
    if (whole)
        chat_write(s->chat, kv_slice_of(&s->text), finish, s->serial, &b);
    else
        chat_write_waiting(s->chat, "in_progress", s->serial, &b);
    kv_buf_add_char(&b, '}');
    put_event(s, type, &b);
}

/* ---- Google ---- */

static void candidate(struct speaker *s, bool thought, struct kv_slice text)
{
    struct kv_buf b = {0};
    google_write_piece(s->chat, text, thought, &b);
    put_event(s, "", &b);
}

static void last_candidate(struct speaker *s, const char *reason)
{
    struct kv_buf b = {0};
    google_write(s->chat, KV_SLICE(""), s->text.n, reason, &b);
    put_event(s, "", &b);
}

/* ---- steps, on any wire ---- */

static void begin(struct speaker *s)
{
    if (s->begun)
        return;
    s->begun = true;
    if (s->chat->wire == OPENAI)
        chunk(s, "role", KV_SLICE("assistant"), NULL);
    else if (s->chat->wire == ANTHROPIC)
        message_start(s);
    else if (s->chat->wire == RESPONSES)
        response_event(s, "response.created", false, NULL);
}

static void turn_to(struct speaker *s, enum block kind)
{
    begin(s);
    if (s->open == kind || s->chat->wire == OPENAI || s->chat->wire == GEMINI) {
        s->open = kind;
        return;
    }
    if (s->open && s->chat->wire == ANTHROPIC)
        close_block(s);
    else if (s->open) {
        item_event(s, "response.output_item.done");
        s->blocks++;
    }
    s->open = kind;
    if (kind && s->chat->wire == ANTHROPIC)
        open_block(s, kind);
    else if (kind)
        item_event(s, "response.output_item.added");
}

static void delta(struct speaker *s, enum block kind, struct kv_slice text)
{
    turn_to(s, kind);
    if (s->chat->wire == ANTHROPIC)
        block_delta(s, text);
    else if (s->chat->wire == RESPONSES)
        item_delta(s, text);
    else if (s->chat->wire == GEMINI)
        candidate(s, kind == THINK_BLOCK, text);
    else if (kind == THINK_BLOCK)
        chunk(s, "reasoning_content", text, NULL);
    else if (s->chat->tool)
        chunk_of_tool(s, text);
    else
        chunk(s, "content", text, NULL);
    if (kind == TEXT_BLOCK)
        kv_buf_add_slice(&s->text, text);
    cut_piece(s);
}

/* A text in so many deltas (0: of a few bytes each), cut between characters. */
static void deltas(
    struct speaker *s, enum block kind, struct kv_slice text, size_t pieces, long every_ms)
{
    size_t step = pieces ? (text.n + pieces - 1) / pieces : DELTA_BYTES;
    while (text.n) {
        size_t n = step < text.n ? step : text.n;
        while (n < text.n && ((unsigned char)text.p[n] & 0xC0) == 0x80)
            n++;
        delta(s, kind, (struct kv_slice){text.p, n});
        text = (struct kv_slice){text.p + n, text.n - n};
        s->wait_ms += every_ms;
    }
}

static void finish(struct speaker *s, const char *reason)
{
    turn_to(s, NO_BLOCK);
    s->finished = true;
    if (s->chat->wire == ANTHROPIC)
        message_delta(s, reason);
    else if (s->chat->wire == GEMINI)
        last_candidate(s, reason);
    else if (s->chat->wire == OPENAI) {
        chunk(s, NULL, KV_SLICE(""), reason ? reason : s->chat->tool ? "tool_calls" : "stop");
        if (s->chat->include_usage)
            usage_chunk(s);
    } else
        response_event(s, reason ? "response.incomplete" : "response.completed", true, reason);
    cut_piece(s);
}

static void marker(struct speaker *s)
{
    struct kv_buf b = {0};
    if (s->chat->wire == OPENAI)
        kv_buf_add_str(&s->to->bytes, "data: [DONE]\n\n");
    else if (s->chat->wire == ANTHROPIC) {
        kv_buf_add_str(&b, "{\"type\":\"message_stop\"}");
        put_event(s, "message_stop", &b);
    }
    cut_piece(s);
}

static void ping(struct speaker *s)
{
    struct kv_buf b = {0};
    begin(s);
    if (s->chat->wire == ANTHROPIC) {
        kv_buf_add_str(&b, "{\"type\":\"ping\"}");
        put_event(s, "ping", &b);
    } else
        kv_buf_add_str(&s->to->bytes, ": alive\n\n");
    cut_piece(s);
}

static void error_event(struct speaker *s, struct kv_slice error)
{
    struct kv_buf b = {0};
    kv_buf_add_str(&b, "{\"type\":\"error\",\"error\":");
    kv_json_compact(&b, error);
    kv_buf_add_char(&b, '}');
    put_event(s, "error", &b);
    cut_piece(s);
}

/* ---- the script ---- */

static long number_at(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    int64_t n = 0;
    return kv_json_get(object, name, &value) && kv_num_int64(value, &n) ? (long)n : 0;
}

static bool text_at(struct kv_slice object, const char *name, struct kv_buf *text)
{
    struct kv_slice value;
    kv_buf_clear(text);
    if (!kv_json_get(object, name, &value))
        return false;
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, text);
    return true;
}

static void take_step(struct speaker *s, struct kv_slice step)
{
    struct kv_buf text = {0};
    struct kv_slice value;
    size_t pieces = (size_t)number_at(step, "pieces");
    long every = number_at(step, "every_ms");
    s->wait_ms += number_at(step, "wait_ms");
    if (text_at(step, "text", &text))
        deltas(s, TEXT_BLOCK, kv_slice_of(&text), pieces ? pieces : 1, every);
    else if (text_at(step, "think", &text))
        deltas(s, THINK_BLOCK, kv_slice_of(&text), pieces ? pieces : 1, every);
    else if (text_at(step, "open", &text)) {
        turn_to(s, THINK_BLOCK);
        cut_piece(s);
    } else if (kv_json_get(step, "ping", &value))
        ping(s);
    else if (text_at(step, "finish", &text))
        finish(s, text.n ? text.p : NULL);
    else if (kv_json_get(step, "marker", &value))
        marker(s);
    else if (kv_json_get(step, "error", &value))
        error_event(s, value);
    else if (text_at(step, "raw", &text)) {
        kv_buf_add_slice(&s->to->bytes, kv_slice_of(&text));
        cut_piece(s);
    } else if (text_at(step, "end", &text))
        s->to->end = kv_slice_is(kv_slice_of(&text), "hang") ? SAY_HANG : SAY_BREAK;
    kv_buf_release(&text);
}

void say(struct saying *to, const struct chat *c, struct kv_slice text, const char *reason,
    struct kv_slice steps, long token_ms, long serial)
{
    struct speaker s = {.to = to, .chat = c, .serial = serial};
    struct kv_json_walk w;
    struct kv_slice step;
    saying_release(to);
    if (steps.n) {
        kv_json_begin(&w, steps);
        while (kv_json_item(&w, &step))
            take_step(&s, step);
        s.wait_ms ? cut_piece(&s) : (void)0;
    } else {
        deltas(&s, TEXT_BLOCK, text, 0, token_ms);
        finish(&s, reason);
        marker(&s);
    }
    kv_buf_release(&s.text);
}
