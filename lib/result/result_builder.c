/* result_builder - a VerificationResult in the making: filled field by field, written as one line.
 *
 * The writers below go through the members in the order of kv-results(5) and do nothing else; a
 * structure of their own would only repeat that order.
 */
#include "result_builder.h"

#include "json.h"
#include "json_out.h"

#include <string.h>

enum kv_tri kv_tri(bool b)
{
    return b ? KV_TRI_TRUE : KV_TRI_FALSE;
}

void kv_result_builder_init(struct kv_result_builder *r, time_t start)
{
    struct tm local;
    *r = (struct kv_result_builder){.used_full_trace = true};
    localtime_r(&start, &local);
    strftime(r->timestamp, sizeof r->timestamp, "%Y-%m-%d %H:%M:%S", &local);
}

void kv_result_builder_fail(struct kv_result_builder *r, enum kv_failure category,
    const char *stage, struct kv_slice reason)
{
    r->failure = category;
    r->failure_stage = stage;
    r->failure_reason = reason;
}

void kv_result_builder_warn(struct kv_result_builder *r, struct kv_slice text)
{
    if (r->warning_count < KV_WARNINGS_MAX)
        r->warnings[r->warning_count] = text;
    r->warning_count++;
}

static bool worth_a_word(const struct kv_stage_usage *u)
{
    return kv_stage_usage_input(u) || kv_stage_usage_output(u) || u->served.n || u->finish.n;
}

void kv_result_builder_use(struct kv_result_builder *r, const struct kv_stage_usage *u)
{
    size_t i = 0;
    r->has_usage = true;
    if (!worth_a_word(u))
        return;
    while (i < r->usage_count && strcmp(r->usage[i].stage, u->stage) != 0)
        i++;
    if (i == KV_USAGE_MAX)
        return;
    if (i < r->usage_count)
        kv_stage_usage_add(&r->usage[i], u);
    else
        r->usage[r->usage_count++] = *u;
}

/* A value given as JSON, with the separators of a result line. */
static void add_json(struct kv_buf *out, const char *name, struct kv_slice json, const char *none)
{
    kv_json_out_key(out, name);
    if (json.n)
        kv_json_compact(out, json);
    else
        kv_buf_add_str(out, none);
}

static void add_tri(struct kv_buf *out, const char *name, enum kv_tri t)
{
    if (t == KV_TRI_NULL)
        kv_json_out_null(out, name);
    else
        kv_json_out_flag(out, name, t == KV_TRI_TRUE);
}

/* ---- metadata ---- */

static void add_retry_counts(struct kv_buf *out, const struct kv_retry_count *retries)
{
    static const char *const names[KV_RETRY_CLASSES] = {
        [KV_RETRY_CONNECTION] = "connection",
        [KV_RETRY_TIMEOUT] = "timeout",
        [KV_RETRY_RATE_LIMIT] = "rate_limit",
        [KV_RETRY_SERVER_ERROR] = "server_error",
    };
    kv_json_out_object(out, "retry_counts");
    for (int i = 0; i < KV_RETRY_CLASSES; i++) {
        kv_json_out_object(out, names[i]);
        kv_json_out_int(out, "used", retries[i].used);
        kv_json_out_int(out, "budget", retries[i].budget);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, '}');
}

/* At most `max` characters of the text, without white space at its ends. */
static struct kv_slice cut_text(struct kv_slice text, size_t max)
{
    text = kv_slice_strip(text);
    size_t count = 0, i = 0;
    for (; i < text.n; i++) {
        bool starts = ((unsigned char)text.p[i] & 0xC0) != 0x80;
        if (starts && count == max)
            break;
        count += starts;
    }
    return (struct kv_slice){text.p, i};
}

