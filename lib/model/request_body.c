/* request_body - the body of a request to a model, in any dialect, from neutral input. */
#include "request_body.h"

#include "digest.h"
#include "gemini.h"
#include "json.h"
#include "json_out.h"
#include "request_responses.h"

#include <stdlib.h>
#include <string.h>

enum {
    ANTHROPIC_MAX_TOKENS = 8192,
    OPENAI_LEAST_CACHED = 1024, /* tokens */
    BESIDE_TEXTS = 256,         /* bytes of names and settings */
};

/* ---- extra_kwargs ---- */

/* What a server refused, or is said in another way: see the quirks. */
static bool is_left_out(const struct kv_request *ask, struct kv_slice key)
{
    static const struct {
        const char *name;
        unsigned quirk;
    } all[] = {{"temperature", KV_QUIRK_NO_TEMPERATURE}, {"top_p", KV_QUIRK_NO_TOP_P},
        {"top_logprobs", KV_QUIRK_NO_LOGPROBS}, {"logprobs", KV_QUIRK_NO_LOGPROBS},
        {"reasoning_effort", KV_QUIRK_NO_REASONING}, {"reasoning", KV_QUIRK_NO_REASONING},
        {"service_tier", KV_QUIRK_NO_TIER}, {"store", KV_QUIRK_NO_STORE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (ask->quirks & all[i].quirk && kv_json_string_is(key, all[i].name))
            return true;
    return (ask->effort && kv_json_string_is(key, "reasoning_effort")) ||
           (ask->verbosity && kv_json_string_is(key, "verbosity"));
}

static void add_extra(struct kv_request_body *b, struct kv_slice object, bool nested)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (kv_request_steers_client(key) || is_left_out(b->ask, key) ||
            (b->ask->wire == KV_PROTOCOL_RESPONSES && kv_request_responses_has(key)))
            continue;
        if (!nested && kv_request_is_nest(key)) {
            add_extra(b, value, true);
            continue;
        }
        if (kv_request_is_overridden(b->ask, key, value))
            continue;
        kv_json_out_key(b->out, NULL);
        kv_buf_add_slice(b->out, key);
        kv_buf_add_char(b->out, ':');
        kv_json_compact(b->out, value);
    }
}

/* ---- chat completions and messages ---- */

static void add_max_tokens(struct kv_request_body *b)
{
    bool openai = b->ask->wire == KV_PROTOCOL_OPENAI;
    bool fresh = b->dialect->flags & KV_SERVICE_NEW_MAX;
    if (b->ask->quirks & KV_QUIRK_SWAP_MAX_TOKENS)
        fresh = !fresh;
    int64_t n = b->ask->max_tokens;
    if (n <= 0 && !openai)
        n = ANTHROPIC_MAX_TOKENS;
    if (n <= 0 || kv_request_sets(b->ask, "max_tokens", NULL) ||
        kv_request_sets(b->ask, "max_completion_tokens", NULL))
        return;
    kv_json_out_int(b->out, openai && fresh ? "max_completion_tokens" : "max_tokens", n);
}

static void add_type(struct kv_buf *out, const char *name, const char *type)
{
    kv_json_out_object(out, name);
    kv_json_out_str(out, "type", type);
}

static void openai_format(struct kv_request_body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        add_type(b->out, "response_format", "json_schema");
        kv_json_out_object(b->out, "json_schema");
        kv_request_named_schema(b, true, "schema");
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        kv_json_out_list(b->out, "tools");
        add_type(b->out, NULL, "function");
        kv_json_out_object(b->out, "function");
        kv_request_named_schema(b, false, "parameters");
        kv_buf_add_str(b->out, "}}]");
        add_type(b->out, "tool_choice", "function");
        kv_json_out_object(b->out, "function");
        kv_json_out_str(b->out, "name", b->ask->schema_name);
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_OBJECT) {
        add_type(b->out, "response_format", "json_object");
        kv_buf_add_char(b->out, '}');
    }
    if (b->dialect->flags & KV_SERVICE_ROUTER && !kv_request_sets(b->ask, "provider", NULL)) {
        kv_json_out_object(b->out, "provider");
        kv_json_out_flag(b->out, "require_parameters", true);
        kv_buf_add_char(b->out, '}');
    }
}

