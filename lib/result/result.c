/* result - one VerificationResult as it arrives: is it one, whose is it, how did it end.
 *
 * A row is walked twice at most, its strings once to be checked, because kv-append does this
 * to every result and a run has millions.
 */
#include "result.h"

#include "digest.h"
#include "json.h"
#include "num.h"
#include "pydantic.h"
#include "reply_usage.h"
#include "result_members.h"
#include "task.h"

#include <string.h>

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
    kv_shape_members(&kv_result_table_failure, failure, values);
    r->failure = kv_failure_of_json(values[KV_FAILURE_category]);
    r->failure_stage = values[KV_FAILURE_stage];
    r->failure_reason = values[KV_FAILURE_reason];
}

static void take_metadata(const struct kv_slice *values, struct kv_result *r)
{
    r->question_id = values[KV_METADATA_question_id];
    r->answering = values[KV_METADATA_answering];
    r->parsing = values[KV_METADATA_parsing];
    r->timestamp = values[KV_METADATA_timestamp];
    r->result_id = values[KV_METADATA_result_id];
    r->replicate = or_nothing(values[KV_METADATA_replicate]);
    r->scenario_id = or_nothing(values[KV_METADATA_scenario_id]);
    r->scenario_turn = or_nothing(values[KV_METADATA_scenario_turn]);
    r->warnings = values[KV_METADATA_warnings];
    r->preview = is_text(r->timestamp) && r->timestamp.n == 2;
    take_failure(values[KV_METADATA_failure], r);
}

static void take_usage(struct kv_slice usage, struct kv_result *r)
{
    static const char *const of_answer[] = {"kv_finish", "kv_dropped"};
    static const char *const of_total[] = {[KV_RESULT_INPUT] = "input_tokens",
        [KV_RESULT_OUTPUT] = "output_tokens",
        [KV_RESULT_TOTAL] = "total_tokens"};
    struct kv_slice said[2];
    struct kv_json_branch stages[] = {
        {.name = "answer_generation", .names = of_answer, .values = said, .n = 2},
        {.name = "total", .names = of_total, .values = r->total, .n = KV_RESULT_COUNTS}};
    kv_json_pick_branches(usage, stages, 2);
    r->usage = usage;
    r->usage_answer = stages[0].value;
    r->finish = said[0];
    r->dropped = said[1];
}

static void take_template(const struct kv_slice *values, struct kv_result *r)
{
    r->raw_llm_response = values[KV_TEMPLATE_raw_llm_response];
    r->verify_result = or_nothing(values[KV_TEMPLATE_verify_result]);
    take_usage(or_nothing(values[KV_TEMPLATE_usage_metadata]), r);
    r->partial = kv_json_is_true(values[KV_TEMPLATE_response_timeout_partial]);
}

/* Any JSON job: the key is all it must have, the rest is taken where it is of the expected type. */
static void take_generic(struct kv_result *r, struct kv_slice failure, struct kv_slice error)
{
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    r->generic = true;
    if (r->metadata.n) {
        kv_shape_members(&kv_result_table_metadata, r->metadata, values);
        take_metadata(values, r);
    }
    if (r->template.n) {
        kv_shape_members(&kv_result_table_template, r->template, values);
        take_template(values, r);
    }
    bool failed = !kv_json_is_null(error) ||
                  (!kv_json_is_null(failure) && kv_json_type(failure) != KV_JSON_FALSE);
    if (failed && r->failure == KV_FAIL_NONE)
        r->failure = KV_FAIL_OTHER;
}

void kv_result_take_members(const struct kv_result_members *members, struct kv_result *result)
{
    result->metadata = or_nothing(members->blocks[KV_ROW_metadata]);
    result->template = or_nothing(members->blocks[KV_ROW_template]);
    result->rubric = or_nothing(members->blocks[KV_ROW_rubric]);
    take_metadata(members->parts[KV_ROW_metadata].values, result);
    if (result->template.n)
        take_template(members->parts[KV_ROW_template].values, result);
}

