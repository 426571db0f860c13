/* usage_members - the members in which each protocol says what a call used. */
#include "usage_members.h"

#include "json.h"
#include "num.h"

#include <math.h>
#include <stddef.h>

#define AT(count) offsetof(struct kv_usage, count)
#define CHAT      KV_PROTOCOL_OPENAI
#define RESPONSES KV_PROTOCOL_RESPONSES
#define ANTHROPIC KV_PROTOCOL_ANTHROPIC
#define GEMINI    KV_PROTOCOL_GEMINI

/* A later row wins over an earlier one of the same count. */
static const struct field {
    enum kv_protocol_kind protocol;
    const char *inner; /* object within the usage object; NULL: that itself */
    const char *name;
    size_t at; /* in struct kv_usage */
} fields[] = {
    {CHAT, NULL, "prompt_tokens", AT(in_total)},
    {CHAT, NULL, "prompt_cache_hit_tokens", AT(in_read)}, /* DeepSeek */
    {CHAT, "prompt_tokens_details", "cached_tokens", AT(in_read)},
    {CHAT, "prompt_tokens_details", "cache_write_tokens", AT(in_write)},
    {CHAT, NULL, "completion_tokens", AT(out_total)},
    {CHAT, "completion_tokens_details", "reasoning_tokens", AT(out_reasoning)},

    {RESPONSES, NULL, "input_tokens", AT(in_total)},
    {RESPONSES, "input_tokens_details", "cached_tokens", AT(in_read)},
    {RESPONSES, "input_tokens_details", "cache_write_tokens", AT(in_write)},
    {RESPONSES, NULL, "output_tokens", AT(out_total)},
    {RESPONSES, "output_tokens_details", "reasoning_tokens", AT(out_reasoning)},

    {ANTHROPIC, NULL, "input_tokens", AT(in_fresh)},
    {ANTHROPIC, NULL, "cache_read_input_tokens", AT(in_read)},
    {ANTHROPIC, NULL, "cache_creation_input_tokens", AT(in_write)},
    {ANTHROPIC, "cache_creation", "ephemeral_5m_input_tokens", AT(in_write)},
    {ANTHROPIC, "cache_creation", "ephemeral_1h_input_tokens", AT(in_write_1h)},
    {ANTHROPIC, NULL, "output_tokens", AT(out_total)},
    {ANTHROPIC, "output_tokens_details", "thinking_tokens", AT(out_reasoning)},

    {GEMINI, NULL, "cachedContentTokenCount", AT(in_read)},
    {GEMINI, NULL, "thoughtsTokenCount", AT(out_reasoning)},
};

static bool count_at(struct kv_slice object, const char *name, int64_t *count)
{
    struct kv_slice value;
    int64_t n;
    if (!kv_json_get(object, name, &value) || !kv_num_int64(value, &n) || n < 0)
        return false;
    *count = n;
    return true;
}

static void read_field(struct kv_usage *u, const struct field *f, struct kv_slice object)
{
    struct kv_slice inner = object;
    if (f->inner && !kv_json_get(object, f->inner, &inner))
        return;
    count_at(inner, f->name, (int64_t *)(void *)((char *)u + f->at));
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static int64_t sum_of(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* Anthropic leaves out of its total what was cached. */
static void add_cached(struct kv_usage *u)
{
    if (u->in_fresh >= 0)
        u->in_total = sum_of(sum_of(sum_of(u->in_fresh, known(u->in_read)), known(u->in_write)),
            known(u->in_write_1h));
}

/* Embeddings have no tokens of an answer: they say so by a total that is that of the prompt. */
static void add_rest(struct kv_usage *u, struct kv_slice object)
{
    int64_t total;
    if (u->in_total >= 0 && u->out_total < 0 && count_at(object, "total_tokens", &total) &&
        total >= u->in_total)
        u->out_total = total - u->in_total;
}

/* Gemini leaves out of its totals what tools put in and what was thought. */
static void add_hidden(struct kv_usage *u, struct kv_slice object)
{
    int64_t prompt = 0, tools = 0, answer = 0, thoughts = 0;
    bool asked = count_at(object, "promptTokenCount", &prompt);
    bool used = count_at(object, "toolUsePromptTokenCount", &tools);
    bool said = count_at(object, "candidatesTokenCount", &answer);
    bool thought = count_at(object, "thoughtsTokenCount", &thoughts);
    if (asked || used)
        u->in_total = sum_of(prompt, tools);
    if (said || thought)
        u->out_total = sum_of(answer, thoughts);
}

void kv_usage_members_read(
    struct kv_usage *u, enum kv_protocol_kind protocol, struct kv_slice object)
{
    struct kv_slice value;
    double cost;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].protocol == protocol)
            read_field(u, &fields[i], object);
    if (protocol == CHAT)
        add_rest(u, object);
    else if (protocol == ANTHROPIC)
        add_cached(u);
    else if (protocol == GEMINI)
        add_hidden(u, object);
    if (kv_json_get(object, "cost", &value) && kv_num_double(value, &cost) && isfinite(cost) &&
        cost >= 0)
        u->cost = cost;
}
