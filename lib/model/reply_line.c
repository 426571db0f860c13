/* reply_line - what became of a request that went elsewhere, as a line in any form in use.
 *
 * Errors come as an object, as a whole reply with an object inside, or as a text; with an HTTP status
 * beside them, with one of gRPC's numbers, or with words only. All become the body and the status of
 * a direct reply.
 */
#include "reply_line.h"

#include "error_body.h"
#include "json.h"
#include "json_out.h"
#include "num.h"

#include <inttypes.h>
#include <string.h>

void kv_reply_line_release(struct kv_reply_line *r)
{
    kv_buf_release(&r->id);
    kv_buf_release(&r->made);
}

/* ---- errors ---- */

/* gRPC's numbers, as Google and xAI use them. */
static int status_of_code(int64_t code)
{
    static const short http[] = {[2] = 500,
        [3] = 400,
        [4] = 504,
        [5] = 404,
        [7] = 403,
        [8] = 429,
        [9] = 400,
        [10] = 500,
        [11] = 400,
        [12] = 501,
        [13] = 500,
        [14] = 503,
        [15] = 500,
        [16] = 401};
    if (code >= 300 && code <= 599)
        return (int)code;
    return code > 0 && code < (int64_t)(sizeof http / sizeof *http) ? http[code] : 0;
}

static int status_in(struct kv_slice error)
{
    struct kv_slice value;
    int64_t code;
    return kv_json_get(error, "code", &value) && kv_num_int64(value, &code) ? status_of_code(code)
                                                                            : 0;
}

static int status_of_words(struct kv_slice body)
{
    struct kv_error_body_text text = {0};
    kv_error_body_read(&text, body);
    struct kv_error_body c = kv_error_body_of(&text, text.status, -1, false);
    int status = kv_outcome_status(&c);
    kv_error_body_release(&text);
    return status;
}

/* Makes a body of an error that stands outside one. */
static void wrap_error(struct kv_reply_line *r, struct kv_slice error)
{
    struct kv_slice inner;
    bool whole = kv_json_get(error, "error", &inner) && kv_json_type(inner) == KV_JSON_OBJECT;
    r->body = error;
    if (!r->status)
        r->status = status_in(whole ? inner : error);
    if (whole)
        return;
    kv_buf_clear(&r->made);
    kv_buf_add_str(&r->made, "{\"error\":");
    kv_json_compact(&r->made, error);
    kv_buf_add_char(&r->made, '}');
    r->body = kv_slice_of(&r->made);
}

static void fail(struct kv_reply_line *r, struct kv_slice error)
{
    wrap_error(r, error);
    if (!r->status)
        r->status = status_of_words(r->body);
}

/* What a code or a type says of a request that nobody has tried. */
static bool was_not_tried(struct kv_reply_line *r, struct kv_slice word)
{
    static const struct {
        const char *word;
        enum kv_reply_end end;
    } all[] = {{"batch_expired", KV_REPLY_EXPIRED}, {"expired", KV_REPLY_EXPIRED},
        {"batch_cancelled", KV_REPLY_CANCELLED}, {"batch_canceled", KV_REPLY_CANCELLED},
        {"canceled", KV_REPLY_CANCELLED}, {"cancelled", KV_REPLY_CANCELLED}};
    for (size_t i = 0; word.n && i < sizeof all / sizeof *all; i++)
        if (kv_json_type(word) == KV_JSON_STRING && kv_json_string_is(word, all[i].word)) {
            r->end = all[i].end;
            return true;
        }
    return false;
}

/* ---- forms ---- */

static bool is_object(struct kv_slice value)
{
    return value.n && kv_json_type(value) == KV_JSON_OBJECT;
}

static bool has_error(struct kv_slice body)
{
    struct kv_slice error;
    return kv_json_get(body, "error", &error) && !kv_json_is_null(error);
}

/* A body of which nothing but itself says how it went. */
static void take_body(struct kv_reply_line *r, struct kv_slice body)
{
    r->body = body;
    r->success = is_object(body) && !has_error(body);
    if (!r->status)
        r->status = r->success ? 200 : status_of_words(body);
}

/* A line of OpenAI's form: a failure may have its reason in the body, or beside a body of null. */
static void read_openai(struct kv_reply_line *r, struct kv_slice line, struct kv_slice response)
{
    struct kv_slice value, error, code;
    int64_t status = 0;
    bool failed = kv_json_get(line, "error", &error) && !kv_json_is_null(error);
    if (kv_json_get(response, "choices", &value)) {
        take_body(r, response);
        return;
    }
    if (kv_json_get(response, "status_code", &value) && kv_num_int64(value, &status) &&
        status >= 100 && status <= 599)
        r->status = (int)status;
    kv_json_get(response, "request_id", &r->request_id);
    if (failed && kv_json_get(error, "code", &code) && was_not_tried(r, code))
        return;
    kv_json_get(response, "body", &value);
    if (failed && r->status >= 200 && r->status < 300)
        r->status = 0; /* it is not of the request's own reply */
    if (failed && !has_error(value)) {
        fail(r, error);
        return;
    }
    take_body(r, value);
    r->success = r->success && r->status >= 200 && r->status < 300;
}

