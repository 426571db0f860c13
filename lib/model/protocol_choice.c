/* protocol_choice - chat completions or Responses: which one a model of OpenAI's is asked by. */
#include "protocol_choice.h"

#include "effort.h"
#include "json.h"
#include "request.h"

#include <string.h>

static bool find(struct kv_slice extra, const char *name, struct kv_slice *value)
{
    return kv_request_extra(extra, name, value) && !kv_json_is_null(*value);
}

/* ---- what URLs say ---- */

static bool ends_in(struct kv_slice url, const char *suffix)
{
    const char *query = url.n ? memchr(url.p, '?', url.n) : NULL;
    size_t n = strlen(suffix);
    if (query)
        url.n = (size_t)(query - url.p);
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url.n >= n && memcmp(url.p + url.n - n, suffix, n) == 0;
}

/* True if the URL names the interface. */
static bool url_says(struct kv_slice url, enum kv_protocol_kind *kind)
{
    if (ends_in(url, "/responses"))
        *kind = KV_PROTOCOL_RESPONSES;
    else if (ends_in(url, "/chat/completions"))
        *kind = KV_PROTOCOL_OPENAI;
    else
        return false;
    return true;
}

static bool urls_say(const struct kv_choice *c, enum kv_protocol_kind *kind)
{
    struct kv_slice value;
    if (c->moved_to)
        return url_says(kv_slice(c->moved_to), kind);
    if (c->base_url && url_says(kv_slice(c->base_url), kind))
        return true;
    if (!find(c->extra, "base_url", &value) || kv_json_type(value) != KV_JSON_STRING)
        return false;
    value = (struct kv_slice){value.p + 1, value.n - 2};
    return url_says(value, kind);
}

/* ---- what settings say ---- */

static bool settings_want_responses(struct kv_slice extra)
{
    static const char *const names[] = {"include", "truncation", "text", "context_management"};
    struct kv_slice value;
    if (find(extra, "reasoning", &value) && kv_json_type(value) == KV_JSON_OBJECT)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (find(extra, names[i], &value))
            return true;
    return find(extra, "output_version", &value) && kv_json_string_is(value, "responses/v1");
}

enum kv_protocol_kind kv_protocol_choice(
    const struct kv_choice *c, const struct kv_service *d, bool *guessed)
{
    struct kv_slice said;
    enum kv_protocol_kind kind;
    *guessed = false;
    if (d->wire != KV_PROTOCOL_OPENAI)
        return d->wire;
    if (find(c->extra, "use_responses_api", &said))
        return kv_json_is_true(said) ? KV_PROTOCOL_RESPONSES : KV_PROTOCOL_OPENAI;
    if (urls_say(c, &kind))
        return kind;
    *guessed = true;
    if (strcmp(d->name, "openai") != 0 && strcmp(d->name, "azure") != 0)
        return KV_PROTOCOL_OPENAI;
    bool responses = settings_want_responses(c->extra) ||
                     (c->model && kv_effort_wants_responses(kv_slice(c->model)));
    return responses ? KV_PROTOCOL_RESPONSES : KV_PROTOCOL_OPENAI;
}

bool kv_protocol_choice_background(struct kv_slice model, struct kv_slice extra)
{
    struct kv_slice value, mode;
    if (find(extra, "background", &value))
        return kv_json_is_true(value);
    if (find(extra, "reasoning", &value) && kv_json_get(value, "mode", &mode) &&
        kv_json_string_is(mode, "pro"))
        return true;
    return kv_effort_wants_background(model);
}
