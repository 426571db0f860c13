/* kvtest model - the modules between a configuration and a wire, as filters for tests.
 *
 *     kvtest model reply     {"dialect","status","headers":{},"body","schema","step","quirks"}
 *                            -> what response makes of it
 *     kvtest model ask       {"dialect","model","messages":[{"role","text"}],"temperature",
 *                            "max_tokens","schema_name","schema","step","quirks","extra"}
 *                            -> the body
 *     kvtest model choose    {"id","interface","model_provider","base_url","extra","env":{}}
 *                            -> {"dialect","url","models","key","exposed","shared": how many of
 *                            its addresses share connections} or {"error"}
 *     kvtest model keys      {"url","document","env":{}} -> {"host","loopback","keys":[the
 *                            variables whose keys may go there]} or {"error"}
 *     kvtest model call      choose, ask and reply in one, over HTTP, with the process's
 *                            environment and a hardened process: "timeout_ms", "listing":true for
 *                            GET models
 *     kvtest model duration  a text a line -> milliseconds
 *     kvtest model redact    {"keys":[…],"text"} -> the text
 *
 * One line of output a line of input; the input is the member "in" of the line if it has one.
 */
#include "kvtest.h"

#include "cli.h"
#include "filter.h"
#include "json.h"
#include "json_out.h"
#include "key_owner.h"
#include "num.h"
#include "provider.h"
#include "put.h"
#include "request_body.h"
#include "response.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP "usage: kvtest model reply | ask | choose | keys | call | duration | redact\n"

static const int64_t now_ms = 1792584000000; /* Wed, 21 Oct 2026 12:00:00 GMT */
static struct kv_slice case_env;             /* of the line at hand */

/* ---- reading a line ---- */

static char *text_at(struct kv_slice line, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(line, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return NULL;
    return kv_json_strdup(value);
}

static double number_at(struct kv_slice line, const char *name, double fallback)
{
    struct kv_slice value;
    double x;
    return kv_json_get(line, name, &value) && kv_num_double(value, &x) ? x : fallback;
}

static const struct kv_service *dialect_at(struct kv_slice line)
{
    char *name = text_at(line, "dialect");
    const struct kv_service *d = kv_service_find(name ? name : "generic");
    if (!d)
        kv_cli_usage("unknown dialect %s", name);
    free(name);
    return d;
}

static enum kv_protocol_kind wire_at(struct kv_slice line)
{
    struct kv_slice value;
    return kv_json_get(line, "wire", &value) && kv_json_string_is(value, "responses")
               ? KV_PROTOCOL_RESPONSES
               : dialect_at(line)->wire;
}

static enum kv_step step_at(struct kv_slice line)
{
    char *name = text_at(line, "step");
    enum kv_step step = KV_STEP_SCHEMA;
    while (name && strcmp(kv_step_name(step), name) != 0 && step < KV_STEP_PLAIN)
        step++;
    free(name);
    return step;
}

/* ---- reply ---- */

static void put_reply(struct kv_buf *out, const struct kv_response *r)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "ending", kv_outcome_name(r->outcome));
    kv_json_out_text(out, "text", kv_slice_of(&r->text));
    put_text(out, "reasoning", &r->reasoning);
    put_text(out, "refusal", &r->refusal);
    put_text(out, "finish", &r->finish);
    put_text(out, "model", &r->model);
    put_text(out, "provider", &r->provider);
    put_text(out, "request_id", &r->request_id);
    put_text(out, "id", &r->id);
    put_text(out, "type", &r->error_type);
    put_text(out, "code", &r->error_code);
    put_text(out, "error", &r->error);
    put_count(out, "in", r->usage.in_total);
    put_count(out, "out", r->usage.out_total);
    put_count(out, "cached", r->usage.in_read);
    put_count(out, "written", r->usage.in_write);
    put_count(out, "written_1h", r->usage.in_write_1h);
    put_count(out, "reasoned", r->usage.out_reasoning);
    if (!isnan(r->usage.cost))
        kv_json_out_number(out, "cost", r->usage.cost);
    put_text(out, "tier", &r->tier);
    put_count(out, "wait_ms", r->wait_ms);
    put_count(out, "remaining", r->limits.window[KV_RATELIMIT_REQUESTS].remaining);
    put_count(out, "reset_ms", r->limits.window[KV_RATELIMIT_REQUESTS].reset_ms);
    put_count(out, "heal", r->workaround ? (int64_t)r->workaround : -1);
    put_flag(out, "step_down", r->step_down);
    put_flag(out, "retry", r->retry != KV_RETRY_NEVER);
    put_flag(out, "certain", r->certain);
    put_flag(out, "finish_unknown", r->finish_unknown);
    put_flag(out, "only_commentary", r->only_commentary);
    put_flag(out, "waiting", r->waiting);
    kv_buf_add_char(out, '}');
}