/* Checks the blocks one by one; the members of the first were found with them. */
static int check_result(const struct kv_result_members *m, struct kv_err *err)
{
    const struct kv_slice *blocks = m->blocks;
    const struct kv_shape_member *members = kv_result_table.members;
    if (!blocks[KV_ROW_metadata].n)
        return kv_err_set(err, KV_INPUT, "metadata: missing, and there is no task_id");
    if (kv_shape_read_part(&kv_result_table_metadata, blocks[KV_ROW_metadata], "metadata",
            &m->parts[KV_ROW_metadata], err) != 0)
        return -1;
    if (!kv_json_is_null(blocks[KV_ROW_template]) &&
        kv_shape_read_part(&kv_result_table_template, blocks[KV_ROW_template], "template",
            &m->parts[KV_ROW_template], err) != 0)
        return -1;
    for (size_t i = KV_ROW_rubric; i < KV_ROW_MEMBERS; i++)
        if (blocks[i].n && kv_shape_check(members[i].shape, blocks[i], members[i].name, err) != 0)
            return -1;
    return 0;
}

/* True if it is one of any JSON job: what tells that is taken. */
static bool is_generic(struct kv_result *r)
{
    enum { TASK_ID, FAILURE, ERROR, RESPONSE, N };
    static const char *const names[N] = {"task_id", "failure", "error", "response"};
    struct kv_slice of_job[N];
    kv_json_pick(r->text, names, of_job, N);
    if (!of_job[TASK_ID].n || !is_text(of_job[TASK_ID]))
        return false;
    r->task_id = of_job[TASK_ID];
    r->response = of_job[RESPONSE];
    take_generic(r, of_job[FAILURE], of_job[ERROR]);
    return true;
}

int kv_result_read_members(struct kv_slice line, unsigned flags, struct kv_result *result,
    struct kv_result_members *members, struct kv_err *err)
{
    *result = (struct kv_result){.text = line};
    if (!(flags & KV_RESULT_CHECKED) && kv_json_check(line, flags, &result->text, err) != 0)
        return -1;
    if (kv_json_type(result->text) != KV_JSON_OBJECT)
        return kv_err_set(
            err, KV_INPUT, "expected an object, found %s", kv_json_type_name(result->text));
    struct kv_slice unknown = kv_shape_members_of(&kv_result_table, result->text, members->blocks,
        members->parts, sizeof members->parts / sizeof *members->parts);
    result->metadata = or_nothing(members->blocks[KV_ROW_metadata]);
    result->template = or_nothing(members->blocks[KV_ROW_template]);
    result->rubric = or_nothing(members->blocks[KV_ROW_rubric]);
    if (unknown.n && is_generic(result))
        return 0;
    if (check_result(members, err) != 0)
        return -1;
    kv_result_take_members(members, result);
    return 0;
}

