/* request_line - a request as a line of OpenAI's batch input, which services and engines read. */
#include "request_line.h"

#include "json.h"
#include "json_out.h"

#include <string.h>

static const char *const paths[] = {[KV_PROTOCOL_OPENAI] = "/v1/chat/completions",
    [KV_PROTOCOL_ANTHROPIC] = "/v1/messages",
    [KV_PROTOCOL_RESPONSES] = "/v1/responses"};
enum { PATHS = sizeof paths / sizeof *paths };

/* ---- reading ---- */

static bool is_text(struct kv_slice line, const char *name, struct kv_slice *value)
{
    return kv_json_get(line, name, value) && kv_json_type(*value) == KV_JSON_STRING && value->n > 2;
}

static void add_fault(struct kv_buf *faults, const char *text)
{
    kv_buf_printf(faults, "%s%s", faults->n ? "; " : "", text);
}

int kv_request_line_read(struct kv_request_line *r, struct kv_slice line, struct kv_err *err)
{
    struct kv_request_line read = {0};
    struct kv_buf faults = {0};
    struct kv_slice method;
    if (kv_json_type(line) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "a request is an object, not %s", kv_json_type_name(line));
    if (!is_text(line, "custom_id", &read.id))
        add_fault(&faults, "custom_id: a text is expected");
    if (kv_json_get(line, "method", &method) && !kv_json_string_is(method, "POST"))
        add_fault(&faults, "method: only \"POST\" is known");
    if (!is_text(line, "url", &read.url) || read.url.p[1] != '/')
        add_fault(&faults, "url: a path is expected, as \"/v1/chat/completions\"");
    if (!kv_json_get(line, "body", &read.body) || kv_json_type(read.body) != KV_JSON_OBJECT)
        add_fault(&faults, "body: an object is expected");
    if (faults.n) {
        kv_err_set(err, KV_INPUT, "%s", faults.p);
        kv_buf_release(&faults);
        return -1;
    }
    if (!is_text(read.body, "model", &read.model))
        read.model = (struct kv_slice){0};
    *r = read;
    return 0;
}

bool kv_request_line_wire(struct kv_slice url, enum kv_protocol_kind *wire)
{
    for (int i = 0; i < PATHS; i++)
        if (kv_slice_is(url, paths[i])) {
            *wire = (enum kv_protocol_kind)i;
            return true;
        }
    if (url.n < 16 || !memmem(url.p, url.n, ":generateContent", 16))
        return false;
    *wire = KV_PROTOCOL_GEMINI;
    return true;
}

/* ---- writing ---- */

void kv_request_line_write(
    struct kv_buf *out, struct kv_slice id, struct kv_slice url, struct kv_slice body)
{
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "custom_id", id);
    kv_json_out_str(out, "method", "POST");
    kv_json_out_text(out, "url", url);
    kv_json_out_key(out, "body");
    kv_json_compact(out, body);
    kv_buf_add_str(out, "}\n");
}

void kv_request_line_add_url(struct kv_buf *out, enum kv_protocol_kind wire, struct kv_slice model)
{
    if (wire != KV_PROTOCOL_GEMINI) {
        kv_buf_add_str(out, paths[wire]);
        return;
    }
    kv_buf_add_str(out, kv_slice_starts(model, "models/") ? "/v1beta/" : "/v1beta/models/");
    kv_buf_add_slice(out, model);
    kv_buf_add_str(out, ":generateContent");
}

const char *kv_request_line_wire_name(enum kv_protocol_kind wire)
{
    static const char *const names[] = {[KV_PROTOCOL_OPENAI] = "chat",
        [KV_PROTOCOL_ANTHROPIC] = "messages",
        [KV_PROTOCOL_RESPONSES] = "responses",
        [KV_PROTOCOL_GEMINI] = "gemini"};
    return names[wire];
}