static void check_reply(struct kv_slice line, struct kv_buf *out)
{
    static struct kv_response reply;
    struct kv_buf body = {0}, headers = {0};
    struct kv_json_walk w;
    struct kv_slice value, key, given = {"", 0};
    struct kv_response_to to = {.dialect = dialect_at(line),
        .wire = wire_at(line),
        .schema_name = kv_json_get(line, "schema", &value) ? "answer" : NULL,
        .step = step_at(line),
        .quirks = (unsigned)number_at(line, "quirks", 0),
        .background = kv_json_get(line, "background", &value)};
    if (kv_json_get(line, "body", &value) && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, &body);
    else
        kv_buf_add_slice(&body, value);
    kv_response_begin(&reply);
    kv_json_get(line, "headers", &given);
    kv_buf_reserve(&headers, line.n); /* the slices noted must stay where they are */
    kv_json_begin(&w, given);
    while (kv_json_member(&w, &key, &value)) {
        char *name = kv_json_strdup(key);
        size_t from = headers.n;
        kv_json_unescape(value, &headers);
        kv_response_header(
            &reply, kv_slice(name), (struct kv_slice){headers.p + from, headers.n - from});
        free(name);
    }
    kv_response_decode(
        &reply, &to, (int)number_at(line, "status", 200), kv_slice_of(&body), now_ms);
    put_reply(out, &reply);
    kv_buf_release(&body);
    kv_buf_release(&headers);
}

/* ---- ask ---- */

static size_t read_messages(struct kv_slice line, struct kv_message m[16], char *texts[16])
{
    struct kv_slice list = {"", 0}, item, role;
    struct kv_json_walk w;
    size_t n = 0;
    kv_json_get(line, "messages", &list);
    kv_json_begin(&w, list);
    while (n < 16 && kv_json_item(&w, &item)) {
        kv_json_get(item, "role", &role);
        texts[n] = text_at(item, "text");
        m[n].role = kv_json_string_is(role, "system") ? KV_SPEAKER_SYSTEM
                    : kv_json_string_is(role, "user") ? KV_SPEAKER_USER
                                                      : KV_SPEAKER_ASSISTANT;
        m[n].text = kv_slice(texts[n]);
        n++;
    }
    return n;
}

static void write_ask(struct kv_slice line, const struct kv_service *d, struct kv_buf *out)
{
    struct kv_message messages[16];
    char *texts[16];
    struct kv_slice value;
    char *effort = text_at(line, "effort"), *verbosity = text_at(line, "verbosity");
    char *model = text_at(line, "model"), *name = text_at(line, "schema_name");
    struct kv_request ask = {.wire = wire_at(line),
        .model = kv_slice(model ? model : "m"),
        .messages = messages,
        .count = read_messages(line, messages, texts),
        .temperature = number_at(line, "temperature", (double)NAN),
        .max_tokens = (int64_t)number_at(line, "max_tokens", 0),
        .schema_name = name,
        .step = step_at(line),
        .quirks = (unsigned)number_at(line, "quirks", 0),
        .stream = kv_json_get(line, "stream", &value),
        .background = kv_json_get(line, "background", &value),
        .once = kv_json_get(line, "once", &value),
        .cache_keys = (unsigned)number_at(line, "cache_keys", 0),
        .effort = effort,
        .verbosity = verbosity};
    kv_json_get(line, "schema", &ask.schema);
    kv_json_get(line, "extra", &ask.extra);
    kv_request_body_write(out, d, &ask);
    for (size_t i = 0; i < ask.count; i++)
        free(texts[i]);
    free(model);
    free(name);
    free(effort);
    free(verbosity);
}

