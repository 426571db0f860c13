/* config - a verification configuration.
 *
 * Three passes, each on text: the input is prepared (wrapper off, input-only keys folded, defaults
 * from the environment and the built-in prompt filled in), read by the tables of settings into its
 * canonical text, and that text is read once more into typed values. So the hash, the state file
 * and the values the pipeline acts on cannot disagree.
 */
#include "config.h"

#include "config_fields.h"
#include "json.h"
#include "num.h"
#include "preset.h"
#include "pydantic.h"
#include "url_secret.h"

#include <stdlib.h>
#include <string.h>

/* ---- typed values ---- */

struct fill {
    char *free; /* where the next unescaped text goes */
};

static struct kv_slice get_json(struct kv_slice object, const char *name)
{
    struct kv_slice v = kv_json_find(object, name), none = {0};
    return kv_json_is_null(v) ? none : v;
}

/* Every string of the canonical text is unescaped at most once, and is shorter with its NUL than
 * with its quotes: the room for all is that of the text. */
static struct kv_slice unescape(struct fill *f, struct kv_slice string)
{
    struct kv_buf text = {0};
    if (kv_json_type(string) != KV_JSON_STRING)
        return (struct kv_slice){0};
    kv_buf_add_str(&text, "");
    kv_json_unescape(string, &text);
    struct kv_slice s = {f->free, text.n};
    if (text.n)
        memcpy(f->free, text.p, text.n);
    f->free[text.n] = '\0';
    f->free += text.n + 1;
    kv_buf_release(&text);
    return s;
}

static struct kv_slice get_text(struct fill *f, struct kv_slice object, const char *name)
{
    struct kv_slice v = kv_json_find(object, name), none = {0};
    return kv_json_is_null(v) ? none : unescape(f, v);
}

static bool get_bool(struct kv_slice object, const char *name)
{
    return kv_json_is_true(kv_json_find(object, name));
}

static double get_double(struct kv_slice object, const char *name, double fallback)
{
    double x = fallback;
    struct kv_slice v = get_json(object, name);
    if (v.n)
        kv_num_double(v, &x);
    return x;
}

/* Whole numbers of any size are legal; what acts on them is satisfied with the nearest it can hold.
 */
static int64_t get_int(struct kv_slice object, const char *name, int64_t fallback)
{
    struct kv_slice v = get_json(object, name);
    int64_t x = fallback;
    if (v.n && !kv_num_int64(v, &x))
        x = v.p[0] == '-' ? INT64_MIN + 1 : INT64_MAX;
    return x;
}

/* The position of a choice in "a|b|c"; `null` is the one after the last. */
static int get_choice(struct kv_slice object, const char *name, const char *words)
{
    struct kv_slice v = kv_json_find(object, name);
    int i = 0;
    for (const char *c = words; *c; i++) {
        size_t n = strcspn(c, "|");
        if (v.n == n + 2 && memcmp(v.p + 1, c, n) == 0)
            return i;
        c += n + (c[n] == '|');
    }
    return i;
}

/* A state holds all settings, so that the default stands for one that was not named. */
static bool is_default_limit(const struct kv_retry_rule *r)
{
    return r->max_attempts == 5 && r->backoff_min == 5 && r->backoff_max == 30 &&
           r->backoff_multiplier == 2;
}

static void fill_retry(struct kv_slice policy, struct kv_retry_policy *r)
{
    static const char *const names[] = {"connection", "timeout", "rate_limit", "server_error"};
    for (size_t i = 0; i < KV_RETRY_CLASSES; i++) {
        struct kv_slice rule = kv_json_find(policy, names[i]);
        r->rules[i] = (struct kv_retry_rule){
            .max_attempts = get_int(rule, "max_attempts", 0),
            .backoff_min = get_double(rule, "backoff_min", 0),
            .backoff_max = get_double(rule, "backoff_max", 0),
            .backoff_multiplier = get_double(rule, "backoff_multiplier", 1),
        };
    }
    r->waits = is_default_limit(&r->rules[KV_RETRY_RATE_LIMIT]);
    struct kv_slice escalation = get_json(policy, "timeout_escalation");
    r->escalation = KV_ESCALATE_NONE;
    r->increment = get_double(escalation, "increment", 0);
    r->multiplier = get_double(escalation, "multiplier", 1);
    r->max_timeout = get_double(escalation, "max_timeout", -1);
    if (escalation.n)
        r->escalation =
            (enum kv_escalation)(KV_ESCALATE_ADDITIVE + get_choice(escalation, "strategy",
                                                            "additive|multiplicative|linear"));
}

