/* adjust - how the requests of an endpoint are changed: at first by what is known of its model, then
 * by what its refusals say.
 */
#include "adjust.h"

#include "effort.h"
#include "json.h"
#include "protocol_choice.h"
#include "request.h"

#include <string.h>

/* ---- what is told ---- */

static void tell(struct kv_endpoint *e, const char *what)
{
    kv_buf_printf(&e->remark, "%s%s: %s", e->remark.n ? "; " : "", e->name, what);
    kv_buf_printf(&e->adjusted, "%s%s", e->adjusted.n ? ", " : "", what);
}

static void tell_word(struct kv_endpoint *e, const char *what, const char *word, const char *asked)
{
    struct kv_buf text = {0};
    kv_buf_printf(&text, "%s \"%s\" instead of \"%s\"", what, word, asked);
    tell(e, text.p);
    kv_buf_release(&text);
}

/* ---- settings ---- */

static bool find(const struct kv_endpoint *e, const char *name, struct kv_slice *value)
{
    return kv_request_extra(e->model->extra_kwargs, name, value);
}

static int word_of(struct kv_slice json)
{
    if (kv_json_type(json) != KV_JSON_STRING)
        return -1;
    return kv_effort_find((struct kv_slice){json.p + 1, json.n - 2});
}

static int asked_effort(const struct kv_endpoint *e)
{
    struct kv_slice reasoning, effort;
    if (find(e, "reasoning", &reasoning) && kv_json_get(reasoning, "effort", &effort))
        return word_of(effort);
    return find(e, "reasoning_effort", &effort) ? word_of(effort) : -1;
}

static int asked_verbosity(const struct kv_endpoint *e)
{
    struct kv_slice text, verbosity;
    if (find(e, "verbosity", &verbosity))
        return word_of(verbosity);
    return find(e, "text", &text) && kv_json_get(text, "verbosity", &verbosity) ? word_of(verbosity)
                                                                                : -1;
}

static bool is_openai(const struct kv_endpoint *e)
{
    const char *name = e->provider.dialect->name;
    return strcmp(name, "openai") == 0 || strcmp(name, "azure") == 0;
}

/* ---- before the first request ---- */

static void tell_left_out(struct kv_endpoint *e)
{
    const struct kv_request ask = {.wire = e->provider.wire, .extra = e->model->extra_kwargs};
    struct kv_buf names = {0}, text = {0};
    kv_request_left_out(&ask, &names);
    if (names.n) {
        kv_buf_printf(&text, "without %s, which the Responses interface does not have", names.p);
        tell(e, text.p);
    }
    kv_buf_release(&names);
    kv_buf_release(&text);
}

static bool is_pro_mode(const struct kv_endpoint *e)
{
    struct kv_slice reasoning, mode;
    return find(e, "reasoning", &reasoning) && kv_json_get(reasoning, "mode", &mode) &&
           kv_json_string_is(mode, "pro");
}

void kv_adjust_begin(struct kv_endpoint *e)
{
    if (is_openai(e) &&
        kv_effort_forbids_sampling(e->model->model_name, asked_effort(e), is_pro_mode(e)))
        e->quirks |= KV_QUIRK_NO_TEMPERATURE;
    e->background = e->provider.wire == KV_PROTOCOL_RESPONSES &&
                    kv_protocol_choice_background(e->model->model_name, e->model->extra_kwargs);
    tell_left_out(e);
}

/* ---- after a refusal ---- */

static void take_word(struct kv_endpoint *e, unsigned quirk, unsigned offered)
{
    bool effort = quirk == KV_QUIRK_EFFORT;
    int asked = effort ? asked_effort(e) : asked_verbosity(e);
    const char *word = kv_effort_word(kv_effort_nearest(asked < 0 ? 3 : asked, offered));
    *(effort ? &e->effort : &e->verbosity) = word;
    tell_word(e, effort ? "reasoning effort" : "verbosity", word,
        asked < 0 ? "the default" : kv_effort_word(asked));
}

static void tell_change(struct kv_endpoint *e, unsigned quirk, unsigned offered)
{
    static const struct {
        unsigned quirk;
        const char *what;
    } changes[] = {{KV_QUIRK_NO_TOP_P, "without top_p, which the server does not take"},
        {KV_QUIRK_NO_REASONING, "without reasoning, which the model does not have"},
        {KV_QUIRK_NO_TIER, "without the service tier, which the server does not have"}};
    if (quirk & (KV_QUIRK_EFFORT | KV_QUIRK_VERBOSITY))
        take_word(e, quirk, offered);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (quirk == changes[i].quirk)
            tell(e, changes[i].what);
}

bool kv_adjust_learn(struct kv_endpoint *e, const struct kv_response *reply, unsigned quirks)
{
    unsigned workaround = reply->workaround & ~quirks;
    bool known = (e->quirks & workaround) == workaround;
    if (workaround == KV_QUIRK_OTHER_WIRE && !known) {
        bool may = e->provider.wire == KV_PROTOCOL_OPENAI || e->provider.guessed;
        if (!may || !kv_provider_switch(&e->provider))
            return false;
        tell_left_out(e);
    }
    if (workaround && !known)
        tell_change(e, workaround, reply->offered);
    e->quirks |= workaround;
    return workaround != 0;
}