static void add_failure(struct kv_buf *out, const struct kv_result_builder *r)
{
    if (r->failure == KV_FAIL_NONE) {
        kv_json_out_null(out, "failure");
        return;
    }
    struct kv_slice reason = cut_text(r->failure_reason, KV_FAILURE_REASON_MAX);
    kv_json_out_object(out, "failure");
    kv_json_out_text_or_null(out, "category", kv_slice(kv_failure_name(r->failure)));
    kv_json_out_text_or_null(out, "stage", kv_slice(r->failure_stage));
    kv_json_out_text(out, "reason", reason);
    if (r->error_message.p || r->details_retry_counts) {
        kv_json_out_object(out, "details");
        if (r->error_message.p)
            kv_json_out_text(out, "error_message", r->error_message);
        if (r->details_retry_counts)
            add_retry_counts(out, r->retries);
        kv_buf_add_char(out, '}');
    } else {
        kv_json_out_null(out, "details");
    }
    kv_json_out_text_or_null(
        out, "group", kv_slice(kv_failure_group_name(kv_failure_group(r->failure))));
    kv_buf_add_char(out, '}');
}

static void add_caveats(struct kv_buf *out, const struct kv_result_builder *r)
{
    static const char *const words[] = {
        "partial_content", "embedding_override", "parse_decision_malformed"};
    kv_json_out_list(out, "caveats");
    for (unsigned i = 0; i < 3; i++)
        if (r->caveats & 1u << i)
            kv_json_out_str(out, NULL, words[i]);
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        if (r->retries[i].used > 0) {
            kv_json_out_str(out, NULL, "retries_used");
            break;
        }
    kv_buf_add_char(out, ']');
}

static void add_warnings(struct kv_buf *out, const struct kv_result_builder *r)
{
    kv_json_out_list(out, "warnings");
    for (size_t i = 0; i < r->warning_count && i < KV_WARNINGS_MAX; i++)
        kv_json_out_text(out, NULL, r->warnings[i]);
    if (r->warning_count > KV_WARNINGS_MAX)
        kv_buf_printf(
            out, ",\"%zu further warnings were left out\"", r->warning_count - KV_WARNINGS_MAX);
    kv_buf_add_char(out, ']');
}

static void add_result_id(struct kv_buf *out, const struct kv_result_builder *r)
{
    char hex[KV_RESULT_ID_HEX + 1];
    struct kv_result_name name = {
        .question_id = r->question_id,
        .answering_key = r->answering_key,
        .parsing_key = r->parsing_key,
        .timestamp = kv_slice(r->timestamp),
        .has_replicate = r->replicate != 0,
        .replicate = r->replicate,
    };
    kv_result_id(&name, hex);
    kv_json_out_text_or_null(out, "result_id", kv_slice(hex));
}

static void add_metadata(struct kv_buf *out, const struct kv_result_builder *r)
{
    kv_json_out_object(out, "metadata");
    kv_json_out_text_or_null(out, "question_id", r->question_id);
    kv_json_out_text_or_null(out, "template_id", r->template_id);
    add_failure(out, r);
    add_caveats(out, r);
    add_warnings(out, r);
    kv_json_out_null(out, "partial_content");
    add_retry_counts(out, r->retries);
    kv_json_out_text_or_null(out, "question_text", r->question_text);
    kv_json_out_text_or_null(out, "raw_answer", r->raw_answer);
    add_json(out, "keywords", r->keywords_json, "null");
    add_json(out, "answering", r->answering_json, "{}");
    add_json(out, "parsing", r->parsing_json, "{}");
    kv_json_out_text_or_null(out, "answering_system_prompt", r->answering_system_prompt);
    kv_json_out_text_or_null(out, "parsing_system_prompt", r->parsing_system_prompt);
    kv_json_out_number(out, "execution_time", r->execution_time);
    kv_json_out_text_or_null(out, "timestamp", kv_slice(r->timestamp));
    add_result_id(out, r);
    kv_json_out_text_or_null(out, "run_name", r->run_name);
    if (r->replicate)
        kv_json_out_int(out, "replicate", r->replicate);
    else
        kv_json_out_null(out, "replicate");
    kv_json_out_flag(out, "few_shot_enabled", r->few_shot_enabled);
    kv_json_out_int(out, "few_shot_example_count", r->few_shot_example_count);
    kv_json_out_null(out, "evaluation_mode");
    kv_json_out_null(out, "scenario_id");
    kv_json_out_null(out, "scenario_node");
    kv_json_out_null(out, "scenario_turn");
    kv_json_out_null(out, "scenario_path");
    kv_buf_add_char(out, '}');
}