static void write_openai(struct kv_request_body *b)
{
    struct kv_buf system = {0};
    if (b->ask->quirks & KV_QUIRK_FOLD_SYSTEM) {
        kv_request_join_system(b->ask, &system);
        kv_request_turns(b, "messages", kv_slice_of(&system));
    } else
        kv_request_messages(b, "messages", 0);
    kv_buf_release(&system);
    kv_request_temperature(b);
    add_max_tokens(b);
    if (b->ask->effort && kv_request_sets(b->ask, "reasoning_effort", NULL))
        kv_json_out_str(b->out, "reasoning_effort", b->ask->effort);
    if (b->ask->verbosity)
        kv_json_out_str(b->out, "verbosity", b->ask->verbosity);
    if (b->ask->schema_name && !kv_request_sets(b->ask, "response_format", NULL))
        openai_format(b);
}

static void anthropic_format(struct kv_request_body *b)
{
    if (b->ask->step == KV_STEP_SCHEMA) {
        kv_json_out_object(b->out, "output_config");
        add_type(b->out, "format", "json_schema");
        kv_json_out_key(b->out, "schema");
        kv_json_compact(b->out, b->ask->schema);
        kv_buf_add_str(b->out, "}}");
    } else if (b->ask->step == KV_STEP_TOOL) {
        kv_json_out_list(b->out, "tools");
        kv_json_out_object(b->out, NULL);
        kv_request_named_schema(b, false, "input_schema");
        kv_buf_add_str(b->out, "}]");
        add_type(b->out, "tool_choice", "tool");
        kv_json_out_str(b->out, "name", b->ask->schema_name);
        kv_json_out_flag(b->out, "disable_parallel_tool_use", true);
        kv_buf_add_char(b->out, '}');
    }
}

static bool has_system(const struct kv_request *ask)
{
    for (size_t i = 0; i < ask->count; i++)
        if (ask->messages[i].role == KV_SPEAKER_SYSTEM)
            return true;
    return false;
}

/* The shortest beginning of a prompt that is cached, where that is known; shorter ones are written
 * to no cache, whatever is marked. */
static int64_t least_cached(struct kv_slice model)
{
    static const char *const large[] = {"opus", "sonnet"};
    for (size_t i = 0; model.n && i < sizeof large / sizeof *large; i++)
        if (memmem(model.p, model.n, large[i], strlen(large[i])))
            return 1024;
    return 4096;
}

/* Tools come before the system text, and are covered by its mark. What is read only once is not worth
 * the quarter more that writing costs. */
static bool is_worth_caching(const struct kv_request *ask, struct kv_slice system)
{
    bool tool = ask->schema_name && ask->step == KV_STEP_TOOL;
    size_t bytes = system.n + (tool ? ask->schema.n : 0);
    return !ask->once && (int64_t)(bytes * 2 / 7) >= least_cached(ask->model);
}

static void write_anthropic(struct kv_request_body *b)
{
    add_max_tokens(b);
    if (has_system(b->ask)) {
        struct kv_buf system = {0};
        kv_request_join_system(b->ask, &system);
        kv_json_out_list(b->out, "system");
        add_type(b->out, NULL, "text");
        kv_json_out_text(b->out, "text", kv_slice_of(&system));
        if (is_worth_caching(b->ask, kv_slice_of(&system))) {
            add_type(b->out, "cache_control", "ephemeral");
            kv_buf_add_char(b->out, '}');
        }
        kv_buf_add_str(b->out, "}]");
        kv_buf_release(&system);
    }
    kv_request_turns(b, "messages", (struct kv_slice){"", 0});
    kv_request_temperature(b);
    if (b->ask->schema_name && !kv_request_sets(b->ask, "output_config", NULL))
        anthropic_format(b);
}

static bool takes_cache_key(const struct kv_service *d, const struct kv_request *ask)
{
    return strcmp(d->name, "openai") == 0 && ask->schema_name &&
           !(ask->quirks & KV_QUIRK_NO_CACHE_KEY);
}

static void add_shared(const struct kv_request *ask, struct kv_buf *out)
{
    kv_request_join_system(ask, out);
    kv_buf_add_char(out, '\n');
    kv_buf_add_slice(out, ask->schema);
}

