/* endpoint - one model of the configuration as a run talks to it: over HTTP, or by a command. */
#include "endpoint.h"

#include "adjust.h"
#include "batch.h"
#include "batch_wire.h"
#include "endpoint_words.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "request_body.h"
#include "streaming.h"
#include "task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REFUSALS_MAX = 5,  /* refusals in a row: the endpoint is at fault */
    NOT_DONE_MAX = 10, /* commands in a row that were not done anywhere */
};

/* ---- opening ---- */

/* How many tasks of one answering model may be in flight: a number, or an object by model id. */
static int lane_cap(const struct kv_config *config, const struct kv_model *model, bool judge)
{
    struct kv_slice limit = config->answerer_limits;
    int64_t n;
    if (judge || !limit.p)
        return 0;
    if (kv_json_type(limit) == KV_JSON_OBJECT && !kv_json_get(limit, model->id.p, &limit))
        return 0;
    return kv_num_int64(limit, &n) && n > 0 && n < 1000000 ? (int)n : 0;
}

static int open_provider(
    struct kv_endpoint *e, const struct kv_endpoint_options *o, struct kv_err *err)
{
    struct kv_choice choice = kv_pricing_choice(e->priced);
    struct kv_secrets *ring = e->deferred ? NULL : o->ring; /* without a ring none is missed */
    if (kv_provider_open(&e->provider, &choice, o->env, ring, err) != 0)
        return kv_err_context(err, "%s", e->name);
    return 0;
}

bool kv_endpoint_has_batches(const struct kv_endpoint *e, const char *batch_as)
{
    const struct kv_provider *p = &e->provider;
    const char *shape = kv_batch_shape(p->dialect->name, p->chat->place.url, batch_as);
    return shape && kv_batch_wire_of(kv_slice(shape));
}

/* Where there are no batches a model is asked at once, which takes a key. */
static int open_service(
    struct kv_endpoint *e, const struct kv_endpoint_options *o, struct kv_err *err)
{
    if (open_provider(e, o, err) != 0)
        return -1;
    if (!e->deferred || !o->only_batches || kv_endpoint_has_batches(e, o->batch_as))
        return 0;
    kv_provider_close(&e->provider);
    e->deferred = false;
    return open_provider(e, o, err);
}

/* Services count the calls of each model by itself, servers of one's own all that come. */
static void open_lane(struct kv_endpoint *e, struct kv_sched *sched, int cap)
{
    const struct kv_http_target *chat = e->provider.chat;
    struct kv_buf server = {0};
    kv_buf_add_str(&server, chat ? chat->host : "");
    if (chat && !chat->place.nearby && chat->place.encrypted) {
        kv_buf_add_char(&server, ' ');
        kv_buf_add_slice(&server, e->model->model_name);
    }
    e->lane = kv_sched_lane(sched, e->name, server.p, cap);
    kv_buf_release(&server);
}

static int open_one(struct kv_endpoint *e, const struct kv_config *config, bool wanted,
    const struct kv_endpoint_options *o, struct kv_sched *sched, struct kv_err *err)
{
    struct kv_identity who;
    struct kv_buf name = {0};
    kv_identity_of(e->model, e->judge ? KV_PARSING : KV_ANSWERING, &who);
    kv_identity_add_display(&name, &who);
    e->name = kv_buf_detach(&name);
    e->command = e->judge ? o->judge_command : o->answer_command;
    e->silent = !e->command && (!wanted || kv_slice_is(e->model->interface, "manual"));
    e->pricing = o->pricing;
    e->limited = o->limited;
    e->deferred = o->deferred && !e->command && !e->silent;
    kv_account_begin(&e->account);
    if (!e->command && !e->silent && open_service(e, o, err) != 0)
        return -1;
    if (e->provider.chat)
        kv_adjust_begin(e);
    e->background = e->background && !e->deferred;
    e->first_step = e->step;
    e->first_quirks = e->quirks;
    open_lane(e, sched, lane_cap(config, e->model, e->judge));
    return 0;
}