/* ---- template ---- */

static void add_messages(struct kv_buf *out, const char *name, struct kv_slice taken,
    const struct kv_result_builder_message *messages, size_t count)
{
    if (taken.n) {
        add_json(out, name, taken, "[]");
        return;
    }
    kv_json_out_list(out, name);
    for (size_t i = 0; i < count; i++) {
        kv_json_out_object(out, NULL);
        kv_json_out_text_or_null(out, "role", kv_slice(messages[i].role));
        kv_json_out_text_or_null(out, "content", messages[i].content);
        kv_json_out_int(out, "block_index", (int64_t)i);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static int64_t sum(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static void add_total(struct kv_buf *out, const struct kv_result_builder *r)
{
    int64_t input = 0, output = 0, total = 0;
    for (size_t i = 0; i < r->usage_count; i++) {
        int64_t in = kv_stage_usage_input(&r->usage[i]);
        int64_t said = kv_stage_usage_output(&r->usage[i]);
        input = sum(input, in);
        output = sum(output, said);
        total = sum(total, sum(in, said));
    }
    kv_json_out_object(out, "total");
    kv_json_out_int(out, "input_tokens", input);
    kv_json_out_int(out, "output_tokens", output);
    kv_json_out_int(out, "total_tokens", total);
    kv_buf_add_char(out, '}');
}

static void add_usage(struct kv_buf *out, const struct kv_result_builder *r)
{
    if (!r->has_usage) {
        kv_json_out_null(out, "usage_metadata");
        return;
    }
    kv_json_out_object(out, "usage_metadata");
    for (size_t i = 0; i < r->usage_count; i++) {
        kv_json_out_key(out, r->usage[i].stage);
        kv_stage_usage_write(out, &r->usage[i]);
    }
    if (r->usage_count)
        add_total(out, r);
    kv_buf_add_char(out, '}');
}

static void add_verdict(struct kv_buf *out, const struct kv_result_builder *r)
{
    add_json(out, "parsed_gt_response", r->parsed_gt_json, "null");
    add_json(out, "parsed_llm_response", r->parsed_llm_json, "null");
    kv_json_out_flag(out, "template_verification_performed", r->verification_performed);
    add_tri(out, "verify_result", r->verify_result);
    add_json(out, "verify_granular_result", r->granular_json, "null");
    kv_json_out_text_or_null(out, "field_verification_error", r->field_verification_error);
    add_json(out, "field_results", r->field_results_json, "null");
    add_json(out, "field_scores", r->field_scores_json, "null");
    kv_json_out_text_or_null(out, "composition_strategy", r->composition_strategy);
    kv_json_out_flag(out, "embedding_check_performed", false);
    kv_json_out_null(out, "embedding_similarity_score");
    kv_json_out_flag(out, "embedding_override_applied", false);
    kv_json_out_null(out, "embedding_model_used");
    kv_json_out_flag(out, "regex_validations_performed", r->regex_performed);
    add_json(out, "regex_validation_results", r->regex_results_json, "null");
    add_json(out, "regex_validation_details", r->regex_details_json, "null");
    add_tri(out, "regex_overall_success", r->regex_success);
    add_json(out, "regex_extraction_results", r->regex_extraction_json, "null");
}

static void add_checks(struct kv_buf *out, const struct kv_result_builder *r)
{
    kv_json_out_flag(out, "recursion_limit_reached", false);
    kv_json_out_flag(out, "response_timeout_partial", r->response_timeout_partial);
    kv_json_out_flag(out, "usage_unavailable", r->usage_unavailable);
    kv_json_out_null(out, "investigation_trace");
    kv_json_out_flag(out, "agentic_parsing_performed", false);
    kv_json_out_null(out, "agentic_extraction_recovery");
    kv_json_out_null(out, "agentic_extraction_error");
    kv_json_out_flag(out, "dynamic_parsing_performed", false);
    kv_json_out_null(out, "dynamic_parse_decision");
    kv_json_out_null(out, "dynamic_decision_reasoning");
    kv_json_out_flag(out, "abstention_check_performed", r->abstention_performed);
    add_tri(out, "abstention_detected", r->abstention_detected);
    kv_json_out_flag(out, "abstention_override_applied", r->abstention_override);
    kv_json_out_text_or_null(out, "abstention_reasoning", r->abstention_reasoning);
    kv_json_out_flag(out, "sufficiency_check_performed", r->sufficiency_performed);
    add_tri(out, "sufficiency_detected", r->sufficiency_detected);
    kv_json_out_flag(out, "sufficiency_override_applied", r->sufficiency_override);
    kv_json_out_text_or_null(out, "sufficiency_reasoning", r->sufficiency_reasoning);
}

static void add_template(struct kv_buf *out, const struct kv_result_builder *r)
{
    kv_json_out_object(out, "template");
    kv_json_out_text(out, "raw_llm_response", r->raw_llm_response);
    add_messages(out, "trace_messages", r->trace_json, r->trace, r->trace_count);
    add_messages(out, "conversation_context", r->context_json, r->context, r->context_count);
    add_verdict(out, r);
    add_checks(out, r);
    kv_json_out_null(out, "answering_mcp_servers");
    add_usage(out, r);
    add_json(out, "agent_metrics", r->agent_metrics_json, "null");
    kv_buf_add_char(out, '}');
}

/* ---- the rest ---- */

static void add_rubric(struct kv_buf *out, const struct kv_result_builder_rubric *rubric)
{
    if (!rubric) {
        kv_json_out_null(out, "rubric");
        return;
    }
    kv_json_out_object(out, "rubric");
    kv_json_out_flag(out, "rubric_evaluation_performed", true);
    kv_json_out_text_or_null(out, "rubric_evaluation_strategy", rubric->strategy);
    add_json(out, "llm_trait_scores", rubric->llm_scores_json, "null");
    add_json(out, "llm_trait_labels", rubric->llm_labels_json, "null");
    add_json(out, "regex_trait_scores", rubric->regex_scores_json, "null");
    add_json(out, "callable_trait_scores", rubric->callable_scores_json, "null");
    add_json(out, "metric_trait_scores", rubric->metric_scores_json, "null");
    add_json(out, "metric_trait_confusion_lists", rubric->metric_lists_json, "null");
    kv_json_out_null(out, "agentic_trait_scores");
    kv_json_out_null(out, "agentic_trait_investigation_traces");
    kv_json_out_null(out, "agentic_trait_extraction_metadata");
    kv_json_out_null(out, "dynamic_rubric_skipped_traits");
    kv_json_out_null(out, "dynamic_rubric_promoted_traits");
    add_json(out, "trait_provenance", rubric->provenance_json, "null");
    kv_buf_add_char(out, '}');
}

/* A model may cut a character of two escapes in the middle. Such a row would make a results file
 * that jq and karenina refuse. */
void kv_result_builder_write(const struct kv_result_builder *r, struct kv_buf *out)
{
    size_t start = out->n;
    kv_buf_add_char(out, '{');
    add_metadata(out, r);
    add_template(out, r);
    add_rubric(out, r->rubric);
    kv_json_out_null(out, "deep_judgment");
    kv_json_out_null(out, "deep_judgment_rubric");
    kv_json_out_text_or_null(out, "evaluation_input", r->evaluation_input);
    kv_json_out_flag(out, "used_full_trace", r->used_full_trace);
    kv_json_out_text_or_null(out, "trace_extraction_error", r->trace_extraction_error);
    kv_buf_add_str(out, "}\n");
    kv_json_replace_surrogates(out, start);
}
