/* config_fields - the tables of a verification configuration.
 *
 * The order of the rows is the order in which fields are written and hashed. Types, defaults and
 * constraints are those of kv-config(5); defaults are canonical text.
 */
#include "config_fields.h"

#include "json.h"
#include "num.h"

#include <string.h>

/* clang-format off: one row a macro, as in a table */
#define SHAPE(...)                                                                                 \
    &(const struct kv_shape)                                                                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define MEMBER(key, of, value)                                                                     \
    {                                                                                              \
        .name = key, .shape = of, .default_json = value                                            \
    }
#define OR_NULL(key, of)   MEMBER(key, &(of), "null")
#define BOOL(key, value)   MEMBER(key, &kv_shape_bool, value)
#define INT(key, value)    MEMBER(key, &kv_shape_int, value)
#define INT_OR_NULL(key)   OR_NULL(key, kv_shape_int_null)
#define FLOAT(key, value)  MEMBER(key, &kv_shape_float, value)
#define FLOAT_OR_NULL(key) OR_NULL(key, kv_shape_float_null)
#define TEXT(key, value)   MEMBER(key, &kv_shape_text, value)
#define TEXT_OR_NULL(key)  OR_NULL(key, kv_shape_text_null)
#define INT_FROM(key, value, least)                                                                \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_INT, .has_min = true, .min = least), value)
#define FLOAT_FROM(key, value, least)                                                              \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_FLOAT, .has_min = true, .min = least), value)
#define FLOAT_WITHIN(key, value, least, most)                                                      \
    MEMBER(key,                                                                                    \
        SHAPE(.kind = KV_SHAPE_FLOAT, .has_min = true, .min = least, .has_max = true,              \
            .max = most),                                                                          \
        value)
#define INT_FROM_OR_NULL(key, least)                                                               \
    MEMBER(                                                                                        \
        key, SHAPE(.kind = KV_SHAPE_INT, .nullable = true, .has_min = true, .min = least), "null")
#define FLOAT_FROM_OR_NULL(key, least)                                                             \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_FLOAT, .nullable = true, .has_min = true, .min = least),    \
        "null")
#define ABOVE_ZERO_OR_NULL(key, type)                                                              \
    MEMBER(key, SHAPE(.kind = type, .nullable = true, .has_min = true, .above_min = true), "null")
#define CHOICE(key, value, words)                                                                  \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_CHOICE, .choices = words), value)
#define CHOICE_OR_NULL(key, value, words)                                                          \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_CHOICE, .nullable = true, .choices = words), value)
#define LIST(key, value, item) MEMBER(key, SHAPE(.kind = KV_SHAPE_LIST, .of = &(item)), value)
#define MAP(key, item)         MEMBER(key, SHAPE(.kind = KV_SHAPE_MAP, .of = &(item)), "{}")
#define REFUSED(key, why)                                                                          \
    MEMBER(key, SHAPE(.kind = KV_SHAPE_NOTHING, .nullable = true, .what = why), "null")