static int by_bytes(const void *a, const void *b)
{
    return kv_slice_cmp(*(const struct kv_slice *)a, *(const struct kv_slice *)b);
}

static void fill_tools(struct fill *f, struct kv_slice servers, struct kv_model *m)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    size_t n = kv_json_count(servers);
    m->tools = kv_calloc(n ? n : 1, sizeof *m->tools);
    kv_json_begin(&w, servers);
    while (m->tool_count < n && kv_json_member(&w, &key, &value))
        m->tools[m->tool_count++] = unescape(f, key);
    qsort(m->tools, m->tool_count, sizeof *m->tools, by_bytes);
}

static void fill_model(
    struct fill *f, struct kv_slice json, const struct kv_config *c, struct kv_model *m)
{
    struct kv_slice retry = get_json(json, "retry_policy"),
                    servers = get_json(json, "mcp_urls_dict");
    *m = (struct kv_model){
        .id = get_text(f, json, "id"),
        .provider = get_text(f, json, "model_provider"),
        .model_name = get_text(f, json, "model_name"),
        .interface = get_text(f, json, "interface"),
        .temperature = get_double(json, "temperature", 0),
        .max_tokens = get_int(json, "max_tokens", 0),
        .system_prompt = get_text(f, json, "system_prompt"),
        .endpoint_base_url = get_text(f, json, "endpoint_base_url"),
        .anthropic_base_url = get_text(f, json, "anthropic_base_url"),
        .extra_kwargs = get_json(json, "extra_kwargs"),
        .request_timeout = get_double(json, "request_timeout", c->request_timeout),
        .retry = c->retry,
        .json = json,
    };
    if (retry.n)
        fill_retry(retry, &m->retry);
    fill_tools(f, servers, m);
}

static struct kv_model *fill_models(
    struct fill *f, struct kv_slice array, const struct kv_config *c, size_t *count)
{
    struct kv_json_walk w;
    struct kv_slice item;
    size_t n = kv_json_count(array);
    struct kv_model *models = kv_calloc(n ? n : 1, sizeof *models);
    kv_json_begin(&w, array);
    for (*count = 0; *count < n && kv_json_item(&w, &item); ++*count)
        fill_model(f, item, c, &models[*count]);
    return models;
}

static void fill_flags(struct kv_slice t, struct kv_config *c)
{
    c->replicate_count = get_int(t, "replicate_count", 1);
    c->parsing_only = get_bool(t, "parsing_only");
    c->rubric_strategy =
        (enum kv_rubric_strategy)get_choice(t, "rubric_evaluation_strategy", "batch|sequential");
    c->evaluation_mode = (enum kv_evaluation_mode)get_choice(
        t, "evaluation_mode", "template_only|template_and_rubric|rubric_only");
    c->rubric_enabled = c->evaluation_mode != KV_TEMPLATE_ONLY;
    c->full_trace_for_template = get_bool(t, "use_full_trace_for_template");
    c->full_trace_for_rubric = get_bool(t, "use_full_trace_for_rubric");
    c->partial_trace_scoring = get_bool(t, "allow_partial_trace_scoring");
    c->abstention_enabled = get_bool(t, "abstention_enabled");
    c->sufficiency_enabled = get_bool(t, "sufficiency_enabled");
    c->async_enabled = get_bool(t, "async_enabled");
    c->async_max_workers = get_int(t, "async_max_workers", 2);
    c->max_concurrent_requests = get_int(t, "max_concurrent_requests", 0);
    c->task_ordering = (enum kv_ordering)get_choice(
        t, "task_ordering", "auto|prefix_cache|distribute_answerers|generation_order|random");
    c->request_timeout = get_double(t, "request_timeout", 120);
    c->replay_strict_on_mismatch =
        kv_json_string_is(kv_json_find(t, "replay_parse_on_hydration_mismatch"), "strict");
}

static void fill(struct kv_config *c)
{
    struct kv_slice t = c->text, prompts = get_json(t, "prompt_config");
    struct fill f = {c->memory + t.n + 1};
    fill_flags(t, c);
    fill_retry(kv_json_find(t, "retry_policy"), &c->retry);
    c->answerer_limits = get_json(t, "answerer_concurrency_limits");
    c->few_shot = get_json(t, "few_shot_config");
    c->prompts = (struct kv_prompt_texts){
        .generation = get_text(&f, prompts, "generation"),
        .parsing = get_text(&f, prompts, "parsing"),
        .abstention_detection = get_text(&f, prompts, "abstention_detection"),
        .sufficiency_detection = get_text(&f, prompts, "sufficiency_detection"),
        .rubric_evaluation = get_text(&f, prompts, "rubric_evaluation"),
    };
    c->answering = fill_models(&f, kv_json_find(t, "answering_models"), c, &c->answering_count);
    c->parsing = fill_models(&f, kv_json_find(t, "parsing_models"), c, &c->parsing_count);
}

