/* gemini - Google's generateContent: how a request is put, and what a body or an event says. */
#include "gemini.h"

#include "json.h"
#include "num.h"
#include "request_parts.h"
#include "usage_members.h"

#include <math.h>
#include <string.h>

/* ---- requests ---- */

/* The names by which users know what belongs into the two inner objects. */
static const struct setting {
    const char *given, *sent;
    bool thinking; /* in thinkingConfig, within generationConfig */
} settings[] = {
    {"temperature", "temperature", false},
    {"max_tokens", "maxOutputTokens", false},
    {"max_output_tokens", "maxOutputTokens", false},
    {"top_p", "topP", false},
    {"top_k", "topK", false},
    {"seed", "seed", false},
    {"stop", "stopSequences", false},
    {"presence_penalty", "presencePenalty", false},
    {"frequency_penalty", "frequencyPenalty", false},
    {"response_mime_type", "responseMimeType", false},
    {"response_schema", "responseSchema", false},
    {"thinking_budget", "thinkingBudget", true},
    {"thinking_level", "thinkingLevel", true},
    {"include_thoughts", "includeThoughts", true},
};

static const struct setting *setting_of(struct kv_slice key)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (kv_json_string_is(key, settings[i].given))
            return &settings[i];
    return NULL;
}

static bool user_sets(const struct kv_request *ask, const char *sent)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].sent, sent) == 0 && kv_request_sets(ask, settings[i].given, NULL))
            return true;
    return false;
}

/* The object being written: a comma before every member but the first. */
static void name(struct kv_buf *out, const char *text)
{
    if (out->p[out->n - 1] != '{')
        kv_buf_add_char(out, ',');
    kv_buf_printf(out, "\"%s\":", text);
}

static void add_part(struct kv_buf *out, struct kv_slice text)
{
    if (out->p[out->n - 1] != '[')
        kv_buf_add_char(out, ',');
    kv_buf_add_str(out, "{\"text\":");
    kv_json_quote(out, text, KV_JSON_RAW);
    kv_buf_add_char(out, '}');
}

static bool has_system(const struct kv_request *ask)
{
    for (size_t i = 0; i < ask->count; i++)
        if (ask->messages[i].role == KV_SPEAKER_SYSTEM)
            return true;
    return false;
}

static void add_system_parts(struct kv_buf *out, const struct kv_request *ask)
{
    for (size_t i = 0; i < ask->count; i++)
        if (ask->messages[i].role == KV_SPEAKER_SYSTEM)
            add_part(out, ask->messages[i].text);
}

/* Turns alternate: those of one role that follow each other are parts of one. Models without a
 * system role (Gemma) get its text in front of the first. */
static void add_turns(struct kv_buf *out, const struct kv_request *ask, bool fold)
{
    const struct kv_message *m = ask->messages;
    enum kv_speaker last = KV_SPEAKER_SYSTEM;
    name(out, "contents");
    kv_buf_add_char(out, '[');
    for (size_t i = 0; i < ask->count; i++) {
        if (m[i].role == KV_SPEAKER_SYSTEM)
            continue;
        if (m[i].role != last) {
            kv_buf_add_str(out, last == KV_SPEAKER_SYSTEM ? "" : "]},");
            kv_buf_printf(out, "{\"role\":\"%s\",\"parts\":[",
                m[i].role == KV_SPEAKER_USER ? "user" : "model");
        }
        if (fold && last == KV_SPEAKER_SYSTEM)
            add_system_parts(out, ask);
        last = m[i].role;
        add_part(out, m[i].text);
    }
    kv_buf_add_str(out, last == KV_SPEAKER_SYSTEM ? "]" : "]}]");
}

/* Of extra_kwargs, or of an object in them. */
static void add_user_settings(
    struct kv_buf *out, const struct kv_request *ask, struct kv_slice object, bool thinking)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (!object.n)
        return;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        const struct setting *s = setting_of(key);
        if (kv_request_is_nest(key) && object.p == ask->extra.p)
            add_user_settings(out, ask, value, thinking);
        if (!s || s->thinking != thinking || kv_json_is_null(value) ||
            kv_request_is_overridden(ask, key, value))
            continue;
        name(out, s->sent);
        kv_json_compact(out, value);
    }
}

static void add_thinking(struct kv_buf *out, const struct kv_request *ask)
{
    struct kv_buf inner = {0};
    kv_buf_add_char(&inner, '{');
    add_user_settings(&inner, ask, ask->extra, true);
    if (inner.n > 1) {
        name(out, "thinkingConfig");
        kv_buf_add_slice(out, kv_slice_of(&inner));
        kv_buf_add_char(out, '}');
    }
    kv_buf_release(&inner);
}

