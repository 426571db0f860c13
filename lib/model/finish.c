/* finish - what the reason for which a model stopped says about its answer. */
#include "finish.h"

static const struct {
    const char *reason;
    enum kv_outcome outcome;
} finishes[] = {
    {"stop", KV_OUTCOME_OK},
    {"eos", KV_OUTCOME_OK},
    {"completed", KV_OUTCOME_OK}, /* Responses */
    {"STOP", KV_OUTCOME_OK},
    {"end_turn", KV_OUTCOME_OK},
    {"stop_sequence", KV_OUTCOME_OK},
    {"length", KV_OUTCOME_TRUNCATED},
    {"max_tokens", KV_OUTCOME_TRUNCATED},
    {"MAX_TOKENS", KV_OUTCOME_TRUNCATED},
    {"model_length", KV_OUTCOME_TRUNCATED},
    {"model_context_window_exceeded", KV_OUTCOME_TRUNCATED},
    {"content_filter", KV_OUTCOME_CONTENT_FILTER},
    {"SAFETY", KV_OUTCOME_CONTENT_FILTER},
    {"RECITATION", KV_OUTCOME_CONTENT_FILTER},
    {"PROHIBITED_CONTENT", KV_OUTCOME_CONTENT_FILTER},
    {"BLOCKLIST", KV_OUTCOME_CONTENT_FILTER},
    {"SPII", KV_OUTCOME_CONTENT_FILTER},
    {"LANGUAGE", KV_OUTCOME_CONTENT_FILTER},
    {"IMAGE_SAFETY", KV_OUTCOME_CONTENT_FILTER},
    {"PROMPT_BLOCKED", KV_OUTCOME_CONTENT_FILTER}, /* gemini.h */
    {"refusal", KV_OUTCOME_REFUSAL},
    {"error", KV_OUTCOME_SERVER_ERROR},
    {"abort", KV_OUTCOME_SERVER_ERROR},
    {"insufficient_system_resource", KV_OUTCOME_OVERLOADED},
    {"pause_turn", KV_OUTCOME_BAD_RESPONSE},
    {"MALFORMED_FUNCTION_CALL", KV_OUTCOME_BAD_RESPONSE},
    {"OTHER", KV_OUTCOME_BAD_RESPONSE},
};

bool kv_finish_outcome(struct kv_slice reason, enum kv_outcome *outcome)
{
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        if (kv_slice_is(reason, finishes[i].reason)) {
            *outcome = finishes[i].outcome;
            return true;
        }
    return false;
}

bool kv_finish_is_tool(struct kv_slice reason)
{
    return kv_slice_is(reason, "tool_calls") || kv_slice_is(reason, "function_call") ||
           kv_slice_is(reason, "tool_use");
}