/* ---- rules across objects (kv-config(5)) ---- */

static void check_model(const struct kv_model *m, const struct kv_path *at,
    const struct kv_config_source *from, bool answering, struct kv_problems *problems)
{
    bool manual = kv_slice_is(m->interface, "manual");
    if (manual && !from->traces_given)
        kv_problems_add(problems, at, "value_error",
            "manual_traces is required when interface='manual': use --manual-traces FILE");
    if (!m->model_name.n)
        kv_problems_add(problems, NULL, "value_error",
            "Model name is required in model configuration (model: %s)", m->id.p);
    if (!m->provider.n && (kv_slice_is(m->interface, "langchain") ||
                              kv_slice_is(m->interface, "langchain_deep_agents")))
        kv_problems_add(problems, NULL, "value_error",
            "Model provider is required for interface '%s'. (model: %s)", m->interface.p, m->id.p);
    if (answering && !from->stored && from->answering_prompt.p && !m->system_prompt.n)
        kv_problems_add(problems, NULL, "value_error",
            "System prompt is required for answering model %s", m->id.p);
}

static void check_models(const struct kv_model *models, size_t n, const char *name,
    const struct kv_config_source *from, struct kv_problems *problems)
{
    struct kv_path list = {.name = kv_slice(name)}, here = {.up = &list};
    for (here.index = 0; here.index < n; here.index++)
        check_model(&models[here.index], &here, from, *name == 'a', problems);
}

static void check_few_shot(struct kv_slice few_shot, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice id, entry;
    if (!few_shot.n || kv_json_string_is(kv_json_find(few_shot, "source"), "disabled"))
        return;
    if (kv_json_string_is(kv_json_find(few_shot, "pool_mode"), "k-shot") &&
        get_int(few_shot, "pool_k", 0) < 1)
        kv_problems_add(problems, NULL, "value_error",
            "Pool few-shot k value must be at least 1 when using k-shot mode");
    kv_json_begin(&w, kv_json_find(few_shot, "question_configs"));
    while (kv_json_member(&w, &id, &entry))
        if (kv_json_string_is(kv_json_find(entry, "mode"), "k-shot") && get_int(entry, "k", 1) < 1)
            kv_problems_add(problems, NULL, "value_error",
                "Question %.*s few-shot k value must be at least 1 when using k-shot mode",
                (int)id.n - 2, id.p + 1);
}

static void check_judgment(struct kv_slice t, struct kv_problems *problems)
{
    bool search = get_bool(t, "deep_judgment_search_enabled");
    struct kv_slice tool = kv_json_find(t, "deep_judgment_search_tool");
    if (search && kv_json_string_is(kv_json_find(t, "deep_judgment_mode"), "reasoning_only"))
        kv_problems_add(problems, NULL, "value_error",
            "deep_judgment_search_enabled=True is incompatible with "
            "deep_judgment_mode='reasoning_only'. Search requires excerpt extraction. Use "
            "deep_judgment_mode='full' for search.");
    if (search && !(tool.n == 8 && strncasecmp(tool.p + 1, "tavily", 6) == 0))
        kv_problems_add(problems, NULL, "value_error",
            "Unknown search tool: '%.*s'. Supported tools: ['tavily']", (int)tool.n - 2,
            tool.p + 1);
}

static void check_agentic(const struct kv_config *c, struct kv_problems *problems)
{
    struct kv_slice t = c->text;
    if (!get_bool(t, "agentic_parsing")) {
        if (kv_json_string_is(kv_json_find(t, "agentic_parsing_trigger"), "dynamic"))
            kv_problems_add(problems, NULL, "value_error",
                "agentic_parsing_trigger='dynamic' requires agentic_parsing=True");
        return;
    }
    for (size_t i = 0; i < c->parsing_count; i++)
        if (!kv_slice_is(c->parsing[i].interface, "claude_agent_sdk") &&
            !kv_slice_is(c->parsing[i].interface, "langchain_deep_agents"))
            kv_problems_add(problems, NULL, "value_error",
                "agentic_parsing=True requires an interface with agent_tier='deep_agent', not %s",
                c->parsing[i].interface.p);
    if (c->evaluation_mode == KV_RUBRIC_ONLY)
        kv_problems_add(problems, NULL, "value_error",
            "agentic_parsing=True is not supported with evaluation_mode='rubric_only'");
    if (get_bool(t, "agentic_parsing_materialize_trace") &&
        kv_json_string_is(kv_json_find(t, "agentic_judge_context"), "workspace_only"))
        kv_problems_add(problems, NULL, "value_error",
            "agentic_parsing_materialize_trace=True requires a trace to materialize");
}

