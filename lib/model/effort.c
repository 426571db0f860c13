/* effort - how hard a model is to think, in the words of OpenAI's parameters, and what goes with
 * it. */
#include "effort.h"

#include <ctype.h>
#include <string.h>

static const char *const words[KV_EFFORT_WORDS] = {
    "none", "minimal", "low", "medium", "high", "xhigh", "max"};

const char *kv_effort_word(int i)
{
    return words[i];
}

int kv_effort_find(struct kv_slice word)
{
    for (int i = 0; i < KV_EFFORT_WORDS; i++)
        if (kv_slice_is(word, words[i]))
            return i;
    return -1;
}

unsigned kv_effort_offered(struct kv_slice message)
{
    static const char lead[] = "upported values";
    unsigned set = 0;
    const char *at = message.n ? memmem(message.p, message.n, lead, sizeof lead - 1) : NULL;
    const char *end = message.p + message.n;
    while (at && at < end) {
        while (at < end && !isalpha((unsigned char)*at))
            at++;
        const char *from = at;
        while (at < end && isalpha((unsigned char)*at))
            at++;
        int i = kv_effort_find((struct kv_slice){from, (size_t)(at - from)});
        set |= i >= 0 ? 1u << i : 0;
    }
    return set;
}

int kv_effort_nearest(int asked, unsigned offered)
{
    for (int i = asked; i >= 0; i--)
        if (offered & 1u << i)
            return i;
    for (int i = asked + 1; i < KV_EFFORT_WORDS; i++)
        if (offered & 1u << i)
            return i;
    return asked;
}

/* ---- models ---- */

static bool starts_as(struct kv_slice model, const char *const *names)
{
    for (; *names; names++)
        if (kv_slice_starts(model, *names))
            return true;
    return false;
}

static bool contains(struct kv_slice model, const char *part)
{
    return memmem(model.p, model.n, part, strlen(part)) != NULL;
}

bool kv_effort_forbids_sampling(struct kv_slice model, int effort, bool pro)
{
    static const char *const always[] = {"o1", "o3", "o4-mini", NULL};
    if (starts_as(model, always))
        return true;
    if (!kv_slice_starts(model, "gpt-5") || contains(model, "chat"))
        return false;
    if (kv_slice_starts(model, "gpt-5.")) /* what none is by default, is for the server to say */
        return effort > 0 || pro;
    return true;
}

/* gpt-5-pro, gpt-5.2-pro … */
static bool is_pro(struct kv_slice model)
{
    size_t n = 5;
    if (!kv_slice_starts(model, "gpt-5"))
        return false;
    while (n < model.n && (isdigit((unsigned char)model.p[n]) || model.p[n] == '.'))
        n++;
    return kv_slice_starts((struct kv_slice){model.p + n, model.n - n}, "-pro");
}

bool kv_effort_wants_responses(struct kv_slice model)
{
    static const char *const names[] = {
        "o1-pro", "o3-pro", "o3-deep-research", "o4-mini-deep-research", NULL};
    return contains(model, "codex") || is_pro(model) || starts_as(model, names);
}

bool kv_effort_wants_background(struct kv_slice model)
{
    return kv_effort_wants_responses(model) && !contains(model, "codex");
}