static void read_anthropic(struct kv_reply_line *r, struct kv_slice result)
{
    struct kv_slice type = {0}, value = {0};
    kv_json_get(result, "type", &type);
    if (type.n && was_not_tried(r, type))
        return;
    if (kv_json_get(result, "message", &value) && is_object(value))
        take_body(r, value);
    else if (kv_json_get(result, "error", &value))
        fail(r, value);
    else
        take_body(r, value);
}

static void read_gemini(struct kv_reply_line *r, struct kv_slice line)
{
    struct kv_slice value = {0};
    if (kv_json_get(line, "error", &value) && !kv_json_is_null(value)) {
        fail(r, value);
        return;
    }
    kv_json_get(line, "response", &value);
    take_body(r, value);
}

static void read_xai(struct kv_reply_line *r, struct kv_slice line)
{
    struct kv_slice value = {0}, code;
    r->chat = true;
    if (kv_json_path(line, &value, "batch_result", "error", NULL) && is_object(value)) {
        if (kv_json_get(value, "code", &code) && (kv_slice_is(code, "1") || was_not_tried(r, code)))
            r->end = KV_REPLY_CANCELLED;
        else
            fail(r, value);
        return;
    }
    if (kv_json_get(line, "error_message", &value) && kv_json_type(value) == KV_JSON_STRING &&
        value.n > 2) {
        if (!was_not_tried(r, value))
            fail(r, value);
        return;
    }
    kv_json_path(line, &value, "batch_result", "response", "chat_get_completion", NULL);
    take_body(r, value);
}

/* ---- lines ---- */

static void read_from(struct kv_reply_line *r, struct kv_slice line)
{
    struct kv_slice kv;
    if (!kv_json_get(line, "kv", &kv) || kv_json_type(kv) != KV_JSON_OBJECT)
        return;
    kv_json_get(kv, "part", &r->part);
    kv_json_get(kv, "batch", &r->batch);
    kv_json_get(kv, "wire", &r->wire);
    kv_json_get(kv, "tier", &r->tier);
    kv_json_get(kv, "at", &r->at);
    r->chat = r->wire.n && kv_json_string_is(r->wire, "chat");
}

static bool take_id(struct kv_reply_line *r, struct kv_slice line, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(line, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return false;
    kv_json_unescape(value, &r->id);
    return true;
}

static int unknown(struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT,
        "no reply to a request: neither custom_id with response, "
        "error or result, nor key, nor batch_request_id");
}

int kv_reply_line_read(struct kv_reply_line *r, struct kv_slice line, struct kv_err *err)
{
    struct kv_slice value = {0}, error;
    kv_buf_clear(&r->id);
    kv_buf_clear(&r->made);
    kv_buf_reserve(&r->id, 1);
    *r = (struct kv_reply_line){.id = r->id, .made = r->made};
    if (kv_json_type(line) != KV_JSON_OBJECT)
        return unknown(err);
    read_from(r, line);
    if (take_id(r, line, "batch_request_id")) {
        read_xai(r, line);
    } else if (take_id(r, line, "custom_id")) {
        if (kv_json_get(line, "result", &value))
            read_anthropic(r, value);
        else if (kv_json_get(line, "response", &value) || kv_json_get(line, "error", &error))
            read_openai(r, line, value);
        else
            return unknown(err);
    } else if (take_id(r, line, "key")) {
        read_gemini(r, line);
    } else {
        return unknown(err);
    }
    return 0;
}

/* ---- writing ---- */

static void add_text(struct kv_buf *out, const char *name, const char *text)
{
    if (text)
        kv_json_out_str(out, name, text);
}

static void add_from(struct kv_buf *out, const struct kv_reply_from *from)
{
    kv_json_out_object(out, "kv");
    if (from->part)
        kv_json_out_int(out, "part", from->part);
    add_text(out, "batch", from->batch);
    add_text(out, "wire", from->wire);
    add_text(out, "tier", from->tier);
    add_text(out, "at", from->at);
    kv_buf_add_char(out, '}');
}

void kv_reply_line_write(
    struct kv_buf *out, const struct kv_reply_line *r, const struct kv_reply_from *from)
{
    bool expired = r->end == KV_REPLY_EXPIRED;
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "custom_id", kv_slice_of(&r->id));
    if (r->end != KV_REPLY_CAME) {
        kv_json_out_null(out, "response");
        kv_json_out_object(out, "error");
        kv_json_out_str(out, "code", expired ? "batch_expired" : "batch_cancelled");
        kv_json_out_str(out, "message",
            expired ? "the batch expired before this request had its turn"
                    : "the batch was cancelled before this request had its turn");
        kv_buf_add_char(out, '}');
    } else {
        kv_json_out_object(out, "response");
        kv_json_out_int(out, "status_code", r->status);
        if (r->request_id.n)
            kv_json_out_json(out, "request_id", r->request_id);
        kv_json_out_key(out, "body");
        kv_json_compact(out, r->body.n ? r->body : KV_SLICE("null"));
        kv_buf_add_char(out, '}');
        kv_json_out_null(out, "error");
    }
    if (from)
        add_from(out, from);
    kv_buf_add_str(out, "}\n");
}
