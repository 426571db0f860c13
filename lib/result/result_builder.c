/* result_builder - a VerificationResult in the making: filled field by field, written as one line.
 *
 * result_table has the members in their order, with their defaults. The tables of sources here say
 * for some of them where the builder keeps the value and how it is written. Names are literals of a
 * known length, made from the same list: a row is mostly names and defaults, copied.
 */
#include "result_builder.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "outcomes.h"
#include "result_table.h"

#include <stddef.h>
#include <string.h>

enum kv_tri kv_tri(bool b)
{
    return b ? KV_TRI_TRUE : KV_TRI_FALSE;
}

/* As strftime would with "%Y-%m-%d %H:%M:%S", which takes ten times as long. */
static void write_stamp(const struct tm *t, char stamp[20])
{
    static const size_t at[] = {0, 2, 5, 8, 11, 14, 17};
    const int year = t->tm_year + 1900;
    const int parts[] = {
        year / 100, year % 100, t->tm_mon + 1, t->tm_mday, t->tm_hour, t->tm_min, t->tm_sec};
    memcpy(stamp, "0000-00-00 00:00:00", 20);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        stamp[at[i]] = (char)('0' + parts[i] / 10 % 10);
        stamp[at[i] + 1] = (char)('0' + parts[i] % 10);
    }
}