bool kv_request_beginning(
    const struct kv_service *d, const struct kv_request *ask, struct kv_digest128 *id)
{
    struct kv_buf shared = {0}, system = {0};
    bool marked = ask->wire == KV_PROTOCOL_ANTHROPIC;
    if (ask->once || (!marked && !takes_cache_key(d, ask)))
        return false;
    kv_request_join_system(ask, &system);
    add_shared(ask, &shared);
    bool cached = marked ? system.n && is_worth_caching(ask, kv_slice_of(&system))
                         : shared.n * 2 / 7 >= OPENAI_LEAST_CACHED;
    kv_buf_add_slice(&shared, ask->model);
    if (cached)
        *id = kv_digest_128(kv_slice_of(&shared));
    kv_buf_release(&shared);
    kv_buf_release(&system);
    return cached;
}

/* Which of the keys: by what is asked, so that the same input gives the same bytes. */
static unsigned choose_key(const struct kv_request *ask)
{
    struct kv_buf texts = {0};
    char hex[KV_SHA256_HEX + 1];
    for (size_t i = 0; i < ask->count; i++)
        kv_buf_add_slice(&texts, ask->messages[i].text);
    kv_digest_sha256(kv_slice_of(&texts), hex);
    kv_buf_release(&texts);
    hex[8] = '\0';
    return (unsigned)(strtoul(hex, NULL, 16) % ask->cache_keys);
}

/* OpenAI keeps requests of one key together, so that judges find the beginning that they share in
 * its cache. */
static void add_cache_key(struct kv_request_body *b)
{
    struct kv_buf shared = {0};
    char hex[KV_SHA256_HEX + 1];
    if (!takes_cache_key(b->dialect, b->ask) || kv_request_sets(b->ask, "prompt_cache_key", NULL))
        return;
    add_shared(b->ask, &shared);
    kv_json_out_key(b->out, "prompt_cache_key");
    kv_digest_sha256(kv_slice_of(&shared), hex);
    kv_buf_printf(b->out, "\"kv-%.16s", hex);
    if (b->ask->cache_keys > 1)
        kv_buf_printf(b->out, "-%u", choose_key(b->ask));
    kv_buf_add_char(b->out, '"');
    kv_buf_release(&shared);
}

/* OpenAI pads its events against listeners unless it is told not to. */
static void add_stream(struct kv_request_body *b)
{
    if (!b->ask->stream)
        return;
    kv_json_out_flag(b->out, "stream", true);
    if (b->ask->wire != KV_PROTOCOL_OPENAI || b->ask->quirks & KV_QUIRK_NO_STREAM_OPTIONS)
        return;
    kv_json_out_object(b->out, "stream_options");
    kv_json_out_flag(b->out, "include_usage", true);
    if (strcmp(b->dialect->name, "openai") == 0)
        kv_json_out_flag(b->out, "include_obfuscation", false);
    kv_buf_add_char(b->out, '}');
}

/* Of a body without many escapes. */
static size_t usual_size(const struct kv_request *ask)
{
    size_t n = BESIDE_TEXTS + ask->extra.n + (ask->schema_name ? ask->schema.n : 0);
    for (size_t i = 0; i < ask->count; i++)
        n += ask->messages[i].text.n + ask->messages[i].text.n / 16;
    return n;
}

void kv_request_body_write(
    struct kv_buf *out, const struct kv_service *d, const struct kv_request *ask)
{
    struct kv_request_body b = {.out = out, .dialect = d, .ask = ask};
    kv_buf_reserve(out, usual_size(ask));
    if (ask->wire == KV_PROTOCOL_GEMINI) {
        kv_gemini_write(out, ask);
        return;
    }
    kv_buf_add_char(out, '{');
    if (!kv_request_sets(ask, "model", NULL))
        kv_json_out_text(out, "model", ask->model);
    if (ask->wire == KV_PROTOCOL_RESPONSES)
        kv_request_responses_write(&b);
    else if (ask->wire == KV_PROTOCOL_ANTHROPIC)
        write_anthropic(&b);
    else
        write_openai(&b);
    add_cache_key(&b);
    add_stream(&b);
    if (ask->extra.n)
        add_extra(&b, ask->extra, false);
    kv_buf_add_char(out, '}');
}
