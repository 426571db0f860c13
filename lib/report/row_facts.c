/* row_facts - what a report remembers of one result: numbers, and names known by number. */
#include "row_facts.h"

#include "builtins.h"
#include "json.h"
#include "num.h"
#include "quotation.h"
#include "reason.h"
#include "reply_usage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kv_row_facts_retries[] = {
    "connection", "timeout", "rate_limit", "server_error", NULL};

/* The members that facts are made of. */
struct members {
    struct kv_slice seconds, warnings, retries;                         /* of metadata */
    struct kv_slice uncounted, partial, metrics, fields, parsed, check; /* of template */
};

/* In one walk each: a row has long texts, and a walk passes them all. */
static void find_members(struct members *m, const struct kv_result *row)
{
    static const char *const metadata[] = {"execution_time", "warnings", "retry_counts"};
    static const char *const template[] = {"usage_unavailable", "response_timeout_partial",
        "agent_metrics", "field_results", "parsed_llm_response", "field_verification_error"};
    struct kv_slice of_metadata[3], of_template[6];
    kv_json_pick(row->metadata, metadata, of_metadata, 3);
    kv_json_pick(row->template, template, of_template, 6);
    *m = (struct members){of_metadata[0], of_metadata[1], of_metadata[2], of_template[0],
        of_template[1], of_template[2], of_template[3], of_template[4], of_template[5]};
}

static bool is_text(struct kv_slice value)
{
    return value.n && kv_json_type(value) == KV_JSON_STRING;
}

static double number(struct kv_slice value)
{
    double x;
    return value.n && kv_num_double(value, &x) ? x : NAN;
}

static uint64_t count(struct kv_slice value)
{
    double x = number(value);
    return x > 0 && x < 1e15 ? (uint64_t)x : 0;
}

/* ---- models ---- */

void kv_row_facts_add_model(struct kv_buf *out, struct kv_slice identity)
{
    struct kv_slice name = kv_json_find(identity, "model_name"),
                    id = kv_json_find(identity, "config_id"), tool;
    struct kv_json_walk walk;
    const char *before = " +[";
    if (!is_text(name))
        return;
    if (is_text(kv_json_find(identity, "interface"))) {
        kv_json_unescape(kv_json_find(identity, "interface"), out);
        kv_buf_add_char(out, ':');
    }
    kv_json_unescape(name, out);
    if (is_text(id) && id.n > 2 && !kv_slice_eq(id, name)) {
        kv_buf_add_str(out, " (");
        kv_json_unescape(id, out);
        kv_buf_add_char(out, ')');
    }
    kv_json_begin(&walk, kv_json_find(identity, "tools"));
    for (; kv_json_item(&walk, &tool); before = ", ") {
        kv_buf_add_str(out, before);
        kv_json_unescape(tool, out);
    }
    if (*before == ',')
        kv_buf_add_char(out, ']');
}

/* ---- usage ---- */

static void plain(struct kv_buf *out, struct kv_slice string)
{
    kv_buf_reserve(out, 1);
    if (is_text(string))
        kv_json_unescape(string, out);
}

/* What a call cost: as the service said it, else by the price file, else as its run had priced it. A
 * row does not tell the service, so that prices are found by the model's name alone. */
static double cost_of(
    const struct kv_prices *prices, const struct kv_stage_usage *u, struct kv_slice model_name)
{
    struct kv_buf name = {0}, served = {0}, tier = {0};
    struct kv_price price;
    struct kv_slice entry;
    double cost = u->used.cost;
    if (!isnan(cost))
        return cost;
    if (!prices)
        return u->used.priced;
    plain(&name, model_name);
    plain(&served, u->served);
    plain(&tier, u->tier);
    struct kv_priced model = {.name = kv_slice_of(&name),
        .habit = strstr(name.p, "claude") ? KV_CACHE_ANTHROPIC : KV_CACHE_PLAIN};
    if (kv_prices_find(prices, &model, kv_slice_of(&served), &price, &entry, NULL) == 1)
        cost = kv_price_cost(&price, kv_tier_of(kv_slice_of(&tier)), &u->used);
    kv_buf_release(&name);
    kv_buf_release(&served);
    kv_buf_release(&tier);
    return isnan(cost) ? u->used.priced : cost;
}

