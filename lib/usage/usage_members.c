/* usage_members - the members in which each protocol says what a call used. */
#include "usage_members.h"

#include "json.h"
#include "num.h"

#include <math.h>
#include <stddef.h>

/* What one object says. */
struct said {
    struct kv_usage used;         /* over what was known before */
    int64_t total, prompt, tools; /* these are of the object alone; -1: it does not say */
    int64_t answer, thoughts;
};

#define AT(count) offsetof(struct said, used.count)
#define BY(count) offsetof(struct said, count)
#define CHAT      KV_PROTOCOL_OPENAI
#define RESPONSES KV_PROTOCOL_RESPONSES
#define ANTHROPIC KV_PROTOCOL_ANTHROPIC
#define GEMINI    KV_PROTOCOL_GEMINI

/* A later row wins over an earlier one of the same count. */
static const struct field {
    enum kv_protocol_kind protocol;
    const char *inner; /* object within the usage object; NULL: that itself */
    const char *name;
    size_t at; /* in struct said */
} fields[] = {
    {CHAT, NULL, "prompt_tokens", AT(in_total)},
    {CHAT, NULL, "prompt_cache_hit_tokens", AT(in_read)}, /* DeepSeek */
    {CHAT, "prompt_tokens_details", "cached_tokens", AT(in_read)},
    {CHAT, "prompt_tokens_details", "cache_write_tokens", AT(in_write)},
    {CHAT, NULL, "completion_tokens", AT(out_total)},
    {CHAT, "completion_tokens_details", "reasoning_tokens", AT(out_reasoning)},
    {CHAT, NULL, "total_tokens", BY(total)},

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
    {GEMINI, NULL, "thoughtsTokenCount", BY(thoughts)},
    {GEMINI, NULL, "promptTokenCount", BY(prompt)},
    {GEMINI, NULL, "toolUsePromptTokenCount", BY(tools)},
    {GEMINI, NULL, "candidatesTokenCount", BY(answer)},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void read_count(struct said *said, const struct field *f, struct kv_slice value)
{
    int64_t n;
    if (f->inner)
        value = kv_json_find(value, f->name);
    if (value.n && kv_num_int64(value, &n) && n >= 0)
        *(int64_t *)(void *)((char *)said + f->at) = n;
}

static void read_cost(struct kv_usage *u, struct kv_slice value)
{
    double cost;
    if (value.n && kv_num_double(value, &cost) && isfinite(cost) && cost >= 0)
        u->cost = cost;
}

/* In one walk: every reply comes here. */
static void read_members(struct said *said, enum kv_protocol_kind protocol, struct kv_slice object)
{
    const struct field *wanted[FIELDS];
    const char *names[FIELDS + 1];
    struct kv_slice values[FIELDS + 1];
    size_t n = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        if (fields[i].protocol != protocol)
            continue;
        wanted[n] = &fields[i];
        names[n++] = fields[i].inner ? fields[i].inner : fields[i].name;
    }
    names[n] = "cost";
    kv_json_pick(object, names, values, n + 1);
    for (size_t i = 0; i < n; i++)
        read_count(said, wanted[i], values[i]);
    read_cost(&said->used, values[n]);
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
static void add_rest(struct said *s)
{
    if (s->used.in_total >= 0 && s->used.out_total < 0 && s->total >= s->used.in_total)
        s->used.out_total = s->total - s->used.in_total;
}

/* Gemini leaves out of its totals what tools put in and what was thought. */
static void add_hidden(struct said *s)
{
    if (s->prompt >= 0 || s->tools >= 0)
        s->used.in_total = sum_of(known(s->prompt), known(s->tools));
    if (s->answer >= 0 || s->thoughts >= 0)
        s->used.out_total = sum_of(known(s->answer), known(s->thoughts));
}

void kv_usage_members_read(
    struct kv_usage *u, enum kv_protocol_kind protocol, struct kv_slice object)
{
    struct said said = {*u, -1, -1, -1, -1, -1};
    read_members(&said, protocol, object);
    if (protocol == CHAT)
        add_rest(&said);
    else if (protocol == ANTHROPIC)
        add_cached(&said.used);
    else if (protocol == GEMINI)
        add_hidden(&said);
    *u = said.used;
}