#define REFUSED_UNSEEN(key, why)                                                                   \
    {                                                                                              \
        .name = key, .shape = SHAPE(.kind = KV_SHAPE_NOTHING, .nullable = true, .what = why),      \
        .default_json = "null", .hidden = true                                                     \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
/* clang-format on */

static const struct kv_shape secret_null = {.kind = KV_SHAPE_SECRET, .nullable = true};
static const struct kv_shape path_null = {.kind = KV_SHAPE_PATH, .nullable = true};
static const struct kv_shape free_null = {.kind = KV_SHAPE_FREE, .nullable = true};
static const struct kv_shape limits_null = {.kind = KV_SHAPE_LIMITS, .nullable = true};
static const struct kv_shape pick = {.kind = KV_SHAPE_PICK};
static const struct kv_shape picks_null = {.kind = KV_SHAPE_LIST, .nullable = true, .of = &pick};

/* ---- reading members of canonical text, for the checks ---- */

static bool is_set(struct kv_slice object, const char *name)
{
    struct kv_slice v;
    return kv_json_get(object, name, &v) && !kv_json_is_null(v);
}

static bool is_text(struct kv_slice object, const char *name, const char *text)
{
    struct kv_slice v;
    return kv_json_get(object, name, &v) && kv_json_string_is(v, text);
}

static double number(struct kv_slice object, const char *name)
{
    struct kv_slice v;
    double x = 0;
    if (kv_json_get(object, name, &v))
        kv_num_double(v, &x);
    return x;
}

/* ---- retry policy (4.1) ---- */

#define CATEGORY(attempts, least, most)                                                            \
    "{\"max_attempts\":" attempts ",\"backoff_min\":" least ",\"backoff_max\":" most               \
    ",\"backoff_multiplier\":2.0}"
#define RETRY_CONNECTION   CATEGORY("3", "1.0", "10.0")
#define RETRY_TIMEOUT      CATEGORY("3", "5.0", "30.0")
#define RETRY_RATE_LIMIT   CATEGORY("5", "5.0", "30.0")
#define RETRY_SERVER_ERROR CATEGORY("2", "2.0", "15.0")
#define RETRY_POLICY                                                                               \
    "{\"connection\":" RETRY_CONNECTION ",\"timeout\":" RETRY_TIMEOUT                              \
    ",\"rate_limit\":" RETRY_RATE_LIMIT ",\"server_error\":" RETRY_SERVER_ERROR                    \
    ",\"timeout_escalation\":null}"

/* A category that is given but incomplete takes these, not its own row above. */
static const struct kv_shape category_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        INT_FROM("max_attempts", "0", 0),
        FLOAT_FROM("backoff_min", "1.0", 0),
        FLOAT_FROM("backoff_max", "10.0", 0),
        FLOAT_FROM("backoff_multiplier", "2.0", 1),
        END,
    }};

static void check_escalation(
    struct kv_slice object, const struct kv_path *at, struct kv_problems *problems)
{
    if (is_text(object, "strategy", "additive") && number(object, "increment") <= 0)
        kv_problems_add(problems, at, "value_error", "additive strategy requires increment > 0");
    if (is_text(object, "strategy", "multiplicative") && number(object, "multiplier") <= 1)
        kv_problems_add(
            problems, at, "value_error", "multiplicative strategy requires multiplier > 1");
    if (is_text(object, "strategy", "linear") && !is_set(object, "max_timeout"))
        kv_problems_add(problems, at, "value_error", "linear strategy requires max_timeout");
}

static const struct kv_shape escalation_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members =
        (const struct kv_shape_member[]){
            CHOICE("strategy", NULL, "additive|multiplicative|linear"),
            FLOAT_FROM("increment", "0.0", 0),
            FLOAT_FROM("multiplier", "1.0", 1),
            FLOAT_FROM_OR_NULL("max_timeout", 0),
            END,
        },
    .look = check_escalation};

static const struct kv_shape_member retry_members[] = {
    MEMBER("connection", &category_table, RETRY_CONNECTION),
    MEMBER("timeout", &category_table, RETRY_TIMEOUT),
    MEMBER("rate_limit", &category_table, RETRY_RATE_LIMIT),
    MEMBER("server_error", &category_table, RETRY_SERVER_ERROR),
    OR_NULL("timeout_escalation", escalation_table),
    END,
};
static const struct kv_shape retry_table = {.kind = KV_SHAPE_RECORD, .members = retry_members};
static const struct kv_shape retry_null = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = retry_members};

static const struct kv_shape pattern_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        TEXT("pattern", NULL),
        CHOICE("category", NULL, "connection|timeout|rate_limit|server_error|permanent"),
        CHOICE("match_type", "\"message_substring\"", "type_name|message_substring"),
        END,
    }};