int kv_endpoints_open(struct kv_endpoint **all, const struct kv_config *config, bool judges,
    const struct kv_endpoint_options *options, struct kv_sched *sched, struct kv_err *err)
{
    size_t n = judges ? config->parsing_count : config->answering_count;
    const struct kv_model *models = judges ? config->parsing : config->answering;
    struct kv_endpoint *e = kv_calloc(n, sizeof *e);
    for (size_t i = 0; i < n; i++) {
        e[i].model = &models[i];
        e[i].judge = judges;
        e[i].priced = judges ? &options->pricing->judging[i] : &options->pricing->answering[i];
        e[i].streaming = options->streaming;
        bool wanted = !options->wanted || options->wanted[i];
        if (open_one(&e[i], config, wanted, options, sched, err) != 0) {
            kv_endpoints_close(e, n);
            return -1;
        }
    }
    *all = e;
    return 0;
}

struct kv_endpoint *kv_endpoint_open_command(const char *command, struct kv_sched *sched)
{
    static const struct kv_model nobody; /* no retries: a command that fails has failed */
    struct kv_endpoint *e = kv_calloc(1, sizeof *e);
    e->model = &nobody;
    e->name = kv_strdup(command);
    e->command = command;
    e->lane = kv_sched_lane(sched, command, "", 0);
    kv_account_begin(&e->account);
    return e;
}

void kv_endpoints_close(struct kv_endpoint *all, size_t n)
{
    for (size_t i = 0; all && i < n; i++) {
        if (all[i].provider.chat)
            kv_provider_close(&all[i].provider);
        kv_buf_release(&all[i].trouble);
        kv_buf_release(&all[i].remark);
        kv_buf_release(&all[i].adjusted);
        free(all[i].name);
    }
    free(all);
}

/* ---- asking ---- */

/* For a judge's command: {"messages":[{"role":…,"content":…},…],"schema":{…}}. */
static void write_for_command(const struct kv_query *q, struct kv_buf *body)
{
    static const char *const role[] = {"system", "user", "assistant"};
    kv_json_out_object(body, NULL);
    kv_json_out_list(body, "messages");
    for (size_t i = 0; i < q->count; i++) {
        kv_json_out_object(body, NULL);
        kv_json_out_str(body, "role", role[q->messages[i].role]);
        kv_json_out_text(body, "content", q->messages[i].text);
        kv_buf_add_char(body, '}');
    }
    kv_buf_add_char(body, ']');
    kv_json_out_json(body, "schema", q->schema);
    kv_buf_add_str(body, "}\n");
}

static struct kv_request request_of(const struct kv_endpoint *e, const struct kv_query *q)
{
    return (struct kv_request){
        .wire = e->provider.wire,
        .model = e->model->model_name,
        .messages = q->messages,
        .count = q->count,
        .temperature = q->temperature,
        .max_tokens = e->model->max_tokens * (q->room > 1 ? q->room : 1),
        .schema_name = q->schema_name,
        .schema = q->schema,
        .step = e->step,
        .quirks = e->quirks,
        .extra = e->model->extra_kwargs,
        .background = e->background,
        .once = e->jobs == 1,
        .cache_keys = e->keys.n,
        .effort = e->effort,
        .verbosity = e->verbosity,
    };
}

void kv_endpoint_write(
    const struct kv_endpoint *e, const struct kv_query *q, bool stream, struct kv_buf *body)
{
    if (q->given.n) {
        kv_buf_add_slice(body, q->given);
    } else if (!e->command) {
        struct kv_request ask = request_of(e, q);
        ask.stream = stream;
        kv_request_body_write(body, e->provider.dialect, &ask);
    } else if (e->judge) {
        write_for_command(q, body);
    } else {
        kv_buf_add_slice(body, q->messages[q->count - 1].text);
        kv_buf_add_char(body, '\n');
    }
}

bool kv_endpoint_beginning(
    const struct kv_endpoint *e, const struct kv_query *q, struct kv_digest128 *id)
{
    struct kv_request ask = request_of(e, q);
    return e->provider.chat && !e->command && !e->background &&
           kv_request_beginning(e->provider.dialect, &ask, id);
}

/* How long answers of this model have been. */
static double mean_output(const struct kv_endpoint *e)
{
    int64_t n = e->answers - e->account.guessed;
    return n > 0 && e->account.used.out_total > 0 ? (double)e->account.used.out_total / (double)n
                                                  : 0;
}

double kv_endpoint_estimate(const struct kv_endpoint *e, const struct kv_query *q)
{
    struct kv_request ask = request_of(e, q);
    double mean = mean_output(e);
    return (double)kv_request_estimate(&ask) + (mean > 0 ? mean * 1.2 : 500);
}

