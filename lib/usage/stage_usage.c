/* stage_usage - what one stage of a task used, as a row states it: written and read back. */
#include "stage_usage.h"

#include "json.h"
#include "json_out.h"
#include "num.h"

#include <math.h>

static int64_t none_if_unknown(int64_t n)
{
    return n > 0 ? n : 0;
}

int64_t kv_stage_usage_input(const struct kv_stage_usage *u)
{
    return none_if_unknown(u->used.in_total);
}

int64_t kv_stage_usage_output(const struct kv_stage_usage *u)
{
    return none_if_unknown(u->used.out_total);
}

/* ---- words ---- */

static void put(struct kv_buf *kept, struct kv_slice text, struct kv_slice *out)
{
    if (!text.n)
        return;
    kv_buf_clear(kept);
    kv_json_quote(kept, text, KV_JSON_RAW);
    *out = kv_slice_of(kept);
}

void kv_stage_words_put(struct kv_stage_words *w, struct kv_slice served, struct kv_slice tier,
    struct kv_slice finish, struct kv_stage_usage *u)
{
    put(&w->served, served, &u->served);
    put(&w->tier, tier, &u->tier);
    put(&w->finish, finish, &u->finish);
}

void kv_stage_words_place(
    struct kv_stage_words *w, struct kv_slice asked_at, struct kv_stage_usage *u)
{
    if (!asked_at.n)
        return;
    kv_buf_clear(&w->asked_at);
    kv_buf_add_slice(&w->asked_at, asked_at);
    u->asked_at = kv_slice_of(&w->asked_at);
}

void kv_stage_words_release(struct kv_stage_words *w)
{
    kv_buf_release(&w->served);
    kv_buf_release(&w->tier);
    kv_buf_release(&w->finish);
    kv_buf_release(&w->asked_at);
}

/* ---- writing ---- */

/* A number, and what stands before it. */
static void add_count(struct kv_buf *out, struct kv_slice before, int64_t n)
{
    kv_buf_add_slice(out, before);
    kv_buf_add_int(out, n);
}

static void add_input_details(struct kv_buf *out, const struct kv_usage *u)
{
    int64_t hour = none_if_unknown(u->in_write_1h), minutes = none_if_unknown(u->in_write);
    add_count(out, KV_SLICE(",\"input_token_details\":{\"audio\":0,\"cache_read\":"),
        none_if_unknown(u->in_read));
    if (u->in_write >= 0 || u->in_write_1h >= 0)
        kv_json_out_int(out, "cache_creation", minutes + hour);
    if (hour) {
        kv_json_out_int(out, "ephemeral_1h_input_tokens", hour);
        kv_json_out_int(out, "ephemeral_5m_input_tokens", minutes);
    }
    kv_buf_add_char(out, '}');
}

static void add_output_details(struct kv_buf *out, const struct kv_usage *u)
{
    add_count(out, KV_SLICE(",\"output_token_details\":{\"audio\":0,\"reasoning\":"),
        none_if_unknown(u->out_reasoning));
    kv_buf_add_char(out, '}');
}

/* Only what is known is written. */
static void add_value(struct kv_buf *out, const char *name, struct kv_slice value)
{
    if (value.n)
        kv_json_out_json(out, name, value);
}

static void add_money(struct kv_buf *out, const char *name, double amount)
{
    if (!isnan(amount))
        kv_json_out_number(out, name, amount);
}

void kv_stage_usage_write(struct kv_buf *out, const struct kv_stage_usage *u)
{
    int64_t in = kv_stage_usage_input(u), output = kv_stage_usage_output(u);
    add_count(out, KV_SLICE("{\"input_tokens\":"), in);
    add_count(out, KV_SLICE(",\"output_tokens\":"), output);
    add_count(
        out, KV_SLICE(",\"total_tokens\":"), in > INT64_MAX - output ? INT64_MAX : in + output);
    kv_buf_add_slice(out, KV_SLICE(",\"model\":"));
    kv_json_quote(out, u->model, KV_JSON_RAW);
    if (u->input_details.n)
        add_value(out, "input_token_details", u->input_details);
    else
        add_input_details(out, &u->used);
    if (u->output_details.n)
        add_value(out, "output_token_details", u->output_details);
    else
        add_output_details(out, &u->used);
    add_value(out, "kv_served", u->served);
    add_value(out, "kv_endpoint", u->asked_at);
    add_value(out, "kv_tier", u->tier);
    add_value(out, "kv_finish", u->finish);
    add_value(out, "kv_dropped", u->dropped);
    add_money(out, "kv_cost", u->used.cost);
    add_money(out, "kv_priced", u->used.priced);
    kv_buf_add_char(out, '}');
}