/* ---- few-shot and prompts (4.3 to 4.5) ---- */

static const struct kv_shape question_few_shot_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        CHOICE("mode", "\"inherit\"", "all|k-shot|custom|inherit"),
        INT_OR_NULL("k"),
        OR_NULL("selected_examples", picks_null),
        OR_NULL("excluded_examples", picks_null),
        END,
    }};

static const struct kv_shape few_shot_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members = (const struct kv_shape_member[]){
        CHOICE("source", "\"both\"", "disabled|question_pool|global|both"),
        CHOICE("pool_mode", "\"all\"", "all|k-shot|custom"),
        INT("pool_k", "3"),
        MAP("question_configs", question_few_shot_table),
        LIST("global_examples", "[]", kv_shape_text_map),
        END,
    }};

static const struct kv_shape prompt_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members = (const struct kv_shape_member[]){
        TEXT_OR_NULL("generation"),
        TEXT_OR_NULL("parsing"),
        TEXT_OR_NULL("abstention_detection"),
        TEXT_OR_NULL("sufficiency_detection"),
        TEXT_OR_NULL("rubric_evaluation"),
        TEXT_OR_NULL("agentic_parsing"),
        TEXT_OR_NULL("deep_judgment"),
        END,
    }};

/* ---- agents (4.6): carried and hashed, never acted on ---- */

static const struct kv_shape runtime_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members = (const struct kv_shape_member[]){
        CHOICE_OR_NULL("backend", "null", "native|filesystem|container|docker|local_shell"),
        CHOICE("access_mode", "\"read_write\"", "read_write|read_only"),
        BOOL("sandbox_enabled", "true"),
        CHOICE("container_runtime", "\"docker\"", "docker|singularity|apptainer"),
        TEXT_OR_NULL("container_image"),
        CHOICE("container_network", "\"bridge\"", "bridge|none"),
        MEMBER("container_add_hosts", &kv_shape_texts, "[]"),
        ABOVE_ZERO_OR_NULL("read_max_bytes", KV_SHAPE_INT),
        END,
    }};

static const struct kv_shape limits_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        INT_FROM("model_call_limit", "25", 1),
        INT_FROM("tool_call_limit", "50", 1),
        CHOICE("exit_behavior", "\"end\"", "end|continue"),
        END,
    }};

static const struct kv_shape model_retry_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        INT_FROM("max_retries", "2", 0),
        FLOAT("backoff_factor", "2.0"),
        FLOAT("initial_delay", "2.0"),
        FLOAT("max_delay", "10.0"),
        BOOL("jitter", "true"),
        CHOICE("on_failure", "\"continue\"", "continue|raise"),
        END,
    }};

static const struct kv_shape tool_retry_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        INT_FROM("max_retries", "3", 0),
        FLOAT("backoff_factor", "2.0"),
        FLOAT("initial_delay", "1.0"),
        CHOICE("on_failure", "\"return_message\"", "return_message|raise"),
        END,
    }};

static const struct kv_shape summarization_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        BOOL("enabled", "true"),
        TEXT_OR_NULL("model"),
        FLOAT_WITHIN("trigger_fraction", "0.8", 0, 1),
        INT_FROM_OR_NULL("trigger_tokens", 1),
        INT_FROM("keep_messages", "20", 1),
        END,
    }};

static const struct kv_shape caching_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        BOOL("enabled", "true"),
        CHOICE("ttl", "\"5m\"", "5m|1h"),
        INT_FROM("min_messages_to_cache", "0", 0),
        CHOICE("unsupported_model_behavior", "\"warn\"", "warn|ignore|raise"),
        END,
    }};

