/* preset - a configuration as a user writes it, made ready for its tables. */
#include "preset.h"

#include "json.h"
#include "json_out.h"
#include "pydantic.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Old keys that fill fields of prompt_config where these are null. */
static const char *const instructions[] = {"generation", "parsing", "abstention_detection",
    "sufficiency_detection", "rubric_evaluation", "agentic_parsing", "deep_judgment", NULL};

enum env_kind { ENV_FLAG, ENV_TEXT, ENV_FLOAT, ENV_INT };

static const struct {
    const char *variable, *field;
    enum env_kind kind;
} fallbacks[] = {
    {"EMBEDDING_CHECK", "embedding_check_enabled", ENV_FLAG},
    {"EMBEDDING_CHECK_MODEL", "embedding_check_model", ENV_TEXT},
    {"EMBEDDING_CHECK_THRESHOLD", "embedding_check_threshold", ENV_FLOAT},
    {"KARENINA_ASYNC_ENABLED", "async_enabled", ENV_FLAG},
    {"KARENINA_ASYNC_MAX_WORKERS", "async_max_workers", ENV_INT},
    {"KARENINA_MAX_CONCURRENT_LLM_REQUESTS", "max_concurrent_requests", ENV_INT},
};

/* The instruction `key` names ("parsing_instructions"), or NULL. */
static const char *instruction_of(struct kv_slice key)
{
    for (const char *const *i = instructions; *i; i++) {
        size_t n = strlen(*i);
        if (key.n == n + sizeof "_instructions" + 1 && memcmp(key.p + 1, *i, n) == 0 &&
            memcmp(key.p + 1 + n, "_instructions", sizeof "_instructions" - 1) == 0)
            return *i;
    }
    return NULL;
}

static bool is_input_only(struct kv_slice key)
{
    return kv_json_string_is(key, "rubric_enabled") ||
           kv_json_string_is(key, "deep_judgment_rubric_search_enabled") || instruction_of(key);
}

static bool is_blank(struct kv_slice object, const char *name)
{
    struct kv_slice v;
    return !kv_json_get(object, name, &v) || kv_json_is_null(v);
}

/* prompt_config with the old instruction keys folded in; nothing if there is neither. */
static void add_prompts(struct kv_buf *out, struct kv_slice input)
{
    struct kv_slice prompts = {0}, key, value;
    struct kv_json_walk w;
    struct kv_buf merged = {0};
    bool given = kv_json_get(input, "prompt_config", &prompts), any = false;
    bool open = kv_json_is_null(prompts) || kv_json_type(prompts) == KV_JSON_OBJECT;
    kv_buf_add_char(&merged, '{');
    if (given && open) {
        kv_json_begin(&w, prompts);
        while (kv_json_member(&w, &key, &value))
            kv_json_out_member(&merged, key, value);
    }
    kv_json_begin(&w, input);
    while (open && kv_json_member(&w, &key, &value)) {
        const char *name = instruction_of(key);
        if (!name || kv_json_is_null(value))
            continue;
        any = true;
        if (is_blank(prompts, name)) /* a later member wins over a null before it */
            kv_json_out_json(&merged, name, value);
    }
    kv_buf_add_char(&merged, '}');
    if (any)
        kv_json_out_json(out, "prompt_config", kv_slice_of(&merged));
    else if (given)
        kv_json_out_json(out, "prompt_config", prompts);
    kv_buf_release(&merged);
}

static bool lacks_prompt(struct kv_slice model)
{
    struct kv_slice v;
    return !kv_json_get(model, "system_prompt", &v) || kv_json_is_null(v) ||
           kv_json_string_is(v, "");
}

/* One model: an answering one gets the built-in prompt, a manual one its names. */
static void add_model(struct kv_buf *out, struct kv_slice model, struct kv_slice prompt)
{
    struct kv_slice key, value, interface = {0};
    struct kv_json_walk w;
    if (kv_json_type(model) != KV_JSON_OBJECT) {
        kv_buf_add_slice(out, model);
        return;
    }
    bool fill = prompt.p && lacks_prompt(model);
    kv_json_get(model, "interface", &interface);
    bool manual = kv_json_string_is(interface, "manual");
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, model);
    while (kv_json_member(&w, &key, &value))
        if (!(fill && kv_json_string_is(key, "system_prompt")))
            kv_json_out_member(out, key, value);
    if (manual && is_blank(model, "id")) /* here too */
        kv_json_out_str(out, "id", "manual");
    if (manual && is_blank(model, "model_name"))
        kv_json_out_str(out, "model_name", "manual");
    if (fill)
        kv_json_out_text(out, "system_prompt", prompt);
    kv_buf_add_char(out, '}');
}

