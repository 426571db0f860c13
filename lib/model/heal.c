/* heal - what to leave out or to put differently after a refusal that names it. */
#include "heal.h"

#include <string.h>

static bool holds(const struct kv_buf *text, const char *word)
{
    return text->n && memmem(text->p, text->n, word, strlen(word));
}

static bool mentions(const struct kv_error_body_text *t, const char *word)
{
    return holds(&t->message, word) || holds(&t->param, word);
}

unsigned kv_heal(const struct kv_error_body_text *t, unsigned tried)
{
    if (mentions(t, "max_completion_tokens") ||
        (mentions(t, "max_tokens") && kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter")))
        return KV_QUIRK_SWAP_MAX_TOKENS & ~tried;
    if (mentions(t, "temperature") &&
        (kv_slice_is(kv_slice_of(&t->code), "unsupported_value") ||
            kv_slice_is(kv_slice_of(&t->code), "unsupported_parameter") ||
            mentions(t, "deprecated") || mentions(t, "default (1)") || mentions(t, "not support")))
        return KV_QUIRK_NO_TEMPERATURE & ~tried;
    if (mentions(t, "role") && (mentions(t, "system") || mentions(t, "developer")))
        return tried & KV_QUIRK_SYSTEM_SWAPPED ? KV_QUIRK_FOLD_SYSTEM & ~tried
                                               : KV_QUIRK_SYSTEM_SWAPPED;
    return 0;
}