void kv_result_builder_init(struct kv_result_builder *r, time_t start)
{
    struct tm local;
    memset(r, 0, offsetof(struct kv_result_builder, warnings));
    r->used_full_trace = true;
    localtime_r(&start, &local);
    write_stamp(&local, r->timestamp);
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

/* Writes the value of a member of a block from where the builder keeps it; false: there is none. */
typedef bool write_value(struct kv_buf *out, const void *from);

/* Where the value of a member comes from; those without one are written with their default. */
struct source {
    write_value *write;
    size_t at; /* in what the block is made of */
};

/* A member as it is written: what stands before its value, and all of it with its default. */
struct text {
    struct kv_slice before, whole;
};
#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define TEXT(name, shape, default_json)                                                            \
    {LITERAL(",\"" #name "\":"), LITERAL(",\"" #name "\":" default_json)},

struct block {
    const struct text *texts;
    const struct source *sources;
    size_t n;
};

static bool write_text(struct kv_buf *out, const void *from)
{
    const struct kv_slice *text = from;
    if (text->p)
        kv_json_quote(out, *text, KV_JSON_RAW);
    return text->p != NULL;
}

static bool write_json(struct kv_buf *out, const void *from)
{
    const struct kv_slice *json = from;
    kv_buf_add_slice(out, *json);
    return json->n > 0;
}

static bool write_flag(struct kv_buf *out, const void *from)
{
    kv_buf_add_slice(out, *(const bool *)from ? KV_SLICE("true") : KV_SLICE("false"));
    return true;
}

static bool write_true(struct kv_buf *out, const void *from)
{
    (void)from;
    kv_buf_add_slice(out, KV_SLICE("true"));
    return true;
}

static bool write_tri(struct kv_buf *out, const void *from)
{
    enum kv_tri t = *(const enum kv_tri *)from;
    return t != KV_TRI_NULL && write_flag(out, &(bool){t == KV_TRI_TRUE});
}

static bool write_int(struct kv_buf *out, const void *from)
{
    kv_buf_add_int(out, *(const int64_t *)from);
    return true;
}

static void write_member(
    struct kv_buf *out, const struct text *text, const struct source *source, const void *from)
{
    kv_buf_add_slice(out, text->before);
    if (!source->write(out, (const char *)from + source->at))
        kv_buf_add(out, text->whole.p + text->before.n, text->whole.n - text->before.n);
}

static void write_block(struct kv_buf *out, const struct block *block, const void *from)
{
    size_t start = out->n;
    for (size_t i = 0; i < block->n; i++)
        if (block->sources[i].write)
            write_member(out, &block->texts[i], &block->sources[i], from);
        else
            kv_buf_add_slice(out, block->texts[i].whole);
    out->p[start] = '{'; /* in the place of the first comma */
    kv_buf_add_char(out, '}');
}

#define AT(field) offsetof(struct kv_result_builder, field)

/* ---- metadata ---- */

#define USED(before, name)                                                                         \
    {                                                                                              \
        before "\"" name "\":{\"used\":", sizeof before "\"" name "\":{\"used\":" - 1              \
    }
static bool write_retries(struct kv_buf *out, const void *from)
{
    const struct kv_retry_count *retries = from;
    static const struct kv_slice used[KV_RETRY_CLASSES] = {
        [KV_RETRY_CONNECTION] = USED("{", "connection"),
        [KV_RETRY_TIMEOUT] = USED("},", "timeout"),
        [KV_RETRY_RATE_LIMIT] = USED("},", "rate_limit"),
        [KV_RETRY_SERVER_ERROR] = USED("},", "server_error"),
    };
    for (int i = 0; i < KV_RETRY_CLASSES; i++) {
        kv_buf_add_slice(out, used[i]);
        kv_buf_add_int(out, retries[i].used);
        kv_buf_add_slice(out, KV_SLICE(",\"budget\":"));
        kv_buf_add_int(out, retries[i].budget);
    }
    kv_buf_add_slice(out, KV_SLICE("}}"));
    return true;
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

static bool write_failure(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    if (r->failure == KV_FAIL_NONE)
        return false;
    struct kv_slice reason = cut_text(r->failure_reason, KV_FAILURE_REASON_MAX);
    kv_buf_add_char(out, '{');
    kv_json_out_text_or_null(out, "category", kv_slice(kv_failure_name(r->failure)));
    kv_json_out_text_or_null(out, "stage", kv_slice(r->failure_stage));
    kv_json_out_text(out, "reason", reason);
    if (r->error_message.p || r->details_retry_counts) {
        kv_json_out_object(out, "details");
        if (r->error_message.p)
            kv_json_out_text(out, "error_message", r->error_message);
        if (r->details_retry_counts) {
            kv_json_out_key(out, "retry_counts");
            write_retries(out, r->retries);
        }
        kv_buf_add_char(out, '}');
    } else {
        kv_json_out_null(out, "details");
    }
    kv_json_out_text_or_null(
        out, "group", kv_slice(kv_failure_group_name(kv_failure_group(r->failure))));
    kv_buf_add_char(out, '}');
    return true;
}

static bool write_caveats(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    static const char *const words[] = {
        "partial_content", "embedding_override", "parse_decision_malformed"};
    kv_buf_add_char(out, '[');
    for (unsigned i = 0; i < 3; i++)
        if (r->caveats & 1u << i)
            kv_json_out_str(out, NULL, words[i]);
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        if (r->retries[i].used > 0) {
            kv_json_out_str(out, NULL, "retries_used");
            break;
        }
    kv_buf_add_char(out, ']');
    return true;
}

static bool write_warnings(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    kv_buf_add_char(out, '[');
    for (size_t i = 0; i < r->warning_count && i < KV_WARNINGS_MAX; i++)
        kv_json_out_text(out, NULL, r->warnings[i]);
    if (r->warning_count > KV_WARNINGS_MAX)
        kv_buf_printf(
            out, ",\"%zu further warnings were left out\"", r->warning_count - KV_WARNINGS_MAX);
    kv_buf_add_char(out, ']');
    return true;
}

static bool write_result_id(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
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
    kv_json_quote_str(out, hex);
    return true;
}

static bool write_time(struct kv_buf *out, const void *from)
{
    kv_num_add_double(out, *(const double *)from, KV_NUM_COMPACT);
    return true;
}

static bool write_timestamp(struct kv_buf *out, const void *from)
{
    kv_json_quote_str(out, from);
    return true;
}

static bool write_replicate(struct kv_buf *out, const void *from)
{
    return *(const int64_t *)from && write_int(out, from);
}

static const struct source metadata[KV_METADATA_MEMBERS] = {
    [KV_METADATA_question_id] = {write_text, AT(question_id)},
    [KV_METADATA_template_id] = {write_text, AT(template_id)},
    [KV_METADATA_failure] = {write_failure, 0},
    [KV_METADATA_caveats] = {write_caveats, 0},
    [KV_METADATA_warnings] = {write_warnings, 0},
    [KV_METADATA_retry_counts] = {write_retries, AT(retries)},
    [KV_METADATA_question_text] = {write_json, AT(question_json)},
    [KV_METADATA_raw_answer] = {write_text, AT(raw_answer)},
    [KV_METADATA_keywords] = {write_json, AT(keywords_json)},
    [KV_METADATA_answering] = {write_json, AT(answering_json)},
    [KV_METADATA_parsing] = {write_json, AT(parsing_json)},
    [KV_METADATA_answering_system_prompt] = {write_text, AT(answering_system_prompt)},
    [KV_METADATA_parsing_system_prompt] = {write_text, AT(parsing_system_prompt)},
    [KV_METADATA_execution_time] = {write_time, AT(execution_time)},
    [KV_METADATA_timestamp] = {write_timestamp, AT(timestamp)},
    [KV_METADATA_result_id] = {write_result_id, 0},
    [KV_METADATA_run_name] = {write_text, AT(run_name)},
    [KV_METADATA_replicate] = {write_replicate, AT(replicate)},
    [KV_METADATA_few_shot_enabled] = {write_flag, AT(few_shot_enabled)},
    [KV_METADATA_few_shot_example_count] = {write_int, AT(few_shot_example_count)},
};

/* ---- template ---- */

static bool add_messages(struct kv_buf *out, struct kv_slice taken,
    const struct kv_result_builder_message *messages, size_t count)
{
    if (taken.n)
        return write_json(out, &taken);
    kv_buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        kv_json_out_object(out, NULL);
        kv_json_out_text_or_null(out, "role", kv_slice(messages[i].role));
        kv_json_out_text_or_null(out, "content", messages[i].content);
        kv_json_out_int(out, "block_index", (int64_t)i);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    return true;
}

static bool write_trace(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    return add_messages(out, r->trace_json, r->trace, r->trace_count);
}

static bool write_context(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    return add_messages(out, r->context_json, r->context, r->context_count);
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
    kv_buf_add_slice(out, KV_SLICE(",\"total\":{\"input_tokens\":"));
    kv_buf_add_int(out, input);
    kv_buf_add_slice(out, KV_SLICE(",\"output_tokens\":"));
    kv_buf_add_int(out, output);
    kv_buf_add_slice(out, KV_SLICE(",\"total_tokens\":"));
    kv_buf_add_int(out, total);
    kv_buf_add_char(out, '}');
}

static bool write_usage(struct kv_buf *out, const void *from)
{
    const struct kv_result_builder *r = from;
    if (!r->has_usage)
        return false;
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < r->usage_count; i++) {
        kv_json_out_key(out, r->usage[i].stage);
        kv_stage_usage_write(out, &r->usage[i]);
    }
    if (r->usage_count)
        add_total(out, r);
    kv_buf_add_char(out, '}');
    return true;
}

static const struct source template[KV_TEMPLATE_MEMBERS] = {
    [KV_TEMPLATE_raw_llm_response] = {write_text, AT(raw_llm_response)},
    [KV_TEMPLATE_trace_messages] = {write_trace, 0},
    [KV_TEMPLATE_conversation_context] = {write_context, 0},
    [KV_TEMPLATE_parsed_gt_response] = {write_json, AT(parsed_gt_json)},
    [KV_TEMPLATE_parsed_llm_response] = {write_json, AT(parsed_llm_json)},
    [KV_TEMPLATE_template_verification_performed] = {write_flag, AT(verification_performed)},
    [KV_TEMPLATE_verify_result] = {write_tri, AT(verify_result)},
    [KV_TEMPLATE_verify_granular_result] = {write_json, AT(granular_json)},
    [KV_TEMPLATE_field_verification_error] = {write_text, AT(field_verification_error)},
    [KV_TEMPLATE_field_results] = {write_json, AT(field_results_json)},
    [KV_TEMPLATE_field_scores] = {write_json, AT(field_scores_json)},
    [KV_TEMPLATE_composition_strategy] = {write_json, AT(composition_json)},
    [KV_TEMPLATE_regex_validations_performed] = {write_flag, AT(regex_performed)},
    [KV_TEMPLATE_regex_validation_results] = {write_json, AT(regex_results_json)},
    [KV_TEMPLATE_regex_validation_details] = {write_json, AT(regex_details_json)},
    [KV_TEMPLATE_regex_overall_success] = {write_tri, AT(regex_success)},
    [KV_TEMPLATE_regex_extraction_results] = {write_json, AT(regex_extraction_json)},
    [KV_TEMPLATE_response_timeout_partial] = {write_flag, AT(response_timeout_partial)},
    [KV_TEMPLATE_usage_unavailable] = {write_flag, AT(usage_unavailable)},
    [KV_TEMPLATE_abstention_check_performed] = {write_flag, AT(abstention_performed)},
    [KV_TEMPLATE_abstention_detected] = {write_tri, AT(abstention_detected)},
    [KV_TEMPLATE_abstention_override_applied] = {write_flag, AT(abstention_override)},
    [KV_TEMPLATE_abstention_reasoning] = {write_text, AT(abstention_reasoning)},
    [KV_TEMPLATE_sufficiency_check_performed] = {write_flag, AT(sufficiency_performed)},
    [KV_TEMPLATE_sufficiency_detected] = {write_tri, AT(sufficiency_detected)},
    [KV_TEMPLATE_sufficiency_override_applied] = {write_flag, AT(sufficiency_override)},
    [KV_TEMPLATE_sufficiency_reasoning] = {write_text, AT(sufficiency_reasoning)},
    [KV_TEMPLATE_usage_metadata] = {write_usage, 0},
    [KV_TEMPLATE_agent_metrics] = {write_json, AT(agent_metrics_json)},
};

/* ---- the rest ---- */

#define IN_RUBRIC(field) offsetof(struct kv_result_builder_rubric, field)
static const struct source rubric[KV_RUBRIC_MEMBERS] = {
    [KV_RUBRIC_rubric_evaluation_performed] = {write_true, 0},
    [KV_RUBRIC_rubric_evaluation_strategy] = {write_text, IN_RUBRIC(strategy)},
    [KV_RUBRIC_llm_trait_scores] = {write_json, IN_RUBRIC(llm_scores_json)},
    [KV_RUBRIC_llm_trait_labels] = {write_json, IN_RUBRIC(llm_labels_json)},
    [KV_RUBRIC_regex_trait_scores] = {write_json, IN_RUBRIC(regex_scores_json)},
    [KV_RUBRIC_callable_trait_scores] = {write_json, IN_RUBRIC(callable_scores_json)},
    [KV_RUBRIC_metric_trait_scores] = {write_json, IN_RUBRIC(metric_scores_json)},
    [KV_RUBRIC_metric_trait_confusion_lists] = {write_json, IN_RUBRIC(metric_lists_json)},
    [KV_RUBRIC_trait_provenance] = {write_json, IN_RUBRIC(provenance_json)},
};

static const struct text metadata_texts[] = {KV_RESULT_TABLE_METADATA(TEXT)};
static const struct text template_texts[] = {KV_RESULT_TABLE_TEMPLATE(TEXT)};
static const struct text rubric_texts[] = {KV_RESULT_TABLE_RUBRIC(TEXT)};
static const struct text row_texts[] = {KV_RESULT_TABLE(TEXT)};

static bool write_metadata(struct kv_buf *out, const void *from)
{
    static const struct block block = {metadata_texts, metadata, KV_METADATA_MEMBERS};
    write_block(out, &block, from);
    return true;
}

static bool write_template(struct kv_buf *out, const void *from)
{
    static const struct block block = {template_texts, template, KV_TEMPLATE_MEMBERS};
    write_block(out, &block, from);
    return true;
}

static bool write_rubric(struct kv_buf *out, const void *from)
{
    static const struct block block = {rubric_texts, rubric, KV_RUBRIC_MEMBERS};
    const struct kv_result_builder *r = from;
    if (r->rubric)
        write_block(out, &block, r->rubric);
    return r->rubric != NULL;
}

static const struct source row[KV_ROW_MEMBERS] = {
    [KV_ROW_metadata] = {write_metadata, 0},
    [KV_ROW_template] = {write_template, 0},
    [KV_ROW_rubric] = {write_rubric, 0},
    [KV_ROW_evaluation_input] = {write_text, AT(evaluation_input)},
    [KV_ROW_used_full_trace] = {write_flag, AT(used_full_trace)},
    [KV_ROW_trace_extraction_error] = {write_text, AT(trace_extraction_error)},
};

/* A model may cut a character of two escapes in the middle. Such a row would make a results file
 * that jq and karenina refuse. */
void kv_result_builder_write(const struct kv_result_builder *r, struct kv_buf *out)
{
    static const struct block block = {row_texts, row, KV_ROW_MEMBERS};
    size_t start = out->n;
    write_block(out, &block, r);
    kv_buf_add_char(out, '\n');
    kv_json_replace_surrogates(out, start);
}

/* Marks are of the stage that answered, as in a row. */
static unsigned marks_of(const struct kv_result_builder *r)
{
    const struct kv_stage_usage *answer = NULL;
    for (size_t i = 0; r->has_usage && i < r->usage_count; i++)
        if (strcmp(r->usage[i].stage, "answer_generation") == 0)
            answer = &r->usage[i];
    if (!answer)
        return 0;
    unsigned marks = kv_marks_of_stage(answer->finish, answer->dropped);
    for (size_t i = 0; i < r->warning_count && i < KV_WARNINGS_MAX; i++)
        marks |= kv_marks_of_warning(r->warnings[i]);
    return marks;
}

uint32_t kv_result_builder_code(const struct kv_result_builder *r)
{
    static const struct kv_slice verdicts[] = {
        [KV_TRI_NULL] = {"null", 4}, [KV_TRI_FALSE] = {"false", 5}, [KV_TRI_TRUE] = {"true", 4}};
    const struct kv_result counted = {
        .failure = r->failure, .verify_result = verdicts[r->verify_result]};
    return kv_outcomes_pack(kv_result_outcome(&counted), marks_of(r));
}