static void add_models(struct kv_buf *out, struct kv_slice models, struct kv_slice prompt)
{
    struct kv_json_walk w;
    struct kv_slice model;
    if (kv_json_type(models) != KV_JSON_ARRAY) {
        kv_buf_add_slice(out, models);
        return;
    }
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, models);
    while (kv_json_item(&w, &model)) {
        kv_json_out_key(out, NULL);
        add_model(out, model, prompt);
    }
    kv_buf_add_char(out, ']');
}

static bool is_yes(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcasecmp(text, "yes") == 0;
}

/* The JSON of an environment value; false if it is to be ignored. What is a number, but none that
 * a field takes, is left to the tables to refuse. */
static bool env_value(enum env_kind kind, const char *text, struct kv_buf *out)
{
    const char *error_type = "";
    double x;
    int64_t whole;
    struct kv_buf quoted = {0};
    bool ok = true;
    kv_json_quote_str(&quoted, text);
    if (kind == ENV_FLAG)
        kv_buf_add_str(out, is_yes(text) ? "true" : "false");
    else if (kind == ENV_INT && (ok = kv_pydantic_python_int(kv_slice(text), &whole)))
        kv_buf_printf(out, "%" PRId64, whole);
    else if (kind == ENV_FLOAT)
        ok = kv_pydantic_float(kv_slice_of(&quoted), &x, &error_type) == 0 ||
             strcmp(error_type, "finite_number") == 0;
    if (ok && !out->n)
        kv_buf_add_slice(out, kv_slice_of(&quoted));
    kv_buf_release(&quoted);
    return ok;
}

static void add_fallbacks(
    struct kv_buf *out, struct kv_slice input, const char *(*env)(const char *name))
{
    struct kv_slice given;
    for (size_t i = 0; env && i < sizeof fallbacks / sizeof *fallbacks; i++) {
        const char *text = env(fallbacks[i].variable);
        struct kv_buf value = {0};
        if (text && !kv_json_get(input, fallbacks[i].field, &given) &&
            env_value(fallbacks[i].kind, text, &value))
            kv_json_out_json(out, fallbacks[i].field, kv_slice_of(&value));
        kv_buf_release(&value);
    }
}

static void prepare(struct kv_slice input, const struct kv_preset_fill *fill, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    const struct kv_slice none = {0};
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, input);
    while (kv_json_member(&w, &key, &value)) {
        bool answering = kv_json_string_is(key, "answering_models");
        if (answering || kv_json_string_is(key, "parsing_models")) {
            struct kv_buf models = {0};
            add_models(&models, value, answering ? fill->answering_prompt : none);
            kv_json_out_member(out, key, kv_slice_of(&models));
            kv_buf_release(&models);
        } else if (!is_input_only(key) && !kv_json_string_is(key, "prompt_config")) {
            kv_json_out_member(out, key, value);
        }
    }
    add_prompts(out, input);
    add_fallbacks(out, input, fill->env);
    kv_buf_add_char(out, '}');
}

/* Takes the wrapper of a preset off. */
static int unwrap(struct kv_slice *value, struct kv_problems *problems)
{
    struct kv_slice inner;
    if (!kv_json_get(*value, "config", &inner))
        return 0;
    if (kv_json_is_null(inner) ||
        (kv_json_type(inner) == KV_JSON_OBJECT && kv_json_count(inner) == 0))
        return kv_problems_add(
            problems, NULL, "value_error", "the preset has no configuration data");
    *value = inner;
    return 0;
}

int kv_preset_prepare(struct kv_slice text, const struct kv_preset_fill *fill, struct kv_buf *out,
    struct kv_problems *problems)
{
    struct kv_slice value = text;
    if (kv_json_type(value) == KV_JSON_OBJECT && fill->wrapped && unwrap(&value, problems) != 0)
        return -1;
    if (kv_json_type(value) == KV_JSON_OBJECT)
        prepare(value, fill, out);
    else
        kv_buf_add_slice(out, value);
    return 0;
}
