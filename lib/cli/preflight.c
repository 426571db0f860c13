/* preflight - one small request to each model, and what came back: --check. */
#include "preflight.h"

#include "await.h"
#include "cli.h"
#include "json.h"
#include "json_out.h"
#include "reply_object.h"

enum {
    REDO_MAX = 8, /* a server that keeps wanting it put differently */
    TRIES = 3,    /* of a request whose failure passes */
    REQUEST_MS = 60000,
    FIRST_PAUSE_MS = 500,
    LONGEST_PAUSE_MS = 5000,
};

/* What a judge is asked for. The prompt has the schema too, as those of runs have. */
#define SCHEMA                                                                                     \
    "{\"additionalProperties\":false,\"properties\":{\"reason\":{\"type\":\"string\"},"            \
    "\"verdict\":{\"enum\":[\"yes\",\"no\"],\"type\":\"string\"}},"                                \
    "\"required\":[\"reason\",\"verdict\"],\"title\":\"Check\",\"type\":\"object\"}"

struct probe {
    struct kv_session *session;
    struct kv_endpoint *endpoint;
    int64_t deadline_ms; /* for what loads; 0: none */
    struct kv_query query;
    struct kv_response reply;
    enum kv_step step; /* by which the reply was asked for */
    bool obeyed;       /* an object as the schema wants it came */
    int64_t us;
};

/* ---- asking ---- */

static void begin(struct probe *p)
{
    const struct kv_model *m = p->endpoint->model;
    struct kv_query *q = &p->query;
    *q = (struct kv_query){.judge = p->endpoint->judge, .temperature = m->temperature};
    if (q->judge) {
        q->messages[q->count++] = (struct kv_message){KV_SPEAKER_SYSTEM,
            KV_SLICE("You judge statements. Reply with one JSON object of this schema and with "
                     "nothing else:\n" SCHEMA)};
        q->messages[q->count++] =
            (struct kv_message){KV_SPEAKER_USER, KV_SLICE("Seven is a prime number.")};
        q->schema_name = "Check";
        q->schema = KV_SLICE(SCHEMA);
        return;
    }
    if (m->system_prompt.n)
        q->messages[q->count++] =
            (struct kv_message){KV_SPEAKER_SYSTEM, KV_SLICE("You reply in one word.")};
    q->messages[q->count++] =
        (struct kv_message){KV_SPEAKER_USER, KV_SLICE("Reply with the word ready.")};
}

static int ask(struct probe *p, enum kv_endpoint_next *next, struct kv_err *err)
{
    struct kv_endpoint *e = p->endpoint;
    struct kv_http *http = p->session->models.http;
    struct kv_response_to to = {.dialect = e->provider.dialect,
        .wire = e->provider.wire,
        .schema_name = p->query.schema_name,
        .step = e->step,
        .quirks = e->quirks,
        .ring = p->session->ring};
    struct kv_http_done done;
    struct kv_call_end end;
    struct kv_answer answer;
    struct kv_buf body = {0};
    kv_endpoint_write(e, &p->query, false, &body);
    struct kv_http_request request = {
        .peer = e->provider.chat, .body = kv_slice_of(&body), .timeout_ms = REQUEST_MS, .user = e};
    int failed = kv_http_start(http, &request, err);
    while (!failed && !kv_http_next(http, &done))
        failed = kv_http_poll(http, NULL, 0, 1000, err);
    if (!failed) {
        p->us = done.total_us;
        p->step = to.step;
        kv_response_read(&p->reply, &to, &done);
        *next = kv_endpoint_take(e, &p->query, &p->reply, to.step, to.quirks, &end, &answer);
    }
    kv_buf_release(&body);
    return failed;
}

/* ---- what came ---- */

static bool has_verdict(struct kv_slice object)
{
    struct kv_slice reason, verdict;
    return kv_json_get(object, "reason", &reason) && kv_json_type(reason) == KV_JSON_STRING &&
           kv_json_get(object, "verdict", &verdict) &&
           (kv_json_string_is(verdict, "yes") || kv_json_string_is(verdict, "no"));
}

/* Looks at a judge's reply. True if it is no object as the schema wants it, and there is another
 * way to ask, which the next request goes. */
static bool asks_otherwise(struct probe *p)
{
    static const struct kv_wanted any = {0};
    struct kv_endpoint *e = p->endpoint;
    struct kv_buf object = {0};
    if (!p->query.schema_name || p->reply.outcome != KV_OUTCOME_OK)
        return false;
    p->obeyed = kv_reply_object(kv_slice_of(&p->reply.text), &any, &object, NULL) == 0 &&
                has_verdict(kv_slice_of(&object));
    kv_buf_release(&object);
    if (p->obeyed || p->step == KV_STEP_PLAIN)
        return false;
    if (e->step == p->step)
        e->step = kv_step_below(e->provider.dialect, p->step);
    return true;
}

/* A failure that may be gone a moment later. One that took its time is none of them. */
static bool passes(const struct kv_response *r)
{
    return r->retry != KV_RETRY_NEVER && r->outcome != KV_OUTCOME_TIMEOUT;
}

