/* request_responses - the body of a request to OpenAI's Responses interface. */
#include "request_responses.h"

#include "json.h"
#include "json_out.h"
#include "num.h"

#include <stdlib.h>

enum { LEAST_OUTPUT = 16 }; /* tokens: what the service wants at least */

/* Without a place in this interface. */
static const char *const absent[] = {"stop", "seed", "n", "presence_penalty", "frequency_penalty",
    "logit_bias", "logprobs", "response_format", "functions"};
/* Written here, some of them under another name. */
static const char *const moved[] = {"max_tokens", "max_completion_tokens", "max_output_tokens",
    "reasoning_effort", "reasoning", "verbosity", "text", "store", "background"};

static bool among(struct kv_slice key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kv_json_string_is(key, names[i]))
            return true;
    return false;
}

bool kv_request_responses_has(struct kv_slice key)
{
    return among(key, absent, sizeof absent / sizeof *absent) ||
           among(key, moved, sizeof moved / sizeof *moved);
}

void kv_request_left_out(const struct kv_request *ask, struct kv_buf *names)
{
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (ask->wire == KV_PROTOCOL_RESPONSES && kv_request_sets(ask, absent[i], NULL))
            kv_buf_printf(names, "%s%s", names->n ? ", " : "", absent[i]);
}

/* ---- input ---- */

static void add_input(struct kv_request_body *b)
{
    const struct kv_request *ask = b->ask;
    struct kv_buf system = {0};
    bool first = ask->count && ask->messages[0].role == KV_SPEAKER_SYSTEM;
    if (ask->quirks & KV_QUIRK_FOLD_SYSTEM) {
        kv_request_join_system(ask, &system);
        kv_request_turns(b, "input", kv_slice_of(&system));
        kv_buf_release(&system);
        return;
    }
    if (first)
        kv_json_out_text(b->out, "instructions", ask->messages[0].text);
    kv_request_messages(b, "input", first);
}

static void add_limit(struct kv_request_body *b)
{
    static const char *const names[] = {"max_output_tokens", "max_completion_tokens", "max_tokens"};
    struct kv_slice value;
    int64_t n = b->ask->max_tokens;
    for (size_t i = 0; i < 3; i++)
        if (kv_request_sets(b->ask, names[i], &value)) {
            if (!kv_num_int64(value, &n))
                n = 0;
            break;
        }
    if (n <= 0)
        return;
    if (n < LEAST_OUTPUT && b->ask->quirks & KV_QUIRK_LEAST_OUTPUT)
        n = LEAST_OUTPUT;
    kv_json_out_int(b->out, "max_output_tokens", n);
}

/* ---- objects that are put together ---- */

/* An object within the body: its members come from here and from there. */
struct inner {
    struct kv_request_body *b;
    const char *name;
    bool begun;
};

static void inner_member(struct inner *o, const char *name)
{
    if (!o->begun)
        kv_json_out_object(o->b->out, o->name);
    kv_json_out_key(o->b->out, name);
    o->begun = true;
}

static void inner_text(struct inner *o, const char *name, const char *text)
{
    inner_member(o, name);
    kv_json_quote_str(o->b->out, text);
}

/* The members of the user's own object, but for some. */
static void inner_copy(struct inner *o, struct kv_slice object, const char *but, const char *nor)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if ((but && kv_json_string_is(key, but)) || (nor && kv_json_string_is(key, nor)))
            continue;
        char *name = kv_json_strdup(key);
        inner_member(o, name);
        kv_json_compact(o->b->out, value);
        free(name);
    }
}

static void inner_end(const struct inner *o)
{
    if (o->begun)
        kv_buf_add_char(o->b->out, '}');
}

static void add_reasoning(struct kv_request_body *b)
{
    const struct kv_request *ask = b->ask;
    struct inner o = {.b = b, .name = "reasoning"};
    struct kv_slice own = {"", 0}, effort = {"", 0};
    if (ask->quirks & KV_QUIRK_NO_REASONING)
        return;
    kv_request_sets(ask, "reasoning", &own);
    bool has_own = kv_json_type(own) == KV_JSON_OBJECT;
    if (!has_own)
        kv_request_sets(ask, "reasoning_effort", &effort);
    else
        kv_json_get(own, "effort", &effort);
    if (!kv_json_is_null(effort)) {
        inner_member(&o, "effort");
        if (ask->effort)
            kv_json_quote_str(b->out, ask->effort);
        else
            kv_json_compact(b->out, effort);
    }
    if (has_own)
        inner_copy(&o, own, "effort", ask->quirks & KV_QUIRK_NO_SUMMARY ? "summary" : NULL);
    inner_end(&o);
}

static void add_format(struct inner *o)
{
    const struct kv_request *ask = o->b->ask;
    if (ask->step == KV_STEP_SCHEMA) {
        inner_member(o, "format");
        kv_json_out_object(o->b->out, NULL);
        kv_json_out_str(o->b->out, "type", "json_schema");
        kv_request_named_schema(o->b, true, "schema");
        kv_buf_add_char(o->b->out, '}');
    } else if (ask->step == KV_STEP_OBJECT) {
        inner_member(o, "format");
        kv_buf_add_str(o->b->out, "{\"type\":\"json_object\"}");
    }
}

static void add_text(struct kv_request_body *b)
{
    const struct kv_request *ask = b->ask;
    struct inner o = {.b = b, .name = "text"};
    struct kv_slice own = {"", 0}, format = {"", 0}, verbosity;
    kv_request_sets(ask, "text", &own);
    if (ask->schema_name && !kv_json_get(own, "format", &format))
        add_format(&o);
    bool said = kv_request_sets(ask, "verbosity", &verbosity);
    if (ask->verbosity)
        inner_text(&o, "verbosity", ask->verbosity);
    else if (said) {
        inner_member(&o, "verbosity");
        kv_json_compact(b->out, verbosity);
    }
    inner_copy(&o, own, ask->verbosity || said ? "verbosity" : NULL, NULL);
    inner_end(&o);
}

static void add_tool(struct kv_request_body *b)
{
    if (!b->ask->schema_name || b->ask->step != KV_STEP_TOOL)
        return;
    kv_json_out_list(b->out, "tools");
    kv_json_out_object(b->out, NULL);
    kv_json_out_str(b->out, "type", "function");
    kv_request_named_schema(b, true, "parameters");
    kv_buf_add_str(b->out, "}]");
    kv_json_out_object(b->out, "tool_choice");
    kv_json_out_str(b->out, "type", "function");
    kv_json_out_str(b->out, "name", b->ask->schema_name);
    kv_buf_add_char(b->out, '}');
}

static void add_keeping(struct kv_request_body *b)
{
    struct kv_slice store;
    bool said = kv_request_sets(b->ask, "store", &store);
    if (b->ask->background)
        kv_json_out_flag(b->out, "background", true);
    if (b->ask->quirks & KV_QUIRK_NO_STORE)
        return;
    kv_json_out_key(b->out, "store");
    if (said && !b->ask->background)
        kv_json_compact(b->out, store);
    else
        kv_buf_add_str(b->out, b->ask->background ? "true" : "false");
}

void kv_request_responses_write(struct kv_request_body *b)
{
    add_input(b);
    kv_request_temperature(b);
    add_limit(b);
    add_reasoning(b);
    add_text(b);
    add_tool(b);
    add_keeping(b);
}
