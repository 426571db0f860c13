/* streaming - which calls are streamed, how long their clocks run, and what is learned of both. */
#include "streaming.h"

#include "json.h"
#include "num.h"
#include "request.h"

enum {
    FIRST_HOSTED_MS = 300000,
    FIRST_NEAR_MS = 1800000, /* a server of one's own may load a model first */
    IDLE_MS = 120000,
    LONG_S = 120,           /* a call that may last longer is streamed */
    ANTHROPIC_LONG = 21333, /* tokens: what Anthropic's own clients ask for only as a stream */
    CUT_SILENT_MS = 50000,  /* proxies cut silence from 60 s on */
};

/* ---- which calls ---- */

static bool thinks_hard(const struct kv_model *m)
{
    static const char *const efforts[] = {"high", "xhigh", "max"};
    struct kv_slice effort, reasoning;
    if (!kv_request_extra(m->extra_kwargs, "reasoning_effort", &effort) &&
        !(kv_request_extra(m->extra_kwargs, "reasoning", &reasoning) &&
            kv_json_get(reasoning, "effort", &effort)) &&
        !kv_request_extra(m->extra_kwargs, "effort", &effort))
        return false;
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++)
        if (kv_json_string_is(effort, efforts[i]))
            return true;
    return false;
}

static bool is_long_for_anthropic(const struct kv_endpoint *e)
{
    struct kv_slice value, type;
    int64_t most = e->model->max_tokens;
    if (e->provider.wire != KV_PROTOCOL_ANTHROPIC)
        return false;
    if (kv_request_extra(e->model->extra_kwargs, "max_tokens", &value))
        kv_num_int64(value, &most);
    bool thinks = kv_request_extra(e->model->extra_kwargs, "thinking", &value) &&
                  kv_json_get(value, "type", &type) && !kv_json_string_is(type, "disabled");
    return most > ANTHROPIC_LONG || thinks;
}

static double total_s(const struct kv_endpoint *e)
{
    return e->streaming.total_s > 0 ? e->streaming.total_s : e->model->request_timeout;
}

bool kv_streaming_wanted(const struct kv_endpoint *e)
{
    struct kv_slice said;
    if (e->quirks & KV_QUIRK_NO_STREAM || e->command ||
        (e->background && e->provider.wire == KV_PROTOCOL_RESPONSES))
        return false;
    if (kv_request_extra(e->model->extra_kwargs, "streaming", &said) && !kv_json_is_null(said))
        return kv_json_is_true(said);
    if (e->streaming.when != KV_STREAM_AUTO)
        return e->streaming.when == KV_STREAM_ALWAYS;
    return e->quirks & KV_QUIRK_STREAM || total_s(e) > LONG_S || thinks_hard(e->model) ||
           is_long_for_anthropic(e);
}

/* ---- clocks ---- */

void kv_streaming_limits(
    const struct kv_endpoint *e, const struct kv_call *call, struct kv_stream_limits *limits)
{
    const struct kv_streaming *s = &e->streaming;
    int64_t first = e->provider.chat->place.nearby ? FIRST_NEAR_MS : FIRST_HOSTED_MS;
    *limits =
        (struct kv_stream_limits){.first_ms = s->first_s > 0 ? (int64_t)(s->first_s * 1000) : first,
            .idle_ms = s->idle_s > 0 ? (int64_t)(s->idle_s * 1000) : IDLE_MS,
            .total_ms =
                s->total_s > 0 ? (int64_t)(s->total_s * 1000) : kv_endpoint_timeout_ms(e, call)};
}

/* ---- what is learned ---- */

void kv_streaming_learn(struct kv_endpoint *e, const struct kv_response *reply, int64_t silent_ms)
{
    bool cut = reply->outcome == KV_OUTCOME_CONNECTION && silent_ms >= CUT_SILENT_MS;
    bool gateway = reply->status == 504 || reply->status == 524 || reply->status == 408;
    if (e->streaming.when != KV_STREAM_AUTO || e->quirks & (KV_QUIRK_STREAM | KV_QUIRK_NO_STREAM) ||
        !(cut || gateway))
        return;
    e->quirks |= KV_QUIRK_STREAM;
    kv_buf_printf(&e->remark,
        "%s%s: a call was cut off while it was silent; its calls are streamed from now on",
        e->remark.n ? "; " : "", e->name);
}