static void check_ask(struct kv_slice line, struct kv_buf *out)
{
    write_ask(line, dialect_at(line), out);
}

/* ---- choose ---- */

/* The environment of the case; forgotten variables are kept in mind by the ring. */
static const char *env_of_case(const char *name)
{
    static char *last[8];
    static size_t turn;
    char *value = text_at(case_env, name);
    turn = (turn + 1) % 8;
    free(last[turn]);
    last[turn] = value;
    return value && *value ? value : NULL;
}

static struct kv_choice read_choice(struct kv_slice line, char *texts[6])
{
    texts[0] = text_at(line, "id");
    texts[1] = text_at(line, "interface");
    texts[2] = text_at(line, "model_provider");
    texts[3] = text_at(line, "base_url");
    texts[4] = text_at(line, "model");
    texts[5] = text_at(line, "moved_to");
    struct kv_choice c = {.id = texts[0],
        .interface = texts[1] ? texts[1] : "langchain",
        .model_provider = texts[2],
        .base_url = texts[3],
        .model = texts[4],
        .moved_to = texts[5]};
    kv_json_get(line, "extra", &c.extra);
    return c;
}

static int count_shared(const struct kv_provider *p)
{
    const struct kv_http_target *all[] = {p->chat, p->models, p->other, p->streamed};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        n += all[i] && all[i]->share_connections;
    return n;
}

static void check_choose(struct kv_slice line, struct kv_buf *out)
{
    char *texts[6];
    struct kv_choice choice = read_choice(line, texts);
    struct kv_secrets *ring = kv_secret_open();
    struct kv_provider p;
    struct kv_err err;
    kv_json_get(line, "env", &case_env);
    if (kv_provider_open(&p, &choice, env_of_case, ring, &err) < 0) {
        kv_buf_printf(out, "{\"kind\":%d,\"error\":", (int)err.kind);
        kv_json_quote_str(out, err.text);
    } else {
        kv_buf_printf(out, "{\"dialect\":\"%s\",\"url\":", p.dialect->name);
        kv_json_quote_str(out, p.chat->place.url);
        if (p.chat->socket)
            kv_buf_printf(out, ",\"socket\":\"%s\"", p.chat->socket);
        kv_buf_printf(out, ",\"shared\":%d", count_shared(&p));
        kv_buf_add_str(out, ",\"models\":");
        kv_json_quote_str(out, p.models->place.url);
        kv_buf_add_str(out, ",\"key\":");
        kv_json_quote_str(out, p.key_name);
        kv_buf_printf(out, ",\"exposed\":%s", p.exposed ? "true" : "false");
        kv_provider_close(&p);
    }
    kv_buf_add_char(out, '}');
    for (size_t i = 0; i < 6; i++)
        free(texts[i]);
    kv_secret_close(ring);
}

/* ---- keys ---- */

static void check_keys(struct kv_slice line, struct kv_buf *out)
{
    static const char *const keys[][2] = {{"OPENAI_API_KEY", "openai"},
        {"AZURE_OPENAI_API_KEY", "azure"}, {"ANTHROPIC_API_KEY", "anthropic"},
        {"KV_API_KEY", "generic"}};
    struct kv_http_place at;
    struct kv_err err;
    struct kv_slice value;
    char *url = text_at(line, "url");
    bool document = !kv_json_get(line, "document", &value) || kv_json_is_true(value);
    const char *comma = "";
    kv_json_get(line, "env", &case_env);
    if (kv_http_place_read(&at, url, &err) != 0) {
        kv_buf_add_str(out, "{\"error\":");
        kv_json_quote_str(out, err.text);
        kv_buf_add_char(out, '}');
        free(url);
        return;
    }
    kv_buf_add_str(out, "{\"host\":");
    kv_json_quote_str(out, at.host);
    kv_buf_printf(out, ",\"loopback\":%s,\"keys\":[", at.loopback ? "true" : "false");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct kv_key_journey j = {keys[i][0], kv_service_find(keys[i][1]), &at, document};
        if (!kv_key_owner_allows(&j, env_of_case))
            continue;
        kv_buf_printf(out, "%s\"%s\"", comma, keys[i][0]);
        comma = ",";
    }
    kv_buf_add_str(out, "]}");
    kv_http_place_release(&at);
    free(url);
}