static void check_all(
    const struct kv_config *c, const struct kv_config_source *from, struct kv_problems *problems)
{
    if (!c->parsing_count)
        kv_problems_add(
            problems, NULL, "value_error", "At least one parsing model must be configured");
    if (!c->answering_count && !c->parsing_only)
        kv_problems_add(problems, NULL, "value_error",
            "At least one answering model must be configured (unless parsing_only=True)");
    check_models(c->answering, c->answering_count, "answering_models", from, problems);
    check_models(c->parsing, c->parsing_count, "parsing_models", from, problems);
    check_few_shot(c->few_shot, problems);
    check_judgment(c->text, problems);
    check_agentic(c, problems);
}

/* ---- the whole ---- */

/* The canonical text with its computed last member, and behind it room for what fill() unescapes.
 */
static void keep(struct kv_config *c, struct kv_slice canonical)
{
    struct kv_buf text = {0};
    bool off = kv_json_string_is(kv_json_find(canonical, "evaluation_mode"), "template_only");
    kv_buf_add(&text, canonical.p, canonical.n - 1);
    kv_buf_printf(&text, ",\"rubric_enabled\":%s}", off ? "false" : "true");
    c->memory = kv_alloc(2 * text.n + 2);
    memcpy(c->memory, text.p, text.n + 1);
    c->text = (struct kv_slice){c->memory, text.n};
    kv_digest_md5(c->text, c->hash);
    kv_buf_release(&text);
}

struct kv_config *kv_config_open(struct kv_slice text, const struct kv_config_source *from,
    struct kv_problems *problems, struct kv_err *err)
{
    const struct kv_preset_fill preset = {from->env, from->answering_prompt, !from->stored};
    struct kv_slice value;
    struct kv_buf tidy = {0}, prepared = {0}, canonical = {0};
    struct kv_config *c = NULL;
    size_t before = problems->n;
    if (kv_json_check(text, KV_JSON_PORTABLE, &value, err) != 0)
        return NULL;
    kv_pydantic_tidy(&tidy, value);
    if (kv_preset_prepare(kv_slice_of(&tidy), &preset, &prepared, problems) == 0 &&
        kv_shape_canonical(
            &kv_config_fields_table, kv_slice_of(&prepared), NULL, &canonical, problems) == 0) {
        c = kv_calloc(1, sizeof *c);
        keep(c, kv_slice_of(&canonical));
        fill(c);
        check_all(c, from, problems);
    }
    kv_buf_release(&tidy);
    kv_buf_release(&prepared);
    kv_buf_release(&canonical);
    if (problems->n == before)
        return c;
    kv_problems_err(problems, err);
    kv_config_close(c);
    return NULL;
}

void kv_config_close(struct kv_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->answering_count; i++)
        free(c->answering[i].tools);
    for (size_t i = 0; i < c->parsing_count; i++)
        free(c->parsing[i].tools);
    free(c->answering);
    free(c->parsing);
    free(c->memory);
    free(c);
}

/* ---- what kv-run cannot do ---- */

/* What a URL carries would be stored with it, and shown. */
static void refuse_url(
    struct kv_slice url, const char *name, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(name)};
    const char *fault = kv_url_secret_fault(url);
    if (fault)
        kv_problems_add(problems, &here, "unsupported", "%s", fault);
}

/* The same for URLs among the arguments of a client library, in any of its spellings. */
static void refuse_extra(
    struct kv_slice extra, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = KV_SLICE("extra_kwargs")};
    struct kv_json_walk w;
    struct kv_slice key, value;
    struct kv_buf name = {0}, text = {0};
    kv_json_begin(&w, extra.p ? extra : KV_SLICE("{}"));
    while (kv_json_member(&w, &key, &value)) {
        if (!kv_slice_starts(value, "\"http"))
            continue;
        kv_buf_clear(&name);
        kv_buf_clear(&text);
        kv_json_unescape(key, &name);
        kv_json_unescape(value, &text);
        refuse_url(kv_slice_of(&text), name.p ? name.p : "", &here, problems);
    }
    kv_buf_release(&name);
    kv_buf_release(&text);
}