static void add_config(struct kv_buf *out, const struct kv_request *ask)
{
    name(out, "generationConfig");
    kv_buf_add_char(out, '{');
    if (!isnan(ask->temperature) && !(ask->quirks & KV_QUIRK_NO_TEMPERATURE) &&
        !user_sets(ask, "temperature")) {
        name(out, "temperature");
        kv_num_add_double(out, ask->temperature, KV_NUM_COMPACT);
    }
    if (ask->max_tokens > 0 && !user_sets(ask, "maxOutputTokens")) {
        name(out, "maxOutputTokens");
        kv_buf_printf(out, "%lld", (long long)ask->max_tokens);
    }
    if (ask->schema_name && ask->step != KV_STEP_PLAIN && !user_sets(ask, "responseMimeType")) {
        name(out, "responseMimeType");
        kv_buf_add_str(out, "\"application/json\"");
    }
    if (ask->schema_name && ask->step == KV_STEP_SCHEMA && !user_sets(ask, "responseSchema")) {
        name(out, "responseJsonSchema");
        kv_json_compact(out, ask->schema);
    }
    add_user_settings(out, ask, ask->extra, false);
    add_thinking(out, ask);
    kv_buf_add_char(out, '}');
}

static void add_others(struct kv_buf *out, const struct kv_request *ask, struct kv_slice object)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (!object.n)
        return;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (setting_of(key) || kv_request_steers_client(key))
            continue;
        if (kv_request_is_nest(key)) {
            add_others(out, ask, value);
            continue;
        }
        if (kv_request_is_overridden(ask, key, value))
            continue;
        if (kv_json_string_is(key, "safety_settings"))
            key = KV_SLICE("\"safetySettings\"");
        kv_buf_add_char(out, ',');
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, ':');
        kv_json_compact(out, value);
    }
}

void kv_gemini_write(struct kv_buf *out, const struct kv_request *ask)
{
    bool fold = ask->quirks & KV_QUIRK_FOLD_SYSTEM;
    kv_buf_add_char(out, '{');
    if (has_system(ask) && !fold) {
        name(out, "systemInstruction");
        kv_buf_add_str(out, "{\"parts\":[");
        add_system_parts(out, ask);
        kv_buf_add_str(out, "]}");
    }
    add_turns(out, ask, fold);
    add_config(out, ask);
    add_others(out, ask, ask->extra);
    kv_buf_add_char(out, '}');
}

/* ---- replies ---- */

static void take_parts(const struct kv_protocol *to, struct kv_slice candidate)
{
    struct kv_slice parts, part, thought;
    struct kv_json_walk w;
    if (!kv_json_path(candidate, &parts, "content", "parts", NULL))
        return;
    kv_json_begin(&w, parts);
    while (kv_json_item(&w, &part)) {
        bool thinking = kv_json_get(part, "thought", &thought) && kv_json_is_true(thought);
        kv_json_add_text(thinking ? to->reasoning : to->text, part, "text");
    }
}

static bool take_block(const struct kv_protocol *to, struct kv_slice root)
{
    struct kv_slice reason;
    if (!kv_json_path(root, &reason, "promptFeedback", "blockReason", NULL) ||
        kv_json_type(reason) != KV_JSON_STRING)
        return false;
    kv_buf_clear(to->refusal);
    kv_json_unescape(reason, to->refusal);
    kv_buf_clear(to->finish);
    kv_buf_add_str(to->finish, "PROMPT_BLOCKED");
    return true;
}

bool kv_gemini_take(const struct kv_protocol *to, struct kv_slice root)
{
    struct kv_slice usage, candidates, candidate;
    struct kv_json_walk w;
    kv_protocol_replace(to->model, root, "modelVersion");
    if (kv_json_get(root, "usageMetadata", &usage)) {
        kv_usage_members_read(to->usage, KV_PROTOCOL_GEMINI, usage);
        kv_protocol_replace(to->tier, usage, "trafficType");
    }
    if (take_block(to, root))
        return true;
    if (!kv_json_get(root, "candidates", &candidates))
        return false;
    kv_json_begin(&w, candidates);
    if (!kv_json_item(&w, &candidate) || kv_json_type(candidate) != KV_JSON_OBJECT)
        return false;
    take_parts(to, candidate);
    kv_protocol_replace(to->finish, candidate, "finishReason");
    return true;
}