/* What a call may use before its answer is known. */
static struct kv_usage may_use(const struct kv_endpoint *e, const struct kv_query *q)
{
    struct kv_usage used = KV_USAGE_UNKNOWN;
    struct kv_request ask = request_of(e, q);
    used.in_total = kv_request_estimate(&ask);
    used.out_total = (int64_t)fmax(mean_output(e), (double)e->model->max_tokens / 4);
    return used;
}

double kv_endpoint_reserve_tokens(const struct kv_endpoint *e, const struct kv_query *q)
{
    struct kv_usage used = may_use(e, q);
    return (double)(used.in_total + used.out_total);
}

double kv_endpoint_reserve(const struct kv_endpoint *e, const struct kv_query *q)
{
    if (!e->pricing || e->command)
        return 0;
    struct kv_usage used = may_use(e, q);
    struct kv_slice tier = e->deferred ? KV_SLICE("batch") : KV_SLICE("");
    double cost = kv_pricing_cost(e->pricing, e->priced, &used, KV_SLICE(""), tier);
    return isnan(cost) ? 0 : cost;
}

long kv_endpoint_timeout_ms(const struct kv_endpoint *e, const struct kv_call *call)
{
    const struct kv_retry_policy *p = &e->model->retry;
    double base = e->model->request_timeout, s = base;
    int n = call->used[KV_RETRY_TIMEOUT];
    int64_t most = p->rules[KV_RETRY_TIMEOUT].max_attempts;
    switch (p->escalation) {
    case KV_ESCALATE_NONE:
        break;
    case KV_ESCALATE_ADDITIVE:
        s = base + p->increment * n;
        break;
    case KV_ESCALATE_MULTIPLICATIVE:
        s = base * pow(p->multiplier, n);
        break;
    case KV_ESCALATE_LINEAR:
        s = base + (p->max_timeout - base) * (most > 0 ? fmin((double)n / (double)most, 1) : 1);
        break;
    }
    if (p->escalation != KV_ESCALATE_NONE && p->max_timeout >= 0)
        s = fmin(s, p->max_timeout);
    return s > 0.001 && s < 1e6 ? (long)(s * 1000) : 600000;
}

/* ---- hearing ---- */

/* Remarks once that a limit of cost cannot go on. */
static void look_at_price(struct kv_endpoint *e, double cost, struct kv_slice tier)
{
    if (isnan(cost) && e->limited && e->pricing->prices &&
        kv_endpoint_words_first(e, KV_REMARK_UNPRICED))
        kv_buf_printf(&e->remark, "%s%s: %s has no price for its tier \"%.*s\"",
            e->remark.n ? "; " : "", e->name, e->pricing->path, (int)tier.n, tier.p);
}

/* A server that does not count leaves a limit to an estimate. */
static void guess(struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply)
{
    struct kv_request ask = request_of(e, q);
    struct kv_usage used = KV_USAGE_UNKNOWN;
    used.in_total = kv_request_estimate(&ask);
    used.out_total = (int64_t)((reply->text.n + reply->reasoning.n) * 2 / 7) + 1;
    double cost = kv_pricing_cost(
        e->pricing, e->priced, &used, kv_slice_of(&reply->model), kv_slice_of(&reply->tier));
    e->account.guessed++;
    e->account.guessed_tokens += (double)used.in_total + (double)used.out_total;
    e->account.guessed_cost += isnan(cost) ? 0 : cost;
    e->account.unpriced += isnan(cost);
    if (e->limited && kv_endpoint_words_first(e, KV_REMARK_UNSAID))
        kv_buf_printf(&e->remark,
            "%s does not say how many tokens it used: limits go by an estimate", e->name);
    look_at_price(e, cost, kv_slice_of(&reply->tier));
}

/* Remarks once that the service used another tier than was asked for, which changes the price. */
static void look_at_tier(struct kv_endpoint *e, struct kv_slice served)
{
    enum kv_tier asked = kv_pricing_tier(e->model), had = kv_tier_of(served);
    if (served.n && asked != had && asked != KV_TIER_STANDARD &&
        kv_endpoint_words_first(e, KV_REMARK_TIER))
        kv_buf_printf(&e->remark, "%s: asked for tier %s, served and priced at %s", e->name,
            kv_tier_name(asked), kv_tier_name(had));
}

