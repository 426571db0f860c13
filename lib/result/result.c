/* result - one VerificationResult as it arrives: is it one, whose is it, how did it end.
 *
 * The tables are the schema (kv-results(5)); everything else reads what they found. A row is
 * walked three times at most, its strings once to be checked, because kv-append does this to every
 * result and a run has millions.
 */
#include "result.h"

#include "digest.h"
#include "json.h"
#include "num.h"
#include "pydantic.h"
#include "shape.h"
#include "task.h"

#include <inttypes.h>
#include <string.h>

/* ---- the schema ---- */

#define NEED(name, shape)                                                                          \
    {                                                                                              \
        name, &(shape), NULL, NULL                                                                 \
    }
#define HAVE(name, shape, default_json)                                                            \
    {                                                                                              \
        name, &(shape), default_json, NULL                                                         \
    }
#define NULLABLE(name, shape)                                                                      \
    {                                                                                              \
        name, &(shape), "null", NULL                                                               \
    }
#define FLAG(name)                                                                                 \
    {                                                                                              \
        name, &kv_shape_bool, "false", NULL                                                        \
    }
#define COUNT(name)                                                                                \
    {                                                                                              \
        name, &kv_shape_int, "0", NULL                                                             \
    }
#define TEXT(name)                                                                                 \
    {                                                                                              \
        name, &kv_shape_text_null, "null", NULL                                                    \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL, NULL                                                                     \
    }
#define LIST_OF(shape)                                                                             \
    {                                                                                              \
        .kind = KV_SHAPE_LIST, .of = &(shape)                                                      \
    }
#define MAP_OF(shape)                                                                              \
    {                                                                                              \
        .kind = KV_SHAPE_MAP, .of = &(shape)                                                       \
    }
#define NULL_OR_LIST_OF(shape)                                                                     \
    {                                                                                              \
        .kind = KV_SHAPE_LIST, .nullable = true, .of = &(shape)                                    \
    }
#define NULL_OR_MAP_OF(shape)                                                                      \
    {                                                                                              \
        .kind = KV_SHAPE_MAP, .nullable = true, .of = &(shape)                                     \
    }

static const struct kv_shape score = {.kind = KV_SHAPE_SCORE};
static const struct kv_shape free_object = MAP_OF(kv_shape_any);
static const struct kv_shape object = NULL_OR_MAP_OF(kv_shape_any);
static const struct kv_shape objects = LIST_OF(free_object);
static const struct kv_shape object_map = NULL_OR_MAP_OF(free_object);
static const struct kv_shape objects_map = NULL_OR_MAP_OF(objects);
static const struct kv_shape texts = LIST_OF(kv_shape_text);
static const struct kv_shape texts_null = NULL_OR_LIST_OF(kv_shape_text);
static const struct kv_shape text_map = NULL_OR_MAP_OF(kv_shape_text);
static const struct kv_shape bool_map = NULL_OR_MAP_OF(kv_shape_bool);
static const struct kv_shape verdict_map = NULL_OR_MAP_OF(kv_shape_bool_null);
static const struct kv_shape float_map = NULL_OR_MAP_OF(kv_shape_float_null);
static const struct kv_shape score_map = NULL_OR_MAP_OF(score);
static const struct kv_shape counters = MAP_OF(kv_shape_int);
static const struct kv_shape counters_map = NULL_OR_MAP_OF(counters);
static const struct kv_shape floats = MAP_OF(kv_shape_float);
static const struct kv_shape floats_map = NULL_OR_MAP_OF(floats);
static const struct kv_shape texts_in_map = MAP_OF(texts);
static const struct kv_shape texts_maps = NULL_OR_MAP_OF(texts_in_map);

static const char *group_of(struct kv_slice named)
{
    return kv_failure_group_name(kv_failure_group(kv_failure_of_json(named)));
}

static const struct kv_shape category = {
    .kind = KV_SHAPE_WORD, .words = kv_failure_names, .what = "failure category"};
static const struct kv_shape reason = {.kind = KV_SHAPE_TEXT, .max = KV_FAILURE_REASON_MAX};
static const struct kv_shape_member failure_members[] = {
    NEED("category", category),
    NEED("stage", kv_shape_text),
    NEED("reason", reason),
    NULLABLE("details", object),
    {"group", &kv_shape_text, NULL, group_of},
    END,
};
enum failure_member { CATEGORY, STAGE, REASON };
static const struct kv_shape failure_shape = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .closed = true, .members = failure_members};

