/* workaround - what to leave out or to put differently after a refusal that names it. */
#include "workaround.h"

#include "effort.h"

#include <string.h>

/* In any case: "System role not supported". */
static bool holds(const struct kv_buf *text, const char *word)
{
    return text->n && strcasestr(text->p, word);
}

static bool mentions(const struct kv_error_body_text *t, const char *word)
{
    return holds(&t->message, word) || holds(&t->param, word);
}

/* Chat templates without a system role say so in their own words; OpenAI's newer models have a
 * developer role in its place. */
static unsigned role_workaround(const struct kv_error_body_text *t, unsigned tried)
{
    bool openai = mentions(t, "developer") || mentions(t, "messages[") ||
                  kv_slice_is(kv_slice_of(&t->code), "unsupported_value");
    if (!mentions(t, "role"))
        return 0;
    if (mentions(t, "must alternate"))
        return KV_QUIRK_FOLD_SYSTEM & ~tried;
    if (!mentions(t, "system") && !mentions(t, "developer"))
        return 0;
    if (openai && !(tried & KV_QUIRK_SYSTEM_SWAPPED))
        return KV_QUIRK_SYSTEM_SWAPPED;
    return KV_QUIRK_FOLD_SYSTEM & ~tried;
}

/* Some servers know no stream_options, some stream nothing, or not for everybody; and some take long
 * calls only as streams. */
static unsigned stream_workaround(const struct kv_error_body_text *t, unsigned tried, bool streamed)
{
    static const char *const names[] = {
        " stream", "'stream", "\"stream", "`stream", "Stream", ".stream", NULL};
    bool named = t->param.n && strncmp(t->param.p, "stream", 6) == 0;
    for (size_t i = 0; names[i]; i++)
        named = named || mentions(t, names[i]);
    if (!named)
        return 0;
    if (!streamed)
        return mentions(t, "required") || mentions(t, "must") || mentions(t, "only")
                   ? KV_QUIRK_STREAM & ~tried
                   : 0;
    if (mentions(t, "stream_options") && !(tried & KV_QUIRK_NO_STREAM_OPTIONS))
        return KV_QUIRK_NO_STREAM_OPTIONS;
    return KV_QUIRK_NO_STREAM & ~tried;
}

unsigned kv_workaround_offered(const struct kv_error_body_text *t)
{
    return kv_effort_offered(kv_slice_of(&t->message));
}

static bool is_unsupported(const struct kv_error_body_text *t)
{
    return mentions(t, "not supported") || mentions(t, "nsupported") ||
           mentions(t, "does not support");
}

/* What models that reason are asked with. Unknown arguments are the user's to repair. */
static unsigned reasoning_workaround(const struct kv_error_body_text *t)
{
    bool offered = kv_workaround_offered(t) != 0;
    if (mentions(t, "summar") && (mentions(t, "verified") || is_unsupported(t)))
        return KV_QUIRK_NO_SUMMARY;
    if (mentions(t, "verbosity"))
        return offered ? KV_QUIRK_VERBOSITY : 0;
    if (mentions(t, "effort") && offered)
        return KV_QUIRK_EFFORT;
    if (mentions(t, "reasoning") && is_unsupported(t))
        return KV_QUIRK_NO_REASONING;
    return 0;
}

static unsigned members_workaround(const struct kv_error_body_text *t)
{
    static const struct {
        const char *name;
        unsigned quirk;
    } members[] = {{"top_p", KV_QUIRK_NO_TOP_P}, {"logprobs", KV_QUIRK_NO_LOGPROBS},
        {"service_tier", KV_QUIRK_NO_TIER}, {"service tier", KV_QUIRK_NO_TIER}};
    if (mentions(t, "max_output_tokens") && (mentions(t, "minimum") || mentions(t, "at least")))
        return KV_QUIRK_LEAST_OUTPUT;
    if (kv_slice_is(kv_slice_of(&t->param), "store") || mentions(t, "'store'"))
        return KV_QUIRK_NO_STORE;
    if (mentions(t, "prompt_cache_key"))
        return KV_QUIRK_NO_CACHE_KEY;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (mentions(t, members[i].name) && is_unsupported(t))
            return members[i].quirk;
    return 0;
}

unsigned kv_workaround_protocol(
    const struct kv_error_body_text *t, int status, enum kv_protocol_kind asked, unsigned tried)
{
    bool lives_there = asked == KV_PROTOCOL_OPENAI && mentions(t, "v1/responses");
    bool not_here = asked == KV_PROTOCOL_RESPONSES && status == 404 &&
                    !kv_slice_is(kv_slice_of(&t->code), "model_not_found");
    return lives_there || not_here ? KV_QUIRK_OTHER_WIRE & ~tried : 0;
}

unsigned kv_workaround(const struct kv_error_body_text *t, unsigned tried, bool streamed)
{
    if (mentions(t, "max_completion_tokens") ||
        (mentions(t, "max_tokens") && kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter")))
        return KV_QUIRK_SWAP_MAX_TOKENS & ~tried;
    if (mentions(t, "temperature") &&
        (kv_slice_is(kv_slice_of(&t->code), "unsupported_value") ||
            kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter") ||
            mentions(t, "deprecated") || mentions(t, "default (1)") || mentions(t, "not support")))
        return KV_QUIRK_NO_TEMPERATURE & ~tried;
    if (mentions(t, "eveloper instruction") && mentions(t, "not enabled")) /* Gemma at Google */
        return KV_QUIRK_FOLD_SYSTEM & ~tried;
    unsigned role = role_workaround(t, tried);
    if (role)
        return role;
    unsigned other = reasoning_workaround(t);
    other = other ? other : members_workaround(t);
    return other ? other & ~tried : stream_workaround(t, tried, streamed);
}