/* The server may have worked, and charge for it, though nothing of use came back. */
static bool is_lost(const struct kv_response *reply)
{
    return reply->outcome == KV_OUTCOME_TIMEOUT || reply->outcome == KV_OUTCOME_CONNECTION ||
           reply->outcome == KV_OUTCOME_BAD_RESPONSE;
}

static void account(
    struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply)
{
    struct kv_usage used = reply->usage;
    struct kv_slice served = kv_slice_of(&reply->model), tier = kv_slice_of(&reply->tier);
    bool said = kv_usage_known(&used) || !isnan(used.cost);
    e->last_cost = (double)NAN;
    bool answered = reply->status >= 200 && reply->status < 300;
    if (said) {
        double cost = kv_pricing_cost(e->pricing, e->priced, &used, served, tier);
        kv_account_add(&e->account, &used, cost);
        e->last_cost = e->pricing->prices ? cost : (double)NAN;
        look_at_tier(e, tier);
        look_at_price(e, cost, tier);
    } else if (answered && reply->text.n)
        guess(e, q, reply);
    else if (reply->sent && is_lost(reply)) {
        e->account.lost++;
        e->account.possible += kv_endpoint_reserve(e, q);
    }
    e->account.truncated += reply->outcome == KV_OUTCOME_TRUNCATED;
}

static const char *type_of(enum kv_retry_class category)
{
    static const char *const name[] = {
        "ConnectionError", "TimeoutError", "RateLimitError", "InternalServerError", "APIError"};
    return name[category];
}

enum kv_fate kv_endpoint_refused(struct kv_endpoint *e)
{
    if (e->refusals < REFUSALS_MAX)
        e->refusals++;
    return e->refusals == REFUSALS_MAX ? KV_FATE_STOP : KV_FATE_PERMANENT;
}

/* A prompt that a filter rejects is the one failure that says something about the question. */
static bool is_of_question(const struct kv_response *reply)
{
    return reply->outcome == KV_OUTCOME_CONTENT_FILTER;
}

/* True if the refusal may be for the query's asking for more tokens than are configured. */
static bool is_of_query(const struct kv_query *q, const struct kv_response *reply)
{
    return q->room > 1 && (reply->outcome == KV_OUTCOME_BAD_REQUEST ||
                              reply->outcome == KV_OUTCOME_CONTEXT_LENGTH);
}

/* What a failure means for the scheduler. A refusal leaves its task pending; when nothing but
 * refusals comes back, the endpoint is of no use until somebody acts. */
static enum kv_fate fate_of(
    struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply)
{
    if (reply->retry != KV_RETRY_NEVER)
        return KV_FATE_RETRY;
    if (is_of_question(reply))
        return KV_FATE_PERMANENT;
    if (kv_outcome_rule(reply->outcome)->stops && reply->certain)
        return KV_FATE_STOP;
    return is_of_query(q, reply) ? KV_FATE_PERMANENT : kv_endpoint_refused(e);
}

static void describe_trouble(struct kv_endpoint *e, const struct kv_response *reply)
{
    const char *name = kv_outcome_name(reply->outcome);
    e->key_trouble = !reply->proxied &&
                     (reply->outcome == KV_OUTCOME_AUTH || reply->outcome == KV_OUTCOME_QUOTA);
    kv_buf_clear(&e->trouble);
    if (reply->status)
        kv_buf_printf(&e->trouble, "%d ", reply->status);
    kv_buf_printf(&e->trouble, "%s: ", name);
    kv_buf_add_slice(&e->trouble, kv_slice_of(&reply->error));
    if (reply->status == 404)
        kv_buf_printf(&e->trouble, "; asked %s", e->provider.chat->place.url);
}

static void fail(struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply,
    struct kv_call_end *end, struct kv_answer *r)
{
    describe_trouble(e, reply);
    end->reason = reply->retry;
    end->fate = fate_of(e, q, reply);
    r->kind = KV_ANSWER_FAILED;
    if (end->fate == KV_FATE_STOP)
        r->kind = KV_ANSWER_WITHHELD;
    else if (end->fate == KV_FATE_PERMANENT && !is_of_question(reply) && !is_of_query(q, reply))
        r->kind = KV_ANSWER_REFUSED;
    r->category = reply->retry;
    r->error_type = kv_slice(type_of(reply->retry));
    r->error = kv_slice_of(&e->trouble);
}