static const struct kv_shape_member identity_members[] = {
    NEED("interface", kv_shape_text),
    NEED("model_name", kv_shape_text),
    HAVE("tools", texts, "[]"),
    TEXT("config_id"),
    END,
};
static const struct kv_shape identity = {
    .kind = KV_SHAPE_RECORD, .closed = true, .members = identity_members};

static const char *const caveat_words[] = {
    "partial_content", "embedding_override", "parse_decision_malformed", "retries_used", NULL};
static const struct kv_shape caveat = {
    .kind = KV_SHAPE_WORD, .words = caveat_words, .what = "caveat"};
static const struct kv_shape caveats = LIST_OF(caveat);

static const struct kv_shape_member metadata_members[] = {
    NEED("question_id", kv_shape_text),
    NEED("template_id", kv_shape_text),
    NULLABLE("failure", failure_shape),
    HAVE("caveats", caveats, "[]"),
    HAVE("warnings", texts, "[]"),
    TEXT("partial_content"),
    NULLABLE("retry_counts", counters_map),
    NEED("question_text", kv_shape_text),
    TEXT("raw_answer"),
    NULLABLE("keywords", texts_null),
    NEED("answering", identity),
    NEED("parsing", identity),
    TEXT("answering_system_prompt"),
    TEXT("parsing_system_prompt"),
    NEED("execution_time", kv_shape_float),
    NEED("timestamp", kv_shape_text),
    NEED("result_id", kv_shape_text),
    TEXT("run_name"),
    NULLABLE("replicate", kv_shape_int_null),
    FLAG("few_shot_enabled"),
    COUNT("few_shot_example_count"),
    TEXT("evaluation_mode"),
    TEXT("scenario_id"),
    TEXT("scenario_node"),
    NULLABLE("scenario_turn", kv_shape_int_null),
    NULLABLE("scenario_path", texts_null),
    END,
};
enum metadata_member {
    QUESTION_ID = 0,
    FAILURE = 2,
    ANSWERING = 10,
    PARSING = 11,
    TIMESTAMP = 15,
    RESULT_ID = 16,
    REPLICATE = 18,
    SCENARIO_ID = 22,
    SCENARIO_TURN = 24,
};
static const struct kv_shape metadata_shape = {
    .kind = KV_SHAPE_RECORD, .closed = true, .members = metadata_members};

static const struct kv_shape_member template_members[] = {
    HAVE("raw_llm_response", kv_shape_text, "\"\""),
    HAVE("trace_messages", objects, "[]"),
    HAVE("conversation_context", objects, "[]"),
    NULLABLE("parsed_gt_response", object),
    NULLABLE("parsed_llm_response", object),
    FLAG("template_verification_performed"),
    NULLABLE("verify_result", kv_shape_bool_null),
    NULLABLE("verify_granular_result", kv_shape_any),
    TEXT("field_verification_error"),
    NULLABLE("field_results", verdict_map),
    NULLABLE("field_scores", float_map),
    TEXT("composition_strategy"),
    FLAG("embedding_check_performed"),
    NULLABLE("embedding_similarity_score", kv_shape_float_null),
    FLAG("embedding_override_applied"),
    TEXT("embedding_model_used"),
    FLAG("regex_validations_performed"),
    NULLABLE("regex_validation_results", bool_map),
    NULLABLE("regex_validation_details", object_map),
    NULLABLE("regex_overall_success", kv_shape_bool_null),
    NULLABLE("regex_extraction_results", object),
    FLAG("recursion_limit_reached"),
    FLAG("response_timeout_partial"),
    FLAG("usage_unavailable"),
    TEXT("investigation_trace"),
    FLAG("agentic_parsing_performed"),
    TEXT("agentic_extraction_recovery"),
    TEXT("agentic_extraction_error"),
    FLAG("dynamic_parsing_performed"),
    TEXT("dynamic_parse_decision"),
    TEXT("dynamic_decision_reasoning"),
    FLAG("abstention_check_performed"),
    NULLABLE("abstention_detected", kv_shape_bool_null),
    FLAG("abstention_override_applied"),
    TEXT("abstention_reasoning"),
    FLAG("sufficiency_check_performed"),
    NULLABLE("sufficiency_detected", kv_shape_bool_null),
    FLAG("sufficiency_override_applied"),
    TEXT("sufficiency_reasoning"),
    NULLABLE("answering_mcp_servers", texts_null),
    NULLABLE("usage_metadata", object_map),
    NULLABLE("agent_metrics", object),
    END,
};
enum template_member { RAW_LLM_RESPONSE = 0, VERIFY_RESULT = 6, USAGE = 40 };
static const struct kv_shape template_shape = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = template_members};