static bool is_loading(const struct kv_response *r)
{
    return r->outcome == KV_OUTCOME_OVERLOADED || r->outcome == KV_OUTCOME_CONNECTION ||
           r->status == 502;
}

static int64_t pause_for(const struct kv_response *r, int tries)
{
    int64_t ms = r->wait_ms > 0 ? r->wait_ms : (int64_t)FIRST_PAUSE_MS << (tries < 5 ? tries : 5);
    return ms < LONGEST_PAUSE_MS ? ms : LONGEST_PAUSE_MS;
}

/* One request, waited for; put differently if the server wants that, and again if it may help. */
static int look(struct probe *p, struct kv_err *err)
{
    enum kv_endpoint_next next;
    int tries = 0;
    begin(p);
    for (int redone = 0; redone < REDO_MAX;) {
        if (ask(p, &next, err) != 0)
            return -1;
        if (next == KV_ENDPOINT_AGAIN || asks_otherwise(p)) {
            redone++;
            continue;
        }
        int64_t pause = pause_for(&p->reply, tries++);
        bool waits = is_loading(&p->reply) && kv_child_now_ms() + pause <= p->deadline_ms;
        if (!passes(&p->reply) || (tries >= TRIES && !waits))
            return 0;
        if (kv_await_pause(p->session->models.http, pause, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- telling ---- */

static void add_text(struct kv_buf *line, const char *name, struct kv_slice text)
{
    kv_json_out_text_or_null(line, name, text.n ? text : (struct kv_slice){0});
}

static void add_count(struct kv_buf *line, const char *name, int64_t n)
{
    if (n < 0)
        kv_json_out_null(line, name);
    else
        kv_json_out_int(line, name, n);
}

/* How a judge has to be asked for an object, null where no way was found. */
static void add_schema(struct kv_buf *line, const struct probe *p)
{
    if (p->query.schema_name)
        add_text(line, "schema", kv_slice(p->obeyed ? kv_step_name(p->step) : ""));
}

static void add_price(struct kv_buf *line, const struct probe *p)
{
    const struct kv_endpoint *e = p->endpoint;
    struct kv_slice entry;
    if (!e->pricing->prices)
        return;
    kv_pricing_entry(e->pricing, e->priced, kv_slice_of(&p->reply.model), &entry);
    add_text(line, "price", entry);
}

static int put(const struct probe *p, bool ok, struct kv_err *err)
{
    struct kv_buf line = {0};
    const struct kv_endpoint *e = p->endpoint;
    const struct kv_response *r = &p->reply;
    kv_preview_add_model(&line, e->model, e->judge);
    kv_preview_add_where(&line, &e->provider);
    add_text(&line, "endpoint", kv_slice(e->provider.chat->place.url));
    kv_json_out_str(&line, "dialect", e->provider.dialect->name);
    kv_json_out_flag(&line, "ok", ok);
    kv_json_out_str(&line, "ending", kv_outcome_name(r->outcome));
    add_text(&line, "served_by", kv_slice_of(&r->model));
    add_text(&line, "message", kv_slice_of(&r->error));
    add_text(&line, "remark", kv_slice_of(&e->remark));
    add_schema(&line, p);
    add_count(&line, "input_tokens", r->usage.in_total);
    add_count(&line, "cached_tokens", r->usage.in_read);
    add_price(&line, p);
    kv_json_out_int(&line, "latency_ms", p->us / 1000);
    kv_buf_add_str(&line, "}\n");
    int failed = kv_cli_put(kv_slice_of(&line), err);
    kv_buf_release(&line);
    return failed;
}

static void warn(const struct probe *p)
{
    if (!p->query.schema_name || p->obeyed || p->reply.outcome != KV_OUTCOME_OK)
        return;
    kv_cli_say(
        "%s: its replies are no objects of the schema that is sent, however it is asked: its "
        "judgements may not be readable",
        p->endpoint->name);
}

static int check(struct kv_session *s, struct kv_endpoint *e, int64_t deadline_ms, size_t *unusable,
    struct kv_err *err)
{
    struct probe p = {.session = s, .endpoint = e, .deadline_ms = deadline_ms};
    if (e->command || e->silent)
        return 0;
    int failed = look(&p, err);
    bool ok = !failed && kv_outcome_rule(p.reply.outcome)->answers;
    if (!failed)
        failed = put(&p, ok, err);
    if (!failed)
        warn(&p);
    *unusable += !failed && !ok;
    kv_buf_clear(&e->remark);
    kv_response_release(&p.reply);
    return failed;
}

int kv_preflight(struct kv_session *s, int64_t wait_ms, size_t *unusable, struct kv_err *err)
{
    size_t n = s->models.answering ? s->config->answering_count : 0;
    size_t m = s->models.judging ? s->config->parsing_count : 0;
    int64_t deadline = wait_ms > 0 ? kv_child_now_ms() + wait_ms : 0;
    int failed = 0;
    *unusable = 0;
    for (size_t i = 0; i < n + m && !failed; i++)
        failed = check(s, i < n ? &s->models.answering[i] : &s->models.judging[i - n], deadline,
            unusable, err);
    return failed;
}