static const struct kv_shape middleware_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members = (const struct kv_shape_member[]){
        MEMBER("limits", &limits_table,
            "{\"model_call_limit\":25,\"tool_call_limit\":50,\"exit_behavior\":\"end\"}"),
        MEMBER("model_retry", &model_retry_table,
            "{\"max_retries\":2,\"backoff_factor\":2.0,\"initial_delay\":2.0,\"max_delay\":10.0,"
            "\"jitter\":true,\"on_failure\":\"continue\"}"),
        MEMBER("tool_retry", &tool_retry_table,
            "{\"max_retries\":3,\"backoff_factor\":2.0,\"initial_delay\":1.0,"
            "\"on_failure\":\"return_message\"}"),
        MEMBER("summarization", &summarization_table,
            "{\"enabled\":true,\"model\":null,\"trigger_fraction\":0.8,\"trigger_tokens\":null,"
            "\"keep_messages\":20}"),
        MEMBER("prompt_caching", &caching_table,
            "{\"enabled\":true,\"ttl\":\"5m\",\"min_messages_to_cache\":0,"
            "\"unsupported_model_behavior\":\"warn\"}"),
        END,
    }};

/* ---- models (3) ---- */

const char *const kv_config_fields_interfaces[] = {"claude_agent_sdk", "claude_tool", "langchain",
    "langchain_deep_agents", "manual", "openai_endpoint", "openrouter", "taskeval", NULL};

static bool is_interface(struct kv_slice name)
{
    for (const char *const *i = kv_config_fields_interfaces; *i; i++)
        if (kv_json_string_is(name, *i))
            return true;
    return false;
}

static bool takes_anthropic(struct kv_slice interface)
{
    return kv_json_string_is(interface, "claude_agent_sdk") ||
           kv_json_string_is(interface, "claude_tool") ||
           kv_json_string_is(interface, "langchain") ||
           kv_json_string_is(interface, "langchain_deep_agents");
}

/* What is wrong with the anthropic_* members, or NULL. */
static const char *anthropic_problem(struct kv_slice object, struct kv_slice interface)
{
    bool url = is_set(object, "anthropic_base_url"), key = is_set(object, "anthropic_api_key");
    struct kv_slice kwargs;
    if (!url && !key)
        return NULL;
    if (!takes_anthropic(interface))
        return "anthropic_base_url and anthropic_api_key are only supported for interfaces "
               "['claude_agent_sdk', 'claude_tool', 'langchain', 'langchain_deep_agents'], got";
    bool langchain = kv_slice_starts(interface, "\"langchain");
    if (langchain && !is_text(object, "model_provider", "anthropic"))
        return "anthropic_base_url and anthropic_api_key require model_provider='anthropic' for "
               "interface";
    if (kv_json_get(object, "extra_kwargs", &kwargs) &&
        ((url && is_set(kwargs, "base_url")) || (key && is_set(kwargs, "api_key"))))
        return "anthropic_base_url and anthropic_api_key conflict with the same in extra_kwargs "
               "for "
               "interface";
    return NULL;
}

/* One mistake a model, the first of the list in kv-config(5). */
static void check_model(
    struct kv_slice object, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_slice interface = {0}, tools;
    kv_json_get(object, "interface", &interface);
    bool manual = kv_json_string_is(interface, "manual");
    const char *why = NULL;
    if (manual && kv_json_get(object, "mcp_urls_dict", &tools) && kv_json_count(tools))
        why = "MCP tools are not supported with manual interface";
    else if (!manual && !is_set(object, "id"))
        why = "id is required for non-manual interfaces";
    else if (!manual && !is_set(object, "model_name"))
        why = "model_name is required for non-manual interfaces";
    if (why) {
        kv_problems_add(problems, at, "value_error", "%s", why);
        return;
    }
    int n = (int)interface.n - 2;
    why = anthropic_problem(object, interface);
    if (why)
        kv_problems_add(problems, at, "value_error", "%s '%.*s'", why, n, interface.p + 1);
    else if (!is_interface(interface))
        kv_problems_add(problems, at, "value_error",
            "unknown interface '%.*s': registered are claude_agent_sdk, claude_tool, langchain, "
            "langchain_deep_agents, manual, openai_endpoint, openrouter, taskeval",
            n, interface.p + 1);
}

