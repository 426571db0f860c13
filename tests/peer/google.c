/* google - the test provider's side of generateContent. */
#include "google.h"

#include "json.h"

#include <string.h>

static void take_parts(struct kv_slice turn, struct kv_buf *out)
{
    struct kv_slice parts, part, text;
    struct kv_json_walk w;
    if (!kv_json_get(turn, "parts", &parts))
        return;
    kv_json_begin(&w, parts);
    while (kv_json_item(&w, &part))
        if (kv_json_get(part, "text", &text) && kv_json_type(text) == KV_JSON_STRING)
            kv_json_unescape(text, out);
}

bool google_read(struct chat *c, struct kv_slice root)
{
    struct kv_slice contents, turn, role;
    struct kv_json_walk w;
    if (!kv_json_get(root, "contents", &contents) || kv_json_count(contents) == 0)
        return false;
    kv_json_begin(&w, contents);
    while (kv_json_item(&w, &turn)) {
        c->prompt += turn.n;
        if (!kv_json_get(turn, "role", &role) || !kv_json_string_is(role, "user"))
            continue;
        kv_buf_clear(&c->user);
        take_parts(turn, &c->user);
    }
    kv_json_path(root, &c->schema, "generationConfig", "responseJsonSchema", NULL);
    return true;
}

void google_take_model(struct chat *c, const char *path)
{
    const char *name = strstr(path, "/models/");
    if (!name)
        return;
    name += strlen("/models/");
    kv_buf_add(&c->model, name, strcspn(name, ":"));
}

static void begin_candidate(struct kv_slice text, bool thought, struct kv_buf *out)
{
    kv_buf_add_str(out, "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":");
    kv_json_quote(out, text, KV_JSON_RAW);
    kv_buf_printf(out, "%s}]},\"index\":0", thought ? ",\"thought\":true" : "");
}

void google_write_piece(
    const struct chat *c, struct kv_slice text, bool thought, struct kv_buf *out)
{
    begin_candidate(text, thought, out);
    kv_buf_printf(out,
        "}],\"usageMetadata\":{\"promptTokenCount\":%zu},\"modelVersion\":", c->prompt / 4 + 1);
    kv_json_quote(out, kv_slice_of(&c->model), KV_JSON_RAW);
    kv_buf_add_char(out, '}');
}

void google_write(
    const struct chat *c, struct kv_slice text, size_t said, const char *finish, struct kv_buf *out)
{
    size_t in = c->prompt / 4 + 1, tokens = said / 4 + 1;
    begin_candidate(text, false, out);
    kv_buf_add_str(out, ",\"finishReason\":");
    kv_json_quote_str(out, finish ? finish : "STOP");
    kv_buf_printf(out,
        "}],\"usageMetadata\":{\"promptTokenCount\":%zu,\"candidatesTokenCount\":%zu,"
        "\"totalTokenCount\":%zu},\"modelVersion\":",
        in, tokens, in + tokens);
    kv_json_quote(out, kv_slice_of(&c->model), KV_JSON_RAW);
    kv_buf_add_char(out, '}');
}

void google_error(int status, const char *message, struct kv_buf *out)
{
    const char *name = status == 429   ? "RESOURCE_EXHAUSTED"
                       : status == 503 ? "UNAVAILABLE"
                       : status == 404 ? "NOT_FOUND"
                       : status < 500  ? "INVALID_ARGUMENT"
                                       : "INTERNAL";
    kv_buf_printf(out, "{\"error\":{\"code\":%d,\"status\":\"%s\",\"message\":", status, name);
    kv_json_quote_str(out, message);
    kv_buf_add_str(out, "}}");
}