static const struct kv_shape_member rubric_members[] = {
    FLAG("rubric_evaluation_performed"),
    TEXT("rubric_evaluation_strategy"),
    NULLABLE("llm_trait_scores", object),
    NULLABLE("llm_trait_labels", text_map),
    NULLABLE("regex_trait_scores", bool_map),
    NULLABLE("callable_trait_scores", score_map),
    NULLABLE("metric_trait_scores", floats_map),
    NULLABLE("metric_trait_confusion_lists", texts_maps),
    NULLABLE("agentic_trait_scores", object),
    NULLABLE("agentic_trait_investigation_traces", text_map),
    NULLABLE("agentic_trait_extraction_metadata", object),
    NULLABLE("dynamic_rubric_skipped_traits", text_map),
    NULLABLE("dynamic_rubric_promoted_traits", texts_null),
    NULLABLE("trait_provenance", text_map),
    END,
};
static const struct kv_shape rubric_shape = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = rubric_members};

static const struct kv_shape_member deep_members[] = {
    TEXT("deep_judgment_mode"),
    FLAG("deep_judgment_performed"),
    NULLABLE("extracted_excerpts", objects_map),
    NULLABLE("attribute_reasoning", text_map),
    NULLABLE("deep_judgment_stages_completed", texts_null),
    COUNT("deep_judgment_model_calls"),
    COUNT("deep_judgment_excerpt_retry_count"),
    NULLABLE("attributes_without_excerpts", texts_null),
    FLAG("deep_judgment_search_enabled"),
    NULLABLE("hallucination_risk_assessment", text_map),
    END,
};
static const struct kv_shape deep_shape = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = deep_members};

static const struct kv_shape_member deep_rubric_members[] = {
    FLAG("deep_judgment_rubric_performed"),
    NULLABLE("extracted_rubric_excerpts", objects_map),
    NULLABLE("rubric_trait_reasoning", text_map),
    NULLABLE("deep_judgment_rubric_scores", score_map),
    NULLABLE("standard_rubric_scores", score_map),
    NULLABLE("trait_metadata", object_map),
    NULLABLE("traits_without_valid_excerpts", texts_null),
    NULLABLE("rubric_hallucination_risk_assessment", object_map),
    COUNT("total_deep_judgment_model_calls"),
    COUNT("total_traits_evaluated"),
    COUNT("total_excerpt_retries"),
    END,
};
static const struct kv_shape deep_rubric_shape = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = deep_rubric_members};

static const struct kv_shape_member result_members[] = {
    NEED("metadata", metadata_shape),
    NULLABLE("template", template_shape),
    NULLABLE("rubric", rubric_shape),
    NULLABLE("deep_judgment", deep_shape),
    NULLABLE("deep_judgment_rubric", deep_rubric_shape),
    TEXT("evaluation_input"),
    HAVE("used_full_trace", kv_shape_bool, "true"),
    TEXT("trace_extraction_error"),
    END,
};
enum result_member { METADATA, TEMPLATE, RUBRIC };
static const struct kv_shape result_shape = {.kind = KV_SHAPE_RECORD, .members = result_members};

/* ---- reading ---- */

static struct kv_slice or_nothing(struct kv_slice value)
{
    return kv_json_is_null(value) ? (struct kv_slice){0} : value;
}

static bool is_text(struct kv_slice value)
{
    return kv_json_type(value) == KV_JSON_STRING;
}

static void take_failure(struct kv_slice failure, struct kv_result *r)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    kv_shape_members(&failure_shape, failure, values);
    r->failure = kv_failure_of_json(values[CATEGORY]);
    r->failure_stage = values[STAGE];
    r->failure_reason = values[REASON];
}

static void take_metadata(const struct kv_slice *values, struct kv_result *r)
{
    r->question_id = values[QUESTION_ID];
    r->answering = values[ANSWERING];
    r->parsing = values[PARSING];
    r->timestamp = values[TIMESTAMP];
    r->result_id = values[RESULT_ID];
    r->replicate = or_nothing(values[REPLICATE]);
    r->scenario_id = or_nothing(values[SCENARIO_ID]);
    r->scenario_turn = or_nothing(values[SCENARIO_TURN]);
    r->preview = is_text(r->timestamp) && r->timestamp.n == 2;
    take_failure(values[FAILURE], r);
}