static const struct kv_shape model_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            TEXT_OR_NULL("id"),
            TEXT_OR_NULL("model_provider"),
            TEXT_OR_NULL("model_name"),
            FLOAT("temperature", "0.1"),
            INT("max_tokens", "16384"),
            TEXT("interface", "\"langchain\""),
            TEXT_OR_NULL("system_prompt"),
            INT("max_retries", "2"),
            OR_NULL("mcp_urls_dict", kv_shape_text_map_null),
            OR_NULL("mcp_tool_filter", kv_shape_texts_null),
            OR_NULL("mcp_tool_description_overrides", kv_shape_text_map_null),
            FLOAT_OR_NULL("mcp_http_timeout"),
            FLOAT_OR_NULL("mcp_sse_read_timeout"),
            TEXT_OR_NULL("endpoint_base_url"),
            OR_NULL("endpoint_api_key", secret_null),
            TEXT_OR_NULL("anthropic_base_url"),
            OR_NULL("anthropic_api_key", secret_null),
            OR_NULL("agent_runtime", runtime_table),
            OR_NULL("extra_kwargs", free_null),
            REFUSED_UNSEEN("manual_traces",
                "recorded answers cannot stand in a configuration: use --manual-traces FILE"),
            OR_NULL("agent_middleware", middleware_table),
            INT_OR_NULL("max_context_tokens"),
            INT_OR_NULL("agent_timeout"),
            FLOAT_OR_NULL("request_timeout"),
            OR_NULL("retry_policy", retry_null),
            END,
        },
    .look = check_model};

/* ---- custom deep judgment (4.7) ---- */

static const struct kv_shape trait_table = {.kind = KV_SHAPE_RECORD,
    .members = (const struct kv_shape_member[]){
        BOOL("enabled", "true"),
        BOOL("excerpt_enabled", "true"),
        INT_OR_NULL("max_excerpts"),
        FLOAT_OR_NULL("fuzzy_match_threshold"),
        INT_OR_NULL("excerpt_retry_attempts"),
        BOOL("search_enabled", "false"),
        END,
    }};

static const struct kv_shape trait_map = {.kind = KV_SHAPE_MAP, .of = &trait_table};

static const struct kv_shape deep_rubric_table = {.kind = KV_SHAPE_RECORD,
    .nullable = true,
    .members =
        (const struct kv_shape_member[]){
            MAP("global_traits", trait_table),
            MAP("question_specific", trait_map),
            END,
        },
    .alias = "global",
    .alias_of = "global_traits"};

/* ---- the whole (2) ---- */

static void check_config(
    struct kv_slice object, const struct kv_path *at, struct kv_problems *problems)
{
    if (is_text(object, "deep_judgment_rubric_mode", "custom") &&
        !is_set(object, "deep_judgment_rubric_config"))
        kv_problems_add(problems, at, "value_error",
            "deep_judgment_rubric_config is required when deep_judgment_rubric_mode is 'custom'");
}