/* A declined or blocked answer is an answer: what the model said is what is judged. */
static bool is_answer(const struct kv_response *reply)
{
    return kv_outcome_rule(reply->outcome)->answers ||
           (reply->outcome == KV_OUTCOME_CONTENT_FILTER && reply->status == 200);
}

enum kv_endpoint_next kv_endpoint_take(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, enum kv_step step, unsigned quirks, struct kv_call_end *end,
    struct kv_answer *response)
{
    double in = (double)reply->usage.in_total, out = (double)reply->usage.out_total;
    account(e, q, reply);
    if (kv_adjust_learn(e, reply, quirks))
        return KV_ENDPOINT_AGAIN;
    if (reply->step_down && q->schema_name && step < KV_STEP_PLAIN) {
        if (e->step == step)
            e->step = kv_step_below(e->provider.dialect, step);
        return KV_ENDPOINT_AGAIN;
    }
    *end = (struct kv_call_end){.fate = KV_FATE_OK,
        .retry_after_ms = reply->wait_ms,
        .tokens = in >= 0 && out >= 0 ? in + out : -1};
    *response = (struct kv_answer){.used = reply->usage};
    if (!is_answer(reply)) {
        fail(e, q, reply, end, response);
        return KV_ENDPOINT_ANSWERED;
    }
    e->answers++;
    e->refusals = 0;
    response->kind = KV_ANSWER_TEXT;
    response->text =
        kv_slice_of(reply->text.n || !reply->refusal.n ? &reply->text : &reply->refusal);
    response->asked_at = kv_slice_of(&e->priced->asked_at);
    kv_endpoint_words_add(e, q, reply, quirks, response);
    kv_endpoint_words_obeys(e, q, reply, step);
    return KV_ENDPOINT_ANSWERED;
}

static bool exited_with(const struct kv_child *c, int status)
{
    return c->end == KV_CHILD_EXITED && c->status == status;
}

static bool was_not_done(const struct kv_child *c)
{
    return c->end == KV_CHILD_KILLED || exited_with(c, 75) || exited_with(c, 255);
}

static enum kv_fate fate_of_command(struct kv_endpoint *e, const struct kv_child *c)
{
    if (exited_with(c, 126) || exited_with(c, 127))
        return KV_FATE_STOP;
    if (!was_not_done(c)) {
        e->refusals = 0;
        return KV_FATE_PERMANENT;
    }
    return ++e->refusals >= NOT_DONE_MAX ? KV_FATE_STOP : KV_FATE_NOT_NOW;
}

void kv_endpoint_recall(struct kv_endpoint *e, const struct kv_answer *answer)
{
    struct kv_slice served = answer->served.n ? answer->served : e->model->model_name;
    e->answers++;
    if (e->command || !e->pricing || !(kv_usage_known(&answer->used) || !isnan(answer->used.cost)))
        return;
    double cost = kv_pricing_cost(e->pricing, e->priced, &answer->used, served, answer->tier);
    kv_account_add(&e->account, &answer->used, cost);
}

void kv_endpoint_collect(struct kv_endpoint *e, const struct kv_child *child,
    struct kv_call_end *end, struct kv_answer *response)
{
    *end = (struct kv_call_end){.fate = KV_FATE_OK, .retry_after_ms = -1, .tokens = -1};
    *response = (struct kv_answer){.used = KV_USAGE_UNKNOWN, .category = KV_RETRY_NEVER};
    bool done = exited_with(child, 0);
    if (done) {
        struct kv_slice text = kv_slice_of(&child->output);
        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
            text.n--;
        e->answers++;
        e->refusals = 0;
        response->kind = KV_ANSWER_TEXT;
        response->text = text;
        if (text.n || e->judge)
            return;
    }
    kv_buf_clear(&e->trouble);
    kv_buf_printf(&e->trouble, "%s: ", e->command);
    if (done)
        kv_buf_add_str(&e->trouble, "printed nothing");
    else
        kv_child_describe(child, &e->trouble);
    end->fate = fate_of_command(e, child);
    response->kind = was_not_done(child)         ? KV_ANSWER_REFUSED
                     : end->fate == KV_FATE_STOP ? KV_ANSWER_WITHHELD
                                                 : KV_ANSWER_FAILED;
    if (response->kind == KV_ANSWER_WITHHELD)
        kv_buf_add_str(&e->trouble, ", which is sh's for a command that it cannot start");
    response->error_type = KV_SLICE("CommandError");
    response->error = kv_slice_of(&e->trouble);
}