/* ---- reading ---- */

/* The value of a member, n == 0 where there is none. */
static bool read_count(struct kv_slice value, int64_t *count)
{
    double x;
    if (!value.n || !kv_num_double(value, &x) || !(x >= 0))
        return false;
    *count = kv_num_whole(x);
    return true;
}

static void read_money(struct kv_slice value, double *amount)
{
    double x;
    if (value.n && kv_num_double(value, &x) && x >= 0)
        *amount = x;
}

static struct kv_slice of_type(struct kv_slice value, enum kv_json_type type)
{
    return value.n && kv_json_type(value) == type ? value : (struct kv_slice){0};
}

static void read_input_details(struct kv_stage_usage *u)
{
    enum { READ, WRITE, WRITE_1H, N };
    static const char *const names[N] = {
        "cache_read", "cache_creation", "ephemeral_1h_input_tokens"};
    struct kv_slice value[N];
    struct kv_usage *used = &u->used;
    int64_t all = 0;
    kv_json_pick(u->input_details, names, value, N);
    u->detailed = read_count(value[READ], &used->in_read);
    read_count(value[WRITE_1H], &used->in_write_1h);
    if (read_count(value[WRITE], &all))
        used->in_write = none_if_unknown(all - none_if_unknown(used->in_write_1h));
}

void kv_stage_usage_read(struct kv_stage_usage *u, struct kv_slice object)
{
    enum {
        IN,
        OUT,
        IN_DETAILS,
        OUT_DETAILS,
        SERVED,
        ASKED_AT,
        TIER,
        FINISH,
        DROPPED,
        COST,
        PRICED,
        MODEL,
        N
    };
    static const char *const names[N] = {"input_tokens", "output_tokens", "input_token_details",
        "output_token_details", "kv_served", "kv_endpoint", "kv_tier", "kv_finish", "kv_dropped",
        "kv_cost", "kv_priced", "model"};
    struct kv_slice value[N], reasoning;
    kv_json_pick(object, names, value, N);
    kv_usage_begin(&u->used);
    read_count(value[IN], &u->used.in_total);
    read_count(value[OUT], &u->used.out_total);
    u->input_details = value[IN_DETAILS];
    read_input_details(u);
    u->output_details = value[OUT_DETAILS];
    if (kv_json_get(u->output_details, "reasoning", &reasoning))
        read_count(reasoning, &u->used.out_reasoning);
    u->served = of_type(value[SERVED], KV_JSON_STRING);
    u->asked_at = of_type(value[ASKED_AT], KV_JSON_STRING);
    u->tier = of_type(value[TIER], KV_JSON_STRING);
    u->finish = of_type(value[FINISH], KV_JSON_STRING);
    u->dropped = of_type(value[DROPPED], KV_JSON_ARRAY);
    read_money(value[COST], &u->used.cost);
    read_money(value[PRICED], &u->used.priced);
    u->named = value[MODEL];
}

bool kv_stage_usage_is_cut(const struct kv_stage_usage *u)
{
    static const char *const cuts[] = {"length", "max_tokens", "MAX_TOKENS", "model_length",
        "model_context_window_exceeded", "incomplete/max_output_tokens"};
    for (size_t i = 0; u->finish.n && i < sizeof cuts / sizeof *cuts; i++)
        if (kv_json_string_is(u->finish, cuts[i]))
            return true;
    return false;
}

void kv_stage_usage_add(struct kv_stage_usage *sum, const struct kv_stage_usage *more)
{
    kv_usage_add(&sum->used, &more->used);
    sum->model = more->model;
    sum->input_details = sum->output_details = (struct kv_slice){0};
    if (more->served.n)
        sum->served = more->served;
    if (more->asked_at.n)
        sum->asked_at = more->asked_at;
    if (more->tier.n)
        sum->tier = more->tier;
    sum->finish = more->finish;
    if (more->dropped.n)
        sum->dropped = more->dropped;
}
