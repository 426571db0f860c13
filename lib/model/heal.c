/* heal - what to leave out or to put differently after a refusal that names it. */
#include "heal.h"

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
static unsigned heal_role(const struct kv_error_body_text *t, unsigned tried)
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
static unsigned heal_stream(const struct kv_error_body_text *t, unsigned tried, bool streamed)
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

unsigned kv_heal(const struct kv_error_body_text *t, unsigned tried, bool streamed)
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
    unsigned role = heal_role(t, tried);
    return role ? role : heal_stream(t, tried, streamed);
}
