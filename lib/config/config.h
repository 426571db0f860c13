/* config - a verification configuration: read, validated, defaulted, hashed, as typed values.
 *
 * It owns what kv-config(5) says: every field with its type, default and constraint, presets with
 * and without wrapper, input-only keys, environment fallbacks, the built-in answering prompt,
 * masked secrets. The text it makes is karenina's: its MD5 is the `config_hash` and the same values
 * in the `.state` form are the `config` of a state. Keys of providers are dropped while reading:
 * only whether there was one is kept. It reads no file and no environment; both come in as
 * arguments.
 *
 *     struct kv_config_source from = {.env = kv_cli_env, .answering_prompt = prompt};
 *     struct kv_config *c = kv_config_open(text, &from, &problems, &err);
 *     … c->replicate_count, c->answering[0].model_name …
 *     kv_config_close(c);
 *
 * Every kv_slice in these structures is owned by the configuration and followed by a NUL, so that
 * x.p may be used as a C string; x.p == NULL means null.
 */
#ifndef KV_CONFIG_H
#define KV_CONFIG_H

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "retry.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_problems;

/* ---- typed values ---- */

struct kv_retry_rule {
    int64_t max_attempts;                                /* retries: calls are one more */
    double backoff_min, backoff_max, backoff_multiplier; /* seconds, seconds, factor */
};

enum kv_escalation {
    KV_ESCALATE_NONE,
    KV_ESCALATE_ADDITIVE,
    KV_ESCALATE_MULTIPLICATIVE,
    KV_ESCALATE_LINEAR
};

struct kv_retry_policy {
    struct kv_retry_rule rules[KV_RETRY_CLASSES];
    bool waits; /* the rate_limit rule is the default: a throttled model is waited for instead */
    enum kv_escalation escalation;
    double increment, multiplier;
    double max_timeout; /* < 0: none */
};

struct kv_model {
    struct kv_slice id, provider, model_name, interface;
    double temperature;
    int64_t max_tokens;
    struct kv_slice system_prompt;
    struct kv_slice endpoint_base_url, anthropic_base_url;
    struct kv_slice extra_kwargs; /* JSON object as canonical text; p == NULL: null */
    struct kv_slice *tools;       /* names of MCP servers, sorted */
    size_t tool_count;
    double request_timeout;       /* effective: the model's or the configuration's, seconds */
    struct kv_retry_policy retry; /* effective, likewise */
    struct kv_slice json;         /* the model's canonical text */
};

enum kv_evaluation_mode { KV_TEMPLATE_ONLY, KV_TEMPLATE_AND_RUBRIC, KV_RUBRIC_ONLY };
enum kv_rubric_strategy {
    KV_RUBRIC_BATCH,
    KV_RUBRIC_SEQUENTIAL,
    KV_RUBRIC_NULL
}; /* null acts as sequential */
enum kv_ordering {
    KV_ORDER_AUTO,
    KV_ORDER_PREFIX_CACHE,
    KV_ORDER_DISTRIBUTE,
    KV_ORDER_GENERATION,
    KV_ORDER_RANDOM
};

/* Texts a user adds to the system message of a kind of call; p == NULL: none. */
struct kv_prompt_texts {
    struct kv_slice generation, parsing, abstention_detection, sufficiency_detection,
        rubric_evaluation;
};

struct kv_config {
    struct kv_model *answering, *parsing;
    size_t answering_count, parsing_count;
    int64_t replicate_count;
    bool parsing_only;
    enum kv_rubric_strategy rubric_strategy;
    enum kv_evaluation_mode evaluation_mode;
    bool rubric_enabled;
    bool full_trace_for_template, full_trace_for_rubric, partial_trace_scoring;
    bool abstention_enabled, sufficiency_enabled;
    bool async_enabled;
    int64_t async_max_workers;
    int64_t max_concurrent_requests; /* 0: no limit */
    enum kv_ordering task_ordering;
    struct kv_slice
        answerer_limits;      /* JSON: an integer, or an object id -> integer; p NULL: none */
    struct kv_slice few_shot; /* JSON object (fewshot.h); p NULL: none */
    struct kv_prompt_texts prompts;
    double request_timeout;
    bool replay_strict_on_mismatch;
    struct kv_retry_policy retry;

    struct kv_slice text;      /* the canonical text, compact: what is hashed */
    char hash[KV_MD5_HEX + 1]; /* its MD5: the config_hash */
    char *memory;              /* private: holds what the slices show */
};

/* ---- reading ---- */

struct kv_config_source {
    const char *(*env)(const char *name); /* fallbacks of kv-config(5); NULL: none */
    struct kv_slice answering_prompt;     /* for answering models without one; p NULL: leave null */
    bool traces_given; /* recorded answers come from elsewhere: interface manual is allowed */
    bool stored;       /* the text is the config of a state file: no preset wrapper is looked for */
};

/* Reads a preset ({"config": …}) or a bare configuration. NULL on failure: *err has one sentence
 * (KV_INPUT), and *problems every mistake if the text was JSON at all. Free with kv_config_close.
 */
struct kv_config *kv_config_open(struct kv_slice text, const struct kv_config_source *from,
    struct kv_problems *problems, struct kv_err *err);
void kv_config_close(struct kv_config *c); /* NULL is fine */

/* What no run of these programs can be: parsing_only, a judge of interface manual, a password in a
 * URL. Returns 0, or -1 and adds to *problems. Apart from kv_config_open so that states of others
 * can still be read. */
int kv_config_supported(const struct kv_config *c, struct kv_problems *problems);

/* What kv-run's own pipeline does not do: agents, MCP tools, deep judgment. Models that a command
 * answers for may be agents. As above. */
struct kv_config_commands {
    bool answer, judge; /* a command does it */
};
int kv_config_runnable(
    const struct kv_config *c, struct kv_config_commands by, struct kv_problems *problems);

/* ---- writing ---- */

/* Appends the configuration as the `config` value of a `.state` file: floats in Python's spelling,
 * ASCII only, compact (white space is free there). */
void kv_config_add_state_text(struct kv_buf *out, const struct kv_config *c);

#endif