static uint64_t known(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static void add_call(struct kv_consumption *c, const struct kv_prices *prices,
    const struct kv_stage_usage *u, struct kv_slice model)
{
    double cost = cost_of(prices, u, model);
    c->input += known(u->used.in_total);
    c->output += known(u->used.out_total);
    c->cached += known(u->used.in_read);
    c->reasoning += known(u->used.out_reasoning);
    if (cost >= 0)
        c->cost = (isnan(c->cost) ? 0 : c->cost) + cost;
}

static void add_stage(struct kv_consumption *c, const struct kv_prices *prices,
    struct kv_slice stage, struct kv_slice identity)
{
    struct kv_stage_usage u = {0};
    kv_stage_usage_read(&u, stage);
    add_call(c, prices, &u, kv_json_find(identity, "model_name"));
}

/* The result of a request has no usage of its own but that of its reply. */
static void take_reply(struct kv_fact *fact, struct kv_detail *detail, struct kv_slice row,
    const struct kv_prices *prices)
{
    struct kv_stage_usage u = {0};
    if (!kv_reply_usage_of_result(&u, row))
        return;
    add_call(&detail->answering, prices, &u, u.served);
    if (!kv_usage_known(&u.used))
        fact->flags |= KV_FACT_ESTIMATED;
}

static void take_served(
    struct kv_detail *detail, struct kv_slice served, struct kv_fact_names *names)
{
    struct kv_buf text = {0};
    if (!is_text(served))
        return;
    kv_json_unescape(served, &text);
    detail->served = kv_names_add(&names->served, kv_slice_of(&text));
    kv_buf_release(&text);
}

static void take_usage(struct kv_fact *fact, struct kv_detail *detail, const struct kv_result *row,
    const struct members *m, struct kv_fact_names *names)
{
    struct kv_json_walk walk;
    struct kv_slice name, stage;
    if (row->generic && !row->usage.n) {
        take_reply(fact, detail, row->text, names->prices);
        return;
    }
    kv_json_begin(&walk, row->usage);
    while (kv_json_member(&walk, &name, &stage)) {
        if (kv_json_string_is(name, "total") || kv_json_type(stage) != KV_JSON_OBJECT)
            continue;
        bool answer = kv_json_string_is(name, "answer_generation");
        add_stage(answer ? &detail->answering : &detail->judging, names->prices, stage,
            answer ? row->answering : row->parsing);
        if (answer)
            take_served(detail, kv_json_find(stage, "kv_served"), names);
    }
    if (kv_json_is_true(m->uncounted))
        fact->flags |= KV_FACT_ESTIMATED;
    if (kv_json_is_true(m->partial))
        fact->flags |= KV_FACT_PARTIAL;
    detail->first_token = number(kv_json_find(m->metrics, "kv_first_token_seconds"));
}

/* ---- warnings, retries ---- */

static void add_warning(struct kv_detail *detail, struct kv_fact_names *names, struct kv_slice text)
{
    struct kv_buf common = {0};
    kv_buf_reserve(&common, 1);
    kv_reason_add_common(&common, text);
    kv_detail_add_warning(detail, kv_names_add(&names->warnings, kv_slice_of(&common)));
    kv_buf_release(&common);
}

static void take_warnings(struct kv_fact *fact, struct kv_detail *detail, struct kv_slice warnings,
    struct kv_fact_names *names)
{
    struct kv_json_walk walk;
    struct kv_slice item;
    struct kv_buf text = {0};
    kv_json_begin(&walk, warnings);
    while (kv_json_item(&walk, &item)) {
        if (!is_text(item))
            continue;
        kv_buf_clear(&text);
        kv_buf_reserve(&text, 1);
        kv_json_unescape(item, &text);
        add_warning(detail, names, kv_slice_of(&text));
        fact->flags |= KV_FACT_WARNED;
    }
    kv_buf_release(&text);
}

static void take_retries(struct kv_fact *fact, struct kv_detail *detail, struct kv_slice counts)
{
    for (size_t i = 0; i < KV_RETRY_CLASSES; i++) {
        uint64_t used = count(kv_json_find(kv_json_find(counts, kv_row_facts_retries[i]), "used"));
        detail->retries[i] = (uint16_t)(used > UINT16_MAX ? UINT16_MAX : used);
        if (used)
            fact->flags |= KV_FACT_RETRIED;
    }
}

/* ---- fields ---- */

static uint64_t value_mark(struct kv_slice parsed, struct kv_slice name_text)
{
    struct kv_buf name = {0}, identity = {0};
    struct kv_slice value;
    uint64_t mark = 0;
    kv_json_unescape(name_text, &name);
    if (name.p && kv_json_get(parsed, name.p, &value) && kv_builtins_identity(&identity, value))
        mark = kv_names_hash(kv_slice_of(&identity));
    kv_buf_release(&name);
    kv_buf_release(&identity);
    return mark;
}

static void take_fields(
    struct kv_detail *detail, const struct members *m, struct kv_fact_names *names)
{
    struct kv_slice name, verdict;
    struct kv_json_walk walk;
    struct kv_buf text = {0};
    kv_json_begin(&walk, m->fields);
    while (kv_json_member(&walk, &name, &verdict)) {
        struct kv_field_fact field = {0};
        kv_buf_clear(&text);
        kv_buf_reserve(&text, 1);
        kv_json_unescape(name, &text);
        field.field = kv_names_add(&names->fields, kv_slice_of(&text));
        field.verdict = kv_json_is_true(verdict)   ? KV_FIELD_PASSED
                        : kv_json_is_null(verdict) ? KV_FIELD_MISSING
                                                   : KV_FIELD_FAILED;
        if (field.verdict != KV_FIELD_PASSED)
            field.value = value_mark(m->parsed, name);
        kv_detail_add_field(detail, &field);
    }
    kv_buf_release(&text);
}

/* ---- why it did not pass ---- */

/* The names of the fields that did not pass, or what stopped the check. */
static void add_wrong(struct kv_buf *out, const struct kv_detail *detail, struct kv_slice error,
    const struct kv_fact_names *names)
{
    const char *before = "";
    for (size_t i = 0; i < detail->field_count; i++) {
        const struct kv_field_fact *field = &detail->fields[i];
        if (field->verdict == KV_FIELD_PASSED)
            continue;
        kv_buf_add_str(out, before);
        kv_buf_add_slice(out, kv_names_text(&names->fields, field->field));
        before = ", ";
    }
    if (*before || !is_text(error))
        return;
    struct kv_buf text = {0};
    kv_json_unescape(error, &text);
    kv_reason_add_common(out, kv_slice_of(&text));
    kv_buf_release(&text);
}

static void add_reason(struct kv_buf *out, struct kv_slice row)
{
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    kv_quotation_add_reason(&text, row);
    kv_reason_add_common(out, kv_slice_of(&text));
    kv_buf_release(&text);
}

/* "category TAB stage TAB reason": what failures are grouped by. */
static void take_reason(struct kv_detail *detail, enum kv_result_outcome outcome,
    const struct kv_result *row, const struct members *m, struct kv_fact_names *names)
{
    const char *category = kv_failure_name(row->failure);
    struct kv_buf key = {0};
    if (outcome == KV_RESULT_PASSED || outcome == KV_RESULT_UNSCORED)
        return;
    bool wrong = outcome == KV_RESULT_WRONG;
    kv_buf_add_str(&key, category ? category : wrong ? "content" : "error");
    kv_buf_add_char(&key, '\t');
    if (is_text(row->failure_stage))
        kv_json_unescape(row->failure_stage, &key);
    else if (wrong)
        kv_buf_add_str(&key, "verify_template");
    kv_buf_add_char(&key, '\t');
    if (wrong)
        add_wrong(&key, detail, m->check, names);
    else
        add_reason(&key, row->text);
    detail->reason = kv_names_add(&names->reasons, kv_slice_of(&key));
    kv_buf_release(&key);
}

uint64_t kv_row_facts_answer(struct kv_slice raw_llm_response)
{
    return kv_names_hash(raw_llm_response);
}

void kv_row_facts_take(struct kv_fact *fact, struct kv_detail *detail, const struct kv_result *row,
    struct kv_fact_names *names)
{
    int64_t replicate;
    struct members m;
    find_members(&m, row);
    kv_detail_clear(detail);
    *fact = (struct kv_fact){.replicate = KV_FACT_NO_REPLICATE};
    if (row->replicate.n && kv_num_int64(row->replicate, &replicate) && replicate > INT32_MIN &&
        replicate <= INT32_MAX)
        fact->replicate = (int32_t)replicate;
    fact->outcome = (uint8_t)kv_result_outcome(row);
    fact->marks = (uint8_t)kv_marks_of(row);
    detail->seconds = number(m.seconds);
    take_usage(fact, detail, row, &m, names);
    take_warnings(fact, detail, m.warnings, names);
    take_retries(fact, detail, m.retries);
    take_fields(detail, &m, names);
    take_reason(detail, (enum kv_result_outcome)fact->outcome, row, &m, names);
}

void kv_fact_names_release(struct kv_fact_names *names)
{
    kv_names_release(&names->fields);
    kv_names_release(&names->reasons);
    kv_names_release(&names->warnings);
    kv_names_release(&names->served);
    *names = (struct kv_fact_names){0};
}