static const struct kv_shape_member config_members[] = {
    LIST("answering_models", "[]", model_table),
    LIST("parsing_models", NULL, model_table),
    INT_FROM("replicate_count", "1", 1),
    BOOL("parsing_only", "false"),
    OR_NULL("rubric_trait_names", kv_shape_texts_null),
    CHOICE_OR_NULL("rubric_evaluation_strategy", "\"batch\"", "batch|sequential"),
    CHOICE("evaluation_mode", "\"template_only\"", "template_only|template_and_rubric|rubric_only"),
    BOOL("use_full_trace_for_template", "false"),
    BOOL("use_full_trace_for_rubric", "true"),
    BOOL("allow_partial_trace_scoring", "true"),
    BOOL("abstention_enabled", "false"),
    BOOL("sufficiency_enabled", "false"),
    BOOL("include_extraction_hints", "true"),
    BOOL("embedding_check_enabled", "false"),
    TEXT("embedding_check_model", "\"all-MiniLM-L6-v2\""),
    FLOAT_WITHIN("embedding_check_threshold", "0.85", 0, 1),
    BOOL("async_enabled", "true"),
    INT_FROM("async_max_workers", "2", 1),
    INT_FROM_OR_NULL("max_concurrent_requests", 1),
    ABOVE_ZERO_OR_NULL("batch_timeout_seconds", KV_SHAPE_FLOAT),
    CHOICE("task_ordering", "\"auto\"",
        "auto|prefix_cache|distribute_answerers|generation_order|random"),
    OR_NULL("answerer_concurrency_limits", limits_null),
    CHOICE("deep_judgment_mode", "\"disabled\"", "disabled|reasoning_only|full"),
    INT("deep_judgment_max_excerpts_per_attribute", "3"),
    FLOAT("deep_judgment_fuzzy_match_threshold", "0.8"),
    INT("deep_judgment_excerpt_retry_attempts", "2"),
    BOOL("deep_judgment_search_enabled", "false"),
    TEXT("deep_judgment_search_tool", "\"tavily\""),
    INT("deep_judgment_rubric_max_excerpts_default", "7"),
    FLOAT("deep_judgment_rubric_fuzzy_match_threshold_default", "0.8"),
    INT("deep_judgment_rubric_excerpt_retry_attempts_default", "2"),
    TEXT("deep_judgment_rubric_search_tool", "\"tavily\""),
    CHOICE(
        "deep_judgment_rubric_mode", "\"disabled\"", "disabled|enable_all|use_checkpoint|custom"),
    BOOL("deep_judgment_rubric_global_excerpts", "true"),
    OR_NULL("deep_judgment_rubric_config", deep_rubric_table),
    OR_NULL("few_shot_config", few_shot_table),
    OR_NULL("prompt_config", prompt_table),
    BOOL("agentic_parsing", "false"),
    CHOICE("agentic_parsing_trigger", "\"always\"", "always|dynamic"),
    CHOICE("agentic_judge_context", "\"workspace_only\"",
        "workspace_only|trace_and_workspace|trace_only"),
    INT_FROM("agentic_parsing_max_turns", "15", 1),
    FLOAT_FROM("agentic_parsing_timeout", "120.0", 0),
    BOOL("agentic_parsing_materialize_trace", "false"),
    BOOL("agentic_parsing_persist_trace", "false"),
    CHOICE("agentic_rubric_strategy", "\"individual\"", "individual|shared"),
    BOOL("agentic_rubric_parallel", "false"),
    BOOL("workspace_copy", "true"),
    BOOL("workspace_cleanup", "true"),
    CHOICE("workspace_output_mode", "\"none\"", "none|full|produced"),
    OR_NULL("workspace_output_dir", path_null),
    MEMBER("workspace_output_exclude_patterns", &kv_shape_texts, "[]"),
    REFUSED("db_config", "must be null: a DBConfig cannot come from a file"),
    FLOAT("request_timeout", "120.0"),
    INT_FROM("scenario_turn_limit", "20", 1),
    REFUSED_UNSEEN("replay_store", "must be null: use --replay FILE"),
    CHOICE("replay_parse_on_hydration_mismatch", "\"fall_through\"", "fall_through|strict"),
    REFUSED_UNSEEN("skip_triples", "must be null: the state knows what is done"),
    MEMBER("retry_policy", &retry_table, RETRY_POLICY),
    LIST("custom_error_patterns", "[]", pattern_table),
    INT_FROM("max_requeue_count", "5", 1),
    END,
};

const struct kv_shape kv_config_fields_table = {
    .kind = KV_SHAPE_RECORD, .members = config_members, .look = check_config};