/* The secrets of headers and parameters stand in the environment: a configuration is stored. */
static void refuse_plain_secrets(
    struct kv_slice extra, const struct kv_path *at, struct kv_problems *problems)
{
    static const char *const members[] = {"default_headers", "default_query"};
    struct kv_path here = {.up = at, .name = KV_SLICE("extra_kwargs")};
    struct kv_slice object, key, value;
    for (size_t i = 0; extra.p && i < 2; i++) {
        struct kv_path there = {.up = &here, .name = kv_slice(members[i])};
        struct kv_json_walk w;
        if (!kv_json_get(extra, members[i], &object))
            continue;
        kv_json_begin(&w, object);
        while (kv_json_member(&w, &key, &value)) {
            struct kv_buf name = {0}, text = {0};
            kv_json_unescape(key, &name);
            if (kv_json_type(value) == KV_JSON_STRING)
                kv_json_unescape(value, &text);
            if (kv_url_secret_plain(kv_slice_of(&name), kv_slice_of(&text)))
                kv_problems_add(problems, &there, "unsupported",
                    "%s would be stored: name a variable in its place, ${KV_...}", name.p);
            kv_buf_release(&name);
            kv_buf_release(&text);
        }
    }
}

static void refuse_model(const struct kv_model *m, bool answering, const struct kv_path *at,
    struct kv_problems *problems)
{
    if (!answering && kv_slice_is(m->interface, "manual"))
        kv_problems_add(problems, at, "unsupported", "interface 'manual' can answer but not judge");
    refuse_url(m->endpoint_base_url, "endpoint_base_url", at, problems);
    refuse_url(m->anthropic_base_url, "anthropic_base_url", at, problems);
    refuse_extra(m->extra_kwargs, at, problems);
    refuse_plain_secrets(m->extra_kwargs, at, problems);
}

/* A model that acts by itself is a command's affair. */
static void refuse_agent(const struct kv_model *m, bool answering, const struct kv_path *at,
    struct kv_problems *problems)
{
    static const char *const agents[] = {"claude_agent_sdk", "langchain_deep_agents", "taskeval"};
    const char *option = answering ? "--answer-cmd" : "--judge-cmd";
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        if (kv_slice_is(m->interface, agents[i]))
            kv_problems_add(problems, at, "unsupported",
                "interface '%s' needs an agent: kv-run takes one as a command, by %s",
                m->interface.p, option);
    if (m->tool_count)
        kv_problems_add(problems, at, "unsupported",
            "mcp_urls_dict: tools need an agent: kv-run takes one as a command, by %s", option);
}

typedef void refuse_fn(const struct kv_model *m, bool answering, const struct kv_path *at,
    struct kv_problems *problems);

static void refuse_models(
    const struct kv_config *c, bool answering, refuse_fn *refuse, struct kv_problems *problems)
{
    const struct kv_model *models = answering ? c->answering : c->parsing;
    size_t n = answering ? c->answering_count : c->parsing_count;
    struct kv_path list = {.name = kv_slice(answering ? "answering_models" : "parsing_models")};
    struct kv_path here = {.up = &list};
    for (here.index = 0; here.index < n; here.index++)
        refuse(&models[here.index], answering, &here, problems);
}

static void refuse_setting(const struct kv_config *c, const char *field, const char *fine,
    const char *why, struct kv_problems *problems)
{
    struct kv_path here = {.name = kv_slice(field)};
    if (!kv_slice_is(kv_json_find(c->text, field), fine))
        kv_problems_add(problems, &here, "unsupported", "%s", why);
}

int kv_config_supported(const struct kv_config *c, struct kv_problems *problems)
{
    size_t before = problems->n;
    refuse_setting(
        c, "parsing_only", "false", "is for another entry point: nothing would be asked", problems);
    refuse_models(c, true, refuse_model, problems);
    refuse_models(c, false, refuse_model, problems);
    return problems->n == before ? 0 : -1;
}

int kv_config_runnable(
    const struct kv_config *c, struct kv_config_commands by, struct kv_problems *problems)
{
    static const char deep[] = "deep judgment is not done by kv-run";
    size_t before = problems->n;
    refuse_setting(c, "deep_judgment_mode", "\"disabled\"", deep, problems);
    refuse_setting(c, "deep_judgment_rubric_mode", "\"disabled\"", deep, problems);
    refuse_setting(
        c, "agentic_parsing", "false", "judging by an agent is not done by kv-run", problems);
    if (!by.answer)
        refuse_models(c, true, refuse_agent, problems);
    if (!by.judge)
        refuse_models(c, false, refuse_agent, problems);
    return problems->n == before ? 0 : -1;
}

/* ---- writing ---- */

void kv_config_add_state_text(struct kv_buf *out, const struct kv_config *c)
{
    kv_pydantic_state_text(out, c->text);
}
