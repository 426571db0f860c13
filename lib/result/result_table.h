/* result_table - the members of a VerificationResult: their order, shapes and defaults, once.
 *
 * Reading, writing and the CSV columns all go by these lists. A row of one is
 * M(name, shape, default): the default is JSON, KV_REQUIRED where the member is required. For each list
 * there is a shape (shape.h), and an enumerator a member, which is its position: as
 * KV_METADATA_failure, so that nobody counts.
 *
 *     struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
 *     kv_shape_members(&kv_result_table_metadata, metadata, values);
 *     values[KV_METADATA_question_id] …
 *
 * Source: kv-results(5).
 */
#ifndef KV_RESULT_TABLE_H
#define KV_RESULT_TABLE_H

#include "shape.h"

#define KV_REQUIRED "" /* a literal too, so that it can be put behind a name */

#define KV_RESULT_TABLE_METADATA(M)                                                                \
    M(question_id, kv_shape_text, KV_REQUIRED)                                                     \
    M(template_id, kv_shape_text, KV_REQUIRED)                                                     \
    M(failure, kv_result_table_failure, "null")                                                    \
    M(caveats, caveats, "[]")                                                                      \
    M(warnings, kv_shape_texts, "[]")                                                              \
    M(partial_content, kv_shape_text_null, "null")                                                 \
    M(retry_counts, counters_map, "null")                                                          \
    M(question_text, kv_shape_text, KV_REQUIRED)                                                   \
    M(raw_answer, kv_shape_text_null, "null")                                                      \
    M(keywords, kv_shape_texts_null, "null")                                                       \
    M(answering, identity, KV_REQUIRED)                                                            \
    M(parsing, identity, KV_REQUIRED)                                                              \
    M(answering_system_prompt, kv_shape_text_null, "null")                                         \
    M(parsing_system_prompt, kv_shape_text_null, "null")                                           \
    M(execution_time, kv_shape_float, KV_REQUIRED)                                                 \
    M(timestamp, kv_shape_text, KV_REQUIRED)                                                       \
    M(result_id, kv_shape_text, KV_REQUIRED)                                                       \
    M(run_name, kv_shape_text_null, "null")                                                        \
    M(replicate, kv_shape_int_null, "null")                                                        \
    M(few_shot_enabled, kv_shape_bool, "false")                                                    \
    M(few_shot_example_count, kv_shape_int, "0")                                                   \
    M(evaluation_mode, kv_shape_text_null, "null")                                                 \
    M(scenario_id, kv_shape_text_null, "null")                                                     \
    M(scenario_node, kv_shape_text_null, "null")                                                   \
    M(scenario_turn, kv_shape_int_null, "null")                                                    \
    M(scenario_path, kv_shape_texts_null, "null")

#define KV_RESULT_TABLE_FAILURE(M)                                                                 \
    M(category, category, KV_REQUIRED)                                                             \
    M(stage, kv_shape_text, KV_REQUIRED)                                                           \
    M(reason, reason, KV_REQUIRED)                                                                 \
    M(details, object_null, "null")

#define KV_RESULT_TABLE_TEMPLATE(M)                                                                \
    M(raw_llm_response, kv_shape_text, "\"\"")                                                     \
    M(trace_messages, objects, "[]")                                                               \
    M(conversation_context, objects, "[]")                                                         \
    M(parsed_gt_response, object_null, "null")                                                     \
    M(parsed_llm_response, object_null, "null")                                                    \
    M(template_verification_performed, kv_shape_bool, "false")                                     \
    M(verify_result, kv_shape_bool_null, "null")                                                   \
    M(verify_granular_result, kv_shape_any, "null")                                                \
    M(field_verification_error, kv_shape_text_null, "null")                                        \
    M(field_results, verdict_map, "null")                                                          \
    M(field_scores, float_map, "null")                                                             \
    M(composition_strategy, kv_shape_text_null, "null")                                            \
    M(embedding_check_performed, kv_shape_bool, "false")                                           \
    M(embedding_similarity_score, kv_shape_float_null, "null")                                     \
    M(embedding_override_applied, kv_shape_bool, "false")                                          \
    M(embedding_model_used, kv_shape_text_null, "null")                                            \
    M(regex_validations_performed, kv_shape_bool, "false")                                         \
    M(regex_validation_results, bool_map, "null")                                                  \
    M(regex_validation_details, object_map, "null")                                                \
    M(regex_overall_success, kv_shape_bool_null, "null")                                           \
    M(regex_extraction_results, object_null, "null")                                               \
    M(recursion_limit_reached, kv_shape_bool, "false")                                             \
    M(response_timeout_partial, kv_shape_bool, "false")                                            \
    M(usage_unavailable, kv_shape_bool, "false")                                                   \
    M(investigation_trace, kv_shape_text_null, "null")                                             \
    M(agentic_parsing_performed, kv_shape_bool, "false")                                           \
    M(agentic_extraction_recovery, kv_shape_text_null, "null")                                     \
    M(agentic_extraction_error, kv_shape_text_null, "null")                                        \
    M(dynamic_parsing_performed, kv_shape_bool, "false")                                           \
    M(dynamic_parse_decision, kv_shape_text_null, "null")                                          \
    M(dynamic_decision_reasoning, kv_shape_text_null, "null")                                      \
    M(abstention_check_performed, kv_shape_bool, "false")                                          \
    M(abstention_detected, kv_shape_bool_null, "null")                                             \
    M(abstention_override_applied, kv_shape_bool, "false")                                         \
    M(abstention_reasoning, kv_shape_text_null, "null")                                            \
    M(sufficiency_check_performed, kv_shape_bool, "false")                                         \
    M(sufficiency_detected, kv_shape_bool_null, "null")                                            \
    M(sufficiency_override_applied, kv_shape_bool, "false")                                        \
    M(sufficiency_reasoning, kv_shape_text_null, "null")                                           \
    M(answering_mcp_servers, kv_shape_texts_null, "null")                                          \
    M(usage_metadata, object_map, "null")                                                          \
    M(agent_metrics, object_null, "null")