int kv_result_read(
    struct kv_slice line, unsigned flags, struct kv_result *result, struct kv_err *err)
{
    struct kv_result_members members;
    return kv_result_read_members(line, flags, result, &members, err);
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

/* The key, or what is in front of the models in it. */
static void add_task(const struct kv_result *result, struct kv_buf *key)
{
    kv_json_unescape(result->generic                  ? result->task_id
                     : kv_result_has_scenario(result) ? result->scenario_id
                                                      : result->question_id,
        key);
}

static void add_models(const struct kv_result *result, struct kv_buf *keys)
{
    kv_buf_add_char(keys, '\t');
    kv_identity_key_of_json(result->answering, keys, NULL);
    kv_buf_add_char(keys, '\t');
    kv_identity_key_of_json(result->parsing, keys, NULL);
}

/* Two JSON values side by side can be taken apart in one way only. */
static bool has_models(const struct kv_model_keys *last, const struct kv_result *result)
{
    size_t n = result->answering.n, m = result->parsing.n;
    return last->models.n && last->models.n == n + m &&
           memcmp(last->models.p, result->answering.p, n) == 0 &&
           memcmp(last->models.p + n, result->parsing.p, m) == 0;
}

void kv_result_key_after(
    const struct kv_result *result, struct kv_model_keys *last, struct kv_buf *key)
{
    if (result->generic) {
        add_task(result, key);
        return;
    }
    if (!has_models(last, result)) {
        kv_buf_clear(&last->models);
        kv_buf_add_slice(&last->models, result->answering);
        kv_buf_add_slice(&last->models, result->parsing);
        kv_buf_clear(&last->keys);
        add_models(result, &last->keys);
    }
    add_task(result, key);
    kv_buf_add_slice(key, kv_slice_of(&last->keys));
    add_replicate(result->replicate, key);
}

void kv_result_key(const struct kv_result *result, struct kv_buf *key)
{
    add_task(result, key);
    if (result->generic)
        return;
    add_models(result, key);
    add_replicate(result->replicate, key);
}

void kv_model_keys_release(struct kv_model_keys *last)
{
    kv_buf_release(&last->models);
    kv_buf_release(&last->keys);
}

bool kv_result_failed(const struct kv_result *result)
{
    return result->failure != KV_FAIL_NONE;
}

bool kv_result_is_partial(const struct kv_result *result)
{
    return result->partial;
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

static bool reply_tokens(const struct kv_result *result, struct kv_tokens *tokens)
{
    struct kv_stage_usage u = {0};
    if (!result->response.n || !kv_reply_usage_of_result(&u, result->text) ||
        (u.used.in_total < 0 && u.used.out_total < 0))
        return false;
    int64_t in = kv_stage_usage_input(&u), out = kv_stage_usage_output(&u);
    *tokens = (struct kv_tokens){in, out, in > INT64_MAX - out ? INT64_MAX : in + out};
    return true;
}

bool kv_result_tokens(const struct kv_result *result, struct kv_tokens *tokens)
{
    int64_t counts[KV_RESULT_COUNTS] = {0};
    *tokens = (struct kv_tokens){0};
    if (result->generic && !result->usage.n)
        return reply_tokens(result, tokens);
    for (size_t i = 0; i < KV_RESULT_COUNTS; i++)
        if (result->total[i].n)
            kv_num_int64(result->total[i], &counts[i]);
    *tokens = (struct kv_tokens){
        counts[KV_RESULT_INPUT], counts[KV_RESULT_OUTPUT], counts[KV_RESULT_TOTAL]};
    return tokens->input || tokens->output || tokens->total;
}

void kv_result_dump(
    struct kv_buf *out, const struct kv_result *result, enum kv_reformat_style style)
{
    kv_shape_write(&kv_result_table, result->text, style, out);
}

/* ---- identity ---- */

/* `before` is what stands before the value: its name, with spaces as Python writes them. */
static void add_text(struct kv_buf *out, struct kv_slice before, struct kv_slice text)
{
    kv_buf_add_slice(out, before);
    if (text.p)
        kv_json_quote(out, text, KV_JSON_ASCII);
    else
        kv_buf_add_str(out, "null");
}

static void add_number(struct kv_buf *out, struct kv_slice before, bool present, int64_t number)
{
    kv_buf_add_slice(out, before);
    if (present)
        kv_buf_add_int(out, number);
    else
        kv_buf_add_str(out, "null");
}

void kv_result_id(const struct kv_result_name *name, char hex[KV_RESULT_ID_HEX + 1])
{
    struct kv_buf text = {0};
    char whole[KV_SHA256_HEX + 1];
    kv_buf_reserve(&text, 512); /* usually enough */
    add_text(&text, KV_SLICE("{\"answering\": "), name->answering_key);
    add_text(&text, KV_SLICE(", \"parsing\": "), name->parsing_key);
    add_text(&text, KV_SLICE(", \"question_id\": "), name->question_id);
    add_number(&text, KV_SLICE(", \"replicate\": "), name->has_replicate, name->replicate);
    add_text(&text, KV_SLICE(", \"scenario_id\": "), name->scenario_id);
    add_text(&text, KV_SLICE(", \"scenario_node\": "), name->scenario_node);
    add_number(&text, KV_SLICE(", \"scenario_turn\": "), name->has_turn, name->scenario_turn);
    add_text(&text, KV_SLICE(", \"timestamp\": "), name->timestamp);
    kv_buf_add_char(&text, '}');
    kv_digest_sha256(kv_slice_of(&text), whole);
    memcpy(hex, whole, KV_RESULT_ID_HEX);
    hex[KV_RESULT_ID_HEX] = '\0';
    kv_buf_release(&text);
}