static void take_template(const struct kv_slice *values, struct kv_result *r)
{
    r->raw_llm_response = values[RAW_LLM_RESPONSE];
    r->verify_result = or_nothing(values[VERIFY_RESULT]);
    r->usage = or_nothing(values[USAGE]);
}

/* Any JSON job: the key is all it must have, the rest is taken where it is of the expected type. */
static void take_generic(struct kv_result *r)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX], failure, error;
    r->generic = true;
    kv_shape_members(&metadata_shape, r->metadata, values);
    take_metadata(values, r);
    kv_shape_members(&template_shape, r->template, values);
    take_template(values, r);
    kv_json_get(r->text, "failure", &failure);
    kv_json_get(r->text, "error", &error);
    bool failed = !kv_json_is_null(error) ||
                  (!kv_json_is_null(failure) && kv_json_type(failure) != KV_JSON_FALSE);
    if (failed && r->failure == KV_FAIL_NONE)
        r->failure = KV_FAIL_OTHER;
}

/* Checks the blocks one by one, so that each is walked once. */
static int take_result(struct kv_result *r, const struct kv_slice *blocks, struct kv_err *err)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    if (!blocks[METADATA].n)
        return kv_err_set(err, KV_INPUT, "metadata: missing, and there is no task_id");
    if (kv_shape_read(&metadata_shape, blocks[METADATA], "metadata", values, err) != 0)
        return -1;
    take_metadata(values, r);
    if (r->template.n) {
        if (kv_shape_read(&template_shape, r->template, "template", values, err) != 0)
            return -1;
        take_template(values, r);
    }
    for (size_t i = RUBRIC; result_members[i].name; i++)
        if (blocks[i].n &&
            kv_shape_check(result_members[i].shape, blocks[i], result_members[i].name, err) != 0)
            return -1;
    return 0;
}

int kv_result_read(
    struct kv_slice line, unsigned flags, struct kv_result *result, struct kv_err *err)
{
    struct kv_slice blocks[KV_SHAPE_MEMBERS_MAX], unknown;
    *result = (struct kv_result){0};
    result->text = line;
    if (!(flags & KV_RESULT_CHECKED) && kv_json_check(line, flags, &result->text, err) != 0)
        return -1;
    if (kv_json_type(result->text) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "expected an object, found %s", kv_json_type_name(result->text));
    unknown = kv_shape_members(&result_shape, result->text, blocks);
    result->metadata = or_nothing(blocks[METADATA]);
    result->template = or_nothing(blocks[TEMPLATE]);
    result->rubric = or_nothing(blocks[RUBRIC]);
    if (!unknown.n || !kv_json_get(result->text, "task_id", &result->task_id) ||
        !is_text(result->task_id))
        return take_result(result, blocks, err);
    take_generic(result);
    return 0;
}

/* The replicate may be written in any way that karenina takes for an integer: 2.0, "3". */
static void add_replicate(struct kv_slice replicate, struct kv_buf *key)
{
    const char *error_type;
    if (!replicate.n)
        return;
    kv_buf_add_str(key, "\trep");
    kv_pydantic_int(replicate, key, &error_type);
}

bool kv_result_has_scenario(const struct kv_result *result)
{
    return result->scenario_id.n > strlen("\"\"");
}

void kv_result_key(const struct kv_result *result, struct kv_buf *key)
{
    struct kv_err never; /* the identities were checked */
    if (result->generic) {
        kv_json_unescape(result->task_id, key);
        return;
    }
    bool scenario = kv_result_has_scenario(result);
    kv_json_unescape(scenario ? result->scenario_id : result->question_id, key);
    kv_buf_add_char(key, '\t');
    kv_identity_key_of_json(result->answering, key, &never);
    kv_buf_add_char(key, '\t');
    kv_identity_key_of_json(result->parsing, key, &never);
    add_replicate(result->replicate, key);
}

bool kv_result_failed(const struct kv_result *result)
{
    return result->failure != KV_FAIL_NONE;
}

bool kv_result_is_partial(const struct kv_result *result)
{
    struct kv_slice partial;
    return kv_json_get(result->template, "response_timeout_partial", &partial) &&
           kv_json_is_true(partial);
}