#define KV_RESULT_TABLE_RUBRIC(M)                                                                  \
    M(rubric_evaluation_performed, kv_shape_bool, "false")                                         \
    M(rubric_evaluation_strategy, kv_shape_text_null, "null")                                      \
    M(llm_trait_scores, object_null, "null")                                                       \
    M(llm_trait_labels, kv_shape_text_map_null, "null")                                            \
    M(regex_trait_scores, bool_map, "null")                                                        \
    M(callable_trait_scores, score_map, "null")                                                    \
    M(metric_trait_scores, floats_map, "null")                                                     \
    M(metric_trait_confusion_lists, texts_maps, "null")                                            \
    M(agentic_trait_scores, object_null, "null")                                                   \
    M(agentic_trait_investigation_traces, kv_shape_text_map_null, "null")                          \
    M(agentic_trait_extraction_metadata, object_null, "null")                                      \
    M(dynamic_rubric_skipped_traits, kv_shape_text_map_null, "null")                               \
    M(dynamic_rubric_promoted_traits, kv_shape_texts_null, "null")                                 \
    M(trait_provenance, kv_shape_text_map_null, "null")

#define KV_RESULT_TABLE_DEEP_JUDGMENT(M)                                                           \
    M(deep_judgment_mode, kv_shape_text_null, "null")                                              \
    M(deep_judgment_performed, kv_shape_bool, "false")                                             \
    M(extracted_excerpts, objects_map, "null")                                                     \
    M(attribute_reasoning, kv_shape_text_map_null, "null")                                         \
    M(deep_judgment_stages_completed, kv_shape_texts_null, "null")                                 \
    M(deep_judgment_model_calls, kv_shape_int, "0")                                                \
    M(deep_judgment_excerpt_retry_count, kv_shape_int, "0")                                        \
    M(attributes_without_excerpts, kv_shape_texts_null, "null")                                    \
    M(deep_judgment_search_enabled, kv_shape_bool, "false")                                        \
    M(hallucination_risk_assessment, kv_shape_text_map_null, "null")

#define KV_RESULT_TABLE_DEEP_JUDGMENT_RUBRIC(M)                                                    \
    M(deep_judgment_rubric_performed, kv_shape_bool, "false")                                      \
    M(extracted_rubric_excerpts, objects_map, "null")                                              \
    M(rubric_trait_reasoning, kv_shape_text_map_null, "null")                                      \
    M(deep_judgment_rubric_scores, score_map, "null")                                              \
    M(standard_rubric_scores, score_map, "null")                                                   \
    M(trait_metadata, object_map, "null")                                                          \
    M(traits_without_valid_excerpts, kv_shape_texts_null, "null")                                  \
    M(rubric_hallucination_risk_assessment, object_map, "null")                                    \
    M(total_deep_judgment_model_calls, kv_shape_int, "0")                                          \
    M(total_traits_evaluated, kv_shape_int, "0")                                                   \
    M(total_excerpt_retries, kv_shape_int, "0")

/* The blocks, and what stands beside them. */
#define KV_RESULT_TABLE(M)                                                                         \
    M(metadata, kv_result_table_metadata, KV_REQUIRED)                                             \
    M(template, kv_result_table_template, "null")                                                  \
    M(rubric, kv_result_table_rubric, "null")                                                      \
    M(deep_judgment, kv_result_table_deep_judgment, "null")                                        \
    M(deep_judgment_rubric, kv_result_table_deep_judgment_rubric, "null")                          \
    M(evaluation_input, kv_shape_text_null, "null")                                                \
    M(used_full_trace, kv_shape_bool, "true")                                                      \
    M(trace_extraction_error, kv_shape_text_null, "null")

/* clang-format off */
#define KV_POSITION(name, shape, default_json) KV_METADATA_##name,
enum kv_metadata_member { KV_RESULT_TABLE_METADATA(KV_POSITION) KV_METADATA_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_FAILURE_##name,
enum kv_failure_member { KV_RESULT_TABLE_FAILURE(KV_POSITION) KV_FAILURE_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_TEMPLATE_##name,
enum kv_template_member { KV_RESULT_TABLE_TEMPLATE(KV_POSITION) KV_TEMPLATE_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_RUBRIC_##name,
enum kv_rubric_member { KV_RESULT_TABLE_RUBRIC(KV_POSITION) KV_RUBRIC_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_DEEP_##name,
enum kv_deep_judgment_member { KV_RESULT_TABLE_DEEP_JUDGMENT(KV_POSITION) KV_DEEP_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_DEEP_RUBRIC_##name,
enum kv_deep_judgment_rubric_member { KV_RESULT_TABLE_DEEP_JUDGMENT_RUBRIC(KV_POSITION) KV_DEEP_RUBRIC_MEMBERS };
#undef KV_POSITION
#define KV_POSITION(name, shape, default_json) KV_ROW_##name,
enum kv_row_member { KV_RESULT_TABLE(KV_POSITION) KV_ROW_MEMBERS };
#undef KV_POSITION
/* clang-format on */

extern const struct kv_shape kv_result_table, kv_result_table_metadata, kv_result_table_failure,
    kv_result_table_template, kv_result_table_rubric, kv_result_table_deep_judgment,
    kv_result_table_deep_judgment_rubric;

#endif