/* ---- call ---- */

static void send_and_wait(
    struct kv_slice line, const struct kv_provider *p, struct kv_secrets *ring, struct kv_buf *out)
{
    struct kv_http_limits limits = {.in_flight = 1};
    struct kv_buf body = {0};
    struct kv_slice value;
    struct kv_response reply = {0};
    struct kv_http_done done;
    struct kv_err err;
    bool listing = kv_json_get(line, "listing", &value);
    if (!listing)
        write_ask(line, p->dialect, &body);
    struct kv_http *http = kv_http_open(&limits, &err);
    struct kv_http_request request = {.peer = listing ? p->models : p->chat,
        .body = kv_slice_of(&body),
        .timeout_ms = (long)number_at(line, "timeout_ms", 10000)};
    if (listing)
        request.body.p = NULL;
    if (!http || kv_http_start(http, &request, &err) < 0)
        kv_cli_fail(&err);
    while (!kv_http_next(http, &done))
        if (kv_http_poll(http, NULL, 0, 1000, &err) < 0)
            kv_cli_fail(&err);
    char *name = text_at(line, "schema_name");
    struct kv_response_to to = {.dialect = p->dialect,
        .wire = p->wire,
        .schema_name = name,
        .step = step_at(line),
        .ring = ring};
    kv_response_read(&reply, &to, &done);
    if (listing && reply.status == 200)
        kv_buf_add_slice(out, done.body);
    else
        put_reply(out, &reply);
    free(name);
    kv_response_release(&reply);
    kv_http_close(http);
    kv_buf_release(&body);
}

static void check_call(struct kv_slice line, struct kv_buf *out)
{
    struct kv_secrets *ring = kv_secret_open();
    char *texts[6];
    struct kv_choice choice = read_choice(line, texts);
    struct kv_provider p;
    struct kv_err err;
    kv_secret_harden();
    if (kv_provider_open(&p, &choice, kv_cli_env, ring, &err) < 0)
        kv_cli_fail(&err);
    send_and_wait(line, &p, ring, out);
    kv_provider_close(&p);
    for (size_t i = 0; i < 6; i++)
        free(texts[i]);
    kv_secret_close(ring);
}

/* ---- the small ones ---- */

static void check_redact(struct kv_slice line, struct kv_buf *out)
{
    struct kv_secrets *ring = kv_secret_open();
    struct kv_slice keys = {"", 0}, item, key;
    struct kv_json_walk w;
    struct kv_buf clean = {0};
    struct kv_err err;
    char *text = text_at(line, "text");
    kv_json_get(line, "keys", &keys);
    kv_json_begin(&w, keys);
    while (kv_json_item(&w, &item)) {
        char *one = kv_json_strdup(item);
        if (kv_secret_add(ring, "KEY", kv_slice(one), &key, &err) < 0)
            kv_cli_fail(&err);
        free(one);
    }
    kv_secret_redact(ring, kv_slice(text), &clean);
    kv_json_quote(out, kv_slice_of(&clean), KV_JSON_RAW);
    kv_buf_release(&clean);
    free(text);
    kv_secret_close(ring);
}

static void check_duration(struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf text = {0};
    kv_json_unescape(line, &text);
    kv_buf_printf(out, "%lld", (long long)kv_ratelimit_duration(kv_slice_of(&text)));
    kv_buf_release(&text);
}

int kvtest_model(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*check)(struct kv_slice line, struct kv_buf *out);
    } checks[] = {{"reply", check_reply}, {"ask", check_ask}, {"choose", check_choose},
        {"keys", check_keys}, {"call", check_call}, {"redact", check_redact},
        {"duration", check_duration}};
    struct kv_cli cli;
    const struct kv_option options[] = {{0}};
    int first = kv_cli_begin(&cli, argc, argv, options, HELP);
    size_t which = 0;
    while (first < argc && which < sizeof checks / sizeof *checks &&
           strcmp(checks[which].name, argv[first]) != 0)
        which++;
    if (first < argc && which < sizeof checks / sizeof *checks)
        filter_member(KV_JSON_STRICT, "in", checks[which].check);
    else
        kv_cli_usage("what to check is missing or unknown");
    return kv_cli_end(KV_OK);
}