enum kv_result_outcome kv_result_outcome(const struct kv_result *result)
{
    enum kv_json_type verdict = kv_json_type(result->verify_result); /* of nothing: null */
    bool passed = verdict == KV_JSON_TRUE;
    switch (result->failure) {
    case KV_FAIL_NONE:
        if (!passed && verdict != KV_JSON_FALSE)
            return KV_RESULT_UNSCORED;
        return passed ? KV_RESULT_PASSED : KV_RESULT_WRONG;
    case KV_FAIL_CONTENT:
        return KV_RESULT_WRONG;
    case KV_FAIL_ABSTENTION:
        return KV_RESULT_DECLINED;
    case KV_FAIL_SUFFICIENCY:
        return passed ? KV_RESULT_PASSED : KV_RESULT_INSUFFICIENT;
    default:
        return KV_RESULT_ERROR;
    }
}

const char *kv_result_outcome_name(enum kv_result_outcome outcome)
{
    static const char *const names[] = {
        "passed", "wrong", "declined", "insufficient", "error", "unscored"};
    return names[outcome];
}

static bool is_blank(struct kv_slice string)
{
    struct kv_buf text = {0};
    if (!is_text(string))
        return true;
    kv_json_unescape(string, &text);
    bool blank = kv_slice_strip(kv_slice_of(&text)).n == 0;
    kv_buf_release(&text);
    return blank;
}

bool kv_result_settles(const struct kv_result *result)
{
    static const char *const judging[] = {
        "ParseTemplate", "AgenticParseTemplate", "DynamicParseTemplate", "parse_template"};
    if (result->preview)
        return false;
    if (kv_failure_group(result->failure) != KV_GROUP_RETRY || is_blank(result->raw_llm_response))
        return true;
    for (size_t i = 0; i < sizeof judging / sizeof *judging; i++)
        if (is_text(result->failure_stage) && kv_json_string_is(result->failure_stage, judging[i]))
            return false;
    return true;
}

static int64_t count_in(struct kv_slice object_, const char *name)
{
    struct kv_slice value;
    int64_t n = 0;
    if (kv_json_get(object_, name, &value))
        kv_num_int64(value, &n);
    return n;
}

struct kv_tokens kv_result_tokens(const struct kv_result *result)
{
    struct kv_slice total;
    kv_json_get(result->usage, "total", &total);
    return (struct kv_tokens){count_in(total, "input_tokens"), count_in(total, "output_tokens"),
        count_in(total, "total_tokens")};
}

void kv_result_dump(
    struct kv_buf *out, const struct kv_result *result, enum kv_reformat_style style)
{
    kv_shape_write(&result_shape, result->text, style, out);
}

/* ---- identity ---- */

static void add_text(struct kv_buf *out, const char *name, struct kv_slice text)
{
    kv_buf_printf(out, "\"%s\": ", name);
    if (text.p)
        kv_json_quote(out, text, KV_JSON_ASCII);
    else
        kv_buf_add_str(out, "null");
    kv_buf_add_str(out, ", ");
}

static void add_number(struct kv_buf *out, const char *name, bool present, int64_t number)
{
    kv_buf_printf(out, "\"%s\": ", name);
    if (present)
        kv_buf_printf(out, "%" PRId64 ", ", number);
    else
        kv_buf_add_str(out, "null, ");
}

void kv_result_id(const struct kv_result_name *name, char hex[KV_RESULT_ID_HEX + 1])
{
    struct kv_buf text = {0};
    char whole[KV_SHA256_HEX + 1];
    kv_buf_add_char(&text, '{');
    add_text(&text, "answering", name->answering_key);
    add_text(&text, "parsing", name->parsing_key);
    add_text(&text, "question_id", name->question_id);
    add_number(&text, "replicate", name->has_replicate, name->replicate);
    add_text(&text, "scenario_id", name->scenario_id);
    add_text(&text, "scenario_node", name->scenario_node);
    add_number(&text, "scenario_turn", name->has_turn, name->scenario_turn);
    add_text(&text, "timestamp", name->timestamp);
    kv_buf_cut(&text, text.n - 2, 2);
    kv_buf_add_char(&text, '}');
    kv_digest_sha256(kv_slice_of(&text), whole);
    memcpy(hex, whole, KV_RESULT_ID_HEX);
    hex[KV_RESULT_ID_HEX] = '\0';
    kv_buf_release(&text);
}
